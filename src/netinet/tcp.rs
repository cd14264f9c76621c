//! `<netinet/tcp.h>`: the states of a connection, and what the libc crate lacks of `struct tcp_info`.

/// `tcpi_snd_wscale` — the window scale that the other end has announced: a bit-field of `struct tcp_info` in C.
///
/// Rust has no bit-fields: the libc crate has the byte that this one shares with `tcpi_rcv_wscale`. C puts the
/// first of two into the low half of the byte on a little-endian machine, and into the high half on a
/// big-endian one.
///
/// # Source
///
/// `<netinet/tcp.h>`, `<linux/tcp.h>`.
///
/// # Examples
///
/// ```
/// use sockmirror::netinet::tcp::tcpi_snd_wscale;
///
/// let byte = if cfg!(target_endian = "little") { 0xa7 } else { 0x7a };
/// assert_eq!(tcpi_snd_wscale(byte), 7);
/// ```
#[inline]
#[must_use]
pub fn tcpi_snd_wscale(snd_rcv_wscale: u8) -> u8 {
    if cfg!(target_endian = "little") { snd_rcv_wscale & 0x0f } else { snd_rcv_wscale >> 4 }
}

/// In `tcpi_options`: both ends have agreed on selective acknowledgements.
pub const TCPI_OPT_SACK: u8 = 2;

// The states of a connection, an enum in <netinet/tcp.h>; here each has the type of `tcpi_state`.

/// The connection is open: both may send.
pub const TCP_ESTABLISHED: u8 = 1;
/// This end has sent its SYN.
pub const TCP_SYN_SENT: u8 = 2;
/// A SYN has come and been answered; the last acknowledgement is due.
pub const TCP_SYN_RECV: u8 = 3;
/// This end has sent its FIN, which is not acknowledged yet (FIN-WAIT-1).
pub const TCP_FIN_WAIT1: u8 = 4;
/// The FIN is acknowledged, the other end's is due (FIN-WAIT-2).
pub const TCP_FIN_WAIT2: u8 = 5;
/// Both have sent their FIN, this end first; the pair of addresses rests for a minute.
pub const TCP_TIME_WAIT: u8 = 6;
/// There is no connection.
pub const TCP_CLOSE: u8 = 7;
/// The other end's FIN has come, this end has not sent its own.
pub const TCP_CLOSE_WAIT: u8 = 8;
/// This end has sent its FIN second; its acknowledgement is due.
pub const TCP_LAST_ACK: u8 = 9;
/// The socket listens.
pub const TCP_LISTEN: u8 = 10;
/// Both have sent their FIN at the same time; the acknowledgement of this end's is due.
pub const TCP_CLOSING: u8 = 11;
