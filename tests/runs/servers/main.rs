//! What the servers of the I/O models do, each in C and in Rust, under load and in need: what the
//! scenarios, which go step by step, do not show.
//!
//! Each test starts a server of its own on a free port, and ends it. Nothing waits for a length of
//! time to pass: what is waited for is a condition, which one bound for all (`DEADLINE`) turns into
//! a failure if it never holds.
//!
//! `cargo test --test servers` runs the short form; with `-- --include-ignored` it also runs the
//! tests with 10 000 connections and with gigabytes, and those that must wait for five seconds.

mod client;
#[path = "../common.rs"]
mod common;
mod echo;
mod end;
mod many;
mod models;
mod server;
mod start;

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::Trial;
use mirror::project::MODELS;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::server::{Server, Subject, hold_port};

/// A test that is made of servers.
#[derive(Clone, Copy)]
struct Check {
    name: &'static str,
    run: fn(&mut Server) -> Result<()>,
    /// Which servers it is for.
    servers: fn(&str) -> bool,
    /// What stands before the port.
    options: &'static [&'static str],
    /// How many descriptors the server may have, if not as many as this process.
    descriptors: Option<u64>,
    /// What else its starter does to it.
    start: fn() -> io::Result<()>,
    /// Whether what it says does not come here.
    silent: bool,
    /// What each line on standard error holds. There is none where this is not stated; and there may be
    /// none if the server is silent.
    says: Option<&'static str>,
    /// Whether it is left out of the short form.
    long: bool,
}

const fn check(name: &'static str, run: fn(&mut Server) -> Result<()>) -> Check {
    Check {
        name,
        run,
        servers: |_| true,
        options: &[],
        descriptors: None,
        start: || Ok(()),
        silent: false,
        says: None,
        long: false,
    }
}

/// Serves and ends as ever, however it is started.
const fn started(name: &'static str, start: fn() -> io::Result<()>) -> Check {
    Check { start, ..check(name, start::serves_and_ends) }
}

/// The same with standard streams that lead nowhere, and fewer descriptors than clients.
const fn started_silent(name: &'static str, start: fn() -> io::Result<()>) -> Check {
    Check {
        start,
        silent: true,
        descriptors: Some(12),
        says: SHORT_OF_DESCRIPTORS,
        ..check(name, start::serves_in_need)
    }
}

const SHORT_OF_DESCRIPTORS: Option<&str> = Some("Too many open files (errno 24)");
const TIMED_OUT: Option<&str> = Some("Connection timed out (errno 110)");

