//! What the programs that are ours make of their command line.
//!
//! The listings take what they get (erratum 27). Our programs check it: an argument that is missing, one
//! too many, or one that is not what it should be is told on stderr, with the usage below it, all in one
//! `fprintf`, so that it is one write; and the program exits with 2. `-h` or `--help` as the first
//! argument prints the usage on stdout, and the program exits with 0, or with 1 if it cannot be written.
//!
//! `usage` is how to call the program, as in `./byte_order [VALUE]`; `name` is what it calls the argument.
//! An argument that may be left out is only taken if argc says that it is there.

use crate::arpa::inet::inet_aton;
use crate::runtime::Arguments;
use crate::stdio::{fprintf, printf, stderr};
use crate::stdlib::{exit, strtoll};
use crate::string::{strcmp, strpbrk};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{c_char, c_int, c_longlong, in_addr};

use crate::common::explain::succeed;

/// Helps who asks for it, and refuses more than `most` arguments. Comes before all others.
///
/// # Safety
///
/// `argv` was made with this `argc`.
pub unsafe fn check_arguments(
    program: &CStr,
    usage: &CStr,
    argc: c_int,
    argv: Arguments<'_>,
    most: c_int,
) {
    if argc > 1
        // SAFETY: argc counts argv[1], so that it is a C string, as the literal is.
        && (unsafe { strcmp(argv[1], c"-h".as_ptr()) } == 0
            // SAFETY: the same.
            || unsafe { strcmp(argv[1], c"--help".as_ptr()) } == 0)
    {
        // SAFETY: a C string, as the format asks.
        unsafe { printf(c"Usage: %s\n".as_ptr(), usage.as_ptr()) };
        succeed(program);
    }

    if argc - 1 > most {
        // SAFETY: three C strings, as the format asks: argc counts that of argv.
        unsafe {
            fprintf(
                stderr(),
                c"%s: too many arguments: \"%s\"\nUsage: %s\n".as_ptr(),
                program.as_ptr(),
                argv[most as usize + 1],
                usage.as_ptr(),
            )
        };
        exit(2);
    }
}

/// Takes an argument as it is. It must be there: what follows the last one is a null pointer.
///
/// # Safety
///
/// `text` is null or points to a C string.
pub unsafe fn word_argument(
    program: &CStr,
    usage: &CStr,
    name: &CStr,
    text: *const c_char,
) -> *const c_char {
    if text.is_null() {
        // SAFETY: three C strings, as the format asks.
        unsafe {
            fprintf(
                stderr(),
                c"%s: %s is missing\nUsage: %s\n".as_ptr(),
                program.as_ptr(),
                name.as_ptr(),
                usage.as_ptr(),
            )
        };
        exit(2);
    }

    text
}

/// Takes an argument that is a number from `least` to `most`, and nothing but that: no blank, no plus sign,
/// nothing after it. `base` is 10, or 0, which also takes 0x1F and, for octal, 037. A long has 32 bits on
/// some machines, and not every limit fits it.
///
/// # Safety
///
/// `text` is null or points to a C string.
pub unsafe fn number_argument(
    program: &CStr,
    usage: &CStr,
    name: &CStr,
    text: *const c_char,
    base: c_int,
    least: c_longlong,
    most: c_longlong,
) -> c_longlong {
    // SAFETY: `text` is null or a C string.
    let text = unsafe { word_argument(program, usage, name, text) };
    let mut end = text.cast_mut();

    // Without a digit, `end` is `text`. What does not fit becomes the largest or the smallest number.
    // SAFETY: `text` is a C string, and `end` may be written.
    let number = unsafe { strtoll(text, &raw mut end, base) };

    // strtoll itself would skip blanks, and take a plus sign.
    // SAFETY: `text` is a C string: there is at least its NUL.
    if !matches!(unsafe { *text } as u8, b'-' | b'0'..=b'9')
        || end.cast_const() == text
        // SAFETY: strtoll has left `end` in `text`, at its NUL at the furthest.
        || unsafe { *end } != 0
        || number < least
        || number > most
    {
        // SAFETY: three C strings, two of type long long and a C string, as the format asks.
        unsafe {
            fprintf(
                stderr(),
                c"%s: %s \"%s\" is no number from %lld to %lld\nUsage: %s\n".as_ptr(),
                program.as_ptr(),
                name.as_ptr(),
                text,
                least,
                most,
                usage.as_ptr(),
            )
        };
        exit(2);
    }

    number
}

/// Takes an argument that is an IPv4 address, in any notation that inet_aton knows, and nothing but that.
///
/// # Safety
///
/// `text` is null or points to a C string.
pub unsafe fn address_argument(
    program: &CStr,
    usage: &CStr,
    name: &CStr,
    text: *const c_char,
) -> in_addr {
    let mut address = MaybeUninit::<in_addr>::uninit();

    // SAFETY: `text` is null or a C string.
    let text = unsafe { word_argument(program, usage, name, text) };

    // inet_aton itself would not look at what follows white space.
    // SAFETY: `text` is a C string, and `address` may be written.
    if unsafe { inet_aton(text, address.as_mut_ptr()) } == 0
        // SAFETY: both are C strings.
        || !unsafe { strpbrk(text, c" \t\n\x0b\x0c\r".as_ptr()) }.is_null()
    {
        // SAFETY: `text` is a C string.
        unsafe { refuse(program, usage, name, text, c"no IPv4 address") };
    }

    // SAFETY: inet_aton has stored the address.
    unsafe { address.assume_init() }
}

/// Says that an argument is not what it should be: `expected` is as in "no multicast address". Exits with 2.
///
/// # Safety
///
/// `text` points to a C string.
pub unsafe fn refuse(
    program: &CStr,
    usage: &CStr,
    name: &CStr,
    text: *const c_char,
    expected: &CStr,
) -> ! {
    // SAFETY: five C strings, as the format asks.
    unsafe {
        fprintf(
            stderr(),
            c"%s: %s \"%s\" is %s\nUsage: %s\n".as_ptr(),
            program.as_ptr(),
            name.as_ptr(),
            text,
            expected.as_ptr(),
            usage.as_ptr(),
        )
    };
    exit(2);
}
