//! Serialises runs that write to the same folder.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::common::out::print_error;

/// Creates the folder and locks it until the returned value is dropped. If another process holds
/// the lock, says so and waits.
pub fn lock(folder: &Path) -> Result<Flock<File>> {
    let shown = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("cannot create {shown}"))?;
    let file = File::create(folder.join(".lock")).with_context(|| format!("cannot write to {shown}"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((file, Errno::EWOULDBLOCK)) => {
            print_error(&format!("mirror: another run is using {shown}: waiting for it to finish\n"));
            Flock::lock(file, FlockArg::LockExclusive)
                .map_err(|(_, error)| error)
                .with_context(|| format!("cannot lock {shown}"))
        }
        Err((_, error)) => Err(error).with_context(|| format!("cannot lock {shown}")),
    }
}
