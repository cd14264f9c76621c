//! Takes samples: one server under one load.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::time::{ClockId, clock_gettime};

use crate::environment::Environment;
use crate::generator::{self, Until};
use crate::loads::{Kind, Load};
use crate::process::RunningServer;
use crate::results::Sample;
use crate::servers::Server;

/// How long a server may take to exit after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The ports that servers use one after another: a port that was used recently may still have
/// connections in TIME_WAIT.
const SERVER_PORTS: std::ops::Range<u16> = 2000..10_000;

/// Starts servers and measures them.
#[derive(Debug)]
pub struct Sampler {
    /// The network namespace and the processors.
    pub environment: Environment,
    ports: std::iter::Cycle<std::ops::Range<u16>>,
    logs: PathBuf,
}

impl Sampler {
    /// The standard error of the servers goes to files in the folder `logs`.
    pub fn new(environment: Environment, logs: PathBuf) -> Self {
        Self { environment, ports: SERVER_PORTS.cycle(), logs }
    }

    /// Starts a server for a load, with an instrument's command line before its own.
    pub fn start(&mut self, server: &Server, load: &Load, instrument: &[String]) -> Result<RunningServer> {
        let port = self.ports.next().context("the cycle of ports never ends")?;
        let command = [instrument, &server.command(port, load.kind)].concat();
        let processors = self.environment.server_processors(server.processors)?;
        let log = self.logs.join(format!("{}.log", server.name));
        let perf_counter = matches!(load.kind, Kind::Connect { .. });
        RunningServer::start(&command, port, processors, &log, perf_counter)
    }

    /// Why a server cannot be started, if so.
    pub fn start_failure(&mut self, server: &Server, load: &Load) -> Result<Option<String>> {
        match self.start(server, load, &[]) {
            Ok(running) => {
                running.stop(STOP_TIMEOUT)?;
                Ok(None)
            }
            Err(error) => Ok(Some(format!("{error:#}"))),
        }
    }

    /// Measures a server under a load for `seconds`, after a third of that as warm-up.
    pub fn take(&mut self, server: &Server, load: &Load, round: usize, seconds: Duration) -> Result<Sample> {
        let mut running = self.start(server, load, &[])?;
        let result = measure(&mut running, server, load, seconds);
        let last_error_line = running.last_error_line();
        running.stop(STOP_TIMEOUT)?;
        let Measured { tally, elapsed, server_cpu, client_cpu, resident } = match result {
            Ok(measured) => measured,
            Err(error) => bail!("{error:#} (standard error: {last_error_line})"),
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

fn measure(running: &mut RunningServer, server: &Server, load: &Load, seconds: Duration) -> Result<Measured> {
    let mut clients = generator::connect(load.kind, running.address(), server.round_robin)?;
    clients.run(Until::Elapsed(seconds / 3))?;
    // Nothing is in flight before and after, so the CPU time is that of the counted round trips.
    let (server_before, client_before) = (running.cpu_time()?, own_cpu_time()?);
    let start = Instant::now();
    let tally = clients.run(Until::Elapsed(seconds))?;
    let (elapsed, client_after) = (start.elapsed(), own_cpu_time()?);
    let server_cpu = running.cpu_time()?.saturating_sub(server_before);
    let resident = running.resident()?;
    clients.finish()?;
    Ok(Measured { tally, elapsed, server_cpu, client_cpu: client_after - client_before, resident })
}

fn own_cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}
