//! The environment of the measurements: a network namespace, and separate processors for server and
//! clients.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Pid, getgid, getuid};

/// Above the ports that servers listen on.
const CLIENT_PORTS: &str = "10000 65535";

/// The network namespace and the processors.
#[derive(Debug)]
pub struct Environment {
    /// The usable processors.
    processors: Vec<usize>,
    /// The descriptor limit of a process.
    pub descriptors: usize,
    /// The current congestion control.
    congestion: String,
}

impl Environment {
    /// Moves this process, which must be single-threaded, into new namespaces and pins it to the
    /// last of its processors.
    pub fn enter(congestion: &str) -> Result<Self> {
        let processors = mirror::common::parallel::processors()?;
        let (user, group) = (getuid(), getgid());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
            .with_context(|| format!("cannot create namespaces: {}", mirror::run::namespaces::what_forbids()))?;
        // Without privileges a group can only be mapped once setgroups is denied.
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
        let status = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        ensure!(
            status.context("cannot run ip (package iproute2)")?.success(),
            "cannot bring up the loopback interface"
        );
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", CLIENT_PORTS)
            .context("cannot set the port range of the clients")?;
        let (_, limit) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?;
        // Orphans of a server become children of this process, which can find and reap them.
        set_child_subreaper(true)?;
        let mut environment = Self { processors, descriptors: usize::try_from(limit)?, congestion: String::new() };
        sched_setaffinity(Pid::this(), &cpu_set(&[environment.client_processor()])?)?;
        environment.set_congestion(congestion)?;
        Ok(environment)
    }

    /// Sets the congestion control of new sockets.
    pub fn set_congestion(&mut self, name: &str) -> Result<()> {
        if self.congestion != name {
            fs::write("/proc/sys/net/ipv4/tcp_congestion_control", name).with_context(|| {
                let sysctl = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";
                let allowed = fs::read_to_string(sysctl).unwrap_or_default();
                let allowed = allowed.trim();
                format!("cannot set congestion control {name:?}: allowed are {allowed}")
            })?;
            name.clone_into(&mut self.congestion);
        }
        Ok(())
    }

    /// The processors for a server that uses `count`: not the clients' one if there are enough.
    pub fn server_processors(&self, count: usize) -> Result<CpuSet> {
        cpu_set(&self.processors[..count.clamp(1, self.processors.len())])
    }

    fn client_processor(&self) -> usize {
        self.processors[self.processors.len() - 1]
    }
}

fn cpu_set(processors: &[usize]) -> Result<CpuSet> {
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(*processor)?;
    }
    Ok(set)
}
