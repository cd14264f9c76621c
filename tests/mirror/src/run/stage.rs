//! Makes the namespaces of a run ready, the same on every machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::common::tools::Tools;

/// Pins this process and all that it starts, and makes the network ready. Connections come from the
/// ports of that range unless they are bound to others.
pub fn prepare(tools: &Tools, processor: usize, ephemeral_ports: &str) -> Result<()> {
    let mut processors = CpuSet::new();
    processors.set(processor)?;
    sched_setaffinity(Pid::this(), &processors)
        .with_context(|| format!("cannot run on processor {processor}"))?;
    ip(tools, "link set lo up multicast on")?;
    ip(tools, "route add 224.0.0.0/4 dev lo")?;
    set(&[
        ("net/ipv4/ip_local_port_range", ephemeral_ports),
        ("net/ipv4/ip_unprivileged_port_start", "1024"),
        // No pacing: what is sent arrives at once.
        ("net/ipv4/tcp_congestion_control", "reno"),
        // No probe for a lost segment: it is sent a few milliseconds after a program's last one, also
        // when the program is over, and sooner than a busy machine has noted that.
        ("net/ipv4/tcp_early_retrans", "0"),
    ])
}

/// Makes it the same in every run how much a connection takes when nobody reads: buffers that are
/// small and stay as they are, and a TCP that does nothing because time has passed. So every
/// acknowledgement is sent at once (`quickack`), and a sender that finds too little room waits for
/// the receiver to make some, not for the clock (`rto_min`).
pub fn keep_little(tools: &Tools) -> Result<()> {
    let route = "local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1";
    ip(tools, &format!("route change {route} quickack 1 rto_min 60s"))?;
    // The smallest, the first and the greatest size.
    let sizes = "32768 32768 32768";
    set(&[("net/ipv4/tcp_rmem", sizes), ("net/ipv4/tcp_wmem", sizes)])
}

fn ip(tools: &Tools, arguments: &str) -> Result<()> {
    let status = Command::new(&tools.ip).args(arguments.split(' ')).status();
    ensure!(
        status.with_context(|| format!("{} cannot be started", tools.ip.display()))?.success(),
        "the network namespace cannot be set up: ip {arguments}"
    );
    Ok(())
}

/// Gives the run's network the settings of the kernel that a scenario asks for, by the names that sysctl(8) has.
pub fn set_as_asked(sysctls: &BTreeMap<String, String>) -> Result<()> {
    sysctls.iter().try_for_each(|(name, value)| set(&[(&name.replace('.', "/"), value)]))
}

fn set(settings: &[(&str, &str)]) -> Result<()> {
    for (name, value) in settings {
        fs::write(Path::new("/proc/sys").join(name), value)
            .with_context(|| format!("cannot set {name} to {value}"))?;
    }
    Ok(())
}
