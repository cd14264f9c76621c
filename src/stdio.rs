//! `<stdio.h>`: what prints.
//!
//! [`printf!`] and [`fprintf!`] call C's functions. Their format is checked when they are compiled, as gcc does with
//! `-Wformat`: as many arguments as there are conversions, each of a size and kind that its conversion takes. So a call
//! needs no `unsafe`. What is not known to be a C string has no place in it: a `%s` takes a [`CStr`] or a [`CharPtr`].
//! Rust widens nothing by itself: what is smaller than an int is made a `c_int` first.
//!
//! What goes to stdout is kept in a buffer, until a line ends if it is a terminal, until the buffer is full
//! or the program exits if it is not. What goes to [`stderr()`] is written at once, one write for a call.
//!
//! In C both return how many bytes they wrote, or a negative number. The tutorial never looks at it, and here
//! they are declared to return nothing, which the caller of a C function may leave where it is. So LLVM does not
//! take them for functions that it knows, and does not put `puts` or `fwrite` in their place, which write a line's
//! end to a terminal apart: what the source says is what is called, as in the C (`-fno-builtin-printf`).
//!
//! Source: printf(3), stdio(3), stderr(3).

use crate::errno::{Errno, cvt};
use crate::string::CharPtr;
use core::ffi::CStr;
use libc::{FILE, c_char, c_int, c_long, c_longlong, c_void, size_t};

unsafe extern "C" {
    // Rust: no result, for the reason above.
    fn printf(format: *const c_char, ...);
    fn fprintf(stream: *mut FILE, format: *const c_char, ...);
}

/// `printf(format, …)` — prints on stdout.
///
/// ```c
/// int printf(const char *format, ...);
/// ```
///
/// # Source
///
/// printf(3).
///
/// # Examples
///
/// ```
/// use sockmirror::stdio::printf;
/// use sockmirror::string::strerror;
///
/// printf!(c"%s: %d\n", strerror(libc::EPIPE), libc::EPIPE);
/// ```
///
/// This does not compile, since a `size_t` is no int:
///
/// ```compile_fail
/// sockmirror::stdio::printf!(c"%d\n", size_of::<libc::sockaddr_in>());
/// ```
#[macro_export]
macro_rules! printf {
    ($format:literal $(, $argument:expr)* $(,)?) => {{
        struct Text;
        impl $crate::stdio::Format for Text {
            const TEXT: &core::ffi::CStr = $format;
        }
        $crate::stdio::print::<Text, _>(($($argument,)*))
    }};
}

/// `fprintf(stream, format, …)` — prints on a stream. Otherwise as [`printf!`].
///
/// ```c
/// int fprintf(FILE *stream, const char *format, ...);
/// ```
///
/// # Source
///
/// fprintf(3).
#[macro_export]
macro_rules! fprintf {
    ($stream:expr, $format:literal $(, $argument:expr)* $(,)?) => {{
        struct Text;
        impl $crate::stdio::Format for Text {
            const TEXT: &core::ffi::CStr = $format;
        }
        $crate::stdio::print_on::<Text, _>($stream, ($($argument,)*))
    }};
}

pub use crate::{fprintf, printf};

/// A `FILE *` of a stream that is open as long as the process lives.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Stream(*mut FILE);

impl Stream {
    /// Takes a pointer for a stream.
    ///
    /// # Safety
    ///
    /// It points to a stream that is never closed.
    #[inline]
    #[must_use]
    pub const unsafe fn new(stream: *mut FILE) -> Self {
        Self(stream)
    }

    /// The pointer itself.
    #[inline]
    #[must_use]
    pub const fn as_ptr(self) -> *mut FILE {
        self.0
    }
}

/// `stderr` — the stream for what goes wrong, as a function, because in C it is a variable.
///
/// ```c
/// extern FILE *stderr;
/// ```
///
/// # Source
///
/// stderr(3).
#[inline]
#[must_use]
pub fn stderr() -> Stream {
    unsafe extern "C" {
        static stderr: *mut FILE;
    }

    // SAFETY: libc sets the pointer before main starts, and nothing here sets it again.
    Stream(unsafe { stderr })
}

