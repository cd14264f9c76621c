//! The lines of strace's log.

use std::time::Duration;

/// The options that make strace note when each call began, and how long it took.
pub const TIMES: [&str; 2] = ["--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns"];

/// A line that is no stack frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The process or thread ID.
    pub process: u32,
    /// When the call began, or was resumed, since 1970; only with [`TIMES`].
    pub time: Option<Duration>,
    /// How long the whole call took; only with [`TIMES`], and where it returned.
    pub took: Option<Duration>,
    /// The rest.
    pub text: &'a str,
}

/// Takes a line apart; `None` for a stack frame.
pub fn parse_line(line: &str) -> Option<Line<'_>> {
    let (process, text) = line.split_once(' ')?;
    let (process, text) = (process.parse().ok()?, text.trim_start());
    // No call begins with a digit.
    let timed = text.split_once(' ').and_then(|(time, rest)| Some((seconds(time)?, rest.trim_start())));
    let Some((time, text)) = timed else {
        return Some(Line { process, time: None, took: None, text });
    };
    let took = text.strip_suffix('>').and_then(|text| {
        let (text, took) = text.rsplit_once(" <")?;
        Some((text, seconds(took)?))
    });
    let (text, took) = took.map_or((text, None), |(text, took)| (text, Some(took)));
    Some(Line { process, time: Some(time), took, text })
}

/// `12.000000345`
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').filter(|(_, fraction)| fraction.len() == 9)?;
    Some(Duration::new(whole.parse().ok()?, fraction.parse().ok()?))
}

/// Whether this is a call that failed because it would have blocked.
pub fn would_block(row: &str) -> bool {
    let row = row.strip_suffix(" (INJECTED)").unwrap_or(row);
    row.ends_with(" = -1 EAGAIN (Resource temporarily unavailable)")
}

/// Whether this is a poll of descriptors with timeout 0 that found none ready.
pub fn found_nothing_ready(row: &str) -> bool {
    let call = row.split_once('(').map_or("", |(call, _)| call);
    let row = row.strip_suffix(" (Timeout)").unwrap_or(row);
    ["epoll_wait", "poll"].contains(&call) && row.ends_with(", 0) = 0")
}

/// Whether this is a completed nanosleep.
pub fn is_pause(row: &str) -> bool {
    let call = row.split_once('(').map_or("", |(call, _)| call);
    ["nanosleep", "clock_nanosleep"].contains(&call) && row.ends_with(") = 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_and_without_times() {
        let plain = parse_line("7     close(3) = 0").unwrap();
        assert_eq!(plain, Line { process: 7, time: None, took: None, text: "close(3) = 0" });
        let timed = parse_line("7     1700000000.000000001 close(3) = 0 <0.000000020>").unwrap();
        let (time, took) = (Duration::new(1_700_000_000, 1), Duration::from_nanos(20));
        assert_eq!(timed, Line { time: Some(time), took: Some(took), ..plain });
        let began = parse_line("7     1700000000.000000001 read(3,  <unfinished ...>").unwrap();
        assert_eq!((began.took, began.text), (None, "read(3,  <unfinished ...>"));
        assert_eq!(parse_line(" > /a(main+0x1) [0x9]"), None);
    }
}
