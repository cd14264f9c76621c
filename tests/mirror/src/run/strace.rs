//! The lines of strace's log.

/// The process and the text of a line; `None` if it is a frame of a stack.
pub fn row(line: &str) -> Option<(u32, &str)> {
    let (process, text) = line.split_once(' ')?;
    Some((process.parse().ok()?, text.trim_start()))
}

/// Whether this row is a call that would have had to wait, and did not.
pub fn would_wait(row: &str) -> bool {
    let row = row.strip_suffix(" (INJECTED)").unwrap_or(row);
    row.ends_with(" = -1 EAGAIN (Resource temporarily unavailable)")
}

/// Whether this row is a look at descriptors, without waiting, that found none ready.
pub fn found_none_ready(row: &str) -> bool {
    let call = row.split_once('(').map_or("", |(call, _)| call);
    let row = row.strip_suffix(" (Timeout)").unwrap_or(row);
    ["epoll_wait", "poll"].contains(&call) && row.ends_with(", 0) = 0")
}

/// Whether this row is a pause that a program made.
pub fn paused(row: &str) -> bool {
    let call = row.split_once('(').map_or("", |(call, _)| call);
    ["nanosleep", "clock_nanosleep"].contains(&call) && row.ends_with(") = 0")
}
