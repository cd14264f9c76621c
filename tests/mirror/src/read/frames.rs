//! Reads a capture.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};

/// A packet as it was captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When, since 1970.
    pub time: Duration,
    /// The device that it was captured on.
    pub device: String,
    /// All of it, from the link layer's header on.
    pub bytes: Vec<u8>,
}

/// Reads a capture.
pub fn read(path: &Path) -> Result<Vec<Frame>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = PcapNgReader::new(file).with_context(|| format!("{}: not a capture file", path.display()))?;
    let mut frames = Vec::new();
    let mut devices: Vec<String> = Vec::new();
    while let Some(block) = reader.next_block() {
        match block? {
            Block::InterfaceDescription(device) => {
                let name = device.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                    _ => None,
                });
                devices.push(name.unwrap_or_default());
            }
            Block::EnhancedPacket(packet) => {
                let device = devices.get(packet.interface_id as usize).cloned().unwrap_or_default();
                frames.push(Frame { time: packet.timestamp, device, bytes: packet.data.into_owned() });
            }
            _ => {}
        }
    }
    Ok(frames)
}
