//! Writes to standard output and standard error, and copes with a full disk, a closed pipe and a
//! non-blocking descriptor.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Writes text to standard output, without colours unless it is a terminal.
pub fn print(text: &str) -> Result<()> {
    let stdout = io::stdout();
    let plain = AutoStream::choice(&stdout) == ColorChoice::Never;
    let text = if plain { strip_str(text).to_string() } else { text.to_owned() };
    write_all(&stdout, text.as_bytes()).context("cannot write to standard output")
}

/// Writes a message to standard error. There is nowhere to report a failure of that.
pub fn print_error(text: &str) {
    let stderr = io::stderr();
    let plain = AutoStream::choice(&stderr) == ColorChoice::Never;
    let text = if plain { strip_str(text).to_string() } else { text.to_owned() };
    _ = write_all(&stderr, text.as_bytes());
}

/// Whether this error is a broken pipe: the reader of standard output has gone.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.root_cause().downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn write_all(stream: &(impl AsFd + AsRawFd), mut bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the descriptor is open, and ManuallyDrop keeps it open.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(stream.as_raw_fd()) });
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut descriptors = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
                _ = poll(&mut descriptors, PollTimeout::NONE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Prints a line like `println!`, but returns the error from the calling function.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::common::out::print(&format!("{}\n", format_args!($($argument)*)))?
    };
}

pub(crate) use say;
