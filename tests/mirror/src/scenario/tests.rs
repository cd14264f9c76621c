//! What a file of scenarios becomes, and what is said of one with mistakes.

use std::path::Path;

use anyhow::{Context, Result};

use super::network::has_broadcast;
use super::source::Source;
use super::{Route, Scenario, ScenarioFile, Step};

/// What stands before the fields of the tests; they begin in line 5.
const HEAD: &str = "program = 'p'\n[[scenario]]\nname = 'a'\nabout = 'x'\n";

/// A scenario without fields of its own.
const SCENARIO_A: &str = "[[scenario]]\nname = 'a'\nabout = 'x'\n";

fn source(path: &str, text: &str) -> Source {
    Source::new(Path::new(path), text.to_owned())
}

fn load(text: &str) -> Result<Vec<Scenario>> {
    load_with(text, &[])
}

/// The same, with other files, by their names.
fn load_with(text: &str, others: &[(&str, &str)]) -> Result<Vec<Scenario>> {
    let file = ScenarioFile::load(&source("s.toml", text), &|path| {
        let other = others.iter().find(|(name, _)| Path::new(name) == path);
        let (name, text) = other.context("cannot read it")?;
        Ok(source(name, text))
    })?;
    Ok(file.scenarios)
}

/// What is said of a file with a mistake.
fn told(text: &str) -> String {
    format!("{:#}", load(text).expect_err(text))
}

/// What is said of a scenario with these fields.
fn told_of(fields: &str) -> String {
    told(&format!("{HEAD}{fields}"))
}

/// What is said of a scenario with these steps, of which the first stands in line 7.
fn told_of_steps(steps: &[&str]) -> String {
    told_of(&format!("exit = 0\nsteps = [\n{}\n]", steps.join(",\n")))
}

