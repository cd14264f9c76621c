//! What a file of scenarios becomes, and what is said of one with mistakes.

use std::path::Path;

use anyhow::{Result, bail};

use super::source::Source;
use super::{Scenario, ScenarioFile};

/// What stands before the fields of the tests; they begin in line 5.
const HEAD: &str = "program = 'p'\n[[scenario]]\nname = 'a'\nabout = 'x'\n";

fn source(path: &str, text: &str) -> Result<Source> {
    Source::new(Path::new(path), text.to_owned())
}

fn load(text: &str) -> Result<Vec<Scenario>> {
    let file = ScenarioFile::load(&source("s.toml", text)?, |name| bail!("no file {name}"))?;
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
        (
            "exit = 0\nkilled_by = 'SIGTERM'",
            5,
            "one of exit = STATUS and killed_by = \"SIGNAL\" was expected",
        ),
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
        (
            "exit = 0\narguments = ['a',\n\"\\u0000\"]",
            7,
            "argument 2: an argument cannot hold a NUL",
        ),
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
        (
            "exit = 0\nhosts = { 'a b' = ['192.0.2.1'] }",
            6,
            "hosts: \"a b\" is not possible as a name in /etc/hosts",
        ),
        (
            "exit = 0\nhosts = { '' = ['192.0.2.1'] }",
            6,
            "hosts: \"\" is not possible as a name in /etc/hosts",
        ),
        (
            "exit = 0\nhosts = { 'a#b' = ['192.0.2.1'] }",
            6,
            "hosts: \"a#b\" is not possible as a name in /etc/hosts",
        ),
        ("exit = 0\nhosts = { a = [] }", 6, "hosts: an address of \"a\" was expected"),
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
            "exit = 0\noutput = 'full'\nstdout = 'x'",
            6,
            "output = \"full\": nothing can be written there, and stdout must be empty",
        ),
        ("exit = 0\nwire = ['a',\n' ']", 7, "wire: \" \": a part of a line was expected"),
        ("exit = 0\nwire = [\"a\\nb\"]", 6, "wire: \"a\\nb\": a part of a line was expected"),
        (
            "exit = 0\nstdout = 'x'\nstdout_like = '{n}'",
            7,
            "one of stdout and stdout_like was expected",
        ),
        ("exit = 0\nstdout_like = 'x'", 6, "stdout_like has no {name}; then stdout is the field"),
        (
            "exit = 0\nwhere = ['n > 0']",
            6,
            "where: stdout_like was expected, of whose integers it speaks",
        ),
        (
            "exit = 0\nstdout_like = '{n}'\nwhere = ['n > 0',\n'm > 0']",
            8,
            "where \"m > 0\": stdout_like has no {m}",
        ),
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
        (
            "peer = ' ', does = 'listen', port = 1",
            "(\"  listens on 1\"): peer: a name was expected",
        ),
        (
            "peer = 'b', does = 'connect', port = 0",
            "(\"b connects to 0\"): port = 0: 1 to 65535 was expected",
        ),
        (
            "peer = 'b', does = 'listen', port = 0",
            "(\"b listens on 0\"): port = 0: 1 to 65535 was expected",
        ),
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
    let order: Vec<_> =
        ["\"b\"", "\"a\"", "s.toml:7"].iter().map(|part| on_one_line.find(part)).collect();
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
    let told = |one: &str| {
        let file = ScenarioFile::load(&source("s.toml", &shares).unwrap(), |name| match name {
            "one" => source("one", one),
            _ => bail!("cannot read it"),
        });
        format!("{:#}", file.expect_err(one))
    };
    let good = "[[scenario]]\nname = 'b'\nabout = 'x'\nexit = 0\n";
    assert_eq!(told(good), "s.toml:2: shared: \"two\": cannot read it");
    assert!(told("[[scenario]]\nx = 1").starts_with("one:2: TOML parse error"));
    let shares = format!("shared = ['one']\n{HEAD}exit = 0");
    let file = |one: &str| {
        ScenarioFile::load(&source("s.toml", &shares).unwrap(), |name| source(name, one))
    };
    let told = |one: &str| format!("{:#}", file(one).expect_err(one));
    assert_eq!(
        told(&format!("\n{}", good.replace("= 0", "= 256"))),
        "one:5: scenario 'b': exit = 256: 0 to 255 was expected"
    );
    assert_eq!(
        told(&good.replace("'b'", "'a'")),
        "one:1: scenario 'a': another one has this name, at s.toml:3"
    );
    let file = file(&format!("{good}inject = ['bind:error=EIO',\n'bind:error=EINTR']")).unwrap();
    let origin = &file.find("b").unwrap().origin;
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
    let expected = |name: &str, inject: &str, stderr: &str| {
        (name.to_owned(), inject.to_owned(), stderr.as_bytes().to_vec())
    };
    assert_eq!(
        scenarios.iter().map(seen).collect::<Vec<_>>(),
        [
            expected(
                "a_emfile",
                "accept:error=EMFILE",
                "p: accept: Too many open files (errno 24)\n"
            ),
            expected("a_eproto", "accept:error=EPROTO", "p: accept: Protocol error (errno 71)\n"),
        ]
    );
}
