//! What `mirror trace`, `mirror packets` and `mirror compare --json` make of a run.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::programs::{Programs, Said};

const SERVER: &str = "
int sock = serve(SOCK_STREAM);
char text[9];
send(sock, text, recv(sock, text, 9, 0), 0);
close(sock);
";

const SCENARIO: &str = "exit = 0
steps = [
    { peer = \"a\", does = \"connect\", port = 5000 },
    { peer = \"a\", does = \"send\", text = \"hello\" },
    { peer = \"a\", does = \"expect\", text = \"hello\" },
    { peer = \"a\", does = \"close\" },
]";

/// The number of the line that has this text, and the file's name.
fn place(programs: &Programs, file: &str, text: &str) -> String {
    let source = fs::read_to_string(programs.path(file)).unwrap();
    let line = source.lines().position(|line| line.contains(text)).unwrap();
    format!("{file}:{}", line + 1)
}

/// The places of these texts in what was said, which must be in this order.
fn in_order(said: &Said, texts: &[&str]) {
    let mut from = 0;
    for text in texts {
        let found = said.stdout[from..].find(text);
        from += found.unwrap_or_else(|| panic!("no {text:?} after byte {from}: {}", said.stdout)) + text.len();
    }
}

#[test]
fn calls_packets_and_deeds_in_one_order() {
    let programs = Programs::new();
    let server = programs.c("server", SERVER, &["-g"]);
    let said = Said::from(programs.command("trace", &server, &server, SCENARIO));
    let line = place(&programs, "server.c", "send(sock");
    said.is(0, "\nsame\n");
    let received = format!("{line}  {line}  recv: recvfrom(4, \"hello\", 9, 0, NULL, NULL) = 5");
    let sent = format!("{line}  {line}  send: sendto(4, \"hello\", 5, 0, NULL, 0) = 5");
    let order = [
        "listen(3, 5) = 0",
        "a connects to 5000",
        "127.0.0.1:41001 → 127.0.0.1:5000  SYN  seq 0, MSS",
        "SYN, ACK  seq 0, ack 1",
        "accept(3, NULL, NULL) = 4",
        "a sends 5 bytes",
        "PSH, ACK  5 bytes \"hello\", seq 1, ack 1",
        &received,
        &sent,
        "127.0.0.1:5000 → 127.0.0.1:41001  PSH, ACK  5 bytes \"hello\"",
        "FIN, ACK  seq 6, ack 6",
        "+++ exited with 0 +++",
        "a closes",
    ];
    in_order(&said, &order);
    assert!(!said.stdout.contains("execve("), "the start is folded: {}", said.stdout);
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 140), "{}", said.stdout);
}

#[test]
fn what_differs_is_marked_on_both_sides() {
    let programs = Programs::new();
    let left = programs.c("left", SERVER, &["-g"]);
    let right = programs.c("right", &SERVER.replace("recv(sock, text, 9", "recv(sock, text, 8"), &["-g"]);
    let said = Said::from(programs.command("trace", &left, &right, SCENARIO));
    said.is(1, "\ndiffers\n");
    let marked: Vec<&str> = said.stdout.lines().filter(|line| line.starts_with('≠')).collect();
    let [left, right] = marked[..] else { panic!("{marked:?}") };
    assert!(left.contains("left.c:") && left.contains("\"hello\", 9, 0"), "{left}");
    assert!(right.contains("right.c:") && right.contains("\"hello\", 8, 0"), "{right}");
}

#[test]
fn only_some_calls_or_all() {
    let programs = Programs::new();
    let server = programs.c("server", SERVER, &["-g"]);
    let trace = |options: &[&str]| {
        let mut command = programs.command("trace", &server, &server, SCENARIO);
        command.args(options);
        Said::from(command).stdout
    };
    let only = trace(&["--only", "recv,listen", "--no-packets"]);
    let calls: Vec<&str> = only.lines().filter(|line| line.contains(") = ")).collect();
    assert!(calls.len() == 2 && calls[0].contains("listen(") && calls[1].contains("recvfrom("), "{only}");
    assert!(!only.contains(" → "), "{only}");
    let mut misspelled = programs.command("trace", &server, &server, SCENARIO);
    misspelled.args(["--only", "recv,sokcet"]);
    Said::from(misspelled).is(2, "--only: neither program calls 'sokcet'");
    let all = trace(&["--all"]);
    assert!(all.contains("execve(\"./p\"") && !all.contains("--all shows them"), "{all}");
}

#[test]
fn programs_without_debugging_information() {
    let programs = Programs::new();
    for options in [&[][..], &["-s"], &["-static"]] {
        let server = programs.c("server", SERVER, options);
        let said = Said::from(programs.command("trace", &server, &server, SCENARIO));
        said.is(0, "listen(3, 5) = 0\n");
    }
    let script = programs.script("script", "#!/bin/sh\ncd /tmp\n");
    Said::from(programs.command("trace", &script, &script, "exit = 0")).is(0, "chdir(\"/tmp\") = 0\n");
}

/// Linkers place code at other addresses than its places in the file say.
#[test]
fn lines_of_programs_that_other_linkers_have_made() {
    let programs = Programs::new();
    let server = programs.c("server", SERVER, &["-g", "-no-pie"]);
    let said = Said::from(programs.command("trace", &server, &server, SCENARIO));
    in_order(&said, &[&place(&programs, "server.c", "listen(sock"), "listen(3, 5) = 0"]);
    // rustc has a linker of its own, unless another one is asked for.
    let text = "use std::io::{Read, Write};
fn main() {
    let server = std::net::TcpListener::bind(\"0.0.0.0:5000\").unwrap();
    let mut text = [0; 9];
    let mut client = server.accept().unwrap().0;
    let length = client.read(&mut text).unwrap();
    client.write_all(&text[..length]).unwrap();
}
";
    let server = programs.rust("rust", text, &["-g"]);
    let said = Said::from(programs.command("trace", &server, &server, SCENARIO));
    in_order(&said, &["rust.rs:3", "bind(3", "rust.rs:5", "accept4(3", "rust.rs:6", "recvfrom(4", "rust.rs:7"]);
}

#[test]
fn packets_as_arrows() {
    let programs = Programs::new();
    let server = programs.c("server", SERVER, &["-g"]);
    let said = Said::from(programs.command("packets", &server, &server, SCENARIO));
    let line = place(&programs, "server.c", "send(sock");
    let sent = format!("send  {line}");
    in_order(
        &said,
        &["127.0.0.1:41001", "127.0.0.1:5000", "1 │─ SYN  seq 0", ">│", "2 │<─ SYN, ACK", "a sends 5 bytes", &sent],
    );
    said.is(0, "right/packets.pcapng");
    let nothing = programs.c("nothing", "", &[]);
    Said::from(programs.command("packets", &nothing, &nothing, "exit = 0")).is(0, "It sends no packets.");
}

/// Runs it, and reads the one account that it has written.
fn account(programs: &Programs, mut command: Command) -> Value {
    let file = programs.path("account.json");
    command.arg("--json").arg(&file);
    let said = Said::from(command);
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let [line] = text.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {text}") };
    serde_json::from_str(line).unwrap()
}

#[test]
fn an_account_is_complete() {
    let programs = Programs::new();
    let left = programs.c("left", SERVER, &["-g"]);
    let right = programs.c("right", &format!("getppid();\n{SERVER}"), &["-g"]);
    let account = account(&programs, programs.compare(&left, &right, SCENARIO));
    assert_eq!((account["version"].as_u64(), account["verdict"].as_str()), (Some(1), Some("differs")));
    let list = |value: &Value| value.as_array().unwrap().clone();
    for (side, text) in list(&account["sides"]).iter().zip(["left.c", "right.c"]) {
        let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for item in list(&side["timeline"]) {
            let (kind, place) = item.as_object().unwrap().iter().next().unwrap();
            found.entry(format!("{kind}s")).or_default().push(place.as_u64().unwrap());
        }
        for (kind, mut places) in found {
            places.sort_unstable();
            let count = list(&side[&kind]).len() as u64;
            assert!(count > 0 && places.into_iter().eq(0..count), "each of {kind} is there once");
        }
        let sources = side["sources"].as_object().unwrap();
        assert!(sources.keys().all(|name| name.ends_with(text)) && sources.len() == 1, "{:?}", sources.keys());
        for packet in list(&side["packets"]) {
            let bytes = packet["bytes"].as_str().unwrap().len() / 2;
            let mut covered = vec![false; bytes];
            for field in list(&packet["fields"]) {
                let number = |name: &str| usize::try_from(field[name].as_u64().unwrap()).unwrap();
                covered[number("offset")..][..number("length")].fill(true);
            }
            assert!(covered.iter().all(|covered| *covered), "{packet}");
        }
    }
    let rows = list(&account["rows"]);
    let different: Vec<&Value> = rows.iter().filter(|row| row["same"] == false).collect();
    let [row] = different[..] else { panic!("{different:?}") };
    assert!(row["calls"][0].is_null(), "{row}");
    let place = usize::try_from(row["calls"][1].as_u64().unwrap()).unwrap();
    let call = &account["sides"][1]["calls"][place];
    assert_eq!((call["function"].as_str(), call["phase"].as_str()), (Some("getppid"), Some("program")));
    assert!(call["places"][0]["line"].as_u64().is_some(), "{call}");
}