#[test]
fn what_is_wrong_with_a_field() {
    for (fields, line, expected) in [
        ("", 2, "one of exit = STATUS and killed_by = \"SIGNAL\" was expected"),
        ("exit = 0\nkilled_by = 'SIGTERM'", 5, "one of exit = STATUS and killed_by = \"SIGNAL\" was expected"),
        ("exit = 999", 5, "exit = 999: 0 to 255 was expected"),
        ("exit = -1", 5, "exit = -1: 0 to 255 was expected"),
        (
            "killed_by = 'SIGFOO'",
            5,
            "killed_by: unknown signal \"SIGFOO\": the name of one, as \"SIGTERM\", was expected",
        ),
        (
            "killed_by = 'TERM'",
            5,
            "killed_by: unknown signal \"TERM\": the name of one, as \"SIGTERM\", was expected; \
             did you mean \"SIGTERM\"?",
        ),
        ("killed_by = 'SIGCHLD'", 5, "killed_by: SIGCHLD ends no program"),
        ("exit = 0\nerrata = [1,\n0]", 7, "errata: 0: the errata are numbered from 1"),
        ("exit = 0\narguments = ['a',\n\"\\u0000\"]", 7, "argument 2: an argument cannot hold a NUL"),
        (
            "exit = 0\narguments = [{ hex = '0' }]",
            6,
            "argument 1: hex = \"0\": pairs of hexadecimal digits were expected",
        ),
        (
            "exit = 0\nstderr = ['a', { hex = 'gg' }]",
            6,
            "stderr: hex = \"gg\": pairs of hexadecimal digits were expected",
        ),
        (
            "exit = 0\nstdout = { pattern = 100000001 }",
            6,
            "stdout: pattern = 100000001: at most 100000000 bytes were expected",
        ),
        ("exit = 0\nephemeral_ports = 0", 6, "ephemeral_ports = 0: 1 to 1000 was expected"),
        ("exit = 0\nephemeral_ports = 1001", 6, "ephemeral_ports = 1001: 1 to 1000 was expected"),
        ("exit = 0\nhosts = { 'a b' = ['192.0.2.1'] }", 6, "hosts: \"a b\" is not possible as a name in /etc/hosts"),
        ("exit = 0\nhosts = { '' = ['192.0.2.1'] }", 6, "hosts: \"\" is not possible as a name in /etc/hosts"),
        ("exit = 0\nhosts = { 'a#b' = ['192.0.2.1'] }", 6, "hosts: \"a#b\" is not possible as a name in /etc/hosts"),
        ("exit = 0\nhosts = { a = [] }", 6, "hosts: an address of \"a\" was expected"),
        (
            "exit = 0\nresolv_conf = ['nameserver 127.0.0.1',\n\"a\\nb\"]",
            7,
            "resolv_conf: \"a\\nb\": one line was expected",
        ),
        ("exit = 0\nstdin = { hex = 'f' }", 6, "stdin: hex = \"f\": pairs of hexadecimal digits were expected"),
        (
            "exit = 0\nstdin = { pattern = 1048577 }",
            6,
            "stdin: 1048577 bytes: at most 1048576 were expected, what a pipe holds",
        ),
        ("exit = 0\nresolv_conf = ['search example']", 6, "resolv_conf: a line \"nameserver ADDRESS\" was expected"),
        ("exit = 0\nresolv_conf = ['nameserver dns']", 6, "resolv_conf: a line \"nameserver ADDRESS\" was expected"),
        (
            "exit = 0\nsysctls = { 'kernel.hostname' = 'x' }",
            6,
            "sysctls: \"kernel.hostname\": a setting of the network was expected, as \"net.core.somaxconn\"",
        ),
        (
            "exit = 0\nsysctls = { 'net...x' = '1' }",
            6,
            "sysctls: \"net...x\": a setting of the network was expected, as \"net.core.somaxconn\"",
        ),
        (
            "exit = 0\ndevices = { 'a b' = {} }",
            6,
            "devices: \"a b\": letters, digits, '_' and '-' were expected, 15 at most, as \"tap0\"",
        ),
        (
            "exit = 0\ndevices = { a234567890123456 = {} }",
            6,
            "devices: \"a234567890123456\": letters, digits, '_' and '-' were expected, 15 at most, as \"tap0\"",
        ),
        (
            "exit = 0\ndevices = { all = {} }",
            6,
            "devices: \"all\": letters, digits, '_' and '-' were expected, 15 at most, as \"tap0\"",
        ),
        (
            "exit = 0\ndevices = { lo = {} }",
            6,
            "devices: \"lo\": addresses or an mtu were expected: every run has this device",
        ),
        ("exit = 0\ndevices = { tap0 = { mtu = 67 } }", 6, "devices: \"tap0\": mtu = 67: 68 to 65521 was expected"),
        (
            "exit = 0\ndevices = { tap0 = { addresses = ['192.0.2.1'] } }",
            6,
            "devices: \"tap0\": \"192.0.2.1\": an address with its prefix length was expected, as \"192.0.2.1/24\"",
        ),
        (
            "exit = 0\ndevices = { tap0 = { addresses = ['192.0.2.1/33'] } }",
            6,
            "devices: \"tap0\": \"192.0.2.1/33\": an address with its prefix length was expected, as \"192.0.2.1/24\"",
        ),
        (
            "exit = 0\ndevices = { tap0 = { addresses = ['127.0.0.2/8'] } }",
            6,
            "devices: \"tap0\": 127.0.0.2/8 is an address of loopback",
        ),
        (
            "exit = 0\ndevices = { tap0 = { addresses = ['224.0.0.1/4'] } }",
            6,
            "devices: \"tap0\": 224.0.0.1/4 cannot be the address of a device",
        ),
        (
            "exit = 0\ndevices = { a = { addresses = ['192.0.2.1/24'] }, b = { addresses = ['192.0.2.1/32'] } }",
            6,
            "devices: \"b\": 192.0.2.1 is there twice",
        ),
        (
            "exit = 0\nroutes = [{ to = '192.0.2.0/24', dev = 'lo' },\n{ to = 'x', dev = 'lo' }]",
            7,
            "routes: to = \"x\": an address or a prefix was expected, as \"192.0.2.0/24\"",
        ),
        (
            "exit = 0\nroutes = [{ to = '192.0.2.1/24', dev = 'lo' }]",
            6,
            "routes: to = \"192.0.2.1/24\": bits after the prefix are set; did you mean \"192.0.2.0/24\"?",
        ),
        (
            "exit = 0\nroutes = [{ to = '0.0.0.0/0', dev = 'lo' }, { to = '0.0.0.0/0', dev = 'lo' }]",
            6,
            "routes: to = \"0.0.0.0/0\" is there twice",
        ),
        (
            "exit = 0\nroutes = [{ to = '192.0.2.1', dev = 'tap0' }]",
            6,
            "routes: dev = \"tap0\": \"lo\" or one of the devices was expected",
        ),
        (
            "exit = 0\nroutes = [{ to = '192.0.2.1', dev = 'lo', mtu = 70000 }]",
            6,
            "routes: mtu = 70000: 68 to 65521 was expected",
        ),
        (
            "exit = 0\noutput = 'full'\nstdout = 'x'",
            6,
            "output = \"full\": nothing can be written there, and stdout must be empty",
        ),
        ("exit = 0\nwire = ['a',\n' ']", 7, "wire: \" \": a part of a line was expected"),
        ("exit = 0\nwire = [\"a\\nb\"]", 6, "wire: \"a\\nb\": a part of a line was expected"),
        ("exit = 0\nstdout = 'x'\nstdout_like = '{n}'", 7, "one of stdout and stdout_like was expected"),
        ("exit = 0\nstdout_like = 'x'", 6, "stdout_like has no placeholder {name}: use stdout for fixed text"),
        ("exit = 0\nwhere = ['n > 0']", 6, "where: stdout_like was expected, of whose integers it speaks"),
        ("exit = 0\nstdout_like = '{n}'\nwhere = ['n > 0',\n'm > 0']", 8, "where \"m > 0\": stdout_like has no {m}"),
        (
            "exit = 0\ninject = ['bind:error=EADRINUSE']",
            6,
            "inject \"bind:error=EADRINUSE\": unknown error \"EADRINUSE\": a name as \"EMFILE\" or \
             a number from 1 to 4095 was expected; did you mean \"EADDRINUSE\"?",
        ),
        (
            "exit = 0\ninject = ['bind:error={error}']",
            6,
            "inject: errors = [...] was expected, which {error} stands for",
        ),
        (
            "exit = 0\ninject = ['bind:error=EIO']\nerrors = ['EMFILE']",
            7,
            "errors: {error} was expected in inject, where they take its place",
        ),
        (
            "exit = 0\ninject = ['bind:error={error}']\nerrors = ['EMFILE',\n'EMFLIE']",
            8,
            "errors: unknown error \"EMFLIE\": the name of one, as \"EMFILE\", was expected; did \
             you mean \"EMFILE\"?",
        ),
        (
            "exit = 0\ninject = ['bind:signal={error}']\nerrors = ['EMFILE']",
            6,
            "inject \"bind:signal={error}\": unknown signal \"EIO\": a name as \"SIGTERM\" or a \
             number from 1 to 64 was expected; did you mean \"SIGIO\"?",
        ),
    ] {
        assert_eq!(told_of(fields), format!("s.toml:{line}: scenario 'a': {expected}"));
    }
}

