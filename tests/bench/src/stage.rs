//! Where everything is measured: a network of its own, a core for the servers and one for the
//! clients.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Pid, getgid, getuid};

/// Servers listen below the ports that clients get.
const CLIENT_PORTS: &str = "10000 65535";

/// The network and the processors.
#[derive(Debug)]
pub struct Stage {
    /// The processors that may be used.
    processors: Vec<usize>,
    /// How many descriptors a process may have.
    pub descriptors: usize,
    /// The congestion control that is set now.
    congestion: String,
}

impl Stage {
    /// Moves this process, which must have one thread only, into namespaces of its own and onto
    /// the last of its processors.
    pub fn enter(congestion: &str) -> Result<Self> {
        let processors = mirror::run::processors()?;
        let (user, group) = (getuid(), getgid());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).with_context(|| {
            format!("namespaces cannot be created: {}", mirror::namespaces::what_forbids())
        })?;
        // A user namespace without privileges may not set groups; only then may it map one.
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
        let status = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        ensure!(
            status.context("ip is missing (package iproute2)")?.success(),
            "the network namespace cannot be set up"
        );
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", CLIENT_PORTS)
            .context("the clients' ports cannot be set")?;
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        // What a server leaves behind becomes this process's to find and to wait for.
        set_child_subreaper(true)?;
        let mut stage =
            Self { processors, descriptors: usize::try_from(most)?, congestion: String::new() };
        sched_setaffinity(Pid::this(), &set_of(&[stage.client_processor()])?)?;
        stage.set_congestion(congestion)?;
        Ok(stage)
    }

    /// Chooses the congestion control of the sockets that are made from now on.
    pub fn set_congestion(&mut self, name: &str) -> Result<()> {
        if self.congestion != name {
            fs::write("/proc/sys/net/ipv4/tcp_congestion_control", name).with_context(|| {
                let sysctl = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";
                let allowed = fs::read_to_string(sysctl).unwrap_or_default();
                let allowed = allowed.trim();
                format!("the congestion control cannot be {name} (allowed here: {allowed})")
            })?;
            name.clone_into(&mut self.congestion);
        }
        Ok(())
    }

    /// The processors of a server that may use so many: not the clients' while there are enough.
    pub fn server_processors(&self, count: usize) -> Result<CpuSet> {
        set_of(&self.processors[..count.clamp(1, self.processors.len())])
    }

    fn client_processor(&self) -> usize {
        self.processors[self.processors.len() - 1]
    }
}

fn set_of(processors: &[usize]) -> Result<CpuSet> {
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(*processor)?;
    }
    Ok(set)
}
