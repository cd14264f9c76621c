//! The list of descriptors that poll() takes, and that grows with the number of connections.
//!
//! poll() wants an array. A descriptor that is added gets the last place; if one is removed, the last one takes its
//! place, so that there are no gaps.

use crate::stdlib::realloc;
use core::ptr::null_mut;
use core::slice::from_raw_parts_mut;
use libc::{POLLIN, c_int, pollfd};

/// The list that poll() takes.
#[derive(Debug)]
pub struct PollList {
    // Rust: null, or what realloc gave out for `capacity` entries, of which add_entry has filled in `count`.
    fds: *mut pollfd,
    capacity: usize,
    count: usize,
}

/// A list without an entry.
pub fn new_poll_list() -> PollList {
    PollList { fds: null_mut(), capacity: 0, count: 0 }
}

/// realloc(): appends a descriptor to the list, to wait until it is readable. Returns false if there is no memory.
pub fn add_entry(list: &mut PollList, sock: c_int) -> bool {
    let capacity = if list.capacity > 0 { 2 * list.capacity } else { 64 };

    if list.count == list.capacity {
        // SAFETY: null, or what realloc gave out the last time.
        let fds = unsafe { realloc(list.fds.cast(), capacity * size_of::<pollfd>()) };
        if fds.is_null() {
            return false;
        }

        list.fds = fds.cast();
        list.capacity = capacity;
    }

    // SAFETY: there is room for one entry more.
    unsafe { list.fds.wrapping_add(list.count).write(pollfd { fd: sock, events: POLLIN, revents: 0 }) };
    list.count += 1;
    true
}

/// Removes the entry at a place, which the last one takes.
pub fn remove_entry(list: &mut PollList, place: usize) {
    let entries = list.entries();

    // Rust: there may be none at this place.
    if place >= entries.len() {
        return;
    }

    entries[place] = entries[entries.len() - 1];
    list.count -= 1;
}

impl PollList {
    /// Rust: the entries.
    #[inline]
    pub fn entries(&mut self) -> &mut [pollfd] {
        if self.fds.is_null() {
            return &mut [];
        }

        // SAFETY: add_entry has filled in `count` entries, and nothing else refers to them.
        unsafe { from_raw_parts_mut(self.fds, self.count) }
    }
}
