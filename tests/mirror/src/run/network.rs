//! Configures the network of a run, the same on every host.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::common::tools::Tools;

/// Brings loopback up and sets the network's defaults. The kernel takes ephemeral ports from the
/// given range.
pub fn set_up(tools: &Tools, ephemeral_ports: &str) -> Result<()> {
    ip(tools, "link set lo up multicast on")?;
    ip(tools, "route add 224.0.0.0/4 dev lo")?;
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

/// Makes the capacity of a connection small and the same in every run: fixed socket buffers, and no
/// TCP timers. Every segment is acknowledged at once (`quickack`), and a sender that finds the
/// window full waits for the receiver, not for a retransmission timeout (`rto_min`).
pub fn shrink_buffers(tools: &Tools) -> Result<()> {
    let route = "local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1";
    ip(tools, &format!("route change {route} quickack 1 rto_min 60s"))?;
    // Minimum, default and maximum.
    let sizes = "32768 32768 32768";
    set(&[("net/ipv4/tcp_rmem", sizes), ("net/ipv4/tcp_wmem", sizes)])
}

fn ip(tools: &Tools, arguments: &str) -> Result<()> {
    let status = Command::new(&tools.ip).args(arguments.split(' ')).status();
    ensure!(
        status.with_context(|| format!("cannot start {}", tools.ip.display()))?.success(),
        "cannot set up the network namespace: ip {arguments} failed"
    );
    Ok(())
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