#[test]
fn what_is_wrong_with_a_step() {
    for (step, expected) in [
        ("peer = ' ', does = 'listen', port = 1", "(\"  listens on 1\"): peer: a name was expected"),
        ("peer = 'b', does = 'connect', port = 0", "(\"b connects to 0\"): port = 0: 1 to 65535 was expected"),
        ("peer = 'b', does = 'listen', port = 0", "(\"b listens on 0\"): port = 0: 1 to 65535 was expected"),
        (
            "peer = 'b', does = 'connect_refused', port = 0",
            "(\"b is refused at 0\"): port = 0: 1 to 65535 was expected",
        ),
        (
            "peer = 'b', does = 'open_datagram', port = 0",
            "(\"b takes port 0 for datagrams\"): port = 0: 1 to 65535 was expected",
        ),
        (
            "peer = 'b', does = 'join', group = '10.0.0.1', port = 7",
            "(\"b joins 10.0.0.1, port 7\"): group = 10.0.0.1: 224.0.0.0 to 239.255.255.255 was \
             expected",
        ),
        (
            "peer = 'a', does = 'send', text = ''",
            "(\"a sends 0 bytes\"): text is empty: at least one byte was expected",
        ),
        (
            "peer = 'a', does = 'expect', text = []",
            "(\"a gets 0 bytes\"): text is empty: at least one byte was expected",
        ),
        (
            "peer = 'a', does = 'send', text = { hex = '0' }",
            "(\"a sends 0 bytes\"): hex = \"0\": pairs of hexadecimal digits were expected",
        ),
        (
            "does = 'signal', signal = 'SIGTREM'",
            "(\"the program gets SIGTREM\"): signal: unknown signal \"SIGTREM\": the name of one, as \
             \"SIGTERM\", was expected; did you mean \"SIGTERM\"?",
        ),
    ] {
        let steps = ["{ peer = 'a', does = 'connect', port = 1 }", &format!("{{ {step} }}")];
        let expected = format!("s.toml:8: scenario 'a', step 2 {expected}");
        assert_eq!(told_of_steps(&steps), expected);
    }
    let longest = |size: usize| {
        let datagram = format!(
            "{{ peer = 'd', does = 'send_datagram', address = '127.0.0.1', port = 7, text = {{ \
             pattern = {size} }} }}"
        );
        let socket = "{ peer = 'd', does = 'open_datagram', port = 7 }";
        load(&format!("{HEAD}exit = 0\nsteps = [{socket}, {datagram}]"))
    };
    assert!(longest(65507).is_ok());
    let told = longest(65508).unwrap_err().to_string();
    assert!(told.contains("step 2") && told.ends_with("a datagram holds 65507 bytes at most"));
}

