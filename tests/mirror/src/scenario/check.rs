//! What is checked in one scenario when it is read.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use nix::sys::signal::Signal;

use super::inject::{self, error_number};
use super::roles::{self, place_name};
use super::source::{Lines, Mistakes};
use super::{Output, Scenario, Step, Text, is_plain_name, is_setting_of_the_network, network, template};

/// The longest datagram that fits in an IPv4 packet.
const LONGEST_DATAGRAM: usize = 65507;

/// The most that a pipe holds: a run fills it before the program starts. An ordinary user may have no larger one
/// (`fs.pipe-max-size`).
const LONGEST_STDIN: usize = 1 << 20;

/// Signals that kill no program: by default the kernel ignores them, or stops or continues it.
const HARMLESS: [Signal; 8] = [
    Signal::SIGCHLD,
    Signal::SIGCONT,
    Signal::SIGSTOP,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGURG,
    Signal::SIGWINCH,
];

/// Where a scenario and its fields stand.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) lines: &'a Lines,
}

/// Checks the scenario that stands there.
pub(super) fn check(scenario: &Scenario, place: Place<'_>, mistakes: &mut Mistakes) {
    Check { scenario, place, mistakes }.all();
}

struct Check<'a> {
    scenario: &'a Scenario,
    place: Place<'a>,
    mistakes: &'a mut Mistakes,
}

impl Check<'_> {
    fn all(&mut self) {
        self.description();
        self.environment();
        self.outcome();
        self.injections();
        self.steps();
    }

    /// Adds a mistake of a field or of one of its elements.
    fn wrong(&mut self, field: &str, element: Option<usize>, what: &str) {
        self.add(field, element, format!(": {what}"));
    }

    fn add(&mut self, field: &str, element: Option<usize>, what: String) {
        let Place { path, lines } = self.place;
        let line = lines.line(field, element);
        self.mistakes.add_of_scenario(path, line, &self.scenario.name, what);
    }

    fn expect(&mut self, holds: bool, field: &str, what: &str) {
        if !holds {
            self.wrong(field, None, what);
        }
    }

    fn description(&mut self) {
        let Scenario { name, about, errata, .. } = self.scenario;
        let what = format!("name = {name:?}: letters, digits, '_' and '-' were expected");
        self.expect(is_plain_name(name), "name", &what);
        self.expect(!about.trim().is_empty(), "about", "about is empty: a sentence was expected");
        for (index, _) in errata.iter().enumerate().filter(|(_, number)| **number == 0) {
            self.wrong("errata", Some(index), "errata: 0: the errata are numbered from 1");
        }
    }

    fn environment(&mut self) {
        let Scenario { arguments, ephemeral_ports, hosts, resolv_conf, sysctls, .. } = self.scenario;
        for (index, argument) in arguments.iter().enumerate() {
            if let Err(reason) = argument_check(argument) {
                self.wrong("arguments", Some(index), &format!("argument {}: {reason}", index + 1));
            }
        }
        let what = format!("ephemeral_ports = {ephemeral_ports}: 1 to 1000 was expected");
        self.expect((1..=1000).contains(ephemeral_ports), "ephemeral_ports", &what);
        for (name, addresses) in hosts {
            // What ends a word or a line there.
            let ends = |c: char| c.is_whitespace() || c.is_control() || c == '#';
            if name.is_empty() || name.contains(ends) {
                let what = format!("hosts: {name:?} is not possible as a name in /etc/hosts");
                self.wrong("hosts", None, &what);
            }
            if addresses.is_empty() {
                self.wrong("hosts", None, &format!("hosts: an address of {name:?} was expected"));
            }
        }
        for (index, line) in resolv_conf.iter().enumerate().filter(|(_, line)| line.contains(['\n', '\0'])) {
            self.wrong("resolv_conf", Some(index), &format!("resolv_conf: {line:?}: one line was expected"));
        }
        // Without one, the C library asks 127.0.0.1, which the scenario would not show.
        let what = "resolv_conf: a line \"nameserver ADDRESS\" was expected";
        self.expect(resolv_conf.is_empty() || resolv_conf.iter().any(|line| names_a_server(line)), "resolv_conf", what);
        if let Some(stdin) = &self.scenario.stdin {
            let checked = stdin.check().and_then(|()| match stdin.len() {
                length if length > LONGEST_STDIN => {
                    Err(format!("{length} bytes: at most {LONGEST_STDIN} were expected, what a pipe holds"))
                }
                _ => Ok(()),
            });
            if let Err(reason) = checked {
                self.wrong("stdin", None, &format!("stdin: {reason}"));
            }
        }
        for name in sysctls.keys() {
            let what = format!("sysctls: {name:?}: a setting of the network was expected, as \"net.core.somaxconn\"");
            self.expect(is_setting_of_the_network(name), "sysctls", &what);
        }
        for what in network::check_devices(&self.scenario.devices) {
            self.wrong("devices", None, &what);
        }
        for (index, what) in network::check_routes(&self.scenario.routes, &self.scenario.devices) {
            self.wrong("routes", Some(index), &what);
        }
    }

    fn outcome(&mut self) {
        let Scenario { exit, killed_by, output, stdout, stderr, stdout_like, .. } = self.scenario;
        if exit.is_some() == killed_by.is_some() {
            let field = if exit.is_some() { "exit" } else { "" };
            let what = "one of exit = STATUS and killed_by = \"SIGNAL\" was expected";
            self.wrong(field, None, what);
        }
        if let Some(status) = exit.filter(|status| !(0..=255).contains(status)) {
            self.wrong("exit", None, &format!("exit = {status}: 0 to 255 was expected"));
        }
        match killed_by.as_deref().map(inject::signal) {
            Some(Err(reason)) => self.wrong("killed_by", None, &format!("killed_by: {reason}")),
            Some(Ok(signal)) if HARMLESS.contains(&signal) => {
                self.wrong("killed_by", None, &format!("killed_by: {signal} ends no program"));
            }
            _ => {}
        }
        for (field, text) in [("stdout", stdout), ("stderr", stderr)] {
            if let Err(reason) = text.check() {
                self.wrong(field, None, &format!("{field}: {reason}"));
            }
        }
        let is_empty = stdout.is_empty() && stdout_like.is_none();
        let what = "output = \"full\": nothing can be written there, and stdout must be empty";
        self.expect(*output != Output::Full || is_empty, "output", what);
        self.stdout_like();
        for (index, part) in self.scenario.wire.iter().enumerate() {
            if part.trim().is_empty() || part.contains('\n') {
                let what = format!("wire: {part:?}: a part of a line was expected");
                self.wrong("wire", Some(index), &what);
            }
        }
    }

    fn stdout_like(&mut self) {
        let Scenario { stdout, stdout_like, r#where, .. } = self.scenario;
        let Some(template) = stdout_like else {
            let what = "where: stdout_like was expected, of whose integers it speaks";
            return self.expect(r#where.is_empty(), "where", what);
        };
        let what = "one of stdout and stdout_like was expected";
        self.expect(*stdout == Text::default(), "stdout_like", what);
        if let Err(reason) = template::check_form(template, &[]) {
            return self.wrong("stdout_like", None, &format!("{reason:#}"));
        }
        for (index, relation) in r#where.iter().enumerate() {
            if let Err(reason) = template::check_form(template, std::slice::from_ref(relation)) {
                self.wrong("where", Some(index), &format!("{reason:#}"));
            }
        }
    }

    fn injections(&mut self) {
        let Scenario { errors, inject, .. } = self.scenario;
        for (index, error) in errors.iter().enumerate() {
            if let Err(reason) = error_number(error) {
                self.wrong("errors", Some(index), &format!("errors: {reason}"));
            }
        }
        let takes_error = inject.iter().any(|injection| injection.contains("{error}"));
        if takes_error == errors.is_empty() {
            let (field, what) = if takes_error {
                ("inject", "inject: errors = [...] was expected, which {error} stands for")
            } else {
                ("errors", "errors: {error} was expected in inject, where they take its place")
            };
            return self.wrong(field, None, what);
        }
        for (index, injection) in inject.iter().enumerate() {
            // Any error will do; the names of all have been checked.
            if let Err(reason) = inject::check_form(&injection.replace("{error}", "EIO")) {
                self.wrong("inject", Some(index), &format!("inject {injection:?}: {reason}"));
            }
        }
    }

    fn steps(&mut self) {
        let Scenario { before, steps, .. } = self.scenario;
        for (field, steps) in [("before", before), ("steps", steps)] {
            for (index, step) in steps.iter().enumerate() {
                if let Err(reason) = step_check(step) {
                    self.wrong_step((field, index), step, &reason);
                }
            }
        }
        for ((field, index), reason) in roles::check(before, steps) {
            let step = if field == "before" { &before[index] } else { &steps[index] };
            self.wrong_step((field, index), step, &reason);
        }
    }

    fn wrong_step(&mut self, place: roles::StepPlace, step: &Step, reason: &str) {
        let (list, index) = place;
        let dialogue = self.place.lines.dialogue(list, index);
        let from = dialogue.map(|dialogue| format!(", from {dialogue}")).unwrap_or_default();
        let what = format!(", {} (\"{step}\"{from}): {reason}", place_name(place));
        self.add(list, Some(index), what);
    }
}