/// `stdout` — the stream for what a program has to say, as a function, because in C it is a variable.
///
/// ```c
/// extern FILE *stdout;
/// ```
///
/// # Source
///
/// stdout(3).
#[inline]
#[must_use]
pub fn stdout() -> Stream {
    unsafe extern "C" {
        static stdout: *mut FILE;
    }

    // SAFETY: libc sets the pointer before main starts, and nothing here sets it again.
    Stream(unsafe { stdout })
}

/// `fwrite(ptr, size, n, stream)` — puts `n` items of `size` bytes each on a stream, whatever they are.
///
/// ```c
/// size_t fwrite(const void *ptr, size_t size, size_t n, FILE *stream);
/// ```
///
/// Unlike the `%s` of [`printf!`], it does not stop at a NUL. Returns how many whole items went to the
/// stream, or to its buffer; fewer than `n` only if a write failed. That sets `errno`, but the result is a
/// number all the same: hence no `Result`.
///
/// # Errors
///
/// - `EAGAIN`: the descriptor is non-blocking, and there is no room.
/// - `EBADF`: the descriptor is closed, or the stream is not open for writing.
/// - `EDQUOT`, `ENOSPC`: there is no room for it: the user has used up his own, or all is.
/// - `EFBIG`: the file would be larger than it may be. If that is by `RLIMIT_FSIZE`, SIGXFSZ comes, too, and ends the
///   process.
/// - `EINTR`: a signal was caught before anything was written.
/// - `EINVAL`: the descriptor cannot be written to.
/// - `EIO`: output failed.
/// - `EPIPE`: nobody reads the pipe, or the connection can send no more. **SIGPIPE comes, too, and ends the process**,
///   unless it is ignored: stdio has nothing like `MSG_NOSIGNAL`.
/// - To a socket, those of [`send`](crate::sys::socket::send) as well.
///
/// # Safety
///
/// `ptr` points to `size * n` bytes that are initialised and may be read.
///
/// # Source
///
/// fwrite(3), stdio(3); tutorial, line 662, which has `printf` in its place (see errata 5 and 28).
#[inline]
pub unsafe fn fwrite(ptr: *const c_void, size: size_t, n: size_t, stream: Stream) -> size_t {
    // SAFETY: the caller vouches for `size * n` bytes at `ptr`.
    unsafe { libc::fwrite(ptr, size, n, stream.0) }
}

/// `fflush(stream)` — writes out what a stream has buffered.
///
/// ```c
/// int fflush(FILE *stream);
/// ```
///
/// In C a null pointer means every stream. Before [`fork`](crate::unistd::fork) it keeps the child from having
/// a copy of what is not written yet; before a program waits, it shows what it has said so far.
///
/// # Errors
///
/// Those of [`fwrite`], with the signals that come, too; a stream that is open for reading has none. What could not be
/// written may be lost.
///
/// - `EBADF`: the descriptor is closed.
///
/// # Source
///
/// fflush(3), stdio(3).
#[inline]
pub fn fflush(stream: Stream) -> Result<(), Errno> {
    // SAFETY: the stream is open.
    cvt(unsafe { libc::fflush(stream.0) }).map(drop)
}

/// `ferror(stream)` — whether a write to a stream, or a read from it, has failed.
///
/// ```c
/// int ferror(FILE *stream);
/// ```
///
/// Returns 0 if none has, and another number if one has. What failed was perhaps long ago: it does not set
/// `errno`, hence no `Result`.
///
/// # Source
///
/// ferror(3).
#[inline]
#[must_use]
pub fn ferror(stream: Stream) -> c_int {
    // SAFETY: the stream is open.
    unsafe { libc::ferror(stream.0) }
}

/// The format of a call, as a type, so that it can be checked when the call is compiled.
pub trait Format {
    /// The format itself.
    const TEXT: &CStr;
}

/// What an argument is to a format.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An integer of this many bytes.
    Integer(usize),
    /// A pointer to a C string.
    String,
}

