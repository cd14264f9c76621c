//! What the libc crate does not declare, or not as it is needed here. Every other C function comes from `libc::`.

use crate::aio::aioinit;
use libc::{FILE, c_char, c_int, in_addr, in_addr_t};

// The link attribute is needed: the libc crate names the C library itself only as long as no crate
// of the build turns its `std` feature on.
#[link(name = "c")]
unsafe extern "C" {
    /// The stream of `<stdio.h>` whose descriptor is 1; see [`crate::stdio::stdout`].
    pub static mut stdout: *mut FILE;

    /// The stream of `<stdio.h>` whose descriptor is 2; see [`crate::stdio::stderr`].
    pub static mut stderr: *mut FILE;

    /// `<unistd.h>`; see [`crate::getopt::optarg`].
    pub static mut optarg: *mut c_char;

    /// `<unistd.h>`; see [`crate::getopt::optind`].
    pub static mut optind: c_int;

    /// `<unistd.h>`; see [`crate::getopt::optopt`].
    pub static mut optopt: c_int;

    /// `<arpa/inet.h>`; see [`crate::address::inet_addr`].
    pub fn inet_addr(cp: *const c_char) -> in_addr_t;

    /// `<arpa/inet.h>`; see [`crate::address::inet_aton`].
    pub fn inet_aton(cp: *const c_char, inp: *mut in_addr) -> c_int;

    /// `<arpa/inet.h>`; see [`crate::address::inet_ntoa`].
    pub fn inet_ntoa(r#in: in_addr) -> *mut c_char;

    /// `<stdio.h>`; see [`crate::stdio`], which says why nothing is returned.
    pub fn printf(format: *const c_char, ...);

    /// `<stdio.h>`; see [`crate::stdio`].
    pub fn fprintf(stream: *mut FILE, format: *const c_char, ...);

    /// `<aio.h>`; see [`crate::aio::aio_init`].
    pub fn aio_init(init: *const aioinit);
}
