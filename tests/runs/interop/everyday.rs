//! The commands that the READMEs name: they do what is said there.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Completion, Failed, Trial};
use mirror::common::tools::Tools;
use mirror::interop::{Client, Protocol, Way, Word};
use mirror::project::{Project, Twin};
use mirror::run::interop::{InteropJob, place};
use mirror::run::start::find_in_run;
use mirror::scenario::{Piece, Text};
use serde::Deserialize;

use crate::root::root;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Everyday {
    client: Vec<Command>,
    server: Vec<Server>,
}

/// A client's command line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    run: String,
    /// The command that must be installed.
    needs: String,
    prints: String,
    #[serde(default)]
    exit: i32,
    #[serde(default)]
    udp: bool,
    /// What it does to echo_server.
    #[serde(default)]
    ends_listing: Ends,
}

/// Whether a client ends echo_server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ends {
    #[default]
    Never,
    Always,
    /// If the server is slower than the client.
    Slow,
}

/// A server's command line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    run: String,
    needs: String,
    #[serde(default = "usual_port")]
    port: u16,
}

fn usual_port() -> u16 {
    5000
}

/// The trials.
pub fn trials(project: &Project, processor: usize) -> Result<Vec<Trial>> {
    let path = root().join("tests/interop/everyday.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let Everyday { client, server } = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let commands: BTreeSet<String> =
        client.iter().map(|client| client.run.clone()).chain(server.iter().map(|server| server.run.clone())).collect();
    let mut trials = Vec::new();
    for readme in ["README.md", "README.ko.md"] {
        let commands = commands.clone();
        trials.push(super::common::trial(format!("everyday::{readme}"), move || named_there(readme, &commands)));
    }
    for command in client {
        let programs: &[&str] = if command.udp { &["udp_echo_server"] } else { &["echo_server", "echo_server_epoll"] };
        for program in programs {
            for twin in [project.c(program), project.rust(program)] {
                let (command, ends) =
                    (command.clone(), command.ends_listing != Ends::Never && *program == "echo_server");
                let name = format!("everyday::{program}-{}: {}", twin.label.to_lowercase(), command.run);
                let needs = command.needs.clone();
                let folder = folder(trials.len());
                trials.push(if_installed(name, needs, move || as_client(&command, &twin, ends, folder, processor)));
            }
        }
    }
    for server in server {
        for twin in [project.c("echo_client"), project.rust("echo_client")] {
            let (server, needs) = (server.clone(), server.needs.clone());
            let name = format!("everyday::echo_client-{}: {}", twin.label.to_lowercase(), server.run);
            let folder = folder(trials.len());
            trials.push(if_installed(name, needs, move || as_server(&server, &twin, folder, processor)));
        }
    }
    Ok(trials)
}

fn folder(number: usize) -> PathBuf {
    root().join(format!("target/mirror/test/everyday/{number}"))
}

fn if_installed(name: String, needs: String, check: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        if find_in_run(&needs).is_none() {
            return Ok(Completion::ignored_with(format!("{needs} is not installed")));
        }
        check().map(|()| Completion::Completed).map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// The section names these commands and no others.
fn named_there(readme: &str, commands: &BTreeSet<String>) -> Result<()> {
    let text = fs::read_to_string(root().join(readme))?;
    let start = text.find("<a id=\"with-other-programs\"></a>").context("there is no section with-other-programs")?;
    let section = &text[start..];
    let section = section
        .find("\n## ")
        .and_then(|first| section[first + 1..].find("\n## ").map(|next| &section[..first + 1 + next]));
    let section = section.context("the section does not end")?;
    let lines = section.lines().filter_map(|line| line.strip_prefix("$ "));
    let named: BTreeSet<String> =
        lines.map(|line| line.split("  #").next().unwrap_or_default().trim_end().to_owned()).collect();
    let differ: Vec<&String> = named.symmetric_difference(commands).collect();
    ensure!(differ.is_empty(), "only in {readme} or only in everyday.toml: {differ:#?}");
    Ok(())
}

fn as_client(command: &Command, twin: &Twin, ends: bool, folder: PathBuf, processor: usize) -> Result<()> {
    // What `nc` is differs from machine to machine.
    let run = command.run.replace("| nc ", "| nc.openbsd ");
    let client = Client {
        prints: command.prints.clone(),
        exit: command.exit,
        ..Client::new(["bash", "-c", &run].map(str::to_owned).to_vec())
    };
    let server = vec![place("server").to_string_lossy().into_owned(), "{port}".to_owned()];
    let protocol = if command.udp { Protocol::Udp } else { Protocol::Tcp };
    let visible = vec![(PathBuf::from(&twin.command[0]), place("server"))];
    let word = Word { name: "none".into(), text: Text::default(), way: Way::Count, at_once: false, only_ours: false };
    let job = InteropJob {
        protocol,
        port: usual_port(),
        server,
        client,
        words: vec![word],
        are_exceptions: false,
        server_is_slow: command.ends_listing == Ends::Slow,
        visible,
        processor,
        tools: Tools::find()?,
    };
    let answers = job.execute(&folder)?;
    let answer = answers.words.first().cloned().flatten();
    ensure!(answer.is_none(), "{}", answer.unwrap_or_default());
    match answers.server {
        Some(what) if !ends => Err(anyhow::anyhow!("{what}")),
        Some(what) => {
            ensure!(what.starts_with("the server ended"), "{what}");
            Ok(())
        }
        None => {
            ensure!(!ends, "the server has not ended");
            Ok(())
        }
    }
}

fn as_server(server: &Server, twin: &Twin, folder: PathBuf, processor: usize) -> Result<()> {
    let mut run = [&place("client").to_string_lossy(), "{ip}", "{word}"].map(str::to_owned).to_vec();
    if server.port != 7 {
        run.push("{port}".to_owned());
    }
    let client = Client { prints: "Received: {word}\n".to_owned(), silent: true, ..Client::new(run) };
    let server_run = ["bash", "-c", &format!("exec {}", server.run)].map(str::to_owned).to_vec();
    let visible = vec![(PathBuf::from(&twin.command[0]), place("client"))];
    let word = Word {
        name: "hello".into(),
        text: Text::One(Piece::Plain("hello".into())),
        way: Way::Count,
        at_once: false,
        only_ours: false,
    };
    let job = InteropJob {
        protocol: Protocol::Tcp,
        port: server.port,
        server: server_run,
        client,
        words: vec![word],
        are_exceptions: false,
        server_is_slow: false,
        visible,
        processor,
        tools: Tools::find()?,
    };
    let answers = job.execute(&folder)?;
    let wrong: Vec<String> = answers.words.into_iter().chain([answers.server]).flatten().collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
