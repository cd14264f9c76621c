//! Two runs that write to the same folder take turns.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::common::out::complain;

/// Creates the folder and waits, saying so, while another process has its lock; the lock lasts as
/// long as what is returned.
pub fn lock(folder: &Path) -> Result<Flock<File>> {
    let shown = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("cannot create {shown}"))?;
    let file =
        File::create(folder.join(".lock")).with_context(|| format!("cannot write to {shown}"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((file, Errno::EWOULDBLOCK)) => {
            complain(&format!("mirror: another run writes to {shown}: waiting until it is over\n"));
            Flock::lock(file, FlockArg::LockExclusive)
                .map_err(|(_, error)| error)
                .with_context(|| format!("cannot lock {shown}"))
        }
        Err((_, error)) => Err(error).with_context(|| format!("cannot lock {shown}")),
    }
}