#[test]
fn what_is_wrong_with_the_form() {
    let message = |text: &str, expected: &[&str]| {
        let told = told(text);
        assert!(expected.iter().all(|part| told.contains(part)), "{told}");
    };
    message("program = ", &["s.toml:1: TOML parse error at line 1, column 11"]);
    message(&format!("{HEAD}agruments = []"), &["s.toml:5: ", "unknown field `agruments`"]);
    message(&format!("{HEAD}exit = '0'"), &["s.toml:5: ", "invalid type: string \"0\""]);
    message(&format!("{HEAD}exit = 0\nstdout = {{ patern = 1 }}"), &["s.toml:6: ", "a text was"]);
    let steps = [
        "{ peer = 'a', does = 'connect', port = 1 }",
        "{ peer = 'a', does = 'dance' }",
        "{ peer = 'a', does = 'connect' }",
        "{ peer = 'a', does = 'send', txet = 'hello' }",
        "{ peer = 'a', does = 'send', text = 5 }",
        "{ peer = 'a', does = 'connect', port = 65536 }",
        "5",
    ];
    let told = told_of_steps(&steps);
    let expected = [
        "s.toml:8: scenario 'a', step 2: unknown variant `dance`, expected one of",
        "s.toml:9: scenario 'a', step 3: missing field `port`",
        "s.toml:10: scenario 'a', step 4: unknown field `txet`, expected `peer` or `text`",
        "s.toml:11: scenario 'a', step 5: a text was expected: a string, ",
        "s.toml:12: scenario 'a', step 6: invalid value: integer `65536`, expected u16",
        "s.toml:13: scenario 'a', step 7: invalid type: integer `5`, expected a step, as ",
    ];
    assert_eq!(told.lines().count(), expected.len(), "{told}");
    for (line, expected) in told.lines().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}

