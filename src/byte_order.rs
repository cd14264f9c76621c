//! Byte order: numbers as this machine stores them, and as the network does.
//!
//! On the wire the most significant byte comes first ("network byte order", big-endian). The first letter
//! of a name says from where, the third to where (`h`ost, `n`etwork), and the last the size: `s` for 16
//! bits, `l` for 32, whatever `short` and `long` are on the machine.
//!
//! In C these are functions that the compiler turns into one instruction. The libc crate does the same: no
//! call is left in either twin. They cannot fail.

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
/// let address = sockmirror::byte_order::htonl(0x7f00_0001); // 127.0.0.1
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
/// let port = sockmirror::byte_order::htons(5000); // 0x1388
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
