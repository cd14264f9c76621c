//! A client that is given a word.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::common::printable::printable;
use crate::interop::template::fill;
use crate::interop::{Client, Ends, Given, Word};
use crate::run::watch::CHECK_INTERVAL;

/// What a command line names, and what stands in its place.
pub type Values<'a> = [(&'a str, &'a [u8])];

/// How much more than expected is read, in bytes.
const TOO_MUCH: usize = 1 << 16;

const TOOK_TOO_LONG: &str = "the client was stopped, because it did not end";

/// A client that runs.
pub struct Talk {
    client: Client,
    expected: Vec<u8>,
    word_is_empty: bool,
    group: Pid,
    /// Standard input ends when this is dropped.
    held: Option<Sender<()>>,
    events: Receiver<Event>,
    until: Instant,
    /// The file with what it prints on standard error.
    errors: PathBuf,
}

/// What a client does.
enum Event {
    Prints(Vec<u8>),
    PrintsNoMore,
    Ends(ExitStatus),
}

/// How a client came to its end.
enum End {
    /// By itself.
    Itself(ExitStatus),
    /// It was killed, as a client that does not end by itself must be.
    Complete,
    /// It was killed for this reason.
    Stopped(&'static str),
}

impl Talk {
    /// Starts a client, and gives it the word.
    pub fn start(
        mut command: Command,
        client: &Client,
        word: &Word,
        may_take: Duration,
        errors: PathBuf,
    ) -> Result<Self> {
        let stderr = File::create(&errors).with_context(|| format!("cannot create {}", errors.display()))?;
        command.process_group(0).stdout(Stdio::piped()).stderr(stderr);
        if client.word != Given::Argument {
            command.stdin(Stdio::piped());
        }
        let bytes = word.text.bytes();
        let mut child = command.spawn().context("cannot start the client")?;
        let group = Pid::from_raw(child.id().cast_signed());
        let (held, until_released) = channel::<()>();
        if let Some(mut input) = child.stdin.take() {
            let (bytes, is_held) = (bytes.clone(), client.word == Given::Held);
            thread::spawn(move || {
                // A client may end before it has read everything.
                _ = input.write_all(&bytes);
                if is_held {
                    _ = until_released.recv();
                }
            });
        }
        let (sender, events) = channel();
        let mut output = child.stdout.take().context("standard output is a pipe")?;
        let prints = sender.clone();
        thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                _ = prints.send(Event::Prints(buffer[..length].to_vec()));
            }
            _ = prints.send(Event::PrintsNoMore);
        });
        thread::spawn(move || {
            if let Ok(status) = child.wait() {
                _ = sender.send(Event::Ends(status));
            }
        });
        let length = bytes.len().to_string();
        let expected = fill(&client.prints, &[("word", &bytes), ("length", length.as_bytes())]).into_encoded_bytes();
        Ok(Self {
            client: client.clone(),
            expected,
            word_is_empty: word.text.is_empty(),
            group,
            held: Some(held),
            events,
            until: Instant::now() + may_take,
            errors,
        })
    }

    /// Waits for the end. Says what was wrong with the answer, if anything, and whether it took too long.
    pub fn finish(mut self, is_connected: impl Fn() -> bool) -> Result<(Option<String>, bool)> {
        let (end, printed) = self.listen(is_connected);
        let stderr = fs::read(&self.errors).with_context(|| format!("cannot read {}", self.errors.display()))?;
        let said = if stderr.is_empty() { String::new() } else { format!("; on stderr: {}", printable(&stderr)) };
        let took_too_long = matches!(end, End::Stopped(TOOK_TOO_LONG));
        let answer = match end {
            End::Stopped(why) => Some(format!("{why}; {}{said}", difference(&self.expected, &printed))),
            _ if printed != self.expected => Some(format!("{}{said}", difference(&self.expected, &printed))),
            End::Itself(status) if self.client.ends == Ends::Itself && status.code() != Some(self.client.exit) => {
                Some(format!("the answer is complete, but {status}{said}"))
            }
            _ if self.client.silent && !stderr.is_empty() => Some(format!("the answer is complete{said}")),
            _ => None,
        };
        Ok((answer, took_too_long))
    }

    fn listen(&mut self, is_connected: impl Fn() -> bool) -> (End, Vec<u8>) {
        let mut printed = Vec::new();
        let (mut status, mut prints_no_more) = (None, false);
        loop {
            let is_complete = printed.len() >= self.expected.len();
            if is_complete {
                self.held = None;
            }
            if let (Some(status), true) = (status, prints_no_more) {
                return (End::Itself(status), printed);
            }
            // An empty answer is complete at once, but the client is not there yet.
            let is_there = || !self.word_is_empty || is_connected();
            let end = if self.client.ends == Ends::Never && is_complete && is_there() {
                Some(End::Complete)
            } else if printed.len() > self.expected.len() + TOO_MUCH {
                Some(End::Stopped("the client was stopped, because it prints too much"))
            } else if Instant::now() >= self.until {
                Some(End::Stopped(TOOK_TOO_LONG))
            } else {
                None
            };
            if let Some(end) = end {
                // It fails if the client has just ended.
                _ = killpg(self.group, Signal::SIGKILL);
                return (end, printed);
            }
            match self.events.recv_timeout(self.may_wait()) {
                Ok(Event::Prints(bytes)) => printed.extend(bytes),
                Ok(Event::PrintsNoMore) => prints_no_more = true,
                Ok(Event::Ends(with)) => status = Some(with),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return (End::Stopped("the client is gone"), printed),
            }
        }
    }

    /// How long the next event may be waited for, before something else is looked at.
    fn may_wait(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        let looks = self.client.ends == Ends::Never && self.word_is_empty;
        if looks { left.min(CHECK_INTERVAL) } else { left }
    }
}

/// In what an answer differs from the expected one.
fn difference(expected: &[u8], printed: &[u8]) -> String {
    const SHOWN: usize = 32;
    let place = expected.iter().zip(printed).position(|(a, b)| a != b).unwrap_or(expected.len().min(printed.len()));
    let rest = |bytes: &[u8]| printable(&bytes[place..bytes.len().min(place + SHOWN)]);
    if expected == printed {
        "the answer is complete".to_owned()
    } else if place == printed.len() {
        format!("it printed {place} of {} bytes", expected.len())
    } else if place == expected.len() {
        format!("it printed {} bytes too many: {}", printed.len() - place, rest(printed))
    } else {
        format!("at offset {place} it printed \"{}\" instead of \"{}\"", rest(printed), rest(expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_place() {
        assert_eq!(difference(b"abc", b"a"), "it printed 1 of 3 bytes");
        assert_eq!(difference(b"abc", b"abc\n\n"), "it printed 2 bytes too many: \\n\\n");
        assert_eq!(difference(b"abc", b"aXc"), "at offset 1 it printed \"Xc\" instead of \"bc\"");
    }
}
