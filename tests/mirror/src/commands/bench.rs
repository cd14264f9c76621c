//! `mirror bench`: the sizes of the twins and the instructions they execute, side by side.
//!
//! callgrind counts instructions in user space, from the dynamic loader's first to the last one of
//! exit. The counts do not depend on the machine's load.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::common::lock::lock;
use crate::common::out::say;
use crate::common::parallel::processors;
use crate::common::tools::{Tools, find_program};
use crate::project::{Project, Twin};
use crate::run::job::{Instrument, Job};
use crate::scenario::{Piece, Scenario, ScenarioFile, Step, Text};
use crate::show::terminal::{BAD, GOOD, HEADING, Progress, pad, styled};

/// How many messages the server echoes in the shorter and in the longer run. The difference gives
/// the cost of a message without that of start and exit.
const MESSAGES: [usize; 2] = [10, 510];

/// A figure of both twins.
struct Figure {
    what: String,
    unit: &'static str,
    twins: [u64; 2],
}

/// Measures and prints. Returns whether no figure of Rust exceeds that of C.
pub fn run() -> Result<bool> {
    let project = Project::find()?;
    project.build()?;
    let _lock = lock(&project.output().join("bench"))?;
    let mut figures = Vec::new();
    let programs = ["echo_server", "echo_client"];
    let progress = Progress::new(4);

    for program in programs {
        let twins = [project.c(program), project.rust(program)];
        figures.push(sizes(&project, program, &twins, false)?);
        figures.push(sizes(&project, program, &twins, true)?);
    }
    progress.show(1, "echo_client, one word");
    let client = ScenarioFile::read(&project.path("tests/scenarios/echo_client.toml"))?;
    figures.push(Figure {
        what: "echo_client, one word, whole run".into(),
        unit: "instructions",
        twins: both(&project, "echo_client", client.find("one_word")?)?,
    });
    progress.show(2, "echo_server, one word");
    let server = ScenarioFile::read(&project.path("tests/scenarios/echo_server.toml"))?;
    let one_word = server.find("one_word")?;
    figures.push(Figure {
        what: "echo_server, one word, whole run".into(),
        unit: "instructions",
        twins: both(&project, "echo_server", one_word)?,
    });
    progress.show(3, "echo_server, many messages");
    let [few, many] = MESSAGES.map(|messages| both(&project, "echo_server", &exchange(one_word, messages)));
    let (few, many) = (few?, many?);
    let messages = (MESSAGES[1] - MESSAGES[0]) as u64;
    figures.push(Figure {
        what: "echo_server, each echoed message".into(),
        unit: "instructions",
        twins: [0, 1].map(|side| many[side].saturating_sub(few[side]) / messages),
    });
    progress.clear();
    table(&figures)
}

fn table(figures: &[Figure]) -> Result<bool> {
    let heading = format!("{}{:>12}{:>12}{:>10}", pad("", 40), "C", "Rust", "Rust/C");
    say!("{}", styled(&heading, HEADING));
    for Figure { what, unit, twins: [c, rust] } in figures {
        #[expect(clippy::cast_precision_loss, reason = "the ratio is shown with two decimals")]
        let ratio = *rust as f64 / *c as f64;
        let style = if rust <= c { GOOD } else { BAD };
        let ratio = styled(&format!("{ratio:>10.3}"), style);
        say!("{}{c:>12}{rust:>12}{ratio}  {unit}", pad(what, 40));
    }
    Ok(figures.iter().all(|figure| figure.twins[1] <= figure.twins[0]))
}

fn sizes(project: &Project, program: &str, twins: &[Twin; 2], stripped: bool) -> Result<Figure> {
    let folder = project.output().join("bench");
    fs::create_dir_all(&folder)?;
    let mut sizes = [0; 2];
    for (size, twin) in sizes.iter_mut().zip(twins) {
        let mut file = Path::new(&twin.command[0]).to_owned();
        if stripped {
            let copy = folder.join(format!("{program}.stripped"));
            let status = Command::new("strip").arg("-o").arg(&copy).arg(&file).status();
            ensure!(
                status.context("strip is missing (package binutils)")?.success(),
                "strip failed for {}",
                file.display()
            );
            file = copy;
        }
        *size = fs::metadata(&file).with_context(|| format!("no such program: {}", file.display()))?.len();
    }
    let kind = if stripped { "stripped" } else { "with debugging information" };
    Ok(Figure { what: format!("{program}, {kind}"), unit: "bytes", twins: sizes })
}

/// The instructions that the twins of a program execute in a scenario.
fn both(project: &Project, program: &str, scenario: &Scenario) -> Result<[u64; 2]> {
    let count = |twin: &Twin| -> Result<u64> {
        let job = Job {
            name: program.to_owned(),
            command: twin.command.clone(),
            scenario: scenario.clone(),
            visible: Vec::new(),
            tools: Tools::find()?,
            instrument: Instrument::Callgrind(
                find_program("valgrind").context("valgrind is missing: please install it")?,
            ),
            processor: processors()?[0],
            directory: project.output().join("bench").join(program).join(twin.label.to_lowercase()),
        };
        job.execute()?;
        let counts = fs::read_to_string(job.file("callgrind")).context("callgrind has written no file")?;
        let total = counts.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(total.context("callgrind's file has no totals")?.trim().parse()?)
    };
    Ok([count(&project.c(program))?, count(&project.rust(program))?])
}

/// The scenario `one_word` with this many messages, each sent once the last one is echoed.
fn exchange(one_word: &Scenario, messages: usize) -> Scenario {
    let peer = || "a".to_owned();
    let text = || Text::One(Piece::Plain("hello".into()));
    let mut steps = vec![Step::Connect { peer: peer(), port: 5000 }];
    for _ in 0..messages {
        steps.push(Step::Send { peer: peer(), text: text() });
        steps.push(Step::Expect { peer: peer(), text: text() });
    }
    steps.push(Step::Close { peer: peer() });
    steps.push(Step::Signal { signal: "SIGTERM".into() });
    Scenario { name: format!("{messages}_messages"), steps, ..one_word.clone() }
}
