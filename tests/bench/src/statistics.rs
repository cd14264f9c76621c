//! From samples to metrics: medians over the rounds, and ratios within each round.

use crate::results::{Counted, Results, Sample};

/// The median of some numbers, with their minimum and maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The minimum.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The maximum.
    pub max: f64,
}

impl Spread {
    /// The spread of the numbers, or `None` if there are none.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median =
            if numbers.len() % 2 == 1 { numbers[middle] } else { f64::midpoint(numbers[middle - 1], numbers[middle]) };
        Some(Self { min, median, max })
    }
}

/// What is measured of a server under a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Units per second.
    Throughput,
    /// Server CPU time per unit, in microseconds.
    ServerCpu,
    /// Client CPU time per unit, in microseconds.
    ClientCpu,
    /// Server CPU time divided by elapsed time.
    Utilisation,
    /// Median latency, in microseconds.
    P50,
    /// 99th percentile of the latency, in microseconds.
    P99,
    /// Longest period without received data, in milliseconds.
    LongestGap,
    /// Resident set size, in MB.
    Resident,
    /// User-space instructions per round trip.
    Instructions,
    /// System calls per round trip.
    SystemCalls,
}

impl Metric {
    /// Its value in a sample; `None` for those that are counted once per server.
    fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Throughput => Some(sample.units / sample.seconds),
            Self::ServerCpu => Some(sample.server_cpu / sample.units * 1e6),
            Self::ClientCpu => Some(sample.client_cpu / sample.units * 1e6),
            Self::Utilisation => Some(sample.server_cpu / sample.seconds),
            Self::P50 => sample.p50.map(|seconds| seconds * 1e6),
            Self::P99 => sample.p99.map(|seconds| seconds * 1e6),
            Self::LongestGap => Some(sample.longest_gap * 1e3),
            Self::Resident => Some(sample.resident as f64 / 1e6),
            Self::Instructions | Self::SystemCalls => None,
        }
    }

    fn higher_is_better(self) -> bool {
        self == Self::Throughput
    }
}

impl Results {
    /// The metric in each round in which it was measured.
    fn by_round(&self, server: &str, load: &str, metric: Metric) -> Vec<(usize, f64)> {
        if let Metric::Instructions | Metric::SystemCalls = metric {
            return self.counted(server, metric).map(|number| (0, number)).into_iter().collect();
        }
        let matches = |sample: &&Sample| sample.server == server && sample.load == load;
        let value = |sample: &Sample| Some((sample.round, metric.of(sample)?));
        self.samples.iter().filter(matches).filter_map(value).collect()
    }

    fn counted(&self, server: &str, metric: Metric) -> Option<f64> {
        let count = self.counts.iter().find(|count| count.server == server)?;
        let counted = match metric {
            Metric::Instructions => &count.instructions,
            _ => &count.system_calls,
        };
        match counted {
            Counted::PerRoundTrip(number) => Some(*number),
            Counted::Failed(_) => None,
        }
    }

    /// The metric over all rounds.
    pub fn metric(&self, server: &str, load: &str, metric: Metric) -> Option<Spread> {
        Spread::of(self.by_round(server, load, metric).into_iter().map(|(_, number)| number))
    }

    /// The metric divided by that of the best of `others` in the same round, over all rounds.
    pub fn ratio(&self, server: &str, others: &[&str], load: &str, metric: Metric) -> Option<Spread> {
        let others: Vec<_> = others.iter().flat_map(|other| self.by_round(other, load, metric)).collect();
        let best = |round| {
            let same_round = others.iter().filter(|(other, _)| *other == round);
            let spread = Spread::of(same_round.map(|(_, number)| *number))?;
            Some(if metric.higher_is_better() { spread.max } else { spread.min })
        };
        let numbers = self.by_round(server, load, metric);
        Spread::of(numbers.into_iter().filter_map(|(round, number)| Some(number / best(round)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        let spread = |numbers: &[f64]| Spread::of(numbers.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { min: 1.0, median: 2.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
    }

    fn sample(server: &str, round: usize, server_cpu: f64, seconds: f64) -> Sample {
        Sample {
            server: server.into(),
            load: "load".into(),
            round,
            units: 1e6,
            seconds,
            server_cpu,
            client_cpu: 1.0,
            p50: None,
            p99: None,
            longest_gap: 0.0,
            resident: 0,
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let results = Results {
            // In the second round every server is half as fast.
            samples: vec![
                sample("a", 0, 1.0, 1.0),
                sample("b", 0, 2.0, 2.0),
                sample("c", 0, 4.0, 4.0),
                sample("a", 1, 2.0, 2.0),
                sample("b", 1, 4.0, 4.0),
                sample("a", 2, 9.0, 9.0),
            ],
            ..Results::default()
        };
        let all = |number| Some(Spread { min: number, median: number, max: number });
        assert_eq!(results.ratio("a", &["b"], "load", Metric::ServerCpu), all(0.5));
        // The best has the lowest cost, or the highest throughput.
        assert_eq!(results.ratio("a", &["c", "b"], "load", Metric::ServerCpu), all(0.5));
        assert_eq!(results.ratio("a", &["c", "b"], "load", Metric::Throughput), all(2.0));
        assert_eq!(results.ratio("a", &["d"], "load", Metric::ServerCpu), None);
        let cpu = results.metric("a", "load", Metric::ServerCpu);
        assert_eq!(cpu, Some(Spread { min: 1.0, median: 2.0, max: 9.0 }));
    }
}
