//! Captures every packet on the devices of the run's network into a pcapng file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, IoSliceMut, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeSpec;
use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};

use crate::scenario::network::LOOPBACK;

/// The size of the socket's receive buffer, in bytes, as far as the kernel allows it.
const RECEIVE_BUFFER: usize = 64 << 20;

/// A packet socket and the file that it is captured to.
pub struct Capture {
    socket: OwnedFd,
    writer: PcapNgWriter<BufWriter<File>>,
    /// The devices' numbers: that of loopback, then those of the others.
    devices: Vec<usize>,
    /// A buffer for one packet.
    frame: Vec<u8>,
}

impl Capture {
    /// Starts to capture the packets on loopback and on these devices into this file.
    pub fn start<'a>(path: &Path, others: impl Iterator<Item = &'a str>) -> Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )
        .context("cannot capture packets")?;
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        let file = File::create(path).context("cannot create the capture file")?;
        let mut writer = PcapNgWriter::new(BufWriter::new(file))?;
        let mut devices = Vec::new();
        for name in std::iter::once(LOOPBACK).chain(others.filter(|name| *name != LOOPBACK)) {
            let number = if_nametoindex(name).with_context(|| format!("there is no device {name:?}"))?;
            devices.push(usize::try_from(number)?);
            writer.write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::ETHERNET,
                snaplen: 0,
                options: vec![
                    InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
                    // Timestamps are in nanoseconds.
                    InterfaceDescriptionOption::IfTsResol(9),
                ],
            })?;
        }
        Ok(Self { socket, writer, devices, frame: vec![0; 1 << 18] })
    }

    /// Writes the packets that have arrived since the last call.
    pub fn drain(&mut self) -> Result<()> {
        loop {
            let mut parts = [IoSliceMut::new(&mut self.frame)];
            let mut control = nix::cmsg_space!(TimeSpec);
            let message =
                recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty());
            let message = match message {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error).context("the capture failed"),
            };
            let Some(device) = message.address.and_then(|from| {
                let device = self.devices.iter().position(|number| *number == from.ifindex())?;
                // The loopback device delivers each packet twice: outgoing and incoming.
                let is_duplicate = device == 0 && from.pkttype() == libc::PACKET_OUTGOING;
                (!is_duplicate).then_some(device)
            }) else {
                continue;
            };
            let packet = message.iovs().next().unwrap_or_default();
            let times = message.cmsgs()?.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
                _ => None,
            });
            self.writer.write_pcapng_block(EnhancedPacketBlock {
                interface_id: u32::try_from(device)?,
                timestamp: times.unwrap_or_default(),
                original_len: u32::try_from(packet.len())?,
                data: Cow::Borrowed(packet),
                options: Vec::new(),
            })?;
        }
    }

    /// Finishes the file; fails if packets were lost.
    pub fn finish(mut self) -> Result<()> {
        self.drain()?;
        let lost = self.lost()?;
        ensure!(lost == 0, "the capture lost {lost} packets");
        Ok(self.writer.into_inner().flush()?)
    }

    /// How many packets the kernel has dropped.
    fn lost(&self) -> Result<u32> {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = u32::try_from(size_of::<libc::tpacket_stats>())?;
        // SAFETY: the option's value is a tpacket_stats, and `length` is its size.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        Errno::result(result)?;
        Ok(statistics.tp_drops)
    }
}