/// A value that [`printf!`] takes.
///
/// # Safety
///
/// `KIND` is that of `Passed`, and a pointer that is passed points to a C string or is null, which glibc prints as
/// `(null)`.
pub unsafe trait Argument {
    /// The type that C is given.
    type Passed;
    /// What it is to a format.
    const KIND: Kind;
    /// The value that C is given.
    fn pass(self) -> Self::Passed;
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(
            // SAFETY: an integer that C takes as it is.
            unsafe impl Argument for $integer {
                type Passed = Self;
                const KIND: Kind = Kind::Integer(size_of::<Self>());

                #[inline(always)]
                fn pass(self) -> Self {
                    self
                }
            }
        )*
    };
}

integers! { i32 u32 i64 u64 isize usize }

// SAFETY: a C string.
unsafe impl Argument for &CStr {
    type Passed = *const c_char;
    const KIND: Kind = Kind::String;

    #[inline(always)]
    fn pass(self) -> *const c_char {
        self.as_ptr()
    }
}

// SAFETY: a C string, or null.
unsafe impl Argument for CharPtr {
    type Passed = *const c_char;
    const KIND: Kind = Kind::String;

    #[inline(always)]
    fn pass(self) -> *const c_char {
        self.as_ptr()
    }
}

/// The arguments of a call, as a tuple.
pub trait Arguments {
    /// What they are to a format.
    const KINDS: &[Kind];
    /// Calls printf.
    ///
    /// # Safety
    ///
    /// The format takes these arguments.
    unsafe fn printf(self, format: &CStr);
    /// Calls fprintf.
    ///
    /// # Safety
    ///
    /// The format takes these arguments.
    unsafe fn fprintf(self, stream: Stream, format: &CStr);
}

macro_rules! tuples {
    ($(($($name:ident: $type:ident),*))*) => {
        $(
            impl<$($type: Argument),*> Arguments for ($($type,)*) {
                const KINDS: &[Kind] = &[$($type::KIND),*];

                #[inline(always)]
                unsafe fn printf(self, format: &CStr) {
                    let ($($name,)*) = self;
                    // SAFETY: the caller vouches that the format takes these arguments.
                    unsafe { printf(format.as_ptr() $(, $name.pass())*) };
                }

                #[inline(always)]
                unsafe fn fprintf(self, stream: Stream, format: &CStr) {
                    let ($($name,)*) = self;
                    // SAFETY: the caller vouches that the format takes these arguments.
                    unsafe { fprintf(stream.as_ptr(), format.as_ptr() $(, $name.pass())*) };
                }
            }
        )*
    };
}

tuples! {
    ()
    (a: A)
    (a: A, b: B)
    (a: A, b: B, c: C)
    (a: A, b: B, c: C, d: D)
    (a: A, b: B, c: C, d: D, e: E)
    (a: A, b: B, c: C, d: D, e: E, f: F)
    (a: A, b: B, c: C, d: D, e: E, f: F, g: G)
}

/// What [`printf!`] stands for.
#[inline(always)]
pub fn print<F: Format, A: Arguments>(arguments: A) {
    const { assert!(takes(F::TEXT, A::KINDS), "the format does not take these arguments") };
    // SAFETY: the format takes these arguments.
    unsafe { arguments.printf(F::TEXT) };
}

/// What [`fprintf!`] stands for.
#[inline(always)]
pub fn print_on<F: Format, A: Arguments>(stream: Stream, arguments: A) {
    const { assert!(takes(F::TEXT, A::KINDS), "the format does not take these arguments") };
    // SAFETY: the format takes these arguments.
    unsafe { arguments.fprintf(stream, F::TEXT) };
}

