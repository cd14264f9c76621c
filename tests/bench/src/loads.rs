//! The loads: what is asked of every server.

/// One load.
#[derive(Debug)]
pub struct Load {
    /// What options and tables call it.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What is done.
    pub kind: Kind,
    /// Whether it is measured in every round. Any other is measured in the first round only.
    pub every_round: bool,
    /// The congestion control for this load, where it is not the one of the whole run.
    pub congestion: Option<&'static str>,
}

/// What a load does.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A client on each connection sends a message, waits until all of it is back, and sends the
    /// next. The first `active` connections do so, and the others stay open. Message number n has
    /// the size number n, counted round the list.
    Ping {
        /// How many connections are open.
        connections: usize,
        /// How many of them are used.
        active: usize,
        /// The sizes of the messages, in bytes.
        sizes: &'static [usize],
    },
    /// One connection carries as many bytes as it can, in both directions at once.
    Stream {
        /// How many bytes each send call is given.
        chunk: usize,
    },
    /// Connect, have one message of 128 bytes echoed, half-close, wait for the end.
    Connect {
        /// How many connections are under way at any time.
        at_once: usize,
    },
}

impl Load {
    /// The load of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        LOADS.iter().find(|load| load.name == name)
    }

    /// The largest number of connections that are open at once.
    pub fn connections(&self) -> usize {
        match self.kind {
            Kind::Ping { connections, .. } => connections,
            Kind::Stream { .. } => 1,
            Kind::Connect { at_once } => at_once,
        }
    }

    /// What is counted: the units of rates and costs.
    pub fn units(&self) -> &'static str {
        match self.kind {
            Kind::Ping { .. } => "round trips",
            Kind::Stream { .. } => "MiB",
            Kind::Connect { .. } => "connections",
        }
    }
}

/// Sizes around those that buffers and segments have: where a server leaves a small rest unsent
/// until the last segment is acknowledged, one of them takes 40 ms.
const ALL_SIZES: &[usize] = &[
    1, 2, 127, 128, 129, 255, 256, 257, 1000, 1024, 1500, 4095, 4096, 4097, 8192, 16_383, 16_384,
    16_385, 32_768, 65_482, 65_483, 65_484, 65_535, 65_536, 65_537, 100_000, 131_072, 262_143,
    262_144, 262_145, 500_000, 1_000_000,
];

const fn ping(
    name: &'static str,
    about: &'static str,
    connections: usize,
    sizes: &'static [usize],
) -> Load {
    let kind = Kind::Ping { connections, active: connections, sizes };
    Load { name, about, kind, every_round: matches!(sizes, [128]), congestion: None }
}

const fn idle(name: &'static str, about: &'static str, connections: usize) -> Load {
    let kind = Kind::Ping { connections, active: 10, sizes: &[128] };
    Load { name, about, kind, every_round: false, congestion: None }
}

const fn stream(name: &'static str, about: &'static str, chunk: usize) -> Load {
    Load { name, about, kind: Kind::Stream { chunk }, every_round: true, congestion: None }
}

const fn connect(name: &'static str, about: &'static str, at_once: usize) -> Load {
    Load { name, about, kind: Kind::Connect { at_once }, every_round: true, congestion: None }
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
    idle("idle_50", "50 connections, 10 of them send messages of 128 bytes", 50),
    idle("idle_1000", "1000 connections, 10 of them send messages of 128 bytes", 1000),
    idle("idle_10000", "10 000 connections, 10 of them send messages of 128 bytes", 10_000),
    ping("sizes", "1 connection, messages from 1 to 1 000 000 bytes", 1, ALL_SIZES),
    stream("stream_1k", "1 connection, as much as it carries, 1 KiB in each send", 1 << 10),
    stream("stream_16k", "1 connection, as much as it carries, 16 KiB in each send", 1 << 14),
    stream("stream_256k", "1 connection, as much as it carries, 256 KiB in each send", 1 << 18),
    connect("connect_1", "connect, echo 128 bytes, close; one after another", 1),
    connect("connect_16", "connect, echo 128 bytes, close; 16 at a time", 16),
    Load {
        every_round: false,
        congestion: Some("bbr"),
        ..ping("ping_50x128_bbr", "as ping_50x128, under bbr", 50, &[128])
    },
    Load {
        every_round: false,
        congestion: Some("bbr"),
        ..stream("stream_256k_bbr", "as stream_256k, under bbr", 1 << 18)
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for load in &LOADS {
            assert!(std::ptr::eq(Load::find(load.name).expect("it is there"), load), "{load:?}");
        }
    }
}
