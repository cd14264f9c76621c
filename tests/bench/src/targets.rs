//! What the project's servers are meant to reach, and whether they do.

use crate::count;
use crate::results::Results;
use crate::servers::{FLOOR, MODELS};
use crate::statistics::Figure;

/// Something to be reached.
#[derive(Debug)]
pub struct Target {
    /// The server that is to reach it.
    pub server: String,
    /// Under which load.
    pub load: &'static str,
    /// Which figure.
    pub figure: Figure,
    /// The figure is divided by that of the best of these; by nothing, where none is named.
    pub to: Vec<String>,
    /// What is allowed.
    pub limit: Limit,
}

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// No more than that.
    AtMost(f64),
    /// No less than that.
    AtLeast(f64),
}

/// What came of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The median, which is within the limit.
    Reached(f64),
    /// The median, which is not.
    NotReached(f64),
    /// One of the servers was missing or failed.
    NotMeasured,
}

/// All targets.
pub fn all() -> Vec<Target> {
    use Figure::{Cpu, Instructions, LongestGap, Rate, Resident, SystemCalls};
    use Limit::{AtLeast, AtMost};
    const EPOLL: &str = "epoll_rust";
    const LIBUV: [&str; 2] = ["libuv_try_write", "libuv_write"];
    const AT_50: &str = "ping_50x128";
    const AT_10000: &str = "ping_10000x128";

    let mut targets = Vec::new();
    let mut add = |server: &str, load, figure, to: &[&str], limit| {
        let (server, to) = (server.to_owned(), to.iter().map(ToString::to_string).collect());
        targets.push(Target { server, load, figure, to, limit });
    };
    for (model, _) in MODELS {
        let (rust, c) = (format!("{model}_rust"), format!("{model}_c"));
        add(&rust, count::LOAD, Instructions, &[&c], AtMost(1.0));
    }
    add(EPOLL, count::LOAD, Instructions, &[], AtMost(60.0));
    add(EPOLL, AT_50, Cpu, &["tokio", "mio", "monoio"], AtMost(1.0));
    add(EPOLL, AT_50, Cpu, &LIBUV, AtMost(0.93));
    add(EPOLL, AT_50, Cpu, &["go"], AtMost(0.65));
    add(EPOLL, AT_50, Cpu, &["node"], AtMost(0.60));
    add(EPOLL, AT_50, Cpu, &[FLOOR], AtMost(1.15));
    add(EPOLL, AT_10000, Cpu, &["tokio"], AtMost(0.95));
    add(EPOLL, AT_10000, Resident, &[], AtMost(2.0));
    for load in ["stream_16k", "stream_256k"] {
        add(EPOLL, load, Rate, &[&["python_uvloop"], &LIBUV[..]].concat(), AtLeast(1.0));
        add(EPOLL, load, Rate, &["tokio"], AtLeast(1.8));
    }
    for load in ["sizes", "stream_1k", "stream_16k", "stream_256k"] {
        // A segment that waits for a delayed acknowledgement waits for 40 ms.
        add(EPOLL, load, LongestGap, &[], AtMost(30.0));
    }
    add("epoll_rust_b50", "ping_1x128", Rate, &["tokio"], AtLeast(1.25));
    add(EPOLL, "connect_1", Cpu, &["tokio"], AtMost(0.95));
    add(EPOLL, "connect_1", Cpu, &["inetd"], AtMost(0.1));
    add("uring_rust", AT_50, SystemCalls, &[], AtMost(0.1));
    add("uring_rust", AT_50, Cpu, &[EPOLL], AtMost(1.02));
    targets
}

impl Target {
    /// Whether it was reached.
    pub fn outcome(&self, results: &Results) -> Outcome {
        let to: Vec<&str> = self.to.iter().map(String::as_str).collect();
        // The best of some servers is only known if all of them were measured.
        let all_there = to.iter().all(|to| results.figure(to, self.load, self.figure).is_some());
        let measured = if to.is_empty() {
            results.figure(&self.server, self.load, self.figure)
        } else {
            results.ratio(&self.server, &to, self.load, self.figure)
        };
        match measured.filter(|_| all_there) {
            None => Outcome::NotMeasured,
            Some(spread) if self.limit.holds(spread.median) => Outcome::Reached(spread.median),
            Some(spread) => Outcome::NotReached(spread.median),
        }
    }
}

impl Limit {
    fn holds(self, number: f64) -> bool {
        match self {
            Self::AtMost(limit) => number <= limit,
            Self::AtLeast(limit) => number >= limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loads::Load;

    #[test]
    fn every_target_names_a_load() {
        for target in all() {
            assert!(Load::find(target.load).is_some(), "{target:?}");
        }
    }

    #[test]
    fn limits_hold() {
        assert!(Limit::AtMost(1.0).holds(1.0) && !Limit::AtMost(1.0).holds(1.1));
        assert!(Limit::AtLeast(1.0).holds(1.0) && !Limit::AtLeast(1.0).holds(0.9));
    }
}
