//! The command line of our own programs.
//!
//! The listings accept whatever they are given (erratum 27). Our programs check it: on a missing, surplus or invalid
//! argument they print the error and the usage on stderr, with a single `fprintf`, so that it is a single write, and
//! exit with 2. `-h` or `--help` as the first argument prints the usage on stdout; the program then exits with 0, or
//! with 1 if the usage could not be written.
//!
//! `usage` is the synopsis, such as `./byte_order [VALUE]`; `name` is the argument's name in it. A program reads an
//! optional argument only if argc counts it.

use core::ffi::CStr;
use libc::{c_int, c_longlong, in_addr};

use crate::arpa::inet::{inet_aton, ntohl};
use crate::runtime::Arguments;
use crate::stdio::{fprintf, printf, stderr};
use crate::stdlib::{exit, strtoll};
use crate::string::{CharPtr, strcmp, strpbrk};

use crate::common::explain::succeed;

/// Prints the usage if it is asked for, and rejects more than `max` arguments. Call it before the other functions.
pub fn check_arguments(program: &CStr, usage: &CStr, argc: c_int, argv: Arguments, max: c_int) {
    // Rust: argc need not be the number of arguments in argv.
    if argc > 1
        && !argv[1].is_null()
        // SAFETY: neither is null.
        && (unsafe { strcmp(argv[1].as_ptr(), c"-h".as_ptr()) } == 0
            // SAFETY: neither is null.
            || unsafe { strcmp(argv[1].as_ptr(), c"--help".as_ptr()) } == 0)
    {
        printf!(c"Usage: %s\n", usage);
        succeed(program);
    }

    if argc.saturating_sub(1) > max {
        fprintf!(stderr(), c"%s: too many arguments: \"%s\"\nUsage: %s\n", program, argv[(max + 1) as usize], usage);
        exit(2);
    }
}

/// Returns an argument as it is. It must be there: a null pointer follows the last one.
pub fn string_argument(program: &CStr, usage: &CStr, name: &CStr, text: CharPtr) -> CharPtr {
    if text.is_null() {
        fprintf!(stderr(), c"%s: missing argument: %s\nUsage: %s\n", program, name, usage);
        exit(2);
    }

    text
}

/// Parses an argument that is an integer from `min` to `max`, without white space, a plus sign or anything after it.
/// `base` is 10, or 0, which also accepts 0x1F and octal 037. (A long has 32 bits on some machines, too few for some
/// limits.)
pub fn number_argument(
    program: &CStr,
    usage: &CStr,
    name: &CStr,
    text: CharPtr,
    base: c_int,
    min: c_longlong,
    max: c_longlong,
) -> c_longlong {
    let text = string_argument(program, usage, name, text);
    // Rust: strtoll stores nothing if it does not know `base`.
    let mut end = text.as_ptr().cast_mut();

    // Without a digit, `end` is `text`. A number out of range becomes LLONG_MAX or LLONG_MIN.
    // SAFETY: `text` is a C string, and `end` may be written.
    let number = unsafe { strtoll(text.as_ptr(), &raw mut end, base) };

    // strtoll itself skips white space and accepts a plus sign.
    // SAFETY: a C string has at least a NUL.
    if !matches!(unsafe { *text.as_ptr() } as u8, b'-' | b'0'..=b'9')
        || end.cast_const() == text.as_ptr()
        // SAFETY: strtoll leaves `end` within `text`, at its NUL at the latest.
        || unsafe { *end } != 0
        || number < min
        || number > max
    {
        fprintf!(
            stderr(),
            c"%s: invalid %s \"%s\": expected %lld to %lld\nUsage: %s\n",
            program,
            name,
            text,
            min,
            max,
            usage
        );
        exit(2);
    }

    number
}

/// Parses an argument that is an IPv4 address, in any notation that inet_aton accepts, and nothing else.
pub fn address_argument(program: &CStr, usage: &CStr, name: &CStr, text: CharPtr) -> in_addr {
    let mut address = in_addr { s_addr: 0 };
    let text = string_argument(program, usage, name, text);

    // inet_aton itself ignores whatever follows white space.
    // SAFETY: `text` is a C string, and `address` may be written.
    if unsafe { inet_aton(text.as_ptr(), &raw mut address) } == 0
        // SAFETY: both are C strings.
        || !unsafe { strpbrk(text.as_ptr(), c" \t\n\x0b\x0c\r".as_ptr()) }.is_null()
    {
        reject_argument(program, usage, name, text, c"an IPv4 address");
    }

    address
}

/// Parses an argument that is the address of a machine, or 0.0.0.0: not that of a multicast group.
pub fn unicast_argument(program: &CStr, usage: &CStr, name: &CStr, text: CharPtr) -> in_addr {
    let address = address_argument(program, usage, name, text);

    // Class D: the first four bits are 1110.
    if ntohl(address.s_addr) >> 28 == 14 {
        reject_argument(program, usage, name, text, c"a unicast address");
    }

    address
}

/// Prints that an argument is invalid, and what was expected, such as "a multicast address". Exits with 2.
pub fn reject_argument(program: &CStr, usage: &CStr, name: &CStr, text: CharPtr, expected: &CStr) -> ! {
    fprintf!(stderr(), c"%s: invalid %s \"%s\": expected %s\nUsage: %s\n", program, name, text, expected, usage);
    exit(2);
}
