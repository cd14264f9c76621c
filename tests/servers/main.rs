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
#[path = "../common/mod.rs"]
mod common;
mod echo;
mod end;
mod many;
mod models;
mod server;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::Trial;
use mirror::project::MODELS;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::server::{Server, Subject};

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
    /// What each line on standard error holds. There is none where this is not stated.
    says: Option<&'static str>,
    /// Whether it is left out of the short form.
    long: bool,
}

const fn check(name: &'static str, run: fn(&mut Server) -> Result<()>) -> Check {
    Check { name, run, servers: |_| true, options: &[], descriptors: None, says: None, long: false }
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
    check("starts_again_at_once", end::starts_again_at_once),
    Check {
        servers: |name| name == "echo_server_fork",
        ..check("children_are_reaped", models::children_are_reaped)
    },
    Check {
        servers: |name| name == "echo_server_sigio",
        ..check("signals_overflow", models::signals_overflow)
    },
    Check {
        servers: |name| ["echo_server_epoll", "echo_server_poll"].contains(&name),
        options: &["-b", "50"],
        ..check("polls_busily", models::polls_busily)
    },
    Check {
        servers: has_workers,
        options: &["-w", "2"],
        ..check("both_workers_serve", models::both_workers_serve)
    },
    Check {
        servers: has_workers,
        options: &["-w", "2"],
        ..check("workers_end_without_their_parent", models::workers_end_without_their_parent)
    },
];

fn has_workers(name: &str) -> bool {
    ["echo_server_epoll", "echo_server_uring"].contains(&name)
}

fn main() -> ExitCode {
    common::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let project = common::built_project()?;
    // Clients need descriptors, too.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut trials = Vec::new();
    for check in CHECKS {
        for model in MODELS.into_iter().filter(|model| (check.servers)(model)) {
            for twin in [project.c(model), project.rust(model)] {
                let name = format!("{}::{model}::{}", check.name, twin.label.to_lowercase());
                let program = twin.command[0].clone().into();
                let (options, descriptors) = (check.options, check.descriptors);
                let subject = Subject { model, program, options, descriptors };
                let trial = common::trial(name, move || run(check, &subject));
                trials.push(trial.with_ignored_flag(check.long));
            }
        }
    }
    Ok(trials)
}

fn run(check: &Check, subject: &Subject) -> Result<()> {
    let mut server = Server::start(subject, 0)?;
    let result = (check.run)(&mut server).and_then(|()| server.finish(check.says));
    result.map_err(|error| server.explain(error))
}
