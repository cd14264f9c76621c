//! The loads: the traffic that the generator puts on every server.

/// One load.
#[derive(Debug)]
pub struct Load {
    /// Its name in options and tables.
    pub name: &'static str,
    /// One line that describes it.
    pub description: &'static str,
    /// The traffic.
    pub kind: Kind,
    /// Whether it is measured in every round, and not only in the first.
    pub every_round: bool,
    /// The congestion control of this load, if not that of the run.
    pub congestion: Option<&'static str>,
}

/// The traffic of a load.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Ping-pong: each client sends a message, waits for the whole reply, and sends the next one.
    /// Only the first `active` connections carry traffic; the others stay idle. Message n of a
    /// connection has the size `sizes[n % sizes.len()]`.
    Ping {
        /// Number of open connections.
        connections: usize,
        /// Number of connections that carry traffic.
        active: usize,
        /// Message sizes, in bytes.
        sizes: &'static [usize],
    },
    /// One connection at full throughput, in both directions at once.
    Stream {
        /// Bytes that are passed to each send call.
        chunk: usize,
    },
    /// Short connections: connect, have one message of 128 bytes echoed, half-close, wait for EOF.
    Connect {
        /// Number of concurrent connections.
        concurrency: usize,
    },
}

impl Load {
    /// The load with this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        LOADS.iter().find(|load| load.name == name)
    }

    /// The largest number of concurrent connections.
    pub fn connections(&self) -> usize {
        match self.kind {
            Kind::Ping { connections, .. } => connections,
            Kind::Stream { .. } => 1,
            Kind::Connect { concurrency } => concurrency,
        }
    }

    /// The unit of throughput and of costs.
    pub fn units(&self) -> &'static str {
        match self.kind {
            Kind::Ping { .. } => "round trips",
            Kind::Stream { .. } => "MiB",
            Kind::Connect { .. } => "connections",
        }
    }
}

/// Sizes at and around those of buffers and segments. A server that leaves a small rest unsent until
/// the last segment is acknowledged takes 40 ms for some of them.
const ALL_SIZES: &[usize] = &[
    1, 2, 127, 128, 129, 255, 256, 257, 1000, 1024, 1500, 4095, 4096, 4097, 8192, 16_383, 16_384, 16_385, 32_768,
    65_482, 65_483, 65_484, 65_535, 65_536, 65_537, 100_000, 131_072, 262_143, 262_144, 262_145, 500_000, 1_000_000,
];

const fn ping(name: &'static str, description: &'static str, connections: usize, sizes: &'static [usize]) -> Load {
    let kind = Kind::Ping { connections, active: connections, sizes };
    Load { name, description, kind, every_round: matches!(sizes, [128]), congestion: None }
}

const fn idle(name: &'static str, description: &'static str, connections: usize) -> Load {
    let kind = Kind::Ping { connections, active: 10, sizes: &[128] };
    Load { name, description, kind, every_round: false, congestion: None }
}

const fn stream(name: &'static str, description: &'static str, chunk: usize) -> Load {
    Load { name, description, kind: Kind::Stream { chunk }, every_round: true, congestion: None }
}

const fn connect(name: &'static str, description: &'static str, concurrency: usize) -> Load {
    Load { name, description, kind: Kind::Connect { concurrency }, every_round: true, congestion: None }
}

/// All loads, in the order of the tables.
pub static LOADS: [Load; 23] = [
    ping("ping_1x128", "1 connection, messages of 128 bytes", 1, &[128]),
    ping("ping_50x128", "50 connections, messages of 128 bytes", 50, &[128]),
    ping("ping_1000x128", "1000 connections, messages of 128 bytes", 1000, &[128]),
    ping("ping_10000x128", "10 000 connections, messages of 128 bytes", 10_000, &[128]),
    ping("ping_1x1024", "1 connection, messages of 1 KiB", 1, &[1024]),
    ping("ping_50x1024", "50 connections, messages of 1 KiB", 50, &[1024]),
    ping("ping_1000x1024", "1000 connections, messages of 1 KiB", 1000, &[1024]),
    ping("ping_10000x1024", "10 000 connections, messages of 1 KiB", 10_000, &[1024]),
    ping("ping_1x16384", "1 connection, messages of 16 KiB", 1, &[16_384]),
    ping("ping_50x16384", "50 connections, messages of 16 KiB", 50, &[16_384]),
    ping("ping_1000x16384", "1000 connections, messages of 16 KiB", 1000, &[16_384]),
    ping("ping_10000x16384", "10 000 connections, messages of 16 KiB", 10_000, &[16_384]),
    idle("idle_50", "50 connections, 10 of them active, messages of 128 bytes", 50),
    idle("idle_1000", "1000 connections, 10 of them active, messages of 128 bytes", 1000),
    idle("idle_10000", "10 000 connections, 10 of them active, messages of 128 bytes", 10_000),
    ping("sizes", "1 connection, messages from 1 to 1 000 000 bytes", 1, ALL_SIZES),
    stream("stream_1k", "1 connection at full throughput, 1 KiB per send", 1 << 10),
    stream("stream_16k", "1 connection at full throughput, 16 KiB per send", 1 << 14),
    stream("stream_256k", "1 connection at full throughput, 256 KiB per send", 1 << 18),
    connect("connect_1", "connect, echo 128 bytes, close; one at a time", 1),
    connect("connect_16", "connect, echo 128 bytes, close; 16 at a time", 16),
    Load { every_round: false, congestion: Some("bbr"), ..ping("ping_50x128_bbr", "ping_50x128 with bbr", 50, &[128]) },
    Load { every_round: false, congestion: Some("bbr"), ..stream("stream_256k_bbr", "stream_256k with bbr", 1 << 18) },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for load in &LOADS {
            assert!(std::ptr::eq(Load::find(load.name).expect("the load is listed"), load), "{load:?}");
        }
    }
}