#[test]
fn what_is_wrong_with_a_file() {
    assert_eq!(told("program = 'p'"), "s.toml:1: there is no [[scenario]]");
    assert_eq!(
        told("program = 'p/q'\n[[scenario]]\nname = 'a b'\nabout = ' '\nexit = 1"),
        "s.toml:1: program = \"p/q\": letters, digits, '_' and '-' were expected\n\
         s.toml:3: scenario 'a b': name = \"a b\": letters, digits, '_' and '-' were expected\n\
         s.toml:4: scenario 'a b': about is empty: a sentence was expected"
    );
    // Of one line in its order.
    let on_one_line = told_of("exit = 0\ninject = ['x:b=1', 'x:a=1']\nerrata = [0]");
    let order: Vec<_> = ["\"b\"", "\"a\"", "s.toml:7"].iter().map(|part| on_one_line.find(part)).collect();
    assert!(order.is_sorted() && order[0].is_some(), "{on_one_line}");
    // The name that one gets with its error is another one's.
    let other = "[[scenario]]\nname = 'a_eio'\nabout = 'x'\nexit = 0";
    let first = "exit = 0\ninject = ['bind:error={error}']\nerrors = ['EIO']";
    assert_eq!(
        told(&format!("{HEAD}{first}\n{other}")),
        "s.toml:8: scenario 'a_eio': another one has this name, at s.toml:2"
    );
}

#[test]
fn the_shared_file_is_named() {
    let shares = format!("shared = ['one',\n'two']\n{HEAD}exit = 0");
    let told = |one: &str| format!("{:#}", load_with(&shares, &[("one", one)]).expect_err(one));
    let good = "[[scenario]]\nname = 'b'\nabout = 'x'\nexit = 0\n";
    assert_eq!(told(good), "s.toml:2: shared: \"two\": cannot read it");
    assert!(told("[[scenario]]\nx = 1").starts_with("one:2: TOML parse error"));
    let shares = format!("shared = ['one']\n{HEAD}exit = 0");
    let load = |one: &str| load_with(&shares, &[("one", one)]);
    let told = |one: &str| format!("{:#}", load(one).expect_err(one));
    assert_eq!(
        told(&format!("\n{}", good.replace("= 0", "= 256"))),
        "one:5: scenario 'b': exit = 256: 0 to 255 was expected"
    );
    assert_eq!(told(&good.replace("'b'", "'a'")), "one:1: scenario 'a': another one has this name, at s.toml:3");
    let scenarios = load(&format!("{good}inject = ['bind:error=EIO',\n'bind:error=EINTR']")).unwrap();
    let origin = &scenarios.iter().find(|scenario| scenario.name == "b").unwrap().origin;
    assert_eq!((origin.line, origin.inject_lines.as_slice()), (1, [5, 6].as_slice()));
    assert_eq!(origin.file, Path::new("one"));
}

#[test]
fn one_scenario_for_each_error() {
    let scenarios = load(&format!(
        "{HEAD}exit = 1\nerrors = ['EMFILE', 'EPROTO']\n\
         inject = ['accept:error={{error}}']\nstderr = \"p: accept: {{why}}\\n\"",
    ))
    .unwrap();
    let seen = |s: &Scenario| (s.name.clone(), s.inject.concat(), s.stderr.bytes());
    let expected =
        |name: &str, inject: &str, stderr: &str| (name.to_owned(), inject.to_owned(), stderr.as_bytes().to_vec());
    assert_eq!(
        scenarios.iter().map(seen).collect::<Vec<_>>(),
        [
            expected("a_emfile", "accept:error=EMFILE", "p: accept: Too many open files (errno 24)\n"),
            expected("a_eproto", "accept:error=EPROTO", "p: accept: Protocol error (errno 71)\n"),
        ]
    );
}

