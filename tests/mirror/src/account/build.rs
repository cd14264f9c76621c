//! Makes the account of two runs.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::calls::{self, Call, Phase};
use super::origins::origins;
use super::packets::packets;
use super::places::{Place, Places};
use super::timeline::timeline;
use super::{Account, Bytes, Deed, Received, Row, Side, VERSION};
use crate::compare::Comparison;
use crate::compare::diff::pairs;
use crate::compare::normalise::Normaliser;
use crate::compare::rows::{by_process, threads};
use crate::read::observation::Observation;
use crate::read::trace::{Event, Times};
use crate::scenario::Scenario;

/// One of the two programs, and its run. The run must have recorded stacks.
#[derive(Debug)]
pub struct Run<'a> {
    /// What reports call the program.
    pub label: &'a str,
    /// Its command line.
    pub command: &'a [String],
    /// The folders of its own sources: see [`Places`].
    pub own: &'a [PathBuf],
    /// What it did.
    pub observation: &'a Observation,
    /// Where the run has left its files.
    pub folder: &'a Path,
}

/// Makes the account of two runs of a scenario. Paths of sources are relative to `base`.
pub fn account(
    program: &str,
    scenario: &Scenario,
    runs: &[Run<'_>; 2],
    comparison: &Comparison,
    differences: Vec<String>,
    normaliser: &Normaliser,
    base: &Path,
) -> Result<Account> {
    let events = runs.each_ref().map(|run| normaliser.rows(&run.observation.trace, scenario.polls));
    let compared = events.each_ref().map(|rows| normaliser.apply(rows.iter().map(|event| event.text.as_str())));
    let rows = pairs(&compared[0], &compared[1]).into_iter().map(|(same, calls)| Row { same, calls }).collect();
    let side = |index: usize| side(&runs[index], &events[index], &compared[index], base);
    Ok(Account {
        version: VERSION,
        program: program.to_owned(),
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        verdict: comparison.verdict().name(),
        differences,
        same_packets: runs[0].observation.packets == runs[1].observation.packets,
        sides: [side(0)?, side(1)?],
        rows,
    })
}

fn side(run: &Run<'_>, events: &[&Event], compared: &[impl AsRef<str>], base: &Path) -> Result<Side> {
    let observation = run.observation;
    let first = observation.trace.first().and_then(|event| event.times).context("the run has recorded no times")?;
    let time = |time: Duration| nanoseconds(time) - nanoseconds(first.begin);
    let mut places = Places::new(run.own, base);
    let of_events: Vec<Vec<Place>> = events.iter().map(|event| places.of(event)).collect::<Result<_>>()?;
    let phases = phases(events, &of_events, &run.command[0]);
    let owners = owners(events);
    let mut calls = Vec::new();
    for (index, (event, lines)) in events.iter().zip(of_events).enumerate() {
        let parsed = calls::parse(event);
        let Times { begin, end } = event.times.unwrap_or(first);
        let meaning = calls::meaning(&parsed.name, &parsed.arguments);
        calls.push(Call {
            function: calls::function(&parsed.name, &parsed.arguments),
            kind: parsed.kind,
            name: parsed.name,
            arguments: parsed.arguments,
            result: parsed.result,
            error: parsed.error,
            injected: parsed.injected,
            meaning,
            text: event.text.clone(),
            compared: compared[index].as_ref().to_owned(),
            thread: event.process,
            owner: owners.get(index).cloned().unwrap_or_default(),
            phase: phases[index],
            step: places.step(&lines),
            places: lines,
            begin: time(begin),
            end: time(end),
        });
    }
    let mut packets = packets(&observation.frames, time)?;
    let deeds = observation.steps.iter().map(|step| Deed { text: step.text.clone(), time: time(step.time) });
    let deeds: Vec<Deed> = deeds.collect();
    let timeline = timeline(&calls, &packets, &deeds);
    origins(&timeline, &calls, &observation.frames, &mut packets);
    let received = |peer: &crate::read::observation::Peer| Received {
        peer: peer.name.clone(),
        bytes: Bytes::from(peer.received.as_slice()),
    };
    Ok(Side {
        label: run.label.to_owned(),
        command: run.command.to_vec(),
        end: observation.end.to_string(),
        stdout: Bytes::from(observation.stdout.as_slice()),
        stderr: Bytes::from(observation.stderr.as_slice()),
        peers: observation.peers.iter().map(received).collect(),
        timeline,
        calls,
        packets,
        deeds,
        steps: places.all_steps(),
        sources: places.sources(),
        folder: run.folder.display().to_string(),
    })
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Which part of the run each event belongs to. `program`: the program's file.
fn phases(events: &[&Event], places: &[Vec<Place>], program: &str) -> Vec<Phase> {
    // The loader's last call comes from the loader itself, not from a function that it has loaded.
    let is_loader = |event: &Event| event.stack.iter().all(|frame| frame.object.contains("/ld-"));
    let with_lines: Vec<bool> = places.iter().map(|places| !places.is_empty()).collect();
    // Without debugging information: a function of the program is on the stack, and it is not the one where everything
    // begins. Without even that, as in a script: whatever is not the loader's.
    let in_program = |event: &&Event| {
        let frames = event.stack.len().saturating_sub(1);
        event.stack[..frames].iter().any(|frame| frame.object == program)
    };
    let candidates = [with_lines, events.iter().map(in_program).collect()];
    let own = candidates.into_iter().find(|own| own.contains(&true));
    let own = own.unwrap_or_else(|| events.iter().map(|event| event.is_call() && !is_loader(event)).collect());
    let first = own.iter().position(|own| *own).unwrap_or(events.len());
    // The events are in the order of the processes: each process has an end of its own.
    let mut last: HashMap<u32, usize> = HashMap::new();
    last.extend((0..events.len()).filter(|index| own[*index]).map(|index| (events[index].process, index)));
    let loader = events[..first].iter().rposition(|event| event.is_call() && is_loader(event)).map_or(0, |n| n + 1);
    // The program has never led to a call in these.
    let library: HashSet<u32> = threads(events.iter().copied()).into_keys().filter(|n| !last.contains_key(n)).collect();
    let phase = |index: usize| match index {
        _ if index < loader => Phase::Loader,
        _ if index < first => Phase::Start,
        _ if library.contains(&events[index].process) => Phase::Library,
        _ if last.get(&events[index].process).is_none_or(|last| index <= *last) => Phase::Program,
        _ => Phase::End,
    };
    (0..events.len()).map(phase).collect()
}

/// The process or thread of each event, in words; empty if there is only one thread.
fn owners(rows: &[&Event]) -> Vec<String> {
    let threads = threads(rows.iter().copied());
    let processes = by_process(rows.iter().copied(), &threads);
    if threads.is_empty() && processes.len() == 1 {
        return Vec::new();
    }
    let process = |thread: u32| {
        let number = threads.get(&thread).copied().unwrap_or(thread);
        let place = processes.iter().position(|process| process.number == number);
        format!("process {}", place.map_or(0, |place| place + 1))
    };
    let mut names: HashMap<u32, String> = HashMap::new();
    for (thread, maker) in rows.iter().filter_map(|row| Some((row.created()?, row.process))) {
        let name = if threads.contains_key(&thread) {
            format!("the other threads of {}", process(thread))
        } else {
            format!("{}, forked by {}", process(thread), process(maker))
        };
        names.insert(thread, name);
    }
    let name = |row: &&Event| names.get(&row.process).cloned();
    rows.iter().map(|row| name(row).unwrap_or_else(|| process(row.process))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::trace::parse;

    #[test]
    fn who_created_whom() {
        let owners = |log: &str| owners(&parse(log).iter().collect::<Vec<_>>());
        assert_eq!(owners("3 close(4) = 0\n3 +++ exited with 0 +++\n"), [""; 0]);
        let log = "3 clone(flags=SIGCHLD) = 7\n7 clone3({flags=CLONE_THREAD}, 88) = 9\n\
                   3 close(4) = 0\n9 read(5, \"\", 1) = 0\n";
        assert_eq!(
            owners(log),
            ["process 1", "process 2, forked by process 1", "process 1", "the other threads of process 2",]
        );
    }

    #[test]
    fn the_parts_of_a_run() {
        let log = "3 execve(\"./a\") = 0\n > /lib/ld-2.so(_start+0x1) [0x9]\n3 brk(NULL) = 0\n > /lib/ld-2.so() [0x9]\n\
                   3 brk(NULL) = 0\n > /lib/libc.so(a+0x1) [0x9]\n3 close(3) = 0\n3 brk(NULL) = 0\n3 write(1) = 0\n";
        let events = parse(log);
        let events: Vec<&Event> = events.iter().collect();
        let line = || vec![Place { file: "a.c".into(), line: 1, function: None }];
        let places = [vec![], vec![], vec![], line(), vec![], vec![]];
        let expected = [Phase::Loader, Phase::Loader, Phase::Start, Phase::Program, Phase::End, Phase::End];
        assert_eq!(phases(&events, &places, "/a"), expected);
    }

    #[test]
    fn processes_and_threads_have_parts_of_their_own() {
        let log = "3 execve(\"./a\") = 0\n > /lib/ld-2.so(_start+0x1) [0x9]\n3 clone(flags=SIGCHLD) = 4\n\
                   3 clone3({flags=CLONE_THREAD}, 88) = 5\n3 exit_group(0) = ?\n4 close(4) = 0\n4 exit_group(0) = ?\n\
                   5 read(5, \"\", 1) = 0\n";
        let events = parse(log);
        let events: Vec<&Event> = events.iter().collect();
        let line = || vec![Place { file: "a.c".into(), line: 1, function: None }];
        let places = [vec![], line(), line(), vec![], line(), vec![], vec![]];
        use Phase::{End, Library, Loader, Program};
        assert_eq!(phases(&events, &places, "/a"), [Loader, Program, Program, End, Program, End, Library]);
    }

    #[test]
    fn the_parts_of_a_run_without_debugging_information() {
        let log = "3 execve(\"./a\") = 0\n > /lib/ld-2.so(_start+0x1) [0x9]\n\
                   3 brk(NULL) = 0\n > /lib/libc.so(brk+0x1) [0x9]\n > /a(_start+0x1) [0x9]\n\
                   3 close(3) = 0\n > /lib/libc.so(close+0x1) [0x9]\n > /a(main+0x1) [0x9]\n > /lib/libc.so(b+0x1) [0x9]\n\
                   3 exit_group(0) = ?\n > /lib/libc.so(exit+0x1) [0x9]\n > /a(_start+0x1) [0x9]\n";
        let events = parse(log);
        let events: Vec<&Event> = events.iter().collect();
        let nothing = vec![Vec::new(); 4];
        let expected = [Phase::Loader, Phase::Start, Phase::Program, Phase::End];
        assert_eq!(phases(&events, &nothing, "/a"), expected);
        let of_a_script = [Phase::Loader, Phase::Program, Phase::Program, Phase::Program];
        assert_eq!(phases(&events, &nothing, "/script"), of_a_script);
    }
}
