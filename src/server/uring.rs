//! io_uring without a library: the two queues that a program shares with the kernel.
//!
//! What is asked is written into one queue, as many requests as one likes, and handed over with one call. What
//! has come of each is found in the other queue, without any call. A request and its completion have the same
//! number, here made of the operation and the descriptor.
//!
//! A third queue holds buffers. Whoever waits to receive has no buffer of its own: the kernel takes one from
//! this queue when something has come, and says in the completion which. So there need not be one for each
//! connection. Once its bytes are sent on, the buffer is offered again.
//!
//! Everybody who shares memory has to take care who writes when. Here IORING_SETUP_DEFER_TASKRUN does: the
//! kernel looks at the queues and changes them only while this process calls io_uring_enter().

use crate::errno::errno;
use crate::linux::io_uring::{
    IORING_ACCEPT_MULTISHOT, IORING_ENTER_GETEVENTS, IORING_OFF_SQ_RING, IORING_OFF_SQES, IORING_OP_ACCEPT,
    IORING_OP_ASYNC_CANCEL, IORING_OP_POLL_ADD, IORING_OP_RECV, IORING_OP_SEND, IORING_RECV_MULTISHOT,
    IORING_REGISTER_PBUF_RING, IORING_SETUP_CQSIZE, IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER,
    IORING_SETUP_SUBMIT_ALL, IOSQE_BUFFER_SELECT, io_uring_buf, io_uring_buf_reg, io_uring_buf_ring, io_uring_cqe,
    io_uring_params, io_uring_sqe,
};
use crate::stdio::{fprintf, stderr};
use crate::string::memset;
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

/// How many buffers the kernel has to receive into: a power of two.
pub const BUFFER_COUNT: usize = 128;
/// How many bytes each of them has room for.
pub const BUFFER_SIZE: usize = 32768;

/// The two queues, in memory that the kernel shares, and the buffers that it receives into.
pub struct Uring<'a> {
    program: &'a CStr,
    descriptor: c_int,
    /// The queue of what is asked: how many requests there have been so far, and how many the kernel has taken.
    sqes: *mut io_uring_sqe,
    sq_tail: *mut u32,
    sq_head: *mut u32,
    /// The queue of what has come of it: how many completions there have been, and how many have been looked at.
    cqes: *mut io_uring_cqe,
    cq_tail: *mut u32,
    cq_head: *mut u32,
    /// The queue of buffers, how many of them the kernel has, and where they are.
    buf_ring: *mut io_uring_buf_ring,
    pub(crate) free_buffers: u32,
    buffers: *mut c_char,
}

// How many requests are handed over at once, at most, and how many completions find room; powers of two.
const SQ_ENTRIES: u32 = 256;
const CQ_ENTRIES: u32 = 4096;
// How long it takes until requests are handed over again that the kernel did not take, in nanoseconds.
const ENTER_BACKOFF_NS: c_long = 1_000_000;

/// mmap(): memory that is written and read, that of a descriptor or new.
fn map_ring(program: &CStr, length: size_t, flags: c_int, descriptor: c_int, offset: off_t) -> *mut c_void {
    // SAFETY: the kernel chooses the place.
    match unsafe { mmap(null_mut(), length, PROT_READ | PROT_WRITE, flags, descriptor, offset) } {
        Ok(memory) => memory,
        Err(error) => fail(program, c"mmap", error),
    }
}

/// getrlimit(): says which limit there is for the memory of all queues of a user, which may be too low.
fn explain_limit(program: &CStr) {
    let mut limit = MaybeUninit::<rlimit>::uninit();

    // SAFETY: the structure may be written.
    if unsafe { getrlimit(RLIMIT_MEMLOCK, limit.as_mut_ptr()) }.is_err() {
        return;
    }

    // SAFETY: getrlimit has filled it in.
    let limit = unsafe { limit.assume_init() };

    if limit.rlim_cur != RLIM_INFINITY {
        fprintf!(
            stderr(),
            c"%s: RLIMIT_MEMLOCK (ulimit -l), for all queues of this user, is %lu KiB\n",
            program,
            (limit.rlim_cur / 1024) as c_ulong
        );
    }
}

/// io_uring_setup(): asks the kernel for the queues. It does what is asked only while io_uring_enter() is called.
fn setup_rings(uring: &mut Uring<'_>, parameters: &mut MaybeUninit<io_uring_params>) {
    // SAFETY: the size is that of the variable.
    unsafe { memset(parameters.as_mut_ptr().cast(), 0, size_of::<io_uring_params>()) };
    // SAFETY: it consists of integers, and zero is a value of each.
    let parameters = unsafe { parameters.assume_init_mut() };
    parameters.flags =
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    parameters.cq_entries = CQ_ENTRIES;

    // Nothing but the call itself says what type a number has here, and syscall() takes longs.
    uring.descriptor =
        // SAFETY: the structure may be read and written.
        unsafe { syscall(SYS_io_uring_setup, SQ_ENTRIES as c_long, &raw mut *parameters) } as c_int;
    if uring.descriptor >= 0 {
        return;
    }

    let error = errno();

    if error.0 == ENOSYS || error.0 == EINVAL || error.0 == EPERM {
        fprintf!(
            stderr(),
            c"%s: Linux 6.1 or later is needed, and must allow io_uring (sysctl kernel.io_uring_disabled)\n",
            uring.program
        );
    }

    if error.0 == ENOMEM {
        explain_limit(uring.program);
    }

    fail(uring.program, c"io_uring_setup", error);
}

