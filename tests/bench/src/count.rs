//! What a server executes for each round trip: instructions and system calls.
//!
//! Each is counted in a shorter and in a longer run. The difference is what the round trips cost,
//! without what the start, the connections and the end cost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::generator::{self, Until};
use crate::loads::{Kind, Load};
use crate::results::{Count, Counted};
use crate::sample::Sampler;
use crate::servers::Server;

/// The load under which is counted.
pub const LOAD: &str = "ping_50x128";

/// How many messages each connection sends in the shorter and in the longer run.
const MESSAGES: [u64; 2] = [20, 120];

/// How long a server may take to end, and its instrument to write down what it has counted.
const END: Duration = Duration::from_secs(20);

/// Counts both, in a folder that is empty afterwards.
pub fn count(sampler: &mut Sampler, server: &Server, load: &Load, folder: &Path) -> Count {
    let mut counted = |instrument| match each(sampler, server, load, folder, instrument) {
        Ok(number) => Counted::Each(number),
        Err(error) => Counted::NotMeasured(format!("{error:#}")),
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
    /// The command in front of the server's.
    fn command(self, folder: &Path) -> Vec<String> {
        let words = match self {
            Self::Callgrind => {
                "valgrind --quiet --tool=callgrind --trace-children=yes \
                                --callgrind-out-file={}/callgrind.%p --"
            }
            // As a grandchild of its own, strace leaves the process that was started to the
            // server.
            Self::Strace => "strace -D -f -qq -c -U name,calls -o {}/strace --",
        };
        words.split_whitespace().map(|w| w.replace("{}", &folder.to_string_lossy())).collect()
    }

    /// The sum of what it has left in the folder.
    fn sum(self, folder: &Path) -> Result<u64> {
        let mut sum = 0;
        for entry in fs::read_dir(folder)? {
            let text = fs::read_to_string(entry?.path())?;
            let total = text.lines().find_map(|line| match self {
                Self::Callgrind => line.strip_prefix("totals: "),
                Self::Strace => line.strip_prefix("total "),
            });
            // A process that has counted nothing leaves no total.
            sum += total.map_or(Ok(0), |total| total.trim().parse::<u64>())?;
        }
        ensure!(sum > 0, "nothing was counted");
        Ok(sum)
    }
}

fn each(
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
            let mut clients = generator::connect(load.kind, running.address(), server.in_turn)?;
            clients.run(Until::Messages(messages))?;
            clients.finish()
        })();
        let ended = running.end(END)?;
        let result = result.and_then(|()| {
            ensure!(ended, "it did not end within {} seconds", END.as_secs());
            *sum = instrument.sum(folder)?;
            Ok(())
        });
        fs::remove_dir_all(folder)?;
        result?;
    }
    let round_trips = (MESSAGES[1] - MESSAGES[0]) * active as u64;
    let difference = sums[1].checked_sub(sums[0]).context("the longer run counted less")?;
    Ok(difference as f64 / round_trips as f64)
}
