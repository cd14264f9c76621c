//! The host's programs that a run needs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Their paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tools {
    /// Traces the program's system calls.
    pub strace: PathBuf,
    /// Drops privileges.
    pub setpriv: PathBuf,
    /// Configures the network.
    pub ip: PathBuf,
}

impl Tools {
    /// All of them.
    pub fn files(&self) -> [&PathBuf; 3] {
        [&self.strace, &self.setpriv, &self.ip]
    }

    /// Finds them.
    pub fn find() -> Result<Self> {
        let find =
            |name, package| find_program(name).with_context(|| format!("{name} is missing: please install {package}"));
        Ok(Self {
            strace: find("strace", "strace")?,
            setpriv: find("setpriv", "util-linux")?,
            ip: find("ip", "iproute2")?,
        })
    }
}

/// Finds a program's file: by its path, in the folders of PATH, or in the system's folders,
/// including those that an ordinary user's PATH lacks.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let file = |path: PathBuf| path.canonicalize().ok().filter(|path| path.is_file());
    if name.contains('/') {
        return file(Path::new(name).to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let systems = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.chain(systems.into_iter().map(PathBuf::from)).find_map(|folder| file(folder.join(name)))
}

/// The kernel and the kind of machine that this runs on.
pub fn machine() -> Result<String> {
    let name = nix::sys::utsname::uname()?;
    let part = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    Ok(format!("{} {}, {}", part(name.sysname()), part(name.release()), part(name.machine())))
}
