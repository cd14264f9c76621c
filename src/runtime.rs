//! What a program needs that runs without Rust's runtime.
//!
//! Rust's own start-up code makes system calls of its own before `main` (it looks at the standard
//! descriptors, ignores SIGPIPE, sets up a signal stack), so that no Rust program with `std` can have
//! the trace of its C twin. The programs here do without: each is `#![no_std]` and `#![no_main]`,
//! defines the `main` that the C start-up code calls, and names the two things below.

use core::ops::Index;
use core::ptr;
use libc::{c_char, c_int};

/// The arguments of `main`, so that `argv[1]` can be written as in C.
///
/// As in C, what follows the last argument is a null pointer. An index beyond that, undefined in C, gives
/// a null pointer as well.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(&'a [*mut c_char]);

/// `arguments(argc, argv)` — makes the arguments of `main` an [`Arguments`].
///
/// # Safety
///
/// `argv` points to `argc` pointers, each to a C string; all of them stay as they are for the lifetime
/// `'a`. What the C start-up code passes to `main` is that, until the process ends.
#[inline]
#[must_use]
pub unsafe fn arguments<'a>(argc: c_int, argv: *mut *mut c_char) -> Arguments<'a> {
    // SAFETY: the caller vouches that there are `argc` pointers at `argv`.
    Arguments(unsafe { core::slice::from_raw_parts(argv, argc as usize) })
}

impl Index<usize> for Arguments<'_> {
    type Output = *mut c_char;

    #[inline]
    fn index(&self, index: usize) -> &*mut c_char {
        self.0.get(index).unwrap_or(&ptr::null_mut())
    }
}

/// Defines what the compiler asks of a program without `std`: what a panic does.
///
/// A panic ends the process with `abort`. A release build of the two listings holds no panic at all. The
/// library cannot define this itself, because its tests are linked with `std`, which brings its own.
///
/// A debug build asks for a second symbol, the routine that guides unwinding. Nothing ever calls it, as
/// `panic = "abort"` leaves nothing to unwind, but the precompiled `core` mentions it.
#[macro_export]
macro_rules! panic_handler {
    () => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! {
            $crate::stdlib::abort()
        }

        #[cfg(debug_assertions)]
        #[unsafe(no_mangle)]
        extern "C" fn rust_eh_personality() {}
    };
}
