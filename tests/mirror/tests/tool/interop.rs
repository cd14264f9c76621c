//! `mirror interop`: what it finds, and what it does not count as passed.

use std::fs;
use std::process::Command;

use crate::programs::{Programs, Said, mirror};

const SERVER: &str = "#!/usr/bin/python3
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096): self.request.sendall(data)
socketserver.ThreadingTCPServer(('127.0.0.1', int(sys.argv[1])), Echo).serve_forever()
";

/// A client that gets its word back, and prints what `PRINTS` makes of it.
const CLIENT: &str = "import socket, sys
word = sys.stdin.buffer.read()
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.sendall(word)
sock.shutdown(socket.SHUT_WR)
answer = sock.makefile('rb').read()
sys.stdout.buffer.write(PRINTS)
";

const OURS: &str = "
[[word]]
name = 'a'
text = 'abc'
way = 'count'
[[server]]
name = 'p'
column = 'p'
arguments = '{port}'
[[client]]
name = 'c'
column = 'c'
arguments = '{ip} {port}'
word = 'stdin'
";

const FOREIGN: &str = "
[[program]]
name = 'right'
needs = ['python3']
package = 'python3'
client = { run = 'python3 {here}/client.py {ip} {port}' }
[[program]]
name = 'wrong'
needs = ['python3']
package = 'python3'
client = { run = 'python3 {here}/client.py {ip} {port}' }
[[program]]
name = 'excepted'
needs = ['python3']
package = 'python3'
client = { run = 'python3 {here}/client.py {ip} {port}', except = [{ word = 'a', because = 'It shouts.' }] }
[[program]]
name = 'needless'
needs = ['python3']
package = 'python3'
client = { run = 'python3 {here}/client.py {ip} {port}', except = [{ word = 'a', because = 'It cannot.' }] }
[[program]]
name = 'absent'
needs = ['no-such-command']
package = 'none'
client = { run = 'no-such-command {ip} {port}' }
[[program]]
name = 'unbuilt'
needs = []
package = 'none'
build = { run = 'cp {here}/no-such-file {build}', needs = ['cp'] }
client = { run = '{build}/no-such-file {ip} {port}' }
";

/// A project of one server, and the programs above.
fn project(programs: &Programs) {
    programs.file("Cargo.toml", "[[bin]]\nname = \"p\"\n");
    programs.file("tests/scenarios/p.toml", "");
    programs.file("c-reference/p.c", "");
    programs.file("Makefile", "build:\n");
    programs.script("target/c-reference/p", SERVER);
    programs.script("target/release/p", SERVER);
    programs.file("tests/interop/ours.toml", OURS);
    programs.file("tests/interop/foreign.toml", FOREIGN);
    for (name, prints) in
        [("right", "answer"), ("wrong", "answer[:2]"), ("excepted", "answer.upper()"), ("needless", "answer")]
    {
        programs.file(&format!("tests/interop/{name}/client.py"), &CLIENT.replace("PRINTS", prints));
    }
    programs.file("tests/interop/unbuilt/source", "");
}

fn interop(programs: &Programs, arguments: &[&str]) -> Said {
    let mut command = mirror();
    command.arg("interop").args(arguments).current_dir(programs.path(""));
    Said::from(command)
}

#[test]
fn what_is_the_same_and_what_is_not() {
    let programs = Programs::new();
    project(&programs);
    let said = interop(&programs, &["right"]);
    said.is(0, "2 words with 1 programs of others: 2 came back whole\n");
    let said = interop(&programs, &["right", "wrong"]);
    said.is(1, "wrong, p in C and 1 more, a: it printed 2 of 3 bytes\n");
    assert!(said.stdout.contains("4 words with 2 programs of others: 2 came back whole\n"), "{said:?}");
    let said = interop(&programs, &["excepted"]);
    said.is(0, "* excepted (TCP client), a: It shouts.\n");
    assert!(said.stdout.contains("same*"), "{said:?}");
    interop(&programs, &["needless"]).is(1, "needless, p in C, a: came back whole, so it is no exception\n");
}