#[test]
fn defaults_are_for_what_a_scenario_does_not_say() {
    let scenarios = load(
        "program = 'p'\n[defaults]\narguments = ['1']\nstdout = 'x'\nkilled_by = 'SIGTERM'\n\
         steps = [{ does = 'signal', signal = 'SIGTERM' }]\n\
         [[scenario]]\nname = 'a'\nabout = 'x'\n\
         [[scenario]]\nname = 'b'\nabout = 'x'\narguments = []\nstdout_like = '{n}'\nexit = 0\nsteps = []",
    )
    .unwrap();
    let [a, b] = scenarios.as_slice() else { panic!("{scenarios:?}") };
    assert_eq!((a.arguments.len(), a.steps.len(), a.stdout.bytes()), (1, 1, b"x".to_vec()));
    assert_eq!((a.exit, a.killed_by.as_deref()), (None, Some("SIGTERM")));
    // With one way to say a thing, all the others are overridden.
    assert_eq!((b.arguments.len(), b.steps.len(), b.stdout.bytes()), (0, 0, vec![]));
    assert_eq!((b.stdout_like.as_deref(), b.exit, &b.killed_by), (Some("{n}"), Some(0), &None));
}

#[test]
fn defaults_are_those_of_the_same_file() {
    let own = format!("program = 'p'\nshared = ['one']\n[defaults]\nexit = 0\n{SCENARIO_A}");
    let other = |defaults: &str| format!("{defaults}[[scenario]]\nname = 'b'\nabout = 'x'\n");
    let load = |other: &str| load_with(&own, &[("one", other)]);
    let scenarios = load(&other("[defaults]\nexit = 1\n")).unwrap();
    let ends: Vec<_> = scenarios.iter().map(|scenario| scenario.exit).collect();
    assert_eq!(ends, [Some(0), Some(1)]);
    let without = format!("{:#}", load(&other("")).unwrap_err());
    assert_eq!(without, "one:1: scenario 'b': one of exit = STATUS and killed_by = \"SIGNAL\" was expected");
}

#[test]
fn what_is_wrong_with_defaults() {
    let told = |defaults: &str, scenarios: &str| told(&format!("program = 'p'\n[defaults]\n{defaults}\n{scenarios}"));
    let two = format!("{SCENARIO_A}exit = 0\n{}exit = 0", SCENARIO_A.replace("'a'", "'b'"));
    // Told once, although two scenarios have it.
    assert_eq!(
        told("ephemeral_ports = 0", &two),
        "s.toml:3: scenario 'a': ephemeral_ports = 0: 1 to 1000 was expected"
    );
    assert_eq!(told("steps = [\n{ peer = 'x', does = 'dance' }]", &two).lines().count(), 1, "the form of a step");
    assert_eq!(told("exit = 1\nstdout = ''", &two), "s.toml:3: defaults: every scenario overrides exit");
    assert_eq!(
        told("name = 'x'\nabout = 'x'", &two),
        "s.toml:3: defaults: each scenario has its own name\n\
         s.toml:4: defaults: each scenario has its own about"
    );
    assert_eq!(told("before = ['one']", &two), "s.toml:3: defaults: before: unknown dialogue \"one\"");
    let message = told("agruments = []", &two);
    assert!(message.starts_with("s.toml:3: TOML parse error"), "{message}");
    assert!(message.contains("unknown field `agruments`"), "{message}");
}

/// Two dialogues, of which one uses the other; they stand in lines 3 and 7.
const DIALOGUES: &str = "program = 'p'
[dialogues]
comes = [
    { peer = 'a', does = 'connect', port = 7 },
    { peer = 'a', does = 'send', text = 'x' },
]
visits = ['comes', { peer = 'a', does = 'close' }]
";

