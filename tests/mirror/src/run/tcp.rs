//! The kernel's list of TCP sockets, as `/proc/net/tcp` shows it.

use std::fs;

/// What TCP does later than so many hundredths of a second from now, no step waits for.
const SOON: u64 = 3000;

/// Whether the connection between these ports holds bytes that it still has to bring to its other
/// end.
pub fn in_flight(ports: (u16, u16)) -> bool {
    let reversed = (ports.1, ports.0);
    let is_it = |connection: &Connection| [ports, reversed].contains(&connection.ports);
    connections().iter().any(|connection| is_it(connection) && connection.unsent)
}

/// A line of the kernel's list of TCP sockets.
struct Connection {
    ports: (u16, u16),
    /// Bytes wait that were not sent or not acknowledged.
    unsent: bool,
    /// Which timer runs: 0 is none, 3 that of TIME_WAIT, which wakes nobody.
    timer: u8,
    /// In how many hundredths of a second it runs out.
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

    /// Whether TCP will do something for it while a step may still wait. A keepalive is sent later.
    fn has_timer(&self) -> bool {
        self.unsent || (![0, 3].contains(&self.timer) && self.left < SOON)
    }
}

/// Whether TCP will do something for a connection while a step may still wait.
pub fn has_timer() -> bool {
    connections().iter().any(Connection::has_timer)
}

fn connections() -> Vec<Connection> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().skip(1).filter_map(Connection::parse).collect()
}