#[test]
fn what_is_not_there_does_not_pass() {
    let programs = Programs::new();
    project(&programs);
    let said = interop(&programs, &["right", "absent"]);
    said.is(0, "absent  not installed (none)\n");
    assert!(said.stdout.contains("1 programs of others: 2 came back whole; 1 not run\n"), "{said:?}");
    interop(&programs, &["right", "absent", "--require", "right"]).is(0, "not installed");
    let required = interop(&programs, &["--require", "right,absent"]);
    required.is(2, "mirror: --require: absent: not installed (none)\n");
    assert!(required.stdout.is_empty(), "{required:?}");
    interop(&programs, &["--require", "nobody"]).is(2, "no such program: 'nobody'");
    interop(&programs, &["nobody"]).is(2, "no such program: 'nobody'; the programs are: c-c, c-rust, right, wrong,");
    let unbuilt = interop(&programs, &["right", "unbuilt"]);
    unbuilt.is(2, "mirror: unbuilt could not be built\n");
    assert!(unbuilt.stdout.contains("unbuilt: not built: cp: exit status: 1: cp: cannot stat"), "{unbuilt:?}");
}

#[test]
fn results_for_other_programs() {
    let programs = Programs::new();
    project(&programs);
    let files = ["json", "junit", "page"].map(|name| programs.path(name).to_string_lossy().into_owned());
    let [json, junit, page] = &files;
    let arguments = ["wrong", "excepted", "absent", "--json", json, "--junit", junit, "--page", page];
    interop(&programs, &arguments).is(1, "2 of");
    let [json, junit, page] = files.map(|file| fs::read_to_string(file).unwrap());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["columns"], serde_json::json!(["p", "c"]));
    let wrong = &json["rows"][0]["cells"][0];
    assert_eq!((&wrong["words"], &wrong["same"]), (&2.into(), &0.into()), "{wrong}");
    assert_eq!(wrong["failures"][0]["what"], "it printed 2 of 3 bytes");
    assert_eq!(json["rows"][2]["missing"]["not_installed"], "none");
    assert!(junit.contains("<testsuite name=\"wrong\" tests=\"1\" failures=\"1\""), "{junit}");
    assert!(junit.contains("<skipped message=\"not installed (none)\"/>"), "{junit}");
    assert!(page.contains("| wrong | ") && page.contains(" | 0 of 2 | – |"), "{page}");
    assert!(page.contains("- excepted (TCP client), a: It shouts.\n"), "{page}");
}

#[test]
fn commands_of_ones_own() {
    let programs = Programs::new();
    project(&programs);
    let right = programs.file("right.py", &CLIENT.replace("PRINTS", "answer"));
    let wrong = programs.file("wrong.py", &CLIENT.replace("PRINTS", "b'abd'"));
    let client = |file: &std::path::Path| format!("python3 {} {{ip}} {{port}}", file.display());
    interop(&programs, &["--client", &client(&right)]).is(0, "2 words with 1 programs of others: 2 came back whole\n");
    let said = interop(&programs, &["--client", &client(&wrong)]);
    said.is(1, "yours, p in C and 1 more, a: at offset 2 it printed \"d\" instead of \"c\"\n");
    // The run sees the file that the command names, wherever it is.
    let mut command = Command::new("cp");
    let elsewhere = std::env::temp_dir().join(format!("sockmirror-{}.py", std::process::id()));
    command.arg(&right).arg(&elsewhere);
    assert!(command.status().unwrap().success());
    let said = interop(&programs, &["--client", &client(&elsewhere)]);
    fs::remove_file(&elsewhere).unwrap();
    said.is(0, "2 came back whole\n");
    interop(&programs, &["--client", "python3 x.py {port}"])
        .is(2, "--client: {ip} was expected in \"python3 x.py {port}\"");
    interop(&programs, &["--client", "no-such-command {ip} {port}"])
        .is(2, "--client: no such program: no-such-command");
    interop(&programs, &["right", "--client", &client(&right)]).is(2, "cannot be used with");
    // This project's client of that name is not there; the server is what is looked at.
    programs.script("target/c-reference/c", &format!("#!/usr/bin/python3\n{}", CLIENT.replace("PRINTS", "answer")));
    programs.script("target/release/c", &format!("#!/usr/bin/python3\n{}", CLIENT.replace("PRINTS", "answer")));
    let server = programs.file("server.py", SERVER);
    interop(&programs, &["--server", &format!("python3 {} {{port}}", server.display())]).is(0, "2 came back whole\n");
    let ends = programs.file("ends.py", "import sys\nsys.exit('no')\n");
    let said = interop(&programs, &["--server", &format!("python3 {} {{port}}", ends.display())]);
    said.is(1, "yours, c in C and 1 more: the server ended at once (exit status: 1); it printed: no\\n\n");
}
