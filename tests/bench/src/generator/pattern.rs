//! The bytes that are sent: never the same in two messages of a run that could be confused.

/// A prime, so that no buffer's size is a multiple of it.
const PERIOD: usize = 65_521;

/// The longest piece that can be had at once.
pub const LONGEST: usize = 1 << 20;

/// Bytes without a visible order, repeated after [`PERIOD`] bytes. A message is a piece of them,
/// so nothing need be copied or computed to send or verify one.
#[derive(Debug)]
pub struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    /// The same bytes every time.
    pub fn new() -> Self {
        let period: Vec<u8> = (0..PERIOD).map(|place| scrambled(place as u64) as u8).collect();
        Self { bytes: period.into_iter().cycle().take(PERIOD + LONGEST).collect() }
    }

    /// A message: which bytes it has depends on its connection and on its number.
    pub fn message(&self, connection: usize, number: u64, size: usize) -> &[u8] {
        let seed = scrambled(connection as u64).wrapping_add(number);
        let start = scrambled(seed) % PERIOD as u64;
        &self.bytes[start as usize..][..size]
    }

    /// A piece of an endless stream of bytes.
    pub fn stream(&self, position: u64, size: usize) -> &[u8] {
        &self.bytes[(position % PERIOD as u64) as usize..][..size]
    }
}

/// Every bit of the result depends on every bit of the number (the finaliser of SplitMix64).
fn scrambled(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_differ() {
        let pattern = Pattern::new();
        assert_ne!(pattern.message(0, 0, 128), pattern.message(0, 1, 128));
        assert_ne!(pattern.message(0, 1, 128), pattern.message(1, 0, 128));
        assert_eq!(pattern.message(5, 7, LONGEST), pattern.message(5, 7, LONGEST));
    }

    #[test]
    fn the_stream_goes_on_after_the_period() {
        let pattern = Pattern::new();
        let end = PERIOD as u64 - 2;
        assert_eq!(pattern.stream(end, 4)[2..], *pattern.stream(0, 2));
    }
}
