//! Reads a capture.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use pcap_file::pcapng::{Block, PcapNgReader};

/// A packet as it was captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When, since 1970.
    pub time: Duration,
    /// All of it, from the link layer's header on.
    pub bytes: Vec<u8>,
}

/// Reads a capture.
pub fn read(path: &Path) -> Result<Vec<Frame>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = PcapNgReader::new(file).with_context(|| format!("{}: not a capture file", path.display()))?;
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block? {
            frames.push(Frame { time: packet.timestamp, bytes: packet.data.into_owned() });
        }
    }
    Ok(frames)
}
