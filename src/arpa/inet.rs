//! `<arpa/inet.h>`: IPv4 addresses from text to 32 bits and back, and the byte order of the network.
//!
//! On the wire the most significant byte comes first ("network byte order", big-endian). The first letter
//! of a name says from where, the third to where (`h`ost, `n`etwork), and the last the size: `s` for 16
//! bits, `l` for 32, whatever `short` and `long` are on the machine.
//!
//! In C these are functions that the compiler turns into one instruction. The libc crate does the same: no
//! call is left in either twin. They cannot fail.

use crate::string::CharPtr;
use libc::{c_char, c_int, in_addr, in_addr_t};

unsafe extern "C" {
    /// `inet_addr(cp)` — reads an IPv4 address in dotted decimal.
    ///
    /// ```c
    /// in_addr_t inet_addr(const char *cp);
    /// ```
    ///
    /// Returns the address in network byte order, or `INADDR_NONE` if the text is none. `INADDR_NONE` is also
    /// what 255.255.255.255 comes to, so the two cannot be told apart. `errno` is not set, hence no `Result`.
    ///
    /// It takes more than four decimal numbers: `127.1` is 127.0.0.1, `0x7f.1` and `0177.1` as well, a single
    /// number is all 32 bits, and what follows a blank is not read.
    ///
    /// # Safety
    ///
    /// `cp` points to a C string.
    ///
    /// # Source
    ///
    /// `inet_addr(3)`, `inet(3)`; tutorial, lines 168 and 629.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockmirror::arpa::inet::inet_addr;
    ///
    /// // SAFETY: a literal is a C string.
    /// let address = unsafe { inet_addr(c"127.0.0.1".as_ptr()) };
    /// assert_eq!(address.to_ne_bytes(), [127, 0, 0, 1]);
    ///
    /// // SAFETY: a literal is a C string.
    /// let address = unsafe { inet_addr(c"localhost".as_ptr()) };
    /// assert_eq!(address, libc::INADDR_NONE);
    /// ```
    #[must_use]
    pub unsafe fn inet_addr(cp: *const c_char) -> in_addr_t;

    /// `inet_aton(cp, inp)` — reads an IPv4 address, and says whether it is one.
    ///
    /// ```c
    /// int inet_aton(const char *cp, struct in_addr *inp);
    /// ```
    ///
    /// Reads what [`inet_addr`] reads, and stores the address in network byte order at `inp`. Returns 1, or 0
    /// if the text is no address; then nothing is stored. `errno` is not set, hence no `Result`: the value is
    /// C's truth value. 255.255.255.255 is an address like any other.
    ///
    /// # Safety
    ///
    /// `cp` points to a C string, and `inp` to an `in_addr` that may be written.
    ///
    /// # Source
    ///
    /// `inet_aton(3)`, `inet(3)`; tutorial, line 168 (two functions convert, it says).
    ///
    /// # Examples
    ///
    /// ```
    /// use libc::in_addr;
    /// use sockmirror::arpa::inet::inet_aton;
    ///
    /// let mut address = in_addr { s_addr: 0 };
    /// // SAFETY: a literal is a C string, and `address` may be written.
    /// assert_eq!(unsafe { inet_aton(c"127.1".as_ptr(), &raw mut address) }, 1);
    /// assert_eq!(address.s_addr.to_ne_bytes(), [127, 0, 0, 1]);
    /// // SAFETY: a literal is a C string, and `address` may be written.
    /// assert_eq!(unsafe { inet_aton(c"128,23,23,14".as_ptr(), &raw mut address) }, 0);
    /// ```
    #[must_use]
    pub unsafe fn inet_aton(cp: *const c_char, inp: *mut in_addr) -> c_int;
}

/// `inet_ntoa(in)` — writes an IPv4 address in dotted decimal.
///
/// ```c
/// char *inet_ntoa(struct in_addr in);
/// ```
///
/// `in` is in network byte order. Returns a pointer to a C string of 15 characters at most, in a buffer of
/// libc's own (in glibc, one for each thread), which the next call overwrites. It cannot fail.
///
/// # Source
///
/// `inet_ntoa(3)`, `inet(3)`; tutorial, line 418, which names it and never calls it.
///
/// # Examples
///
/// ```
/// use libc::{INADDR_LOOPBACK, in_addr};
/// use sockmirror::arpa::inet::{htonl, inet_ntoa};
/// use sockmirror::stdio::printf;
///
/// printf!(c"%s\n", inet_ntoa(in_addr { s_addr: htonl(INADDR_LOOPBACK) }));
/// ```
#[inline]
#[must_use]
pub fn inet_ntoa(r#in: in_addr) -> CharPtr {
    unsafe extern "C" {
        fn inet_ntoa(r#in: in_addr) -> *mut c_char;
    }

    // SAFETY: every value is an address; the text goes to a buffer of libc's own.
    let text = unsafe { inet_ntoa(r#in) };
    // SAFETY: the buffer always ends with a NUL.
    unsafe { CharPtr::new(text) }
}

/// `htonl(hostlong)` — 32 bits from host order to network order: an IPv4 address.
///
/// ```c
/// uint32_t htonl(uint32_t hostlong);
/// ```
///
/// # Source
///
/// byteorder(3), RFC 791 appendix B; tutorial, lines 170-204 (its types are erratum 10).
///
/// # Examples
///
/// ```
/// let address = sockmirror::arpa::inet::htonl(0x7f00_0001); // 127.0.0.1
/// assert_eq!(address.to_ne_bytes(), [127, 0, 0, 1]);
/// ```
#[inline]
#[must_use]
pub fn htonl(hostlong: u32) -> u32 {
    libc::htonl(hostlong)
}

/// `htons(hostshort)` — 16 bits from host order to network order: a port.
///
/// ```c
/// uint16_t htons(uint16_t hostshort);
/// ```
///
/// # Source
///
/// byteorder(3), RFC 791 appendix B; tutorial, lines 170-204 (its types are erratum 10).
///
/// # Examples
///
/// ```
/// let port = sockmirror::arpa::inet::htons(5000); // 0x1388
/// assert_eq!(port.to_ne_bytes(), [0x13, 0x88]);
/// ```
#[inline]
#[must_use]
pub fn htons(hostshort: u16) -> u16 {
    libc::htons(hostshort)
}

/// `ntohl(netlong)` — 32 bits from network order to host order: undoes [`htonl`].
///
/// ```c
/// uint32_t ntohl(uint32_t netlong);
/// ```
///
/// # Source
///
/// byteorder(3), RFC 791 appendix B; tutorial, lines 170-204 (its types are erratum 10).
#[inline]
#[must_use]
pub fn ntohl(netlong: u32) -> u32 {
    libc::ntohl(netlong)
}

/// `ntohs(netshort)` — 16 bits from network order to host order: undoes [`htons`].
///
/// ```c
/// uint16_t ntohs(uint16_t netshort);
/// ```
///
/// # Source
///
/// byteorder(3), RFC 791 appendix B; tutorial, lines 170-204 (its types are erratum 10).
#[inline]
#[must_use]
pub fn ntohs(netshort: u16) -> u16 {
    libc::ntohs(netshort)
}