/// Whether the conversions of a format take exactly these arguments. What it does not know it does not take.
const fn takes(format: &CStr, arguments: &[Kind]) -> bool {
    let format = format.to_bytes_with_nul();
    let (mut at, mut next) = (0, 0);

    while format[at] != 0 {
        if format[at] != b'%' {
            at += 1;
            continue;
        }

        at += 1;

        if format[at] == b'%' {
            at += 1;
            continue;
        }

        // Flags, then a width, then a precision, as C has them: in another order C may pass over an argument.
        while matches!(format[at], b'-' | b'+' | b' ' | b'0' | b'#') {
            at += 1;
        }

        let mut precision = false;

        loop {
            if format[at] == b'*' {
                if !takes_integer(arguments, next, size_of::<c_int>()) {
                    return false;
                }

                at += 1;
                next += 1;
            } else {
                while format[at].is_ascii_digit() {
                    at += 1;
                }
            }

            if precision || format[at] != b'.' {
                break;
            }

            precision = true;
            at += 1;
        }

        let mut size = size_of::<c_int>();
        let modifier = at;

        if format[at] == b'z' {
            size = size_of::<size_t>();
            at += 1;
        } else if format[at] == b'l' {
            size = size_of::<c_long>();
            at += 1;

            if format[at] == b'l' {
                size = size_of::<c_longlong>();
                at += 1;
            }
        } else if format[at] == b'h' {
            // C widens to an int what h and hh name.
            at += 1;

            if format[at] == b'h' {
                at += 1;
            }
        }

        let taken = match format[at] {
            b'd' | b'i' | b'u' | b'x' | b'X' | b'o' => takes_integer(arguments, next, size),
            b'c' => at == modifier && takes_integer(arguments, next, size),
            b's' => at == modifier && next < arguments.len() && matches!(arguments[next], Kind::String),
            _ => false,
        };

        if !taken {
            return false;
        }

        at += 1;
        next += 1;
    }

    next == arguments.len()
}

/// Whether an argument is an integer of this size.
const fn takes_integer(arguments: &[Kind], index: usize, size: usize) -> bool {
    index < arguments.len() && matches!(arguments[index], Kind::Integer(of) if of == size)
}

#[cfg(test)]
mod tests {
    use super::{Kind, takes};
    use core::ffi::CStr;

    const INT: Kind = Kind::Integer(4);
    const LONG: Kind = Kind::Integer(size_of::<libc::c_long>());
    const SIZE: Kind = Kind::Integer(size_of::<usize>());
    const TEXT: Kind = Kind::String;

    #[test]
    fn a_format_takes_what_it_asks_for() {
        let taken: [(&CStr, &[Kind]); 9] = [
            (c"", &[]),
            (c"100 %%\n", &[]),
            (c"%d", &[INT]),
            (c"%s: %-10s %5u", &[TEXT, TEXT, INT]),
            (c"%.*s", &[INT, TEXT]),
            (c"%08x%c", &[INT, INT]),
            (c"%ld %lu", &[LONG, LONG]),
            (c"%zd %2zu", &[SIZE, SIZE]),
            (c"%hhu %hd %lld", &[INT, INT, Kind::Integer(8)]),
        ];
        for (format, arguments) in taken {
            assert!(takes(format, arguments), "{format:?} {arguments:?}");
        }
    }

    #[test]
    fn a_format_takes_nothing_else() {
        let not_taken: [(&CStr, &[Kind]); 21] = [
            (c"%ls", &[TEXT]),
            (c"%zs", &[TEXT]),
            (c"%lc", &[LONG]),
            (c"%1*d", &[INT, INT]),
            (c"%5-d", &[INT]),
            (c"%.5.5d", &[INT]),
            (c"%hhhd", &[INT]),
            (c"", &[INT]),
            (c"%d", &[]),
            (c"%d", &[TEXT]),
            (c"%d", &[Kind::Integer(8)]),
            (c"%s", &[INT]),
            (c"%s", &[]),
            (c"%d%d", &[INT]),
            (c"%*d", &[INT]),
            (c"%n", &[INT]),
            (c"%p", &[TEXT]),
            (c"%ls", &[INT]),
            (c"%lld", &[INT]),
            (c"%", &[INT]),
            (c"%l", &[LONG]),
        ];
        for (format, arguments) in not_taken {
            assert!(!takes(format, arguments), "{format:?} {arguments:?}");
        }
    }
}