/// mmap(): finds the queues in the memory that the kernel shares.
fn map_rings(uring: &mut Uring<'_>, parameters: &io_uring_params) {
    let requests_length = parameters.sq_off.array as size_t + SQ_ENTRIES as size_t * size_of::<u32>();
    let completions_length = parameters.cq_off.cqes as size_t + CQ_ENTRIES as size_t * size_of::<io_uring_cqe>();
    let mut length = requests_length.max(completions_length);
    let queues = map_ring(uring.program, length, MAP_SHARED, uring.descriptor, IORING_OFF_SQ_RING).cast::<c_char>();
    let order = queues.wrapping_add(parameters.sq_off.array as usize).cast::<u32>();

    length = SQ_ENTRIES as size_t * size_of::<io_uring_sqe>();
    uring.sqes = map_ring(uring.program, length, MAP_SHARED, uring.descriptor, IORING_OFF_SQES).cast();
    uring.sq_head = queues.wrapping_add(parameters.sq_off.head as usize).cast();
    uring.sq_tail = queues.wrapping_add(parameters.sq_off.tail as usize).cast();
    uring.cqes = queues.wrapping_add(parameters.cq_off.cqes as usize).cast();
    uring.cq_head = queues.wrapping_add(parameters.cq_off.head as usize).cast();
    uring.cq_tail = queues.wrapping_add(parameters.cq_off.tail as usize).cast();

    // Requests could be handed over in another order than they were written. These never are.
    for i in 0..SQ_ENTRIES {
        // SAFETY: there are so many entries.
        unsafe { *order.wrapping_add(i as usize) = i };
    }
}

/// mmap() and io_uring_register(): makes the buffers. Memory that nothing is received into is not used up.
fn register_buffers(uring: &mut Uring<'_>) {
    let mut queue = MaybeUninit::<io_uring_buf_reg>::uninit();

    uring.buf_ring =
        map_ring(uring.program, BUFFER_COUNT * size_of::<io_uring_buf>(), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0).cast();
    uring.buffers = map_ring(uring.program, BUFFER_COUNT * BUFFER_SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0).cast();

    // SAFETY: the size is that of the variable.
    unsafe { memset(queue.as_mut_ptr().cast(), 0, size_of::<io_uring_buf_reg>()) };
    // SAFETY: it consists of integers, and zero is a value of each.
    let queue = unsafe { queue.assume_init_mut() };
    queue.ring_addr = uring.buf_ring as u64;
    queue.ring_entries = BUFFER_COUNT as u32;

    if
    // SAFETY: the structure may be read; the memory that it names stays until the program ends.
    unsafe {
        syscall(
            SYS_io_uring_register,
            uring.descriptor as c_long,
            IORING_REGISTER_PBUF_RING as c_long,
            &raw mut *queue,
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
        // SAFETY: one after another.
        unsafe { provide_buffer(uring, buffer) };
    }
}

/// Makes queues and buffers, or ends the program with 1. Only the process that calls it may use them.
pub fn new_uring(program: &CStr) -> Uring<'_> {
    let mut uring = Uring {
        program,
        descriptor: 0,
        sqes: null_mut(),
        sq_tail: null_mut(),
        sq_head: null_mut(),
        cqes: null_mut(),
        cq_tail: null_mut(),
        cq_head: null_mut(),
        buf_ring: null_mut(),
        free_buffers: 0,
        buffers: null_mut(),
    };
    let mut parameters = MaybeUninit::<io_uring_params>::uninit();

    setup_rings(&mut uring, &mut parameters);
    // SAFETY: make_queues has filled it in.
    let parameters = unsafe { parameters.assume_init_ref() };
    map_rings(&mut uring, parameters);
    register_buffers(&mut uring);
    uring
}

