//! What a program needs that runs without Rust's runtime.
//!
//! Rust's own start-up code makes system calls of its own before `main` (it looks at the standard
//! descriptors, ignores SIGPIPE, sets up a signal stack), so that no Rust program with `std` can have
//! the trace of its C twin. The programs here do without: each is `#![no_std]` and `#![no_main]`,
//! and has [`entry!`](crate::entry) define what surrounds its `main`.

pub(crate) use crate::string::Zeroed;
use crate::string::{CharPtr, zeroed};
use core::ops::{Deref, DerefMut, Index, IndexMut};
use libc::{c_char, c_int};

/// The arguments of `main`, so that `argv[1]` can be written as in C.
///
/// As in C, what follows the last argument is a null pointer. An index beyond that, undefined in C, gives
/// a null pointer as well.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    count: usize,
    argv: *mut CharPtr,
}

impl Arguments {
    /// Takes the arguments of `main`.
    ///
    /// # Safety
    ///
    /// `argv` points to `argc` pointers, each to a C string, and a null pointer after them; all of them stay as long as
    /// the process lives, and nobody else changes the pointers. What the C start-up code passes to `main` is that.
    #[inline]
    #[must_use]
    pub const unsafe fn new(argc: c_int, argv: *mut *mut c_char) -> Self {
        // Rust: a CharPtr is a pointer.
        Self { count: argc as usize, argv: argv.cast() }
    }

    /// `argv + first` — those from one on.
    #[inline]
    #[must_use]
    pub fn from(self, first: c_int) -> Self {
        let first = usize::try_from(first).map_or(0, |first| first.min(self.count));
        Self { count: self.count - first, argv: self.argv.wrapping_add(first) }
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub fn count(self) -> c_int {
        c_int::try_from(self.count).unwrap_or(c_int::MAX)
    }

    /// The pointers, as [`getopt`](crate::unistd::getopt) takes them.
    #[inline]
    #[must_use]
    pub const fn as_mut_ptr(self) -> *mut *mut c_char {
        self.argv.cast()
    }
}

// SAFETY: a CharPtr may be null.
const NULL: CharPtr = unsafe { CharPtr::new(core::ptr::null()) };

impl Index<usize> for Arguments {
    type Output = CharPtr;

    #[inline]
    fn index(&self, index: usize) -> &CharPtr {
        if index < self.count {
            // SAFETY: there are `count` pointers, as `new` was told.
            unsafe { &*self.argv.wrapping_add(index) }
        } else {
            &NULL
        }
    }
}

/// An array in memory that `realloc` gave out, so that `table[sock]` can be written as in C.
///
/// An index outside of the array, undefined in C, gives a spare element.
#[derive(Debug)]
pub(crate) struct Table<T> {
    elements: *mut T,
    count: c_int,
    spare: T,
}

impl<T: Zeroed> Table<T> {
    /// An array of `count` elements.
    ///
    /// # Safety
    ///
    /// `elements` points to as many, and nobody else refers to them as long as the table is used.
    pub(crate) const unsafe fn new(elements: *mut T, count: c_int) -> Self {
        Self { elements, count, spare: zeroed() }
    }

    /// What `realloc` gave out.
    #[inline]
    pub(crate) const fn as_mut_ptr(&self) -> *mut T {
        self.elements
    }
}

impl<T> Index<c_int> for Table<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: c_int) -> &T {
        if index < 0 || index >= self.count {
            return &self.spare;
        }

        // SAFETY: there are `count` elements, as `new` was told.
        unsafe { &*self.elements.wrapping_add(index as usize) }
    }
}

impl<T> IndexMut<c_int> for Table<T> {
    #[inline]
    fn index_mut(&mut self, index: c_int) -> &mut T {
        if index < 0 || index >= self.count {
            return &mut self.spare;
        }

        // SAFETY: there are `count` elements, to which the table alone refers.
        unsafe { &mut *self.elements.wrapping_add(index as usize) }
    }
}

/// A value in memory that is shared with the kernel, so that `*tail` can be written as in C.
#[derive(Debug)]
pub(crate) struct Shared<T>(*mut T);

impl<T> Shared<T> {
    /// The value at an address.
    ///
    /// # Safety
    ///
    /// There is one, and nobody else changes it but the kernel, during a system call.
    pub(crate) const unsafe fn new(value: *mut T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is one, as `new` was told.
        unsafe { &*self.0 }
    }
}

impl<T> DerefMut for Shared<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is one, which nobody else changes now.
        unsafe { &mut *self.0 }
    }
}

/// Defines what surrounds the `main` of a program: the function that the C start-up code calls, and what a panic does.
///
/// A panic ends the process with `abort`. A release build of the two listings holds no panic at all. The
/// library cannot define this itself, because its tests are linked with `std`, which brings its own.
///
/// A debug build asks for a third symbol, the routine that guides unwinding. Nothing ever calls it, as
/// `panic = "abort"` leaves nothing to unwind, but the precompiled `core` mentions it.
#[macro_export]
macro_rules! entry {
    ($main:ident) => {
        #[unsafe(export_name = "main")]
        unsafe extern "C" fn c_main(argc: libc::c_int, argv: *mut *mut libc::c_char) -> libc::c_int {
            // SAFETY: the C start-up code passes as many strings as argc says, for as long as the process lives.
            $main(argc, unsafe { $crate::runtime::Arguments::new(argc, argv) })
        }

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! {
            $crate::stdlib::abort()
        }

        #[cfg(debug_assertions)]
        #[unsafe(no_mangle)]
        extern "C" fn rust_eh_personality() {}
    };
}
