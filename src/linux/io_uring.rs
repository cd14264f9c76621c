//! `<linux/io_uring.h>`: asynchronous I/O by two queues that a program shares with the kernel.
//!
//! The libc crate has none of it, and the C library has no function for the three system calls. In both languages
//! they are made with [`syscall`](crate::unistd::syscall), libc's own, which is not wrapped because it takes any number of arguments: as many
//! as the system call has. Each is a `long` or a pointer: the C library passes on whole registers, and what is above an
//! int in its register is anything. It returns −1 and sets `errno`, as any other function does.
//!
//! ```c
//! int io_uring_setup(u32 entries, struct io_uring_params *p);
//! int io_uring_enter(unsigned fd, u32 to_submit, u32 min_complete, u32 flags, const void *argp, size_t argsz);
//! int io_uring_register(unsigned fd, unsigned opcode, void *arg, unsigned nr_args);
//! ```
//!
//! `SYS_io_uring_setup` makes the queues, with room for `entries` requests, and returns a descriptor. It fills in `p`:
//! where in the memory of that descriptor everything is.
//!
//! `SYS_io_uring_enter` hands over `to_submit` requests and, with `IORING_ENTER_GETEVENTS`, waits until
//! `min_complete` completions are there. It returns how many requests were taken. What a request itself fails with is
//! not the call's error, but the `res` of its completion, as a negative number.
//!
//! `SYS_io_uring_register` with `IORING_REGISTER_PBUF_RING` makes known a queue of buffers, an [`io_uring_buf_reg`].
//!
//! Structures are those of Linux 6.1, with the names that newer headers have. Where C has a union, one field has the
//! place of all.
//!
//! Source: io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2); tutorial, lines 671 to the end
//! (asynchronous I/O).
//!
//! # Errors of `io_uring_setup`
//!
//! - `EFAULT`: `p` is outside the memory that the process may use.
//! - `EINVAL`: a flag that this kernel does not know, or flags that exclude each other; `entries` is 0 or too large.
//! - `EMFILE`, `ENFILE`: the process or the system has as many descriptors as it may.
//! - `ENOMEM`: no memory.
//! - `ENOSYS`: the kernel was built without io_uring.
//! - `EPERM`: the sysctl `kernel.io_uring_disabled` or a filter forbids it.
//!
//! # Errors of `io_uring_enter`
//!
//! - `EAGAIN`: no memory for a request; nothing was taken.
//! - `EBADF`, `EOPNOTSUPP`: `fd` is not open, or is not io_uring's.
//! - `EBADFD`: the queues are not enabled yet.
//! - `EBUSY`: completions that found no room must be fetched first.
//! - `EEXIST`: with `IORING_SETUP_SINGLE_ISSUER`, this is not the thread that made the queues.
//! - `EFAULT`, `EINVAL`: an argument is wrong.
//! - `EINTR`: a signal was caught before anything was completed.
//! - `ENXIO`: the queues are being taken down.
//!
//! # Errors of `io_uring_register`
//!
//! - `EBADF`, `EOPNOTSUPP`: as above.
//! - `EEXIST`: there is such a queue already, or this is not the thread that made the queues.
//! - `EFAULT`, `EINVAL`: an argument is wrong, or the kernel is older than 5.19.
//! - `ENOMEM`: no memory.

use libc::c_int;

/// Where the parts of the queue of requests are, in bytes from the beginning of its memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_sqring_offsets {
    /// How many requests the kernel has taken.
    pub head: u32,
    /// How many there have been.
    pub tail: u32,
    /// The number of entries less one.
    pub ring_mask: u32,
    /// The number of entries.
    pub ring_entries: u32,
    /// What the kernel has to say, as `IORING_SQ_CQ_OVERFLOW`.
    pub flags: u32,
    /// How many were no valid index.
    pub dropped: u32,
    /// The indices of the requests, in the order in which they are handed over.
    pub array: u32,
    /// Nothing yet.
    pub resv1: u32,
    /// Where the program keeps the queue itself, with `IORING_SETUP_NO_MMAP`; before Linux 6.5 nothing, and `resv2`.
    pub user_addr: u64,
}

/// Where the parts of the queue of completions are, in bytes from the beginning of its memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_cqring_offsets {
    /// How many completions have been looked at.
    pub head: u32,
    /// How many there have been.
    pub tail: u32,
    /// The number of entries less one.
    pub ring_mask: u32,
    /// The number of entries.
    pub ring_entries: u32,
    /// How many found no room.
    pub overflow: u32,
    /// The completions.
    pub cqes: u32,
    /// What the program has to say, as `IORING_CQ_EVENTFD_DISABLED`.
    pub flags: u32,
    /// Nothing yet.
    pub resv1: u32,
    /// Where the program keeps the queue itself, with `IORING_SETUP_NO_MMAP`; before Linux 6.5 nothing, and `resv2`.
    pub user_addr: u64,
}

