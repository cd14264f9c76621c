//! Keeps every packet of the namespace's loopback device, as a file that Wireshark opens.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, IoSliceMut, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use etherparse::{SlicedPacket, TransportSlice};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;
use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};

use crate::run::watch;

/// The kernel keeps so many bytes of packets until they are read, or as many as it allows.
const KEPT: usize = 64 << 20;

/// A packet socket and the file that its packets go to.
pub struct Capture {
    socket: OwnedFd,
    writer: PcapNgWriter<BufWriter<File>>,
    /// Room for one packet.
    frame: Vec<u8>,
}

impl Capture {
    /// Keeps the packets from now on in this file.
    pub fn start(path: &Path) -> Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )
        .context("packets cannot be captured")?;
        setsockopt(&socket, sockopt::RcvBuf, &KEPT)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        let file = File::create(path).context("the file of the packets cannot be created")?;
        let mut writer = PcapNgWriter::new(BufWriter::new(file))?;
        writer.write_pcapng_block(InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed("lo")),
                // Times are in nanoseconds.
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        })?;
        Ok(Self { socket, writer, frame: vec![0; 1 << 18] })
    }

    /// Writes down what has crossed the device since the last time.
    pub fn drain(&mut self) -> Result<()> {
        loop {
            let mut parts = [IoSliceMut::new(&mut self.frame)];
            let mut control = nix::cmsg_space!(TimeSpec);
            let message = recvmsg::<LinkAddr>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            );
            let message = match message {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error).context("the capture failed"),
            };
            // On the loopback device a packet is seen as it goes out and as it comes in.
            let outgoing = libc::PACKET_OUTGOING;
            let seen_before = message.address.is_some_and(|from| from.pkttype() == outgoing);
            let packet = message.iovs().next().unwrap_or_default();
            if seen_before || is_our_own(packet) {
                continue;
            }
            let times = message.cmsgs()?.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
                _ => None,
            });
            self.writer.write_pcapng_block(EnhancedPacketBlock {
                interface_id: 0,
                timestamp: times.unwrap_or_default(),
                original_len: u32::try_from(packet.len())?,
                data: Cow::Borrowed(packet),
                options: Vec::new(),
            })?;
        }
    }

    /// Ends the capture.
    pub fn finish(mut self) -> Result<()> {
        self.drain()?;
        let lost = self.lost()?;
        ensure!(lost == 0, "the capture lost {lost} packets");
        Ok(self.writer.into_inner().flush()?)
    }

    /// How many packets the kernel had no room for.
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

/// Whether this is one of the datagrams that only show that others have arrived.
fn is_our_own(frame: &[u8]) -> bool {
    let transport = SlicedPacket::from_ethernet(frame).ok().and_then(|packet| packet.transport);
    match transport {
        Some(TransportSlice::Udp(udp)) => udp.destination_port() == watch::PORT,
        _ => false,
    }
}
