//! io_uring without a library: the rings that a program shares with the kernel.
//!
//! Requests are written to the submission queue, any number of them, and submitted with one call; each is an SQE. Their
//! results are read from the completion queue without any call; each is a CQE. A request and its completions have the
//! same user_data, which is made of the operation and the descriptor.
//!
//! A third ring holds provided buffers. A request to receive has no buffer of its own: when data arrives, the kernel
//! takes a buffer from this ring, and the completion says which. So an idle connection needs none. Once its data has
//! been sent, the buffer is provided again.
//!
//! Shared memory needs an agreement on who accesses it when. Here it is IORING_SETUP_DEFER_TASKRUN: the kernel reads
//! and changes the rings only while this process is in io_uring_enter().

use crate::errno::errno;
use crate::linux::io_uring::{
    IORING_ACCEPT_MULTISHOT, IORING_ENTER_GETEVENTS, IORING_OFF_SQ_RING, IORING_OFF_SQES, IORING_OP_ACCEPT,
    IORING_OP_ASYNC_CANCEL, IORING_OP_POLL_ADD, IORING_OP_RECV, IORING_OP_SEND, IORING_RECV_MULTISHOT,
    IORING_REGISTER_PBUF_RING, IORING_SETUP_CQSIZE, IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER,
    IORING_SETUP_SUBMIT_ALL, IOSQE_BUFFER_SELECT, io_uring_buf, io_uring_buf_reg, io_uring_buf_ring, io_uring_cqe,
    io_uring_params, io_uring_sqe,
};
use crate::runtime::{Shared, Table};
use crate::stdio::{fprintf, stderr};
use crate::string::zeroed;
use crate::sys::mman::mmap;
use crate::sys::resource::getrlimit;
use crate::time::nanosleep;
use crate::unistd::syscall;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};
use libc::{
    EINVAL, ENOMEM, ENOSYS, EPERM, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, MSG_NOSIGNAL, POLLIN, PROT_READ, PROT_WRITE,
    RLIM_INFINITY, RLIMIT_MEMLOCK, SOCK_CLOEXEC, SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup, c_char,
    c_int, c_long, c_ulong, c_void, off_t, rlimit, size_t, timespec,
};

use crate::common::explain::fail;

/// How many buffers there are to receive into: a power of two.
pub const BUFFER_COUNT: usize = 128;
/// The size of each.
pub const BUFFER_SIZE: usize = 32768;

/// The rings that the program shares with the kernel, and the buffers that the kernel receives into.
pub struct Uring<'a> {
    program: &'a CStr,
    descriptor: c_int,
    /// The submission queue. The program advances its tail, the kernel its head.
    sqes: Table<io_uring_sqe>,
    sq_tail: Shared<u32>,
    sq_head: Shared<u32>,
    /// The completion queue. The kernel advances its tail, the program its head.
    cqes: Table<io_uring_cqe>,
    cq_tail: Shared<u32>,
    cq_head: Shared<u32>,
    /// The ring of provided buffers, how many buffers are in it, and their memory.
    buf_ring: Shared<io_uring_buf_ring>,
    bufs: Table<io_uring_buf>,
    pub(crate) free_buffers: u32,
    buffers: *mut c_char,
}

// How many entries the submission queue and the completion queue have: powers of two.
const SQ_ENTRIES: u32 = 256;
const CQ_ENTRIES: u32 = 4096;
// How long to wait before SQEs that the kernel has not taken are submitted again, in nanoseconds.
const ENTER_BACKOFF_NS: c_long = 1_000_000;

/// mmap(): memory to read and write, that of a descriptor or new.
fn map_ring(program: &CStr, length: size_t, flags: c_int, descriptor: c_int, offset: off_t) -> *mut c_void {
    // SAFETY: the kernel chooses the address.
    unsafe { mmap(null_mut(), length, PROT_READ | PROT_WRITE, flags, descriptor, offset) }
        .unwrap_or_else(|error| fail(program, c"mmap", error))
}

/// getrlimit(): reports the limit on locked memory, which all rings of a user share.
fn explain_limit(program: &CStr) {
    let mut limit = MaybeUninit::<rlimit>::uninit();

    // SAFETY: the structure may be written.
    if unsafe { getrlimit(RLIMIT_MEMLOCK, limit.as_mut_ptr()) }.is_err() {
        return;
    }

    // SAFETY: getrlimit() has filled it in.
    let limit = unsafe { limit.assume_init() };

    if limit.rlim_cur != RLIM_INFINITY {
        fprintf!(
            stderr(),
            c"%s: RLIMIT_MEMLOCK (ulimit -l) is %lu KiB, for all rings of this user\n",
            program,
            (limit.rlim_cur / 1024) as c_ulong
        );
    }
}

