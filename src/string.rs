//! `<string.h>`: memory and C strings. None of these can fail.

use libc::{c_char, c_int, c_void, size_t};

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
/// only one of the same thread). A number that is no error has a text too: `Unknown error 4095`.
///
/// # Source
///
/// strerror(3); tutorial, line 222, where `errno` comes up.
///
/// # Examples
///
/// ```
/// use core::ffi::CStr;
///
/// let text = sockmirror::string::strerror(libc::ECONNREFUSED);
/// // SAFETY: a C string, which no other call has overwritten yet.
/// assert_eq!(unsafe { CStr::from_ptr(text) }, c"Connection refused");
/// ```
#[inline]
#[must_use]
pub fn strerror(errnum: c_int) -> *mut c_char {
    // SAFETY: every number has a text, which lies in memory of libc's own.
    unsafe { libc::strerror(errnum) }
}