/// What the steps of the first scenario are.
fn steps(scenarios: &[Scenario]) -> Vec<String> {
    scenarios[0].steps.iter().map(Step::to_string).collect()
}

#[test]
fn dialogues_stand_for_their_steps() {
    let list = "['visits', { does = 'signal', signal = 'SIGTERM' }, 'comes']";
    let text = format!("{DIALOGUES}{SCENARIO_A}exit = 0\nsteps = {list}");
    let visit = ["a connects to 7", "a sends 1 byte", "a closes"];
    let expected = [&visit[..], &["the program gets SIGTERM"], &visit[..2]].concat();
    assert_eq!(steps(&load(&text).unwrap()), expected);
    // In the defaults, too.
    let defaults = format!("{DIALOGUES}[defaults]\nsteps = ['visits']\n{SCENARIO_A}exit = 0");
    assert_eq!(steps(&load(&defaults).unwrap()), visit);
}

#[test]
fn dialogues_of_other_files() {
    let own = format!(
        "program = 'p'\ndialogue_files = ['d']\n[dialogues]\nends = ['visits']\n{SCENARIO_A}exit = 0\n\
         steps = ['ends']"
    );
    let dialogues = DIALOGUES.replace("program = 'p'\n", "");
    let told = |own: &str, dialogues: &str| format!("{:#}", load_with(own, &[("d", dialogues)]).unwrap_err());
    let scenarios = load_with(&own, &[("d", &dialogues)]).unwrap();
    assert_eq!(steps(&scenarios), ["a connects to 7", "a sends 1 byte", "a closes"]);
    assert_eq!(
        told(&own.replace("['d']", "['d',\n'e']"), &dialogues),
        "s.toml:3: dialogue_files: \"e\": cannot read it"
    );
    assert_eq!(
        told(&format!("program = 'p'\ndialogue_files = ['d']\n{SCENARIO_A}exit = 0"), &dialogues),
        "s.toml:2: dialogue_files: no dialogue of this file is used"
    );
    assert_eq!(
        told(&own.replace("ends = ['visits']", "comes = [{ peer = 'a', does = 'close' }]"), &dialogues),
        "d:2: dialogue 'comes': another one has this name, at s.toml:4"
    );
    assert!(told(&own, &format!("program = 'p'\n{dialogues}")).starts_with("d:1: TOML parse error"));
    // A shared file's folder is the one that it names others in.
    let own = format!("program = 'p'\nshared = ['f/one']\n{SCENARIO_A}exit = 0");
    let shared = "dialogue_files = ['d']\n[[scenario]]\nname = 'b'\nabout = 'x'\nexit = 0\nsteps = ['comes']";
    assert!(load_with(&own, &[("f/one", shared), ("f/d", &dialogues)]).is_ok());
}

