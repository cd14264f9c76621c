//! The lines of strace's log.

/// Splits a line into process ID and text; `None` for a stack frame.
pub fn split_line(line: &str) -> Option<(u32, &str)> {
    let (process, text) = line.split_once(' ')?;
    Some((process.parse().ok()?, text.trim_start()))
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
