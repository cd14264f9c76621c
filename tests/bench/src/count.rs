//! Counts a server's instructions and system calls per round trip.
//!
//! Each is counted in a short and in a long run. The difference leaves the round trips only, without
//! start-up, connections and shutdown.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::generator::{self, Until};
use crate::loads::{Kind, Load};
use crate::results::{Count, Counted};
use crate::sample::Sampler;
use crate::servers::Server;

/// The load that is used for counting.
pub const LOAD: &str = "ping_50x128";

/// Messages per connection in the short and in the long run.
const MESSAGES: [u64; 2] = [20, 120];

/// How long the server may take to exit and its instrument to write its counts.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Counts both. The folder holds the output of the instruments, and is removed afterwards.
pub fn count(sampler: &mut Sampler, server: &Server, load: &Load, folder: &Path) -> Count {
    let mut counted = |instrument| match per_round_trip(sampler, server, load, folder, instrument) {
        Ok(number) => Counted::PerRoundTrip(number),
        Err(error) => Counted::Failed(format!("{error:#}")),
    };
    Count {
        server: server.name.clone(),
        instructions: counted(Instrument::Callgrind),
        system_calls: counted(Instrument::Strace),
    }
}

#[derive(Clone, Copy)]
enum Instrument {
    Callgrind,
    Strace,
}

impl Instrument {
    /// The command line that precedes the server's.
    fn command(self, folder: &Path) -> Vec<String> {
        let template = match self {
            Self::Callgrind => {
                "valgrind --quiet --tool=callgrind --trace-children=yes \
                                --callgrind-out-file={}/callgrind.%p --"
            }
            // With -D, strace is a grandchild, and the process that was started is the server.
            Self::Strace => "strace -D -f -qq -c -U name,calls -o {}/strace --",
        };
        template.split_whitespace().map(|word| word.replace("{}", &folder.to_string_lossy())).collect()
    }

    /// The total of the counts in the folder, over all processes.
    fn sum(self, folder: &Path) -> Result<u64> {
        let mut sum = 0;
        for entry in fs::read_dir(folder)? {
            let text = fs::read_to_string(entry?.path())?;
            let total = text.lines().find_map(|line| match self {
                Self::Callgrind => line.strip_prefix("totals: "),
                Self::Strace => line.strip_prefix("total "),
            });
            // There is no total for a process without counts.
            sum += total.map_or(Ok(0), |total| total.trim().parse::<u64>())?;
        }
        ensure!(sum > 0, "nothing was counted");
        Ok(sum)
    }
}

fn per_round_trip(
    sampler: &mut Sampler,
    server: &Server,
    load: &Load,
    folder: &Path,
    instrument: Instrument,
) -> Result<f64> {
    let Kind::Ping { active, .. } = load.kind else { unreachable!("the load is a ping") };
    let mut sums = [0; 2];
    for (sum, messages) in sums.iter_mut().zip(MESSAGES) {
        fs::create_dir_all(folder)?;
        let running = sampler.start(server, load, &instrument.command(folder))?;
        let result = (|| {
            let mut clients = generator::connect(load.kind, running.address(), server.round_robin)?;
            clients.run(Until::Messages(messages))?;
            clients.finish()
        })();
        let exited = running.stop(STOP_TIMEOUT)?;
        let result = result.and_then(|()| {
            ensure!(exited, "it did not exit within {} seconds", STOP_TIMEOUT.as_secs());
            *sum = instrument.sum(folder)?;
            Ok(())
        });
        fs::remove_dir_all(folder)?;
        result?;
    }
    let round_trips = (MESSAGES[1] - MESSAGES[0]) * active as u64;
    let difference = sums[1].checked_sub(sums[0]).context("the long run has a smaller count than the short run")?;
    Ok(difference as f64 / round_trips as f64)
}