const CHECKS: &[Check] = &[
    check("clients_take_turns", echo::clients_take_turns),
    check("byte_by_byte", echo::byte_by_byte),
    check("half_close", echo::half_close),
    check("silent_client", echo::silent_client),
    check("slow_readers", echo::slow_readers),
    check("resets", echo::resets),
    check("flood_of_connections", echo::flood_of_connections),
    check("flood_of_bytes", echo::flood_of_bytes),
    check("through_one", echo::through_one),
    check("through_100", echo::through_100),
    Check { long: true, ..check("much_through_one", echo::much_through_one) },
    Check { long: true, ..check("much_through_100", echo::much_through_100) },
    check("connections_1000", many::connections_1000),
    Check {
        long: true,
        servers: |name| name != "echo_server_select",
        ..check("connections_10000", many::connections_10000)
    },
    Check {
        servers: |name| name == "echo_server_select",
        says: Some("connections are refused"),
        ..check("more_than_a_set_holds", many::more_than_a_set_holds)
    },
    Check {
        descriptors: Some(24),
        says: SHORT_OF_DESCRIPTORS,
        // Its connections belong to processes of their own.
        servers: |name| name != "echo_server_fork",
        ..check("descriptors_run_short", many::descriptors_run_short)
    },
    Check {
        says: SHORT_OF_DESCRIPTORS,
        // The kernel takes the limit that was when the server asked for connections.
        servers: |name| name != "echo_server_uring",
        ..check("no_descriptor", many::no_descriptor)
    },
    check("told_without_clients", end::told_without_clients),
    check("told_with_idle_clients", end::told_with_idle_clients),
    check("told_with_slow_reader", end::told_with_slow_reader),
    check("told_with_bytes_unread", end::told_with_bytes_unread),
    check("told_in_the_middle", end::told_in_the_middle),
    Check { says: TIMED_OUT, ..check("told_twice", end::told_twice) },
    Check { says: TIMED_OUT, long: true, ..check("grace_is_over", end::grace_is_over) },
    Check { says: TIMED_OUT, long: true, ..check("never_stops_sending", end::never_stops_sending) },
    check("starts_again_at_once", end::starts_again_at_once),
    check("all_told_first_last", end::all_told_first_last),
    check("told_with_its_group", end::told_with_its_group),
    check("terminal_is_gone", end::terminal_is_gone),
    started("signals_ignored", start::ignore_signals),
    started("signals_kept_back", start::keep_back_signals),
    started("timers_run", start::set_timers),
    started("children_from_before", start::have_children),
    Check { start: start::nohup, ..check("nohup", start::stays_without_a_terminal) },
    started_silent("input_closed", start::close_input),
    started_silent("output_closed", start::close_output),
    started_silent("error_closed", start::close_error),
    started_silent("input_and_error_closed", start::close_input_and_error),
    started_silent("all_closed", start::close_all),
    started_silent("log_is_gone", start::log_is_gone),
    started_silent("log_is_full", start::log_is_full),
    Check {
        descriptors: Some(24),
        says: SHORT_OF_DESCRIPTORS,
        // Its connections belong to processes of their own.
        servers: |name| name != "echo_server_fork",
        ..check("says_a_shortage_once", start::says_a_shortage_once)
    },
    Check {
        // poll() takes no more entries than there may be descriptors.
        servers: |name| ["echo_server_poll", TCP_AND_UDP].contains(&name),
        says: Some("poll: Invalid argument (errno 22)"),
        ..check("has_more_than_it_may", start::has_more_than_it_may)
    },
    check("port_is_taken", start::port_is_taken),
    check("killed_at_once", start::killed_at_once),
    check("asks_after_clients", start::asks_after_clients),
    check("urgent_bytes", start::urgent_bytes),
    Check { servers: |name| name == "echo_server_fork", ..check("children_are_reaped", models::children_are_reaped) },
    Check { servers: |name| name == "echo_server_sigio", ..check("signals_overflow", models::signals_overflow) },
    Check {
        servers: |name| ["echo_server_epoll", "echo_server_poll"].contains(&name),
        options: &["-b", "50"],
        ..check("polls_busily", models::polls_busily)
    },
    Check { servers: has_workers, options: &["-w", "2"], ..check("both_workers_serve", models::both_workers_serve) },
    Check {
        servers: has_workers,
        options: &["-w", "2"],
        ..check("workers_end_without_their_parent", models::workers_end_without_their_parent)
    },
    with_workers(check("all_told_with_workers", end::all_told)),
    with_workers(check("all_told_first_last_with_workers", end::all_told_first_last)),
    with_workers(check("told_with_its_group_with_workers", end::told_with_its_group)),
    with_workers(started("signals_ignored_with_workers", start::ignore_signals)),
    with_workers(started("signals_kept_back_with_workers", start::keep_back_signals)),
    with_workers(started("timers_run_with_workers", start::set_timers)),
    with_workers(started("children_from_before_with_workers", start::have_children)),
    with_workers(check("port_is_taken_with_workers", start::port_is_taken)),
    with_workers(check("killed_at_once_with_workers", start::killed_at_once)),
    Check {
        says: Some("was killed by signal 9: replacing it"),
        ..with_workers(check("worker_is_killed", start::worker_is_killed))
    },
];

/// It is no model of its own, but its TCP side does what they do.
const TCP_AND_UDP: &str = "tcp_udp_echo_server";

const fn with_workers(check: Check) -> Check {
    Check { servers: has_workers, options: &["-w", "2"], ..check }
}

fn has_workers(name: &str) -> bool {
    ["echo_server_epoll", "echo_server_uring"].contains(&name)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, option, program] = &arguments[..]
        && option == start::WITH_MANY_DESCRIPTORS
    {
        let error = start::with_many_descriptors(program);
        eprintln!("{error:?}");
        return ExitCode::from(2);
    }
    common::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let project = common::built_project()?;
    // Clients need descriptors, too.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut trials = Vec::new();
    for check in CHECKS {
        for model in MODELS.into_iter().chain([TCP_AND_UDP]).filter(|model| (check.servers)(model)) {
            for twin in [project.c(model), project.rust(model)] {
                let name = format!("{}::{model}::{}", check.name, twin.label.to_lowercase());
                let program = twin.command[0].clone().into();
                let Check { options, descriptors, start, silent, .. } = *check;
                let subject = Subject { model, program, options, descriptors, start, silent };
                let trial = common::trial(name, move || run(check, &subject));
                trials.push(trial.with_ignored_flag(check.long));
            }
        }
    }
    for twin in [project.c("echo_server_select"), project.rust("echo_server_select")] {
        let name = format!("too_many_descriptors::{}", twin.label.to_lowercase());
        let program = twin.command[0].clone();
        trials.push(common::trial(name, move || start::too_many_descriptors(&program)));
    }
    for server in ["udp_echo_server", TCP_AND_UDP] {
        for twin in [project.c(server), project.rust(server)] {
            let name = format!("datagrams_without_a_reader::{server}::{}", twin.label.to_lowercase());
            let program = twin.command[0].clone();
            trials.push(common::trial(name, move || start::datagrams_without_a_reader(&program)));
        }
    }
    Ok(trials)
}

fn run(check: &Check, subject: &Subject) -> Result<()> {
    // One whose words do not come here is told its port.
    let (_holder, port) = if subject.silent { hold_port().map(|(it, port)| (Some(it), port))? } else { (None, 0) };
    let mut server = Server::start(subject, port)?;
    let result = (check.run)(&mut server).and_then(|()| server.finish(check.says));
    result.map_err(|error| server.explain(error))
}
