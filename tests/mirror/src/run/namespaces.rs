//! How a run begins: this program re-executes itself, resets everything that it has inherited, and
//! becomes the first process of new namespaces.

use std::fs;
use std::os::fd::RawFd;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, getgid, getuid, setgroups, setsid};

use crate::run::limits;

/// The first argument when this program re-executes itself. The second one is the kind of run; its
/// files are in the current directory.
pub const INSIDE: &str = "inside-the-namespaces";

/// Re-executes this program as the first process of new namespaces, for this kind of run. The error
/// is the message of whatever failed there.
pub fn in_namespaces(kind: &str, directory: &Path) -> Result<()> {
    // Not by its path: it may have been rebuilt in the meantime.
    let output = Command::new("/proc/self/exe")
        // Not as an argument, which the program could read in /proc.
        .current_dir(directory)
        .args([INSIDE, kind])
        .stdin(Stdio::null())
        .output()
        .context("cannot re-execute this program (/proc/self/exe)")?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(!message.trim().is_empty(), "the run ended without a message: {}", output.status);
    bail!("{}", message.trim())
}

/// Resets what this process has inherited, and forks. The parent waits for the child and gets its
/// exit status. The child gets `None` and is the first process of new user, network, PID, mount,
/// UTS, IPC and cgroup namespaces.
///
/// The process must have only one thread.
pub fn enter() -> Result<Option<u8>> {
    // If the parent dies, so do the namespaces and everything in them.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    close_inherited()?;
    reset_signals()?;
    umask(Mode::from_bits_truncate(0o022));
    limits::raise()?;
    reset_scheduling();
    // Only root can drop its supplementary groups.
    _ = setgroups(&[]);

    let (user, group) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(forbidden)?;
    let write = |name: &str, text: &str| {
        let path = Path::new("/proc/self").join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("setgroups", "deny")?;
    write("uid_map", &format!("0 {user} 1"))?;
    write("gid_map", &format!("0 {group} 1"))?;
    let others = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWCGROUP;
    unshare(others).map_err(forbidden)?;

    // So addresses are the same in every run.
    // SAFETY: the flag takes effect at the next execve.
    let personality = unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) };
    Errno::result(personality).context("cannot disable address-space randomisation")?;
    limits::set()?;

    // SAFETY: this process has only one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, status) => Ok(Some(u8::try_from(status)?)),
            other => bail!("the first process of the namespaces ended: {other:?}"),
        },
        ForkResult::Child => {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            // No controlling terminal, and no process group that the caller's signals reach.
            setsid()?;
            Ok(None)
        }
    }
}

/// Resets scheduling parameters to the defaults, as far as permitted.
fn reset_scheduling() {
    // SAFETY: the call takes integers only.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 0);
    }
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: `parameters` is a valid sched_param.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters);
    }
    _ = prctl::set_timerslack(0);
    _ = prctl::set_thp_disable(false);
    _ = fs::write("/proc/self/oom_score_adj", "0");
}

/// Closes every descriptor above 2.
fn close_inherited() -> Result<()> {
    const FIRST: RawFd = 3;
    // SAFETY: this process has just started and owns no descriptor above 2.
    let result = unsafe { libc::close_range(FIRST as libc::c_uint, libc::c_uint::MAX, 0) };
    Errno::result(result).context("cannot close inherited descriptors")?;
    Ok(())
}

/// Resets every signal to its default action and unblocks all.
fn reset_signals() -> Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        // It fails for SIGKILL, SIGSTOP and those that the C library reserves, which is fine.
        // SAFETY: the default action is no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

fn forbidden(error: Errno) -> anyhow::Error {
    anyhow::anyhow!("cannot create namespaces: {}\nunshare: {}", what_forbids(), error.desc())
}

/// The likely cause after unshare(2) has failed: a setting of the system that forbids it.
pub fn what_forbids() -> &'static str {
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
        "this is a chroot, where the kernel permits no user namespaces"
    } else {
        "no known setting forbids it"
    }
}
