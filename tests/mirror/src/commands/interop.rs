//! `mirror interop`: runs every server with every client.

use anyhow::{Context, Result};

use crate::common::lock::lock;
use crate::common::out::say;
use crate::common::parallel;
use crate::common::tools::{Tools, find_program};
use crate::project::{MODELS, Project, Twin};
use crate::run::interop::{Answers, InteropJob, Word};
use crate::scenario::pattern_bytes;
use crate::show::terminal::{BAD, GOOD, HEADING, Progress, crop, pad, styled};

/// A server, its client, and the longest string between them.
struct Service {
    server: &'static str,
    client: &'static str,
    longest: usize,
}

/// All servers with their clients.
fn services() -> Vec<Service> {
    // The longest argument that execve accepts: 32 pages including the NUL (MAX_ARG_STRLEN).
    let stream = |server| Service { server, client: "echo_client", longest: 128 * 1024 - 1 };
    let mut services: Vec<Service> = ["echo_server"].into_iter().chain(MODELS).map(stream).collect();
    // The longest datagram: 65535 bytes less the headers of IP and UDP.
    let datagrams = Service { server: "udp_echo_server", client: "udp_echo_client", longest: 65507 };
    services.push(datagrams);
    services
}

fn words(longest: usize) -> Vec<Word> {
    // Around the sizes of the programs' buffers (127 and 128), of pages and of segments.
    let lengths =
        [1, 2, 126, 127, 128, 129, 254, 255, 256, 1000, 4095, 4096, 16384, 65482, 65507, 65536, 100_000, 131_071];
    let lengths = lengths.into_iter().filter(|length| *length <= longest);
    let length = |length| Word { name: format!("{length} bytes"), bytes: pattern_bytes(length) };
    let word = |name: &str, bytes: Vec<u8>| Word { name: name.to_owned(), bytes };
    let mut words: Vec<Word> = lengths.map(length).collect();
    words.push(word("every byte but NUL", (1..=255).collect()));
    words.push(word("Korean", "에코 서버와 에코 클라이언트".into()));
    // 127 is not a multiple of 3, so buffers end in the middle of a character.
    words.push(word("Korean, 3000 bytes", "한".repeat(1000).into()));
    words.push(word("%s%n%x", "%s%n%x".into()));
    words
}

/// Runs the four pairings of every service and prints a table for each.
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
    let timeout = find_program("timeout").context("timeout is missing: please install coreutils")?;
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
            job.execute(&project.output().join(folder))
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
                    let what = crop(what, 0, 160);
                    say!("{} server, {} client, {}: {what}", server.label, client.label, word.name);
                }
            }
        }
    }
    let all = words.len() * columns.len();
    let style = if same == all { GOOD } else { BAD };
    let text = format!("{all} strings in {} pairings: {same} echoed intact", columns.len());
    say!("{}", styled(&text, style));
    Ok(same == all)
}
