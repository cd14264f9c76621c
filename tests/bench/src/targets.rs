//! Performance targets of this project's servers.

use crate::count;
use crate::results::Results;
use crate::servers::{FLOOR, MODELS};
use crate::statistics::Metric;

/// One target.
#[derive(Debug)]
pub struct Target {
    /// The server that it is for.
    pub server: String,
    /// The load under which it is checked.
    pub load: &'static str,
    /// The metric that is checked.
    pub metric: Metric,
    /// The metric is divided by that of the best of these servers, if there are any.
    pub relative_to: Vec<String>,
    /// The bound.
    pub limit: Limit,
}

/// The bound of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// The largest value that meets the target.
    AtMost(f64),
    /// The smallest value that meets the target.
    AtLeast(f64),
}

/// Whether a target was met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The median is within the bound.
    Met(f64),
    /// The median is not within the bound.
    Missed(f64),
    /// Not all of the servers were measured.
    NotMeasured,
}

/// All targets.
pub fn all() -> Vec<Target> {
    use Limit::{AtLeast, AtMost};
    use Metric::{Instructions, LongestGap, Resident, ServerCpu, SystemCalls, Throughput};
    const EPOLL: &str = "epoll_rust";
    const LIBUV: [&str; 2] = ["libuv_try_write", "libuv_write"];
    const AT_50: &str = "ping_50x128";
    const AT_10000: &str = "ping_10000x128";

    let mut targets = Vec::new();
    let mut add = |server: &str, load, metric, relative_to: &[&str], limit| {
        let relative_to = relative_to.iter().map(ToString::to_string).collect();
        targets.push(Target { server: server.to_owned(), load, metric, relative_to, limit });
    };
    for (model, _) in MODELS {
        let (rust, c) = (format!("{model}_rust"), format!("{model}_c"));
        add(&rust, count::LOAD, Instructions, &[&c], AtMost(1.0));
    }
    add(EPOLL, count::LOAD, Instructions, &[], AtMost(60.0));
    add(EPOLL, AT_50, ServerCpu, &["tokio", "mio", "monoio"], AtMost(1.0));
    add(EPOLL, AT_50, ServerCpu, &LIBUV, AtMost(0.93));
    add(EPOLL, AT_50, ServerCpu, &["go"], AtMost(0.65));
    add(EPOLL, AT_50, ServerCpu, &["node"], AtMost(0.60));
    add(EPOLL, AT_50, ServerCpu, &[FLOOR], AtMost(1.15));
    add(EPOLL, AT_10000, ServerCpu, &["tokio"], AtMost(0.95));
    add(EPOLL, AT_10000, Resident, &[], AtMost(2.0));
    for load in ["stream_16k", "stream_256k"] {
        add(EPOLL, load, Throughput, &[&["python_uvloop"], &LIBUV[..]].concat(), AtLeast(1.0));
        add(EPOLL, load, Throughput, &["tokio"], AtLeast(1.8));
    }
    for load in ["sizes", "stream_1k", "stream_16k", "stream_256k"] {
        // A delayed acknowledgement takes 40 ms.
        add(EPOLL, load, LongestGap, &[], AtMost(30.0));
    }
    add("epoll_rust_b50", "ping_1x128", Throughput, &["tokio"], AtLeast(1.25));
    add(EPOLL, "connect_1", ServerCpu, &["tokio"], AtMost(0.95));
    add(EPOLL, "connect_1", ServerCpu, &["inetd"], AtMost(0.1));
    add("uring_rust", AT_50, SystemCalls, &[], AtMost(0.1));
    add("uring_rust", AT_50, ServerCpu, &[EPOLL], AtMost(1.02));
    targets
}

impl Target {
    /// Checks the target.
    pub fn outcome(&self, results: &Results) -> Outcome {
        let others: Vec<&str> = self.relative_to.iter().map(String::as_str).collect();
        // The best of several servers is only known if all of them were measured.
        let complete = others.iter().all(|other| results.metric(other, self.load, self.metric).is_some());
        let measured = if others.is_empty() {
            results.metric(&self.server, self.load, self.metric)
        } else {
            results.ratio(&self.server, &others, self.load, self.metric)
        };
        match measured.filter(|_| complete) {
            None => Outcome::NotMeasured,
            Some(spread) if self.limit.allows(spread.median) => Outcome::Met(spread.median),
            Some(spread) => Outcome::Missed(spread.median),
        }
    }
}

impl Limit {
    fn allows(self, number: f64) -> bool {
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
    fn limits_include_their_value() {
        assert!(Limit::AtMost(1.0).allows(1.0) && !Limit::AtMost(1.0).allows(1.1));
        assert!(Limit::AtLeast(1.0).allows(1.0) && !Limit::AtLeast(1.0).allows(0.9));
    }
}
