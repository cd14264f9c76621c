//! `mirror interop`: every server with every client.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use procfs::net::{self, TcpNetEntry, TcpState, UdpNetEntry};
use serde::{Deserialize, Serialize};

use crate::common::lock::lock;
use crate::common::parallel;
use crate::common::tools::{Tools, find_program, to_be_shown};
use crate::project::{MODELS, Project, Twin};
use crate::read::observation::printable;
use crate::run::namespaces::in_namespaces;
use crate::run::stage::prepare;
use crate::run::start::unprivileged;
use crate::run::watch::BETWEEN_LOOKS;
use crate::run::world::{WORK, World, seal};
use crate::say;
use crate::scenario::pattern_bytes;
use crate::show::report::{BAD, GOOD, HEADING, Progress, crop, pad, styled};

/// A server and its client, and the longest word that goes between them.
struct Service {
    server: &'static str,
    client: &'static str,
    longest: usize,
}

/// Every server, with the client that speaks to it.
fn services() -> Vec<Service> {
    // The longest argument that the kernel passes on: 32 pages with the NUL at the end
    // (MAX_ARG_STRLEN).
    let stream = |server| Service { server, client: "echo_client", longest: 128 * 1024 - 1 };
    let mut services: Vec<Service> =
        ["echo_server"].into_iter().chain(MODELS).map(stream).collect();
    // The longest datagram: 65535 bytes less the headers of IP and UDP.
    let datagrams =
        Service { server: "udp_echo_server", client: "udp_echo_client", longest: 65507 };
    services.push(datagrams);
    services
}

const PORT: u16 = 5000;

/// A word that goes from a client to a server and back.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Word {
    name: String,
    bytes: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct InteropJob {
    server: Vec<String>,
    client: Vec<String>,
    words: Vec<Word>,
    processor: usize,
    tools: Tools,
    timeout: PathBuf,
}

/// For each word, what was wrong with the answer.
type Answers = Vec<Option<String>>;

fn words(longest: usize) -> Vec<Word> {
    // Around the sizes of the programs' buffers (127 and 128), of pages and of segments.
    let lengths = [
        1, 2, 126, 127, 128, 129, 254, 255, 256, 1000, 4095, 4096, 16384, 65482, 65507, 65536,
        100_000, 131_071,
    ];
    let lengths = lengths.into_iter().filter(|length| *length <= longest);
    let length = |length| Word { name: format!("{length} bytes"), bytes: pattern_bytes(length) };
    let word = |name: &str, bytes: Vec<u8>| Word { name: name.to_owned(), bytes };
    let mut words: Vec<Word> = lengths.map(length).collect();
    words.push(word("every byte but NUL", (1..=255).collect()));
    words.push(word("Korean", "에코 서버와 에코 클라이언트".into()));
    // 127 is no multiple of three: buffers end in the middle of a character.
    words.push(word("Korean, 3000 bytes", "한".repeat(1000).into()));
    words.push(word("%s%n%x", "%s%n%x".into()));
    words
}

/// Runs all four pairings of every service and shows them as tables.
pub fn run() -> Result<bool> {
    let project = Project::find()?;
    project.build()?;
    let _lock = lock(&project.output().join("interop"))?;
    let mut same = true;
    for service in &services() {
        same &= pairings(&project, service)?;
    }
    Ok(same)
}

fn pairings(project: &Project, service: &Service) -> Result<bool> {
    let words = words(service.longest);
    let tools = Tools::find()?;
    let timeout =
        find_program("timeout").context("timeout is missing: please install coreutils")?;
    let sides: [fn(&Project, &str) -> Twin; 2] = [Project::c, Project::rust];
    let mut pairings = Vec::new();
    for server in sides {
        for client in sides {
            pairings.push((server(project, service.server), client(project, service.client)));
        }
    }

    let progress = Progress::new(pairings.len());
    let mut columns: Vec<Answers> = Vec::new();
    parallel::in_order(
        &pairings,
        |(server, client), processor| {
            let folder = format!("interop/{}-{}", server.label, client.label).to_lowercase();
            let folder = format!("{folder}-{}", service.server);
            let job = InteropJob {
                server: server.command.clone(),
                client: client.command.clone(),
                words: words.clone(),
                processor,
                tools: tools.clone(),
                timeout: timeout.clone(),
            };
            answers(&project.output().join(folder), &job)
        },
        |index, answers| {
            columns.push(answers);
            progress.show(index + 1, service.server);
            Ok(())
        },
    )?;
    progress.clear();
    say!("{} ⇄ {}", service.server, service.client);
    table(&pairings, &words, &columns)
}

