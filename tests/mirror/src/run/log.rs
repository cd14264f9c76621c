//! Reads strace's log during the run: copies it to a file, and notes whether the program was
//! started, how it ended, whether it has set timers, and, for a program that polls, when it is
//! idle.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::libc;

use crate::run::job::not_run;
use crate::run::polling::Polling;
use crate::run::record::End;
use crate::run::strace::{Line, parse_line};

/// The maximum size of a log, in bytes: it is read into memory later.
const MAX_LOG: usize = 512 << 20;

/// strace's log as it grows.
pub struct Log {
    pipe: Box<dyn Read>,
    file: File,
    length: usize,
    /// The current line, as far as it has been read.
    line: Vec<u8>,
    program: Option<Program>,
    /// Whether a timer has ever been set, which may wake the program.
    timers: bool,
    /// For a program that never sleeps: its calls that found nothing to do.
    polling: Option<Polling>,
}

/// The process that strace has started.
#[derive(Debug, Clone)]
struct Program {
    number: u32,
    /// Why execve failed.
    failure: Option<String>,
    end: Option<End>,
}

impl Log {
    /// Reads from the pipe that strace writes to, and copies to this file. `polls`: the program
    /// never sleeps.
    pub fn open(pipe: &Path, file: &Path, polls: bool) -> Result<Self> {
        let pipe =
            File::options().read(true).custom_flags(libc::O_NONBLOCK).open(pipe).context("cannot read strace's log")?;
        let file = File::create(file).with_context(|| format!("cannot create {}", file.display()))?;
        Ok(Self::new(Box::new(pipe), file, polls))
    }

    fn new(pipe: Box<dyn Read>, file: File, polls: bool) -> Self {
        let polling = polls.then(Polling::default);
        let line = Vec::new();
        Self { pipe, file, length: 0, line, program: None, timers: false, polling }
    }

    /// Reads what has been logged since the last call. Returns whether there was anything.
    pub fn read(&mut self) -> Result<bool> {
        let mut buffer = [0; 1 << 16];
        let before = self.length;
        loop {
            let length = match self.pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot read strace's log"),
            };
            self.file.write_all(&buffer[..length]).context("cannot copy strace's log")?;
            self.length += length;
            ensure!(self.length <= MAX_LOG, not_run(format!("the trace is longer than {} MiB", MAX_LOG >> 20)));
            self.take(&buffer[..length]);
        }
        Ok(self.length > before)
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.line(&line);
                self.line = line;
                self.line.clear();
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let Some(Line { process, text, .. }) = parse_line(line.trim_end()) else {
            return;
        };
        let program = self.program.get_or_insert_with(|| Program {
            number: process,
            failure: execution_failure(text),
            end: None,
        });
        if process == program.number
            && let Some(end) = end(text)
        {
            program.end = Some(end);
        }
        self.timers |= sets_a_timer(text);
        if let Some(polling) = &mut self.polling {
            polling.add(text);
        }
    }

    /// The program's process ID, once it has been started.
    pub fn program(&self) -> Option<u32> {
        self.program.as_ref().map(|program| program.number)
    }

    /// Why the program could not be executed, if execve failed.
    pub fn failure(&self) -> Option<&str> {
        self.program.as_ref()?.failure.as_deref()
    }

    /// How the program ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.program.as_ref()?.end.as_ref()
    }

    /// Whether the program or a child has ever set a timer.
    pub fn timers(&self) -> bool {
        self.timers
    }

    /// Whether the program polls and never sleeps.
    pub fn polls(&self) -> bool {
        self.polling.is_some()
    }

    /// Discards the calls so far: something has changed for the program.
    pub fn reset_polling(&mut self) -> Result<()> {
        self.read()?;
        if let Some(polling) = &mut self.polling {
            polling.reset();
        }
        Ok(())
    }

    /// Whether the program has polled everything twice and found nothing to do.
    pub fn is_idle(&mut self) -> Result<bool> {
        self.read()?;
        Ok(self.polling.as_mut().is_some_and(Polling::is_idle))
    }
}

/// Why the first line of the log is no successful execve.
fn execution_failure(text: &str) -> Option<String> {
    if text.starts_with("execve(") && text.ends_with(" = 0") {
        return None;
    }
    let why = text.rsplit_once(" = -1 ").map_or("strace could not start the program", |(_, why)| why);
    Some(why.to_owned())
}

/// `+++ exited with 1 +++`, `+++ killed by SIGABRT (core dumped) +++`.
fn end(text: &str) -> Option<End> {
    let text = text.strip_prefix("+++ ")?.strip_suffix(" +++")?;
    if let Some(status) = text.strip_prefix("exited with ") {
        return status.parse().ok().map(End::Exited);
    }
    let signal = text.strip_prefix("killed by ")?;
    Some(End::KilledBy(signal.trim_end_matches(" (core dumped)").to_owned()))
}

