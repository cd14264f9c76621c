//! How our own programs read their command line.
//!
//! The listings take what they get (erratum 27). Our programs check it: if an argument is missing, superfluous or
//! invalid, they say so on stderr, with the usage below it, all in one `fprintf`, so that it is one write, and exit
//! with 2. `-h` or `--help` as the first argument prints the usage on stdout; the program then exits with 0, or with 1
//! if the usage could not be written.
//!
//! `usage` shows how the program is called, as in `./byte_order [VALUE]`; `name` is the argument's name in it.
//! Optional arguments are read only if argc counts them.

use core::ffi::CStr;
use libc::{c_int, c_longlong, in_addr};

use crate::arpa::inet::inet_aton;
use crate::runtime::Arguments;
use crate::stdio::{fprintf, printf, stderr};
use crate::stdlib::{exit, strtoll};
use crate::string::{CharPtr, strcmp, strpbrk};

use crate::common::explain::succeed;

/// Prints the usage if it is asked for, and rejects more than `most` arguments. Comes before the other functions.
pub fn check_arguments(program: &CStr, usage: &CStr, argc: c_int, argv: Arguments, most: c_int) {
    // Rust: nobody vouches that argv has as many arguments as argc says.
    if argc > 1
        && !argv[1].is_null()
        // SAFETY: two C strings.
        && (unsafe { strcmp(argv[1].as_ptr(), c"-h".as_ptr()) } == 0
            // SAFETY: two C strings.
            || unsafe { strcmp(argv[1].as_ptr(), c"--help".as_ptr()) } == 0)
    {
        printf!(c"Usage: %s\n", usage);
        succeed(program);
    }

    if most < argc && most + 1 < argc {
        fprintf!(stderr(), c"%s: too many arguments: \"%s\"\nUsage: %s\n", program, argv[(most + 1) as usize], usage);
        exit(2);
    }
}

/// Takes an argument as it is. It must be there: what follows the last one is a null pointer.
pub fn string_argument(program: &CStr, usage: &CStr, name: &CStr, text: CharPtr) -> CharPtr {
    if text.is_null() {
        fprintf!(stderr(), c"%s: missing argument: %s\nUsage: %s\n", program, name, usage);
        exit(2);
    }

    text
}

/// Takes an argument that is a number from `least` to `most`, without white space, a plus sign or anything after it.
/// `base` is 10, or 0, which also takes 0x1F and, for octal, 037. (A long has 32 bits on some machines, too few for
/// some limits.)
pub fn number_argument(
    program: &CStr,
    usage: &CStr,
    name: &CStr,
    text: CharPtr,
    base: c_int,
    least: c_longlong,
    most: c_longlong,
) -> c_longlong {
    let text = string_argument(program, usage, name, text);
    // Rust: strtoll stores nothing if it does not know `base`.
    let mut end = text.as_ptr().cast_mut();

    // Without a digit, `end` is `text`. A number that is out of range becomes the largest or the smallest one.
    // SAFETY: `text` is a C string, and `end` may be written.
    let number = unsafe { strtoll(text.as_ptr(), &raw mut end, base) };

    // strtoll itself would skip white space, and take a plus sign.
    // SAFETY: `text` is a C string: there is at least its NUL.
    if !matches!(unsafe { *text.as_ptr() } as u8, b'-' | b'0'..=b'9')
        || end.cast_const() == text.as_ptr()
        // SAFETY: strtoll has left `end` in `text`, at its NUL at the furthest.
        || unsafe { *end } != 0
        || number < least
        || number > most
    {
        fprintf!(
            stderr(),
            c"%s: invalid %s \"%s\": expected %lld to %lld\nUsage: %s\n",
            program,
            name,
            text,
            least,
            most,
            usage,
        );
        exit(2);
    }

    number
}

/// Takes an argument that is an IPv4 address, in any notation that inet_aton knows, and nothing but that.
pub fn address_argument(program: &CStr, usage: &CStr, name: &CStr, text: CharPtr) -> in_addr {
    let mut address = in_addr { s_addr: 0 };
    let text = string_argument(program, usage, name, text);

    // inet_aton itself ignores what follows white space.
    // SAFETY: `text` is a C string, and `address` may be written.
    if unsafe { inet_aton(text.as_ptr(), &raw mut address) } == 0
        // SAFETY: both are C strings.
        || !unsafe { strpbrk(text.as_ptr(), c" \t\n\x0b\x0c\r".as_ptr()) }.is_null()
    {
        reject_argument(program, usage, name, text, c"an IPv4 address");
    }

    address
}

/// Says that an argument is invalid, and what was expected, as "a multicast address". Exits with 2.
pub fn reject_argument(program: &CStr, usage: &CStr, name: &CStr, text: CharPtr, expected: &CStr) -> ! {
    fprintf!(stderr(), c"%s: invalid %s \"%s\": expected %s\nUsage: %s\n", program, name, text, expected, usage,);
    exit(2);
}
