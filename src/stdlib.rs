//! `<stdlib.h>`: text to number, memory, and the ends of a process.

use libc::{c_char, c_int, c_long, c_longlong, c_void, size_t};

/// `atoi(nptr)` — reads a decimal number, as far as there is one.
///
/// ```c
/// int atoi(const char *nptr);
/// ```
///
/// Skips blanks, takes a sign, then digits up to the first character that is none. Returns the number, 0 if
/// there is no digit. It reports no error: `abc` is 0, `80x` is 80. A number that does not fit an int is
/// undefined in the C standard; glibc cuts it down to the low 32 bits of the long that `strtol` reads.
///
/// # Safety
///
/// `nptr` points to a C string.
///
/// # Source
///
/// atoi(3); tutorial, lines 443 and 617 (see erratum 27).
///
/// # Examples
///
/// ```
/// use sockmirror::stdlib::atoi;
///
/// // SAFETY: a literal is a C string.
/// let number = unsafe { atoi(c"70000".as_ptr()) };
/// assert_eq!(number, 70000);
/// assert_eq!(number as u16, 4464); // what is left in a port
/// ```
#[inline]
#[must_use]
pub unsafe fn atoi(nptr: *const c_char) -> c_int {
    // SAFETY: the caller vouches that `nptr` points to a C string.
    unsafe { libc::atoi(nptr) }
}

/// `strtol(nptr, endptr, base)` — reads a number, and says where it ends.
///
/// ```c
/// long strtol(const char *nptr, char **endptr, int base);
/// ```
///
/// Skips blanks, takes a sign, then digits up to the first character that is none; `*endptr` becomes its
/// place, or `nptr` if there is no digit. `base` is 2 to 36, or 0: then a number that begins with `0x` is
/// hexadecimal, one that begins with `0` octal, any other decimal. `endptr` may be null.
///
/// Returns the number. One that does not fit becomes `LONG_MAX` or `LONG_MIN`, and `errno` becomes
/// `ERANGE`; no other result sets `errno`, nor clears it. So it is set to 0 before, with
/// [`set_errno`](crate::errno::set_errno), to tell the two apart: hence no `Result`.
///
/// # Errors
///
/// - `ERANGE`: the number does not fit a long.
/// - `EINVAL`: `base` is neither 0 nor 2 to 36; in glibc nothing else (0 is returned).
///
/// # Safety
///
/// `nptr` points to a C string; `endptr` is null or points to a pointer that may be written.
///
/// # Source
///
/// strtol(3); tutorial, lines 443 and 617, which have `atoi` in its place (see erratum 27).
///
/// # Examples
///
/// ```
/// use sockmirror::stdlib::strtol;
///
/// let text = c"80x".as_ptr();
/// let mut end = text.cast_mut();
/// // SAFETY: a literal is a C string, and `end` may be written.
/// assert_eq!(unsafe { strtol(text, &raw mut end, 10) }, 80);
/// assert_eq!(end.cast_const(), text.wrapping_add(2)); // the x
/// ```
#[inline]
#[must_use]
pub unsafe fn strtol(nptr: *const c_char, endptr: *mut *mut c_char, base: c_int) -> c_long {
    // SAFETY: the caller vouches for a C string at `nptr` and for a pointer at `endptr`.
    unsafe { libc::strtol(nptr, endptr, base) }
}

/// `strtoll(nptr, endptr, base)` — the same with a `long long`, which has 64 bits also where a long has 32.
///
/// ```c
/// long long strtoll(const char *nptr, char **endptr, int base);
/// ```
///
/// Reads what [`strtol`] reads. A number that does not fit becomes `LLONG_MAX` or `LLONG_MIN`, and `errno`
/// becomes `ERANGE`.
///
/// # Safety
///
/// `nptr` points to a C string; `endptr` is null or points to a pointer that may be written.
///
/// # Source
///
/// strtoll(3).
#[inline]
#[must_use]
pub unsafe fn strtoll(nptr: *const c_char, endptr: *mut *mut c_char, base: c_int) -> c_longlong {
    // SAFETY: the caller vouches for the C string, and that `endptr` is null or may be written.
    unsafe { libc::strtoll(nptr, endptr, base) }
}

/// `malloc(size)` — gives out memory.
///
/// ```c
/// void *malloc(size_t size);
/// ```
///
/// `size` is in bytes. What is in them is not known. The memory is aligned for every type of C. Large pieces
/// (from 128 KiB, at first) glibc takes from the kernel with `mmap`, one by one; a page of them takes up memory
/// once it is written to.
///
/// Returns the first byte; null, with `errno` set to `ENOMEM`, if there is no memory. It can only be that, and
/// a null pointer says so already: hence no `Result`.
///
/// # Errors
///
/// - `ENOMEM`: no memory, or not so many addresses (`RLIMIT_AS`).
///
/// # Source
///
/// malloc(3).
#[inline]
#[must_use]
pub fn malloc(size: size_t) -> *mut c_void {
    // SAFETY: any size is allowed.
    unsafe { libc::malloc(size) }
}

/// `realloc(ptr, size)` — makes a piece of memory larger or smaller.
///
/// ```c
/// void *realloc(void *ptr, size_t size);
/// ```
///
/// What was there stays, as far as it fits; the rest is not known. The piece may move. A null `ptr` makes it
/// [`malloc`].
///
/// Returns the first byte, and `ptr` must not be used any more; null, with `errno` set to `ENOMEM`, if there is
/// no memory, and the old piece is as it was.
///
/// # Errors
///
/// Those of [`malloc`].
///
/// # Safety
///
/// `ptr` is null or what `malloc` or `realloc` returned and nobody has freed since. `size` is not 0.
///
/// # Source
///
/// realloc(3).
#[inline]
#[must_use]
pub unsafe fn realloc(ptr: *mut c_void, size: size_t) -> *mut c_void {
    // SAFETY: the caller vouches that `ptr` is null or a piece of its own.
    unsafe { libc::realloc(ptr, size) }
}

/// `free(ptr)` — gives memory back.
///
/// ```c
/// void free(void *ptr);
/// ```
///
/// Nothing happens if `ptr` is null.
///
/// # Safety
///
/// `ptr` is null or what [`malloc`] or [`realloc`] returned; nobody has freed it, and nothing uses it afterwards.
///
/// # Source
///
/// free(3).
#[inline]
pub unsafe fn free(ptr: *mut c_void) {
    // SAFETY: the caller vouches that `ptr` is null or a piece of its own.
    unsafe { libc::free(ptr) };
}

/// `exit(status)` — ends the process.
///
/// ```c
/// void exit(int status);
/// ```
///
/// Calls what was registered with `atexit`, writes out what stdio has buffered, and ends. The kernel closes
/// all descriptors. The parent sees the low 8 bits of `status`.
///
/// It is safe in a program with one thread, as all programs here are: POSIX allows two threads to call it
/// at the same time only since 2024, glibc since 2.41.
///
/// # Source
///
/// exit(3); tutorial, line 440 and after every failure.
#[inline]
pub fn exit(status: c_int) -> ! {
    // SAFETY: an integer, and no other thread that could be ending the process as well.
    unsafe { libc::exit(status) }
}

/// `abort()` — ends the process with SIGABRT, at once.
///
/// ```c
/// void abort(void);
/// ```
///
/// Nothing is written out. It is what a panic does here; the tutorial never calls it.
///
/// # Source
///
/// abort(3).
#[inline]
pub fn abort() -> ! {
    // SAFETY: no arguments, and it does not return.
    unsafe { libc::abort() }
}
