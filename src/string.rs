//! `<string.h>`: memory and C strings. None of these can fail.

use crate::aio::aioinit;
use crate::linux::io_uring::{io_uring_buf, io_uring_buf_reg, io_uring_cqe, io_uring_params, io_uring_sqe};
use core::ffi::CStr;
use libc::{
    addrinfo, c_char, c_int, c_void, epoll_event, ifreq, in_addr, iovec, itimerval, mmsghdr, size_t, sockaddr_in,
    tcp_info, timeval,
};

/// A `char *`: null, or a C string that stays one as long as the thread lives, though its bytes may change.
///
/// The arguments of `main` are such strings, and what libc itself returns from static memory.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct CharPtr(*const c_char);

impl CharPtr {
    /// Takes a pointer for a C string.
    ///
    /// # Safety
    ///
    /// It is null, or points to a C string that stays one as long as the thread lives.
    #[inline]
    #[must_use]
    pub const unsafe fn new(text: *const c_char) -> Self {
        Self(text)
    }

    /// The pointer itself.
    #[inline]
    #[must_use]
    pub const fn as_ptr(self) -> *const c_char {
        self.0
    }

    /// Whether there is no string.
    #[inline]
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0.is_null()
    }
}

impl From<&'static CStr> for CharPtr {
    #[inline]
    fn from(text: &'static CStr) -> Self {
        Self(text.as_ptr())
    }
}

/// A type of C of which every byte may be zero.
///
/// # Safety
///
/// That is so.
pub unsafe trait Zeroed: Sized {}

macro_rules! zeroed {
    ($($name:ty)*) => {
        $(
            // SAFETY: integers and raw pointers, of which zero is a value.
            unsafe impl Zeroed for $name {}
        )*
    };
}

zeroed! {
    addrinfo aioinit c_char epoll_event ifreq in_addr io_uring_buf io_uring_buf_reg io_uring_cqe io_uring_params
    io_uring_sqe iovec itimerval mmsghdr sockaddr_in tcp_info timeval u32 u64
}

// SAFETY: an array consists of its elements.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}

/// `memset(&value, 0, sizeof(value))`, or `= {0}` — a value all of whose bytes are zero.
///
/// ```
/// use libc::sockaddr_in;
/// use sockmirror::string::zeroed;
///
/// let address: sockaddr_in = zeroed();
/// assert_eq!(address.sin_port, 0);
/// ```
#[inline]
#[must_use]
pub const fn zeroed<T: Zeroed>() -> T {
    // SAFETY: zero is a value of the type.
    unsafe { core::mem::zeroed() }
}

/// `memset(s, c, n)` — sets `n` bytes to the same value.
///
/// ```c
/// void *memset(void *s, int c, size_t n);
/// ```
///
/// Of `c`, the low 8 bits count. Returns `s`, which nobody needs.
///
/// The tutorial sets an address to zero before it fills it in, so that `sin_zero` is zero as well. At this
/// size both compilers put the stores in place of the call.
///
/// # Safety
///
/// `s` points to `n` bytes that may be written.
///
/// # Source
///
/// memset(3); tutorial, lines 452 and 627.
#[inline]
pub unsafe fn memset(s: *mut c_void, c: c_int, n: size_t) -> *mut c_void {
    // SAFETY: the caller vouches that `s` points to `n` bytes that may be written.
    unsafe { libc::memset(s, c, n) }
}

/// `memcpy(dest, src, n)` — copies bytes.
///
/// ```c
/// void *memcpy(void *dest, const void *src, size_t n);
/// ```
///
/// Returns `dest`, which nobody needs.
///
/// # Safety
///
/// `src` points to `n` bytes that may be read, `dest` to `n` that may be written, and the two do not overlap.
///
/// # Source
///
/// memcpy(3).
#[inline]
pub unsafe fn memcpy(dest: *mut c_void, src: *const c_void, n: size_t) -> *mut c_void {
    // SAFETY: the caller vouches for `n` bytes at either end, and that they are apart.
    unsafe { libc::memcpy(dest, src, n) }
}

/// `strlen(s)` — how many bytes come before the NUL.
///
/// ```c
/// size_t strlen(const char *s);
/// ```
///
/// Bytes, not characters: 안녕 has 6.
///
/// # Safety
///
/// `s` points to a C string.
///
/// # Source
///
/// strlen(3); tutorial, line 638.
#[inline]
#[must_use]
pub unsafe fn strlen(s: *const c_char) -> size_t {
    // SAFETY: the caller vouches that `s` points to a C string.
    unsafe { libc::strlen(s) }
}

/// `strcmp(s1, s2)` — compares two C strings, byte by byte.
///
/// ```c
/// int strcmp(const char *s1, const char *s2);
/// ```
///
/// Returns 0 if they are equal, else a number below or above 0, as the first byte that differs is smaller
/// or larger in `s1`.
///
/// # Safety
///
/// Both point to C strings.
///
/// # Source
///
/// strcmp(3).
#[inline]
#[must_use]
pub unsafe fn strcmp(s1: *const c_char, s2: *const c_char) -> c_int {
    // SAFETY: the caller vouches that both point to C strings.
    unsafe { libc::strcmp(s1, s2) }
}

/// `strchr(s, c)` — finds a byte in a C string.
///
/// ```c
/// char *strchr(const char *s, int c);
/// ```
///
/// Of `c`, the low 8 bits count. Returns the first place where it stands, or a null pointer. The NUL at the
/// end can be found as well.
///
/// # Safety
///
/// `s` points to a C string.
///
/// # Source
///
/// strchr(3).
#[inline]
#[must_use]
pub unsafe fn strchr(s: *const c_char, c: c_int) -> *mut c_char {
    // SAFETY: the caller vouches that `s` points to a C string.
    unsafe { libc::strchr(s, c) }
}

/// `strpbrk(s, accept)` — finds any of some bytes in a C string.
///
/// ```c
/// char *strpbrk(const char *s, const char *accept);
/// ```
///
/// Returns the first place where one of the bytes of `accept` stands, or a null pointer.
///
/// # Safety
///
/// Both point to C strings.
///
/// # Source
///
/// strpbrk(3).
#[inline]
#[must_use]
pub unsafe fn strpbrk(s: *const c_char, accept: *const c_char) -> *mut c_char {
    // SAFETY: the caller vouches that both point to C strings.
    unsafe { libc::strpbrk(s, accept) }
}

/// `strerror(errnum)` — what an error number means, in words.
///
/// ```c
/// char *strerror(int errnum);
/// ```
///
/// Returns a pointer to a C string of libc's own, which the next call may overwrite (in glibc since 2.32,
/// only one of the same thread). A number that is no error has a text too: `Unknown error
/// 4095` in C. Here it is `Unknown error`, because C's is freed by the next call.
///
/// # Source
///
/// strerror(3); tutorial, line 222, where `errno` comes up.
///
/// # Examples
///
/// ```
/// use sockmirror::stdio::printf;
/// use sockmirror::string::strerror;
///
/// printf!(c"%s\n", strerror(libc::ECONNREFUSED));
/// ```
#[inline]
#[must_use]
pub fn strerror(errnum: c_int) -> CharPtr {
    // Rust: the C library frees the text of a number that is no error (above EHWPOISON, 133, or a gap) at the next call.
    if !(0..=133).contains(&errnum) || errnum == 41 || errnum == 58 {
        return c"Unknown error".into();
    }

    // SAFETY: every number has a text, which lies in memory of libc's own.
    let text = unsafe { libc::strerror(errnum) };
    // SAFETY: that of an error is constant.
    unsafe { CharPtr::new(text) }
}
