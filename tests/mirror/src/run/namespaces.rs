//! How a run begins: this program starts itself again, lets go of everything that it has inherited,
//! and becomes the first process of namespaces of its own.

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

/// What this program is called with when it starts itself again: this word, and what to do in the
/// namespaces with what is in the current folder.
pub const INSIDE: &str = "inside-the-namespaces";

/// Starts this program again as the first process of namespaces of its own, to do what `half` says.
/// An error is in the words of whatever failed there.
pub fn in_namespaces(half: &str, directory: &Path) -> Result<()> {
    // Not by its name: it may have been built anew meanwhile.
    let output = Command::new("/proc/self/exe")
        // Not by an argument, which the program could read in the list of processes.
        .current_dir(directory)
        .args([INSIDE, half])
        .stdin(Stdio::null())
        .output()
        .context("this program cannot start itself again (/proc/self/exe)")?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(!message.trim().is_empty(), "the run ended with {}", output.status);
    bail!("{}", message.trim())
}

/// Leaves all that this process has inherited behind, and makes it two: the first waits for the
/// second, gets its exit status here, and has nothing else to do; the second gets `None` and is the
/// first process of user, network, PID, mount, UTS, IPC and cgroup namespaces.
///
/// The process must have one thread.
pub fn enter() -> Result<Option<u8>> {
    // Whatever ends the one that started this process ends the namespaces and all that is in them.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    close_inherited()?;
    reset_signals()?;
    umask(Mode::from_bits_truncate(0o022));
    limits::make_room()?;
    schedule_as_usual();
    // Only root can leave the groups that were given to it besides its own.
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

    // Programs get the same addresses in every run.
    // SAFETY: nothing in this process depends on where it would be placed.
    let personality = unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) };
    Errno::result(personality).context("address-space randomisation cannot be switched off")?;
    limits::set()?;

    // SAFETY: this process has one thread.
    match unsafe { fork() }.context("no process can be made")? {
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, status) => Ok(Some(u8::try_from(status)?)),
            other => bail!("the first process of the namespaces ended: {other:?}"),
        },
        ForkResult::Child => {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            // No terminal, and no session of whoever started the tool.
            setsid()?;
            Ok(None)
        }
    }
}

/// Takes back what makes a process more or less important than others, as far as that is allowed.
fn schedule_as_usual() {
    // SAFETY: no memory is handed over but the parameters, which are there.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 0);
    }
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the same.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters);
    }
    _ = prctl::set_timerslack(0);
    _ = prctl::set_thp_disable(false);
    _ = fs::write("/proc/self/oom_score_adj", "0");
}

/// Closes every descriptor but the standard ones.
fn close_inherited() -> Result<()> {
    const FIRST: RawFd = 3;
    // SAFETY: this process has just begun and has opened nothing that it would miss.
    let result = unsafe { libc::close_range(FIRST as libc::c_uint, libc::c_uint::MAX, 0) };
    Errno::result(result).context("inherited descriptors cannot be closed")?;
    Ok(())
}

/// Gives every signal its default action and blocks none.
fn reset_signals() -> Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        // The C library keeps some for itself, SIGKILL and SIGSTOP cannot be changed: they fail.
        // SAFETY: no handler is installed, and none is replaced.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

fn forbidden(error: Errno) -> anyhow::Error {
    anyhow::anyhow!("namespaces cannot be created: {}\nunshare: {}", what_forbids(), error.desc())
}

/// The setting of the system that forbids namespaces, once one could not be created.
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
        "this is a chroot, in which the kernel creates no user namespaces"
    } else {
        "no known setting forbids it"
    }
}