/// Whether this call sets a timer that may later wake a process that sleeps without a timeout.
fn sets_a_timer(text: &str) -> bool {
    let call = text.split_once('(').map_or("", |(call, _)| call);
    // The new value comes before the old one. A value of 0 disarms the timer.
    let stops = |value: (&str, &str)| value.1.starts_with("{tv_sec=0, tv_usec=0}");
    if text.split_once("it_value=").is_some_and(stops) {
        return false;
    }
    ["alarm", "setitimer", "timer_settime", "timerfd_settime"].contains(&call)
        || (call == "setsockopt" && text.contains("TIMEO"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A pipe that the test writes to and a log reads from.
    #[derive(Clone, Default)]
    struct Pipe(Rc<RefCell<Vec<u8>>>);

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let mut bytes = self.0.borrow_mut();
            let length = bytes.as_slice().read(buffer)?;
            bytes.drain(..length);
            Ok(length)
        }
    }

    fn log(polls: bool) -> (Log, Pipe) {
        let pipe = Pipe::default();
        let file = File::options().write(true).open("/dev/null").unwrap();
        (Log::new(Box::new(pipe.clone()), file, polls), pipe)
    }

    #[test]
    fn a_timer_is_set_or_stopped() {
        let zero = "{it_interval={tv_sec=0, tv_usec=0}, it_value={tv_sec=0, tv_usec=0}}";
        let soon = "{it_interval={tv_sec=0, tv_usec=0}, it_value={tv_sec=0, tv_usec=20000}}";
        assert!(sets_a_timer(&format!("setitimer(ITIMER_REAL, {soon}, {zero}) = 0")));
        assert!(!sets_a_timer(&format!("setitimer(ITIMER_REAL, {zero}, {soon}) = 0")));
        assert!(sets_a_timer("alarm(5) = 0"));
        assert!(!sets_a_timer("pause() = ? ERESTARTNOHAND"));
    }

    #[test]
    fn the_program_and_how_it_ends() {
        let (mut log, pipe) = log(false);
        let mut says = |text: &str| {
            pipe.0.borrow_mut().extend(text.as_bytes());
            log.read().unwrap();
            (log.program(), log.end().cloned(), log.timers())
        };
        assert_eq!(says("7 execve(\"./p\", [\"./p\"], 0x1 /* 2 vars */)"), (None, None, false));
        assert_eq!(says(" = 0\n"), (Some(7), None, false));
        assert_eq!(says("9 +++ exited with 1 +++\n9 alarm(1) = 0\n"), (Some(7), None, true));
        let killed = End::KilledBy("SIGABRT".into());
        assert_eq!(says("7 +++ killed by SIGABRT (core dumped) +++\n").1, Some(killed));
        assert_eq!(log.failure(), None);
    }

    #[test]
    fn a_program_that_cannot_be_executed() {
        let (mut log, pipe) = log(false);
        let text = b"7 execve(\"./p\", [\"./p\"], 0x1) = -1 ENOEXEC (Exec format error)\n";
        pipe.0.borrow_mut().extend(text);
        log.read().unwrap();
        assert_eq!(log.failure(), Some("ENOEXEC (Exec format error)"));
    }

    #[test]
    fn idle_after_two_equal_rounds() {
        let (mut log, pipe) = log(true);
        let mut says = |lines: &[&str]| {
            for line in lines {
                let again = "= -1 EAGAIN (Resource temporarily unavailable)";
                pipe.0.borrow_mut().extend(line.replace("AGAIN", again).as_bytes());
            }
            log.is_idle().unwrap()
        };
        let (accept, recv) = ("3 accept(3) AGAIN\n", "3 recv(4) AGAIN\n > /a(main+0x1) [0x9]\n");
        assert!(!says(&[accept, recv, accept]));
        assert!(!says(&["3 recv(4) "]), "the line is incomplete");
        assert!(says(&["AGAIN\n"]));
        assert!(says(&[accept]), "any two rounds will do");
        assert!(!says(&["3 recv(4) = 1\n", accept]));
        assert!(!says(&[recv, accept]));
        assert!(says(&[recv]));
        log.reset_polling().unwrap();
        assert!(!log.is_idle().unwrap());
        let pause = "3 nanosleep({tv_sec=0, tv_nsec=1000}, NULL) = 0\n";
        let pipe_again = [accept, pause, accept, pause].concat();
        pipe.0
            .borrow_mut()
            .extend(pipe_again.replace("AGAIN", "= -1 EAGAIN (Resource temporarily unavailable)").as_bytes());
        assert!(log.is_idle().unwrap(), "a program may pause between its rounds");
    }
}