#[test]
fn what_is_wrong_with_dialogues() {
    let told = |dialogues: &str, steps: &str| {
        let head = format!("program = 'p'\n[dialogues]\n{dialogues}\n");
        told(&format!("{head}{SCENARIO_A}exit = 0\nsteps = {steps}"))
    };
    let step = "{ peer = 'a', does = 'connect', port = 7 }";
    for (dialogues, expected) in [
        ("x = ['x']".to_owned(), "dialogue 'x': it uses itself"),
        (format!("x = [{step},\n'y']\ny = ['z']\nz = ['x']"), "dialogue 'x': it uses itself, by way of 'y'"),
        ("x = ['other']".to_owned(), "dialogue 'x': unknown dialogue \"other\""),
        (format!("x = [{step},\n'xx']"), "dialogue 'x': unknown dialogue \"xx\"; did you mean \"x\"?"),
        ("x = []".to_owned(), "dialogue 'x': it is empty: at least one step was expected"),
        ("x = 5".to_owned(), "dialogue 'x': a list of steps was expected"),
        (format!("'x y' = [{step}]"), "dialogue 'x y': letters, digits, '_' and '-' were expected"),
        ("x = [{ peer = 'a', does = 'connect' }]".to_owned(), "dialogue 'x', step 1: missing field `port`"),
        (
            format!("x = [{step},\n{}]", step.replace('7', "0")),
            "dialogue 'x', step 2 (\"a connects to 0\"): port = 0: 1 to 65535 was expected",
        ),
    ] {
        let line = 3 + usize::from(dialogues.contains(",\n"));
        let message = told(&dialogues, "['x']");
        assert_eq!(message.lines().next(), Some(&*format!("s.toml:{line}: {expected}")));
    }
    // Where they are used.
    let two = format!("one = [{step}]\ntwo = [{step}]");
    assert_eq!(
        told(&two, "[\n'one',\n'too']"),
        "s.toml:11: scenario 'a': steps: unknown dialogue \"too\"; did you mean \"two\"?"
    );
    assert_eq!(told(&two, "['one']"), "s.toml:4: dialogue 'two' is not used");
    let close = "{ peer = 'a', does = 'close' }";
    assert_eq!(
        told(&format!("one = [{close}]"), &format!("[{step}, {close},\n'one']")),
        "s.toml:9: scenario 'a', step 3 (\"a closes\", from dialogue 'one', s.toml:3): no peer \"a\" is \
         connected here: it closed in step 2"
    );
}

#[test]
fn what_is_wrong_with_a_repeated_string() {
    for (text, expected) in [
        ("repeat = 'x', times = 0", "times = 0: a number from 1 on was expected"),
        ("repeat = '', times = 2", "repeat is empty: at least one byte was expected"),
        ("repeat = 'x', times = 2, from = 0", "from = 0: {n} was expected in repeat"),
        ("repeat = '{n}', times = 20000000", "times = 20000000: at most 100000000 bytes were expected"),
    ] {
        for field in ["stdout", "stderr"] {
            assert_eq!(
                told_of(&format!("exit = 0\n{field} = {{ {text} }}")),
                format!("s.toml:6: scenario 'a': {field}: {expected}")
            );
        }
        let connects = "{ peer = 'a', does = 'connect', port = 1 }";
        let told = told_of_steps(&[connects, &format!("{{ peer = 'a', does = 'send', text = {{ {text} }} }}")]);
        assert!(told.starts_with("s.toml:8: scenario 'a', step 2 (") && told.ends_with(expected), "{told}");
    }
}

#[test]
fn each_shared_dialogue_is_used() {
    // A file must not use all that another one has; but some file must.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let files = [folder.clone(), folder.join("shared")].into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap())
    });
    let all = files.collect::<String>();
    let dialogues = std::fs::read_to_string(folder.join("shared/dialogues.toml")).unwrap();
    let dialogues: toml::Table = toml::from_str(&dialogues).unwrap();
    for name in dialogues["dialogues"].as_table().unwrap().keys() {
        assert!(all.contains(&format!("{name:?}")), "no scenario uses the dialogue {name}");
    }
}

#[test]
fn routes_in_the_words_of_ip() {
    let devices =
        "devices = { tap0 = { addresses = ['192.0.2.1/24', '198.51.100.1/32'], mtu = 1500 }, lo = { mtu = 1500 } }";
    let routes = "routes = [{ to = '0.0.0.0/0', via = '192.0.2.2', dev = 'tap0' }, \
                  { type = 'local', to = '127.0.0.1', dev = 'lo', mtu = 1000 }]";
    let scenarios = load(&format!("{HEAD}exit = 0\n{devices}\n{routes}")).unwrap();
    let words: Vec<String> = scenarios[0].routes.iter().map(Route::words).collect();
    assert_eq!(words, ["unicast 0.0.0.0/0 via 192.0.2.2 dev tap0", "local 127.0.0.1 dev lo mtu 1000"]);
    let addresses = &scenarios[0].devices["tap0"].addresses;
    assert_eq!([&addresses[0], &addresses[1]].map(|address| has_broadcast(address)), [true, false]);
}