/// io_uring_setup(): creates the rings, and returns their descriptor.
fn setup_rings(program: &CStr, parameters: &mut io_uring_params) -> c_int {
    parameters.flags =
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    parameters.cq_entries = CQ_ENTRIES;

    // syscall() takes longs, and the compiler converts none of its arguments.
    // SAFETY: the structure may be read and written.
    let descriptor = unsafe { syscall(SYS_io_uring_setup, SQ_ENTRIES as c_long, &raw mut *parameters) } as c_int;
    if descriptor >= 0 {
        return descriptor;
    }

    let error = errno();

    if error.0 == ENOSYS || error.0 == EINVAL || error.0 == EPERM {
        fprintf!(
            stderr(),
            c"%s: Linux 6.1 or later is needed, with io_uring enabled (sysctl kernel.io_uring_disabled)\n",
            program
        );
    }

    if error.0 == ENOMEM {
        explain_limit(program);
    }

    fail(program, c"io_uring_setup", error);
}

/// mmap(): maps the rings, and memory for the buffers. Pages that nothing is received into are never allocated.
///
/// # Safety
///
/// io_uring_setup() has returned `descriptor` and filled in `parameters`.
unsafe fn map_rings<'a>(program: &'a CStr, descriptor: c_int, parameters: &io_uring_params) -> Uring<'a> {
    let sq_length = parameters.sq_off.array as size_t + SQ_ENTRIES as size_t * size_of::<u32>();
    let cq_length = parameters.cq_off.cqes as size_t + CQ_ENTRIES as size_t * size_of::<io_uring_cqe>();
    let mut length = sq_length.max(cq_length);
    let rings = map_ring(program, length, MAP_SHARED, descriptor, IORING_OFF_SQ_RING);
    let order = rings.wrapping_add(parameters.sq_off.array as usize).cast::<u32>();

    length = SQ_ENTRIES as size_t * size_of::<io_uring_sqe>();
    let sqes = map_ring(program, length, MAP_SHARED, descriptor, IORING_OFF_SQES);
    length = BUFFER_COUNT * size_of::<io_uring_buf>();
    let buf_ring = map_ring(program, length, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    length = BUFFER_COUNT * BUFFER_SIZE;
    let buffers = map_ring(program, length, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    // SQEs could be submitted in another order than they are written in. Here they never are.
    for i in 0..SQ_ENTRIES {
        // SAFETY: there are so many elements.
        unsafe { *order.wrapping_add(i as usize) = i };
    }

    Uring {
        program,
        descriptor,
        // SAFETY: so many were mapped.
        sqes: unsafe { Table::new(sqes.cast(), SQ_ENTRIES as c_int) },
        // SAFETY: the kernel has them at these offsets.
        sq_tail: unsafe { Shared::new(rings.wrapping_add(parameters.sq_off.tail as usize).cast()) },
        // SAFETY: the same.
        sq_head: unsafe { Shared::new(rings.wrapping_add(parameters.sq_off.head as usize).cast()) },
        // SAFETY: the same, and there are so many.
        cqes: unsafe { Table::new(rings.wrapping_add(parameters.cq_off.cqes as usize).cast(), CQ_ENTRIES as c_int) },
        // SAFETY: the same.
        cq_tail: unsafe { Shared::new(rings.wrapping_add(parameters.cq_off.tail as usize).cast()) },
        // SAFETY: the same.
        cq_head: unsafe { Shared::new(rings.wrapping_add(parameters.cq_off.head as usize).cast()) },
        // SAFETY: it was mapped, and begins with this structure.
        buf_ring: unsafe { Shared::new(buf_ring.cast()) },
        // SAFETY: so many were mapped; the tail is in the first one, in a field that is not used.
        bufs: unsafe { Table::new(buf_ring.cast(), BUFFER_COUNT as c_int) },
        free_buffers: 0,
        buffers: buffers.cast(),
    }
}

/// io_uring_register(): registers the ring of buffers, and provides all of them.
fn register_buffers(uring: &mut Uring<'_>) {
    let mut ring: io_uring_buf_reg = zeroed();
    ring.ring_addr = uring.bufs.as_mut_ptr() as u64;
    ring.ring_entries = BUFFER_COUNT as u32;

    if
    // SAFETY: the structure may be read; the memory that it names stays mapped.
    unsafe {
        syscall(
            SYS_io_uring_register,
            uring.descriptor as c_long,
            IORING_REGISTER_PBUF_RING as c_long,
            &raw mut ring,
            1 as c_long,
        )
    } < 0
    {
        let error = errno();

        if error.0 == ENOMEM {
            explain_limit(uring.program);
        }

        fail(uring.program, c"io_uring_register", error);
    }

    for buffer in 0..BUFFER_COUNT as u16 {
        // SAFETY: it was never provided.
        unsafe { provide_buffer(uring, buffer) };
    }
}

/// Creates the rings and provides the buffers, or exits with 1. Only the process that calls it may use them.
pub fn new_uring(program: &CStr) -> Uring<'_> {
    let mut parameters: io_uring_params = zeroed();
    let descriptor = setup_rings(program, &mut parameters);
    // SAFETY: setup_rings() has returned it, and filled in the parameters.
    let mut uring = unsafe { map_rings(program, descriptor, &parameters) };
    register_buffers(&mut uring);
    uring
}