/// io_uring_enter(): hands over what is asked, and sleeps until so many completions are there. What is not taken, for
/// want of memory or room, is handed over the next time.
pub fn submit_and_wait(uring: &mut Uring<'_>, awaited: u32) -> c_int {
    let flags = if awaited > 0 { IORING_ENTER_GETEVENTS } else { 0 };
    // SAFETY: in the queues' memory.
    let count = unsafe { *uring.sq_tail }
        // SAFETY: the same.
        .wrapping_sub(unsafe { *uring.sq_head });

    // SAFETY: so many requests are written, and what they refer to stays until their completion.
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

/// Takes the next completion, if there is one.
#[inline]
pub fn next_cqe(uring: &mut Uring<'_>, cqe: &mut MaybeUninit<io_uring_cqe>) -> bool {
    // SAFETY: in the queues' memory.
    let cq_head = unsafe { *uring.cq_head };

    let place = uring.cqes.wrapping_add((cq_head & (CQ_ENTRIES - 1)) as usize);

    // SAFETY: the same.
    if cq_head == unsafe { *uring.cq_tail } {
        return false;
    }

    // SAFETY: the same, an entry that the kernel has written.
    cqe.write(unsafe { *place });
    // SAFETY: the same.
    unsafe { *uring.cq_head = cq_head.wrapping_add(1) };
    true
}

/// Writes a request's operation, descriptor and number. The caller fills in the rest.
#[inline]
fn prep<'r>(uring: &mut Uring<'r>, operation: u8, descriptor: c_int) -> &'r mut io_uring_sqe {
    let rest = timespec { tv_sec: 0, tv_nsec: ENTER_BACKOFF_NS };

    // If the kernel takes none, the next submit() for completions says why.
    // SAFETY: in the queues' memory.
    while unsafe { *uring.sq_tail }
        // SAFETY: the same.
        .wrapping_sub(unsafe { *uring.sq_head })
        == SQ_ENTRIES
    {
        if submit_and_wait(uring, 0) < 0 {
            // SAFETY: the time may be read, and what is left is not asked for.
            _ = unsafe { nanosleep(&raw const rest, null_mut()) };
        }
    }

    // SAFETY: the same.
    let place = unsafe { *uring.sq_tail };
    let sqe = uring.sqes.wrapping_add((place & (SQ_ENTRIES - 1)) as usize);
    // SAFETY: the same.
    unsafe { *uring.sq_tail = place.wrapping_add(1) };
    // SAFETY: an entry that the kernel has taken, of this size.
    unsafe { memset(sqe.cast(), 0, size_of::<io_uring_sqe>()) };
    // SAFETY: nobody else refers to the entry until it is handed over.
    let sqe = unsafe { &mut *sqe };
    sqe.opcode = operation;
    sqe.fd = descriptor;
    sqe.user_data = u64::from(operation) << 32 | descriptor as u64;
    sqe
}

/// Asks for every connection: one completion for each, until one has failed.
pub fn prep_accept_multishot(uring: &mut Uring<'_>, listener: c_int) {
    let sqe = prep(uring, IORING_OP_ACCEPT, listener);

    sqe.ioprio = IORING_ACCEPT_MULTISHOT;
    sqe.msg_flags = SOCK_CLOEXEC as u32;
}

/// Asks to be told, once, when something can be read.
pub fn prep_poll_add(uring: &mut Uring<'_>, descriptor: c_int) {
    prep(uring, IORING_OP_POLL_ADD, descriptor).msg_flags = POLLIN as u32;
}

/// Asks for all that comes: one completion for each piece, until the stream ends or no buffer is left. Or, `once`, for
/// the next piece.
pub fn prep_recv_multishot(uring: &mut Uring<'_>, sock: c_int, once: bool) {
    let sqe = prep(uring, IORING_OP_RECV, sock);

    sqe.flags = IOSQE_BUFFER_SELECT;
    sqe.ioprio = if once { 0 } else { IORING_RECV_MULTISHOT };
}

/// Asks to send. The bytes stay where they are until the completion is there.
///
/// # Safety
///
/// There are `length` bytes at `bytes`, until the completion is there.
#[inline]
pub unsafe fn prep_send(uring: &mut Uring<'_>, sock: c_int, bytes: *const c_char, length: size_t, flags: c_int) {
    let sqe = prep(uring, IORING_OP_SEND, sock);

    sqe.addr = bytes as u64;
    sqe.len = length as u32;
    sqe.msg_flags = (MSG_NOSIGNAL | flags) as u32;
}

/// Takes back what was asked of a socket. It has a completion nevertheless.
pub fn prep_cancel(uring: &mut Uring<'_>, operation: u8, sock: c_int) {
    prep(uring, IORING_OP_ASYNC_CANCEL, -1).addr = u64::from(operation) << 32 | sock as u64;
}

/// Where a buffer is.
#[inline]
pub fn buffer_address(uring: &Uring<'_>, buffer: u16) -> *mut c_char {
    uring.buffers.wrapping_add(buffer as usize * BUFFER_SIZE)
}

/// Lets the kernel receive into a buffer.
///
/// # Safety
///
/// There is such a buffer, the kernel does not have it, and nothing else uses it.
#[inline]
pub unsafe fn provide_buffer(uring: &mut Uring<'_>, buffer: u16) {
    // SAFETY: in the memory of this queue.
    let place = unsafe { (*uring.buf_ring).tail };
    let entry = uring.buf_ring.cast::<io_uring_buf>().wrapping_add(place as usize & (BUFFER_COUNT - 1));

    // SAFETY: the same; the first entry's last field is the tail.
    unsafe { (*entry).addr = buffer_address(uring, buffer) as u64 };
    // SAFETY: the same.
    unsafe { (*entry).len = BUFFER_SIZE as u32 };
    // SAFETY: the same.
    unsafe { (*entry).bid = buffer };
    // SAFETY: the same.
    unsafe { (*uring.buf_ring).tail = place.wrapping_add(1) };
    uring.free_buffers += 1;
}
