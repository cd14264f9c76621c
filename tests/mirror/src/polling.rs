//! Tells from strace's log when a program that never sleeps has nothing to do.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::PathBuf;

use anyhow::Result;

use crate::trace::{found_none_ready, row, would_wait};

/// The log of a program that polls, as it grows.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// A line, or what was read of one that is not whole yet.
    line: Vec<u8>,
    /// The last rows, as far as all of them were asked in vain.
    asked: Vec<String>,
}

impl Log {
    /// The log that strace will write there.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, line: Vec::new(), asked: Vec::new() }
    }

    /// Only what is asked from now on counts.
    pub fn begin_anew(&mut self) -> Result<()> {
        self.read()?;
        self.asked.clear();
        Ok(())
    }

    /// Whether the program has asked for everything twice in vain.
    pub fn asked_twice(&mut self) -> Result<bool> {
        self.read()?;
        let rows = &self.asked;
        let twice = |&length: &usize| {
            let (rest, last) = rows.split_at(rows.len() - length);
            rest.ends_with(last)
        };
        let round = (1..=rows.len() / 2).find(twice);
        if let Some(length) = round {
            // What came before tells nothing more.
            self.asked.drain(..rows.len() - 2 * length);
        }
        Ok(round.is_some())
    }

    fn read(&mut self) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            file => match File::open(&self.path) {
                Ok(opened) => file.insert(BufReader::new(opened)),
                // strace has not begun.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error.into()),
            },
        };
        while file.read_until(b'\n', &mut self.line)? > 0 && self.line.ends_with(b"\n") {
            let line = String::from_utf8_lossy(&self.line);
            if let Some((_, text)) = row(line.trim_end()) {
                if would_wait(text) || found_none_ready(text) {
                    self.asked.push(text.to_owned());
                } else {
                    self.asked.clear();
                }
            }
            self.line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn everything_twice_in_vain() {
        let directory = std::env::temp_dir().join(format!("polling-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("strace");
        let mut log = Log::new(path.clone());
        assert!(!log.asked_twice().unwrap(), "there is no file yet");

        let mut file = File::create(&path).unwrap();
        let mut says = |lines: &[&str]| {
            for line in lines {
                let again = "= -1 EAGAIN (Resource temporarily unavailable)";
                write!(file, "{}", line.replace("AGAIN", again)).unwrap();
            }
            log.asked_twice().unwrap()
        };
        let (accept, recv) = ("3 accept(3) AGAIN\n", "3 recv(4) AGAIN\n > /a(main+0x1) [0x9]\n");
        assert!(!says(&[accept, recv, accept]));
        assert!(!says(&["3 recv(4) "]), "the line is not whole");
        assert!(says(&["AGAIN\n"]));
        assert!(says(&[accept]), "any two rounds will do");
        assert!(!says(&["3 recv(4) = 1\n", accept]));
        assert!(!says(&[recv, accept]));
        assert!(says(&[recv]));
        log.begin_anew().unwrap();
        assert!(!log.asked_twice().unwrap());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
