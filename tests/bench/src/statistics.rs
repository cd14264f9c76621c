//! From samples to figures: medians over the rounds, and ratios within each round.

use crate::results::{Counted, Results, Sample};

/// The median of some numbers, and the smallest and the largest of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// The median.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of these numbers; none of none.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (least, most) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median = if numbers.len() % 2 == 1 {
            numbers[middle]
        } else {
            f64::midpoint(numbers[middle - 1], numbers[middle])
        };
        Some(Self { least, median, most })
    }
}

/// A figure of a server under a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Units in a second.
    Rate,
    /// Server CPU time for each unit, in microseconds.
    Cpu,
    /// Client CPU time for each unit, in microseconds.
    ClientCpu,
    /// Part of the time in which the server was on a processor.
    Busy,
    /// Median latency in microseconds.
    P50,
    /// 99th percentile of the latency in microseconds.
    P99,
    /// Longest time without progress, in milliseconds.
    LongestGap,
    /// Resident memory in MB.
    Resident,
    /// Instructions in user space for each round trip.
    Instructions,
    /// System calls for each round trip.
    SystemCalls,
}

impl Figure {
    /// What it is in a sample; none for what is counted once for a server.
    fn in_sample(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Rate => Some(sample.units / sample.seconds),
            Self::Cpu => Some(sample.server_cpu / sample.units * 1e6),
            Self::ClientCpu => Some(sample.client_cpu / sample.units * 1e6),
            Self::Busy => Some(sample.server_cpu / sample.seconds),
            Self::P50 => sample.p50.map(|seconds| seconds * 1e6),
            Self::P99 => sample.p99.map(|seconds| seconds * 1e6),
            Self::LongestGap => Some(sample.longest_gap * 1e3),
            Self::Resident => Some(sample.resident as f64 / 1e6),
            Self::Instructions | Self::SystemCalls => None,
        }
    }

    /// Whether more of it is better.
    fn more_is_better(self) -> bool {
        self == Self::Rate
    }
}

impl Results {
    /// A figure in each round in which it was measured.
    fn by_round(&self, server: &str, load: &str, figure: Figure) -> Vec<(usize, f64)> {
        if let Figure::Instructions | Figure::SystemCalls = figure {
            return self.counted(server, figure).map(|number| (0, number)).into_iter().collect();
        }
        let of_both = |sample: &&Sample| sample.server == server && sample.load == load;
        let figure = |sample: &Sample| Some((sample.round, figure.in_sample(sample)?));
        self.samples.iter().filter(of_both).filter_map(figure).collect()
    }

    /// What was counted of a server.
    fn counted(&self, server: &str, figure: Figure) -> Option<f64> {
        let count = self.counts.iter().find(|count| count.server == server)?;
        let counted = match figure {
            Figure::Instructions => &count.instructions,
            _ => &count.system_calls,
        };
        match counted {
            Counted::Each(number) => Some(*number),
            Counted::NotMeasured(_) => None,
        }
    }

    /// A figure over all rounds.
    pub fn figure(&self, server: &str, load: &str, figure: Figure) -> Option<Spread> {
        Spread::of(self.by_round(server, load, figure).into_iter().map(|(_, number)| number))
    }

    /// A figure in ratio to the best of some servers in the same round, over all rounds.
    pub fn ratio(&self, server: &str, to: &[&str], load: &str, figure: Figure) -> Option<Spread> {
        let others: Vec<_> = to.iter().flat_map(|to| self.by_round(to, load, figure)).collect();
        let best = |round| {
            let of_round = others.iter().filter(|(other, _)| *other == round);
            let spread = Spread::of(of_round.map(|(_, number)| *number))?;
            Some(if figure.more_is_better() { spread.most } else { spread.least })
        };
        let numbers = self.by_round(server, load, figure);
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
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
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
            // The second round was twice as slow for everybody.
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
        let all = |number| Some(Spread { least: number, median: number, most: number });
        assert_eq!(results.ratio("a", &["b"], "load", Figure::Cpu), all(0.5));
        // Best is what costs least, and what does most.
        assert_eq!(results.ratio("a", &["c", "b"], "load", Figure::Cpu), all(0.5));
        assert_eq!(results.ratio("a", &["c", "b"], "load", Figure::Rate), all(2.0));
        assert_eq!(results.ratio("a", &["d"], "load", Figure::Cpu), None);
        let cpu = results.figure("a", "load", Figure::Cpu);
        assert_eq!(cpu, Some(Spread { least: 1.0, median: 2.0, most: 9.0 }));
    }
}
