//! The outer half of a run: namespaces of its own around the inner half, and what that one saw.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::sched::sched_getaffinity;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::inside::INSIDE;
use crate::observation::{Findings, Observation};
use crate::scenario::Scenario;
use crate::{packets, trace};

/// One run of one program: what the outer half hands to the inner one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The name that the program is started under.
    pub name: String,
    /// The program's file and what always stands first on its command line.
    pub command: Vec<String>,
    /// What is done to it.
    pub scenario: Scenario,
    /// What watches it.
    pub instrument: Instrument,
    /// The processor that all of the run is pinned to.
    pub processor: usize,
    /// Where the run leaves what it saw.
    pub directory: PathBuf,
}

/// The file in a run's directory that holds its packets.
pub const PACKETS: &str = "packets.pcapng";

/// What watches a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instrument {
    /// strace.
    Trace,
    /// strace, with the stack of every call.
    TraceWithStacks,
    /// Valgrind's callgrind, which counts instructions.
    Callgrind,
}

impl Job {
    /// A file in the run's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the run.
    pub fn observe(&self) -> Result<Observation> {
        self.execute()
            .and_then(|()| self.read())
            .with_context(|| format!("{} in scenario '{}'", self.command[0], self.scenario.name))
    }

    /// Makes the run and leaves it to the caller to read what it saw.
    pub fn execute(&self) -> Result<()> {
        let file = Path::new(&self.command[0]);
        ensure!(file.is_file(), "there is no program {}", file.display());
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)?;
        }
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot create {}", self.directory.display()))?;
        fs::write(self.file("job.json"), serde_json::to_vec(self)?)?;
        in_namespaces("run", &self.directory)
    }

    fn read(&self) -> Result<Observation> {
        let read = |name| fs::read(self.file(name)).with_context(|| format!("{name} is missing"));
        let findings: Findings = serde_json::from_slice(&read("findings.json")?)?;
        Ok(Observation {
            stdout: read("stdout")?,
            stderr: read("stderr")?,
            end: findings.end,
            complaints: findings.complaints,
            peers: findings.peers,
            trace: trace::parse(&String::from_utf8_lossy(&read("strace")?)),
            packets: packets::read(&self.file(PACKETS))?,
        })
    }
}

/// Starts this program again as the first process of a user, network, mount and PID namespace, to
/// do what `half` says.
pub fn in_namespaces(half: &str, directory: &Path) -> Result<()> {
    // Whatever ends this process ends the namespaces and all that is in them.
    let output = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "unshare"])
        .args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"])
        .args(["--mount-proc", "--"])
        .arg(std::env::current_exe()?)
        .args([INSIDE, half])
        .arg(directory)
        .stdin(Stdio::null())
        .output()
        .context("setpriv is missing (package util-linux)")?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    if message.contains("unshare:") {
        let setting = what_forbids_namespaces();
        bail!("namespaces cannot be created: {setting}\n{}", message.trim());
    }
    bail!("{}", message.trim())
}

/// The setting of the system that forbids namespaces, once one could not be created.
pub fn what_forbids_namespaces() -> &'static str {
    let setting = |path: &str| fs::read_to_string(path).ok().map(|value| value.trim().to_owned());
    let is = |path: &str, value: &str| setting(path).is_some_and(|found| found == value);
    let status = setting("/proc/self/status").unwrap_or_default();
    let mounts = setting("/proc/self/mountinfo").unwrap_or_default();
    let root_is_mounted = mounts.lines().any(|line| line.split(' ').nth(4) == Some("/"));
    if is("/proc/sys/user/max_user_namespaces", "0") {
        "the sysctl user.max_user_namespaces is 0"
    } else if is("/proc/sys/user/max_net_namespaces", "0") {
        "the sysctl user.max_net_namespaces is 0"
    } else if is("/proc/sys/user/max_pid_namespaces", "0") {
        "the sysctl user.max_pid_namespaces is 0"
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "the sysctl kernel.unprivileged_userns_clone is 0"
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "the sysctl kernel.apparmor_restrict_unprivileged_userns is 1 (AppArmor's restriction)"
    } else if status.lines().any(|line| line == "Seccomp:\t2") {
        "a seccomp filter is active, as in a container (Docker: --security-opt seccomp=unconfined \
         and --security-opt systempaths=unconfined)"
    } else if !root_is_mounted {
        "this is a chroot, in which the kernel creates no user namespaces"
    } else {
        "no known setting forbids it"
    }
}

/// The processors that this process may use.
pub fn processors() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::this())?;
    let allowed = |&processor: &usize| set.is_set(processor).unwrap_or(false);
    let processors: Vec<usize> = (0..nix::sched::CpuSet::count()).filter(allowed).collect();
    ensure!(!processors.is_empty(), "no processor may be used");
    Ok(processors)
}
