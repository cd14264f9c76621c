//! The limits of a run: the same on every machine, whatever this tool was started with.

use anyhow::{Context, Result, ensure};
use nix::libc::{RLIM_INFINITY, rlim_t};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const MIB: rlim_t = 1 << 20;

/// The size of a file, in bytes: the limit of a run, and what this tool needs itself.
const FILE_SIZE: rlim_t = 1024 * MIB;

/// Each limit with its soft and its hard value, in the kernel's units. A program that raises its
/// soft limit to the hard one gets the same everywhere.
const LIMITS: [(Resource, rlim_t, rlim_t); 16] = [
    (Resource::RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_CORE, 0, 0),
    (Resource::RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_FSIZE, FILE_SIZE, FILE_SIZE),
    (Resource::RLIMIT_LOCKS, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_MEMLOCK, 8 * MIB, 8 * MIB),
    (Resource::RLIMIT_MSGQUEUE, 819_200, 819_200),
    (Resource::RLIMIT_NICE, 0, 0),
    (Resource::RLIMIT_NOFILE, 1024, 4096),
    (Resource::RLIMIT_NPROC, 1024, 1024),
    (Resource::RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_RTPRIO, 0, 0),
    (Resource::RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_SIGPENDING, 1024, 1024),
    (Resource::RLIMIT_STACK, 8 * MIB, 8 * MIB),
];

/// Makes room for the limits of a run, where this process is allowed less. Only before it leaves
/// its user namespace can a privileged process do that.
pub fn make_room() -> Result<()> {
    for (resource, _, needed) in LIMITS {
        let (soft, hard) = getrlimit(resource)?;
        if soft >= needed {
            continue;
        }
        let hard_needed = hard.max(needed);
        setrlimit(resource, needed, hard_needed).with_context(|| {
            format!(
                "the limit {resource:?} is {} here, and a run needs {}; only root can raise it",
                value(hard),
                value(needed)
            )
        })?;
    }
    Ok(())
}

/// Sets the limits of a run.
pub fn set() -> Result<()> {
    for (resource, soft, hard) in LIMITS {
        setrlimit(resource, soft, hard)
            .with_context(|| format!("cannot set {resource:?} to {}", value(hard)))?;
    }
    Ok(())
}

/// Lets this process write files as long as it needs them, where it is allowed to: a file size
/// limit would end it with SIGXFSZ in the middle of its work.
pub fn lift_file_size() -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if soft != RLIM_INFINITY {
        let lifted = setrlimit(Resource::RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY)
            .or_else(|_| setrlimit(Resource::RLIMIT_FSIZE, hard, hard));
        lifted?;
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
    ensure!(
        soft >= FILE_SIZE,
        "the file size limit is {} bytes here (ulimit -f), and {} are needed; only root can raise it",
        value(soft),
        FILE_SIZE
    );
    Ok(())
}

fn value(limit: rlim_t) -> String {
    if limit == RLIM_INFINITY { "unlimited".to_owned() } else { limit.to_string() }
}