fn table(pairings: &[(Twin, Twin)], words: &[Word], columns: &[Answers]) -> Result<bool> {
    let names = pairings.iter().map(|(s, c)| pad(&format!("{} ⇄ {}", s.label, c.label), 14));
    let heading = format!("{}{}", pad("server ⇄ client", 22), names.collect::<String>());
    say!("{}", styled(heading.trim_end(), HEADING));
    for (row, word) in words.iter().enumerate() {
        let cell = |answers: &Answers| match answers[row] {
            None => styled(&pad("same", 14), GOOD),
            Some(_) => styled(&pad("differs", 14), BAD),
        };
        let cells: String = columns.iter().map(cell).collect();
        say!("{}{}", pad(&word.name, 22), cells.trim_end());
    }
    let mut same = 0;
    for ((server, client), answers) in pairings.iter().zip(columns) {
        for (word, answer) in words.iter().zip(answers) {
            match answer {
                None => same += 1,
                Some(what) => {
                    say!("{} server, {} client, {}: {what}", server.label, client.label, word.name)
                }
            }
        }
    }
    let all = words.len() * columns.len();
    let style = if same == all { GOOD } else { BAD };
    let text = format!("{all} words in {} pairings: {same} came back whole", columns.len());
    say!("{}", styled(&text, style));
    Ok(same == all)
}

fn answers(directory: &Path, job: &InteropJob) -> Result<Answers> {
    for command in [&job.server, &job.client] {
        ensure!(Path::new(&command[0]).is_file(), "there is no program {}", command[0]);
    }
    fs::create_dir_all(directory)?;
    fs::write(directory.join("job.json"), serde_json::to_vec(job)?)?;
    in_namespaces("interop", directory)?;
    Ok(serde_json::from_slice(&fs::read(directory.join("answers.json"))?)?)
}

/// The inner half: one server, and a client for each word.
pub fn inside(directory: &Path) -> Result<()> {
    let mut job: InteropJob = serde_json::from_slice(&fs::read(directory.join("job.json"))?)?;
    let mut world = World::default();
    world.visible.extend(to_be_shown(job.tools.files().into_iter().chain([&job.timeout])));
    for (command, name) in [(&mut job.server, "server"), (&mut job.client, "client")] {
        let place = Path::new(WORK).join(name);
        world.visible.push((PathBuf::from(&command[0]), place.clone()));
        command[0] = place.to_string_lossy().into_owned();
    }
    let directory = &world.enter(directory)?;
    // Every client needs a port of its own: the last ones are in TIME_WAIT.
    prepare(&job.tools, job.processor, "40000 49999")?;
    seal()?;
    let output = |name: &str| -> Result<fs::File> {
        let path: PathBuf = directory.join(name);
        fs::File::create(&path).with_context(|| format!("cannot create {}", path.display()))
    };
    let mut server = unprivileged(&job.tools, Path::new(&job.server[0]))
        .args(&job.server[1..])
        .arg(PORT.to_string())
        .stdout(output("server.stdout")?)
        .stderr(output("server.stderr")?)
        .spawn()?;
    while !is_taken(PORT)? {
        if let Some(status) = server.try_wait()? {
            bail!("the server ended at once ({status})");
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    let answers: Result<Answers> = job.words.iter().map(|word| ask(&job, word)).collect();
    ensure!(server.try_wait()?.is_none(), "the server has ended");
    server.kill()?;
    server.wait()?;
    fs::write(directory.join("answers.json"), serde_json::to_vec(&answers?)?)?;
    Ok(())
}

/// Whether somebody listens on a port, or takes datagrams there.
fn is_taken(port: u16) -> Result<bool> {
    let listens = |socket: &TcpNetEntry| {
        socket.local_address.port() == port && socket.state == TcpState::Listen
    };
    let takes = |socket: &UdpNetEntry| socket.local_address.port() == port;
    Ok(net::tcp()?.iter().any(listens) || net::udp()?.iter().any(takes))
}

fn ask(job: &InteropJob, word: &Word) -> Result<Option<String>> {
    let output = unprivileged(&job.tools, &job.timeout)
        .args(["--signal=KILL", "60"])
        .args(&job.client)
        .arg("127.0.0.1")
        .arg(std::ffi::OsString::from_vec(word.bytes.clone()))
        .arg(PORT.to_string())
        .output()?;
    let expected = [b"Received: ", word.bytes.as_slice(), b"\n"].concat();
    Ok(if !output.status.success() {
        Some(format!("{}: {}", output.status, printable(&output.stderr)))
    } else if output.stdout != expected {
        Some(format!("the client printed {}", crop(&printable(&output.stdout), 0, 60)))
    } else if !output.stderr.is_empty() {
        Some(format!("on stderr: {}", crop(&printable(&output.stderr), 0, 60)))
    } else {
        None
    })
}
