//! One sample: one server under one load.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::time::{ClockId, clock_gettime};

use crate::generator::{self, Until};
use crate::loads::{Kind, Load};
use crate::process::Running;
use crate::results::Sample;
use crate::servers::Server;
use crate::stage::Stage;

/// How long a server may take to end once it was asked to.
const END: Duration = Duration::from_secs(2);

/// The ports that servers get one after another: a port that was used shortly before may still
/// have connections in TIME_WAIT.
const SERVER_PORTS: std::ops::Range<u16> = 2000..10_000;

/// Takes samples.
#[derive(Debug)]
pub struct Sampler {
    /// The network and the processors.
    pub stage: Stage,
    ports: std::iter::Cycle<std::ops::Range<u16>>,
    logs: PathBuf,
}

impl Sampler {
    /// What servers write to standard error goes into a folder.
    pub fn new(stage: Stage, logs: PathBuf) -> Self {
        Self { stage, ports: SERVER_PORTS.cycle(), logs }
    }

    /// Starts a server for a load, with an instrument's command in front of its own.
    pub fn start(
        &mut self,
        server: &Server,
        load: &Load,
        instrument: &[String],
    ) -> Result<Running> {
        let port = self.ports.next().context("the ports never run out")?;
        let command = [instrument, &server.command(port, load.kind)].concat();
        let processors = self.stage.server_processors(server.processors)?;
        let log = self.logs.join(format!("{}.log", server.name));
        let short_lived = matches!(load.kind, Kind::Connect { .. });
        Running::start(&command, port, processors, &log, short_lived)
    }

    /// Whether a server starts at all; if not, why.
    pub fn missing(&mut self, server: &Server, load: &Load) -> Result<Option<String>> {
        match self.start(server, load, &[]) {
            Ok(running) => {
                running.end(END)?;
                Ok(None)
            }
            Err(error) => Ok(Some(format!("{error:#}"))),
        }
    }

    /// Measures a server under a load for so long, after a third of that to warm up.
    pub fn take(
        &mut self,
        server: &Server,
        load: &Load,
        round: usize,
        seconds: Duration,
    ) -> Result<Sample> {
        let mut running = self.start(server, load, &[])?;
        let result = measure(&mut running, server, load, seconds);
        let last_words = running.last_words();
        running.end(END)?;
        let Measured { tally, elapsed, server_cpu, client_cpu, resident } = match result {
            Ok(measured) => measured,
            Err(error) => bail!("{error:#} (its last words: {last_words})"),
        };
        let quantile = |quantile| {
            let nanoseconds = tally.latencies.value_at_quantile(quantile);
            (!tally.latencies.is_empty()).then_some(nanoseconds as f64 / 1e9)
        };
        Ok(Sample {
            server: server.name.clone(),
            load: load.name.to_owned(),
            round,
            units: tally.units,
            seconds: elapsed.as_secs_f64(),
            server_cpu: server_cpu.as_secs_f64(),
            client_cpu: client_cpu.as_secs_f64(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            longest_gap: tally.longest_gap.as_secs_f64(),
            resident,
        })
    }
}

struct Measured {
    tally: generator::Tally,
    elapsed: Duration,
    server_cpu: Duration,
    client_cpu: Duration,
    resident: u64,
}

fn measure(
    running: &mut Running,
    server: &Server,
    load: &Load,
    seconds: Duration,
) -> Result<Measured> {
    let mut clients = generator::connect(load.kind, running.address(), server.in_turn)?;
    clients.run(Until::Elapsed(seconds / 3))?;
    // Before and after, nothing is in flight: the CPU time is that of these round trips.
    let (server_before, client_before) = (running.cpu()?, own_cpu()?);
    let start = Instant::now();
    let tally = clients.run(Until::Elapsed(seconds))?;
    let (elapsed, client_after) = (start.elapsed(), own_cpu()?);
    let server_cpu = running.cpu()?.saturating_sub(server_before);
    let resident = running.resident()?;
    clients.finish()?;
    Ok(Measured { tally, elapsed, server_cpu, client_cpu: client_after - client_before, resident })
}

fn own_cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}