fn argument_check(argument: &Text) -> Result<(), String> {
    argument.check()?;
    if argument.bytes().contains(&0) {
        return Err("an argument cannot hold a NUL".into());
    }
    Ok(())
}

/// Whether a line of `/etc/resolv.conf` lists a name server.
fn names_a_server(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("nameserver") && words.next().is_some_and(|address| address.parse::<IpAddr>().is_ok())
}

/// What can be said of a step without the others.
pub(super) fn step_check(step: &Step) -> Result<(), String> {
    if step.peer().is_some_and(|peer| peer.trim().is_empty()) {
        return Err("peer: a name was expected".into());
    }
    if step.port() == Some(0) {
        return Err("port = 0: 1 to 65535 was expected".into());
    }
    step.text().map_or(Ok(()), Text::check)?;
    match step {
        Step::Send { text, .. } | Step::Expect { text, .. } if text.is_empty() => {
            Err("text is empty: at least one byte was expected".into())
        }
        Step::SendDatagram { text, .. } | Step::ExpectDatagram { text, .. } if text.len() > LONGEST_DATAGRAM => {
            Err(format!("a datagram holds {LONGEST_DATAGRAM} bytes at most"))
        }
        Step::Join { group, .. } if !Ipv4Addr::is_multicast(group) => {
            Err(format!("group = {group}: 224.0.0.0 to 239.255.255.255 was expected"))
        }
        Step::Signal { signal } => inject::signal(signal).map(|_| ()).map_err(|reason| format!("signal: {reason}")),
        _ => Ok(()),
    }
}
