//! The bytes that are sent: messages of a run that could be mixed up differ.

/// A prime, so that no buffer size is a multiple of it.
const PERIOD: usize = 65_521;

/// The largest length of a slice.
pub const MAX_LENGTH: usize = 1 << 20;

/// Pseudo-random bytes with a period of [`PERIOD`] bytes. A message is a slice of them, so sending or
/// verifying it copies and computes nothing.
#[derive(Debug)]
pub struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    /// Generates the bytes, the same every time.
    pub fn new() -> Self {
        let period: Vec<u8> = (0..PERIOD).map(|position| mix(position as u64) as u8).collect();
        Self { bytes: period.into_iter().cycle().take(PERIOD + MAX_LENGTH).collect() }
    }

    /// A message, whose bytes depend on its connection and its number.
    pub fn message(&self, connection: usize, number: u64, size: usize) -> &[u8] {
        let seed = mix(connection as u64).wrapping_add(number);
        let start = mix(seed) % PERIOD as u64;
        &self.bytes[start as usize..][..size]
    }

    /// A part of an endless stream.
    pub fn stream(&self, position: u64, size: usize) -> &[u8] {
        &self.bytes[(position % PERIOD as u64) as usize..][..size]
    }
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of the number.
fn mix(number: u64) -> u64 {
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
        assert_eq!(pattern.message(5, 7, MAX_LENGTH), pattern.message(5, 7, MAX_LENGTH));
    }

    #[test]
    fn the_stream_continues_after_the_period() {
        let pattern = Pattern::new();
        let end = PERIOD as u64 - 2;
        assert_eq!(pattern.stream(end, 4)[2..], *pattern.stream(0, 2));
    }
}
