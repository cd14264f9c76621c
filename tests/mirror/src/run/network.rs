//! Configures the network of a run, the same on every host.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::mem::zeroed;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};

use crate::common::tools::Tools;
use crate::run::job::not_run;
use crate::scenario::network::{LOOPBACK, has_broadcast};
use crate::scenario::{Device, Scenario};

/// Brings loopback up and sets the network's defaults. The kernel takes ephemeral ports from the
/// given range.
pub fn set_up(tools: &Tools, ephemeral_ports: &str) -> Result<()> {
    let mut commands = vec!["link set lo up multicast on", "route add 224.0.0.0/4 dev lo"];
    if Path::new("/proc/net/if_inet6").exists() {
        // What the kernel says of a device with IPv6 includes a random time of about this length; of
        // 1 ms, it makes 0.
        commands.push("ntable change name ndisc_cache dev lo base_reachable 1");
    }
    ip(tools, &commands)?;
    set(&[
        ("net/ipv4/ip_local_port_range", ephemeral_ports),
        ("net/ipv4/ip_unprivileged_port_start", "1024"),
        // No pacing: segments are sent at once.
        ("net/ipv4/tcp_congestion_control", "reno"),
        // No tail loss probe: it is sent a few milliseconds after the last segment, which on a busy
        // host may be before the tool has seen that the program has ended.
        ("net/ipv4/tcp_early_retrans", "0"),
    ])
}

/// The tap devices of a run. Each exists as long as its descriptor is open, which the program does not
/// inherit. Nothing reads what leaves by it.
#[derive(Debug)]
pub struct Taps {
    _open: Vec<File>,
}

impl Taps {
    /// Creates those that a scenario asks for, in this network namespace, while the host's `/dev` is
    /// there. The error is a [`NotRun`](crate::run::job::NotRun): not every host has the driver.
    pub fn create(devices: &BTreeMap<String, Device>) -> Result<Self> {
        let taps = devices.keys().filter(|name| *name != LOOPBACK);
        let open = taps.map(|name| tap(name).map_err(|error| not_run(format!("{error:#}"))));
        Ok(Self { _open: open.collect::<Result<_>>()? })
    }
}

fn tap(name: &str) -> Result<File> {
    let driver = "/dev/net/tun";
    let file = File::options().read(true).write(true).open(driver).with_context(|| {
        format!("cannot open {driver}, which the device {name:?} needs (modprobe tun; in Docker: --device {driver})")
    })?;
    let mut request = request(name);
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the request takes an ifreq.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    Errno::result(result).with_context(|| format!("cannot create the device {name:?} (TUNSETIFF)"))?;
    Ok(file)
}

/// Gives the devices their addresses and MTUs, and sets the routes. The devices send nothing of their
/// own accord: they are without IPv6, and have no neighbours.
pub fn set_up_devices(tools: &Tools, scenario: &Scenario) -> Result<()> {
    let mut commands = Vec::new();
    for (number, (name, Device { addresses, mtu })) in scenario.devices.iter().enumerate() {
        let is_loopback = name == LOOPBACK;
        if !is_loopback {
            let setting = format!("net/ipv6/conf/{name}/disable_ipv6");
            if Path::new("/proc/sys").join(&setting).exists() {
                set(&[(&setting, "1")])?;
                commands.push(format!("ntable change name ndisc_cache dev {name} base_reachable 1"));
            }
            // A hardware address of the locally administered ones; the kernel's would be random.
            commands.push(format!("link set dev {name} address 02:00:00:00:00:{number:02x}"));
        }
        if let Some(mtu) = mtu {
            commands.push(format!("link set dev {name} mtu {mtu}"));
        }
        for address in addresses {
            let broadcast = if !is_loopback && has_broadcast(address) { " broadcast +" } else { "" };
            commands.push(format!("address add {address}{broadcast} dev {name}"));
        }
        commands.push(format!("link set dev {name} up"));
    }
    commands.extend(scenario.routes.iter().map(|route| format!("route replace {}", route.words())));
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    if commands.is_empty() { Ok(()) } else { ip(tools, &commands).map_err(|error| not_run(format!("{error:#}"))) }
}

/// Makes the capacity of a connection small and the same in every run: fixed socket buffers, and no
/// TCP timers. Every segment is acknowledged at once (`quickack`), and a sender that finds the
/// window full waits for the receiver, not for a retransmission timeout (`rto_min`).
pub fn shrink_buffers(tools: &Tools) -> Result<()> {
    let route = "local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1";
    ip(tools, &[&format!("route change {route} quickack 1 rto_min 60s")])?;
    // Minimum, default and maximum.
    let sizes = "32768 32768 32768";
    set(&[("net/ipv4/tcp_rmem", sizes), ("net/ipv4/tcp_wmem", sizes)])
}

/// Runs these commands of ip(8), up to one that fails.
fn ip(tools: &Tools, commands: &[&str]) -> Result<()> {
    let start = || format!("cannot start {}", tools.ip.display());
    let mut child = Command::new(&tools.ip)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(start)?;
    // If ip ends early, its message says why.
    _ = child.stdin.take().context("a pipe")?.write_all((commands.join("\n") + "\n").as_bytes());
    let output = child.wait_with_output().with_context(start)?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "cannot set up the network namespace: ip failed: {}: {}",
        commands.join("; "),
        message.trim()
    );
    Ok(())
}

/// Makes something, such as a socket, in a new network namespace, which has a loopback device that is up.
pub fn in_another<T>(make: impl FnOnce() -> Result<T>) -> Result<T> {
    let this = File::open("/proc/thread-self/ns/net").context("cannot open this network namespace")?;
    unshare(CloneFlags::CLONE_NEWNET).context("cannot create a network namespace")?;
    let made = bring_up("lo").context("cannot bring up its loopback device").and_then(|()| make());
    setns(this, CloneFlags::CLONE_NEWNET).context("cannot return to the run's network namespace")?;
    made
}

fn bring_up(device: &str) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let mut request = request(device);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the request takes an ifreq.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(result)?;
    Ok(())
}

/// A request about a device. A name that is too long is cut off.
fn request(device: &str) -> libc::ifreq {
    // SAFETY: the structure consists of integers and pointers.
    let mut request: libc::ifreq = unsafe { zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes().take(room)) {
        *to = from.cast_signed();
    }
    request
}

/// Applies a scenario's sysctls, named as for sysctl(8).
pub fn set_sysctls(sysctls: &BTreeMap<String, String>) -> Result<()> {
    sysctls.iter().try_for_each(|(name, value)| set(&[(&name.replace('.', "/"), value)]))
}

fn set(settings: &[(&str, &str)]) -> Result<()> {
    for (name, value) in settings {
        fs::write(Path::new("/proc/sys").join(name), value).with_context(|| format!("cannot set {name} to {value}"))?;
    }
    Ok(())
}