/// io_uring_enter(): submits the SQEs, and sleeps until there are so many CQEs. What the kernel does not take, for lack
/// of memory or space, is submitted by the next call.
pub fn submit_and_wait(uring: &mut Uring<'_>, awaited: u32) -> c_int {
    let flags = if awaited > 0 { IORING_ENTER_GETEVENTS } else { 0 };
    let count = uring.sq_tail.wrapping_sub(*uring.sq_head);

    // SAFETY: so many SQEs are written, and what they refer to stays until their completion.
    unsafe {
        syscall(
            SYS_io_uring_enter,
            uring.descriptor as c_long,
            count as c_long,
            awaited as c_long,
            flags as c_long,
            null::<c_void>(),
            0 as c_long,
        ) as c_int
    }
}

/// Takes the next CQE from the completion queue, if there is one.
#[inline]
pub fn next_cqe(uring: &mut Uring<'_>) -> Option<io_uring_cqe> {
    let head = *uring.cq_head;

    if head == *uring.cq_tail {
        return None;
    }

    let cqe = uring.cqes[(head & (CQ_ENTRIES - 1)) as c_int];
    *uring.cq_head = head.wrapping_add(1);
    Some(cqe)
}

/// Puts an SQE into the submission queue. The caller fills in what only its operation has.
#[inline]
fn prep<'u>(uring: &'u mut Uring<'_>, operation: u8, descriptor: c_int) -> &'u mut io_uring_sqe {
    let delay = timespec { tv_sec: 0, tv_nsec: ENTER_BACKOFF_NS };

    // If the queue is full and the kernel takes nothing, the call that waits for completions reports why.
    while uring.sq_tail.wrapping_sub(*uring.sq_head) == SQ_ENTRIES {
        if submit_and_wait(uring, 0) < 0 {
            // SAFETY: `delay` may be read; the remainder is not needed.
            _ = unsafe { nanosleep(&raw const delay, null_mut()) };
        }
    }

    let tail = *uring.sq_tail;
    *uring.sq_tail = tail.wrapping_add(1);
    let sqe = &mut uring.sqes[(tail & (SQ_ENTRIES - 1)) as c_int];
    *sqe = zeroed();
    sqe.opcode = operation;
    sqe.fd = descriptor;
    sqe.user_data = u64::from(operation) << 32 | descriptor as u64;
    sqe
}

/// Accepts connections: one completion for each, until one of them reports an error.
pub fn prep_accept_multishot(uring: &mut Uring<'_>, listener: c_int) {
    let sqe = prep(uring, IORING_OP_ACCEPT, listener);

    sqe.ioprio = IORING_ACCEPT_MULTISHOT;
    sqe.msg_flags = SOCK_CLOEXEC as u32;
}

/// Waits until a descriptor is readable: one completion.
pub fn prep_poll_add(uring: &mut Uring<'_>, descriptor: c_int) {
    prep(uring, IORING_OP_POLL_ADD, descriptor).msg_flags = POLLIN as u32;
}

/// Receives: one completion for each piece, until end of file or until no buffer is free. Or, `once`, the next piece.
pub fn prep_recv_multishot(uring: &mut Uring<'_>, sock: c_int, once: bool) {
    let sqe = prep(uring, IORING_OP_RECV, sock);

    sqe.flags = IOSQE_BUFFER_SELECT;
    sqe.ioprio = if once { 0 } else { IORING_RECV_MULTISHOT };
}

/// Sends. The bytes must stay where they are until the completion.
///
/// # Safety
///
/// There are `length` bytes at `bytes`, until the completion.
#[inline]
pub unsafe fn prep_send(uring: &mut Uring<'_>, sock: c_int, bytes: *const c_char, length: size_t, flags: c_int) {
    let sqe = prep(uring, IORING_OP_SEND, sock);

    sqe.addr = bytes as u64;
    sqe.len = length as u32;
    sqe.msg_flags = (MSG_NOSIGNAL | flags) as u32;
}

/// Cancels a request for a socket, which completes nevertheless.
pub fn prep_cancel(uring: &mut Uring<'_>, operation: u8, sock: c_int) {
    prep(uring, IORING_OP_ASYNC_CANCEL, -1).addr = u64::from(operation) << 32 | sock as u64;
}

/// The memory of a buffer.
#[inline]
pub fn buffer_address(uring: &Uring<'_>, buffer: u16) -> *mut c_char {
    uring.buffers.wrapping_add(buffer as usize * BUFFER_SIZE)
}

/// Lets the kernel receive into a buffer.
///
/// # Safety
///
/// There is such a buffer, it is not in the ring, and nothing else uses it.
#[inline]
pub unsafe fn provide_buffer(uring: &mut Uring<'_>, buffer: u16) {
    let address = buffer_address(uring, buffer);
    let tail = uring.buf_ring.tail;
    let entry = &mut uring.bufs[c_int::from(tail) & (BUFFER_COUNT as c_int - 1)];

    entry.addr = address as u64;
    entry.len = BUFFER_SIZE as u32;
    entry.bid = buffer;
    uring.buf_ring.tail = tail.wrapping_add(1);
    uring.free_buffers += 1;
}
