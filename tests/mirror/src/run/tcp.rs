//! The kernel's list of TCP sockets, as `/proc/net/tcp` shows it.

use std::fs;

/// Timers that expire later than this are ignored. In hundredths of a second, as in the table.
const SOON_CENTISECONDS: u64 = 3000;

/// Whether data is in flight between these ports, in either direction.
pub fn in_flight(ports: (u16, u16)) -> bool {
    let reversed = (ports.1, ports.0);
    let is_it = |connection: &Connection| [ports, reversed].contains(&connection.ports);
    connections().iter().any(|connection| is_it(connection) && connection.unsent)
}

/// A line of the table.
struct Connection {
    ports: (u16, u16),
    /// Whether bytes are unsent or unacknowledged.
    unsent: bool,
    /// Which timer is active: 0 for none, 3 for TIME_WAIT, which wakes no one.
    timer: u8,
    /// In how many hundredths of a second the timer expires.
    left: u64,
}

impl Connection {
    fn parse(line: &str) -> Option<Self> {
        let columns: Vec<_> = line.split_whitespace().collect();
        let port = |column: usize| {
            let (_, port) = columns.get(column)?.split_once(':')?;
            u16::from_str_radix(port, 16).ok()
        };
        let (queued, _) = columns.get(4)?.split_once(':')?;
        let (timer, left) = columns.get(5)?.split_once(':')?;
        Some(Self {
            ports: (port(1)?, port(2)?),
            unsent: queued.bytes().any(|digit| digit != b'0'),
            timer: timer.parse().ok()?,
            left: u64::from_str_radix(left, 16).ok()?,
        })
    }

    /// Whether TCP may act on this socket before a step gives up. A keepalive comes later.
    fn has_timer(&self) -> bool {
        self.unsent || (![0, 3].contains(&self.timer) && self.left < SOON_CENTISECONDS)
    }
}

/// Whether TCP may act on any socket before a step gives up.
pub fn has_timer() -> bool {
    connections().iter().any(Connection::has_timer)
}

fn connections() -> Vec<Connection> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().skip(1).filter_map(Connection::parse).collect()
}