/// What `io_uring_setup` is told, and what it tells.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_uring_params {
    /// Told: how many requests find room.
    pub sq_entries: u32,
    /// How many completions find room, a power of two; looked at with `IORING_SETUP_CQSIZE`.
    pub cq_entries: u32,
    /// `IORING_SETUP_…`.
    pub flags: u32,
    /// For a kernel thread that takes the requests.
    pub sq_thread_cpu: u32,
    /// The same.
    pub sq_thread_idle: u32,
    /// Told: what this kernel can do.
    pub features: u32,
    /// Other queues whose threads are shared.
    pub wq_fd: u32,
    /// Nothing yet.
    pub resv: [u32; 3],
    /// Told: where everything is.
    pub sq_off: io_sqring_offsets,
    /// Told: where everything is.
    pub cq_off: io_cqring_offsets,
}

/// A request.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_uring_sqe {
    /// What is to be done: `IORING_OP_…`.
    pub opcode: u8,
    /// `IOSQE_…`.
    pub flags: u8,
    /// Flags of accept, recv and send: `IORING_ACCEPT_MULTISHOT`, `IORING_RECV_MULTISHOT`.
    pub ioprio: u16,
    /// With which descriptor.
    pub fd: c_int,
    /// Where in a file.
    pub off: u64,
    /// Where the bytes are; with `IORING_OP_ASYNC_CANCEL`, the number of the request to take back.
    pub addr: u64,
    /// How many bytes.
    pub len: u32,
    /// The flags or events that the system call itself takes. In C each operation has a name of its own for it.
    pub msg_flags: u32,
    /// A number that the completion has, too.
    pub user_data: u64,
    /// The group of buffers from which one is taken.
    pub buf_group: u16,
    /// Whose credentials are used.
    pub personality: u16,
    /// For splice, and for descriptors that only io_uring knows.
    pub splice_fd_in: c_int,
    /// For extended attributes and others.
    pub addr3: u64,
    /// Nothing yet.
    pub __pad2: [u64; 1],
}

/// A completion.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_uring_cqe {
    /// The number of the request.
    pub user_data: u64,
    /// What the system call would return, or less than 0: the negative errno.
    pub res: c_int,
    /// `IORING_CQE_F_…`; above `IORING_CQE_BUFFER_SHIFT`, the number of the buffer.
    pub flags: u32,
}

/// An entry of a queue of buffers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_uring_buf {
    /// Where the buffer is.
    pub addr: u64,
    /// How many bytes it has room for.
    pub len: u32,
    /// Its number.
    pub bid: u16,
    /// In the first entry: how many there have been.
    pub resv: u16,
}

/// The end of a queue of buffers, which has the place of its first entry's last field.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_uring_buf_ring {
    /// An entry's.
    pub resv1: u64,
    /// An entry's.
    pub resv2: u32,
    /// An entry's.
    pub resv3: u16,
    /// How many buffers have been offered.
    pub tail: u16,
}

/// What is told of a queue of buffers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct io_uring_buf_reg {
    /// Where it is: at the beginning of a page.
    pub ring_addr: u64,
    /// How many entries it has: a power of two.
    pub ring_entries: u32,
    /// The number of the group.
    pub bgid: u16,
    /// `IOU_PBUF_RING_…`; before Linux 6.4 nothing, and `pad`.
    pub flags: u16,
    /// Nothing that is used here; newer headers have a name for a part of it.
    pub resv: [u64; 3],
}

/// A request tells that it is done once for every connection.
pub const IORING_ACCEPT_MULTISHOT: u16 = 1 << 0;
/// The number of the buffer is above so many bits.
pub const IORING_CQE_BUFFER_SHIFT: u32 = 16;
/// More completions of this request will come.
pub const IORING_CQE_F_MORE: u32 = 1 << 1;
/// Wait for completions.
pub const IORING_ENTER_GETEVENTS: u32 = 1 << 0;
/// Where the requests are in the memory of the descriptor.
pub const IORING_OFF_SQES: i64 = 0x10000000;
/// Where both queues are in the memory of the descriptor.
pub const IORING_OFF_SQ_RING: i64 = 0;
/// accept4().
pub const IORING_OP_ACCEPT: u8 = 13;
/// Takes a request back.
pub const IORING_OP_ASYNC_CANCEL: u8 = 14;
/// poll() with one descriptor.
pub const IORING_OP_POLL_ADD: u8 = 6;
/// recv().
pub const IORING_OP_RECV: u8 = 27;
/// send().
pub const IORING_OP_SEND: u8 = 26;
/// A request goes on until the stream ends; each piece is a completion.
pub const IORING_RECV_MULTISHOT: u16 = 1 << 1;
/// Makes a queue of buffers known.
pub const IORING_REGISTER_PBUF_RING: u32 = 22;
/// The program says how many completions find room.
pub const IORING_SETUP_CQSIZE: u32 = 1 << 3;
/// The kernel goes on with requests only while the program waits for completions.
pub const IORING_SETUP_DEFER_TASKRUN: u32 = 1 << 13;
/// Only the thread that makes the queues hands over requests.
pub const IORING_SETUP_SINGLE_ISSUER: u32 = 1 << 12;
/// A request that fails at once does not hold up those after it.
pub const IORING_SETUP_SUBMIT_ALL: u32 = 1 << 7;
/// The kernel chooses a buffer.
pub const IOSQE_BUFFER_SELECT: u8 = 1 << 5;
