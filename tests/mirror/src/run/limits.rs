//! The resource limits of a run: the same on every host, whatever this tool has inherited.

use anyhow::{Context, Result, ensure};
use nix::libc::{RLIM_INFINITY, rlim_t};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const MIB: rlim_t = 1 << 20;

/// The file size limit of a run, in bytes, which this tool needs for itself, too.
const FILE_SIZE: rlim_t = 1024 * MIB;

/// Each resource with its soft and hard limit, in the kernel's units. The hard limit is fixed, too:
/// a program may raise its soft limit to it.
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

/// Raises the limits of this process where they are below those of a run. A privileged process can
/// do so only before it leaves the initial user namespace.
pub fn raise() -> Result<()> {
    for (resource, _, needed) in LIMITS {
        let (soft, hard) = getrlimit(resource)?;
        if soft >= needed {
            continue;
        }
        let hard_needed = hard.max(needed);
        setrlimit(resource, needed, hard_needed).with_context(|| {
            format!(
                "the limit {resource:?} is {}, but a run needs {}; only root can raise it",
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
        setrlimit(resource, soft, hard).with_context(|| format!("cannot set {resource:?} to {}", value(hard)))?;
    }
    Ok(())
}

/// Raises the file size limit of this process as far as permitted: exceeding it would kill the tool
/// with SIGXFSZ.
pub fn raise_file_size() -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if soft != RLIM_INFINITY {
        let raised = setrlimit(Resource::RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY)
            .or_else(|_| setrlimit(Resource::RLIMIT_FSIZE, hard, hard));
        raised?;
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
    ensure!(
        soft >= FILE_SIZE,
        "the file size limit is {} bytes (ulimit -f), but {} are needed; only root can raise it",
        value(soft),
        FILE_SIZE
    );
    Ok(())
}

fn value(limit: rlim_t) -> String {
    if limit == RLIM_INFINITY { "unlimited".to_owned() } else { limit.to_string() }
}
