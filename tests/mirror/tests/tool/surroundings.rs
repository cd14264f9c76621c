//! The tool prints the same however and wherever it is started, and its error messages name the cause.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::programs::{Programs, Said, mirror};
use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The README's first command, for the programs that depend most on their environment.
const COMPARE: &str = "make --silent compare PROGRAM='resolve socket_types' 2>&1";

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(root()).env_remove("MAKEFLAGS");
    command
}

/// Removes cargo's own messages.
fn without_cargo(said: &Said) -> String {
    let own = ["Compiling ", "Finished ", "Running ", "Blocking "];
    let of_the_tool = |line: &&str| !own.iter().any(|word| line.trim_start().starts_with(word));
    said.stdout.lines().filter(of_the_tool).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_command_says_the_same_from_everywhere() {
    let folder = Programs::new();
    let temporary = folder.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let expected = Said::from(shell(COMPARE));
    assert_eq!(expected.status, Some(0), "{}", expected.stdout);
    let expected = without_cargo(&expected);
    let temporary = temporary.display();
    let home = std::env::var("HOME").unwrap_or_default();
    let own = "unshare --user --map-root-user --mount sh -c";
    let mut starts = vec![
        // A mount in a namespace of its own affects no one else.
        format!("{own} \"mount -t tmpfs none /etc && {COMPARE}\""),
        format!("exec 3</dev/null 5</dev/null 9>/dev/null; {COMPARE}"),
        format!("{COMPARE} <&-"),
        format!("trap '' CHLD HUP INT PIPE TERM USR1; {COMPARE}"),
        format!("export TMPDIR={temporary}; {COMPARE}"),
        format!("umask 077; {COMPARE}"),
        format!("ulimit -c 0; ulimit -S -n 256; ulimit -S -s 16384; {COMPARE}"),
        format!("env -i HOME='{home}' PATH=\"$PATH\" {COMPARE}"),
    ];
    if Path::new(&home).join(".cargo/bin/cargo").exists() {
        starts.push(format!("env -i HOME='{home}' {COMPARE}"));
    }
    for start in starts {
        let said = Said::from(shell(&start));
        assert_eq!(without_cargo(&said), expected, "{start}");
        assert_eq!(said.status, Some(0), "{start}");
    }
}

#[test]
fn what_a_run_inherits() {
    let programs = Programs::new();
    let prints = "struct rlimit l; getrlimit(RLIMIT_NOFILE, &l); int open = 0, ignored = 0;\
        for (int i = 3; i < 256; i++) open += fcntl(i, F_GETFD) >= 0;\
        struct sigaction s; for (int i = 1; i < 65; i++) ignored += sigaction(i, NULL, &s) == 0 &&\
            s.sa_handler != SIG_DFL;\
        sigset_t blocked; int held = 0; sigprocmask(SIG_BLOCK, NULL, &blocked);\
        for (int i = 1; i < 65; i++) held += sigismember(&blocked, i) == 1;\
        printf(\"%d %d %d %o %ld %ld %d %d\\n\", open, ignored, held, umask(0), (long)l.rlim_cur,\
            (long)l.rlim_max, fcntl(0, F_GETFL) & O_NONBLOCK, open(\"/dev/tty\", O_RDWR) >= 0);";
    let prints = prints.replace("open(\"/dev/tty\"", "openat(AT_FDCWD, \"/dev/tty\"");
    let program = programs.c("p", &prints, &[]);
    let scenario = "stdout = \"0 0 0 22 1024 4096 0 0\\n\"\nexit = 0";
    let said = Said::from(programs.compare(&program, &program, scenario));
    said.is(0, "1 the same");
    let command = format!("{:?}", programs.compare(&program, &program, scenario));
    for start in [
        format!("exec 3</dev/null 200</dev/null; {command}"),
        format!("trap '' CHLD HUP INT PIPE TERM RTMIN; umask 777; {command}"),
        format!("ulimit -S -n 99; {command}"),
    ] {
        let mut command = Command::new("bash");
        command.args(["-c", &start]);
        Said::from(command).is(0, "1 the same");
    }
}

#[test]
fn a_file_size_limit_is_named() {
    let said = Said::from(shell(&format!("ulimit -f 1; {:?} list", mirror())));
    // Root may raise the limit.
    if said.status != Some(0) {
        said.is(2, "the file size limit is ");
    }
}

#[test]
fn a_tool_that_is_missing_is_named() {
    let programs = Programs::new();
    let tools = programs.path("tools");
    fs::create_dir(&tools).unwrap();
    // Hides strace where it is installed.
    let hide = "unshare --user --map-root-user --mount sh -c";
    let strace = ["/usr/bin/strace", "/usr/local/bin/strace"].map(Path::new);
    let strace: Vec<_> = strace.into_iter().filter(|path| path.exists()).collect();
    let command = programs.compare("/bin/true", "/bin/true", "exit = 0");
    let paths: Vec<String> = strace.iter().map(|path| path.display().to_string()).collect();
    let mounts: Vec<String> = paths.iter().map(|path| format!("mount --bind {} {path}", tools.display())).collect();
    // A folder cannot be mounted on a file, but an empty file that is not executable can.
    let empty = programs.file("empty", "");
    let mounts = mounts.join(" && ").replace(&tools.display().to_string(), &empty.display().to_string());
    let script = format!("PATH=/usr/bin:/bin; {hide} '{mounts} && exec {command:?}'");
    Said::from(shell(&script)).is(2, "strace");
}

#[test]
fn strace_may_be_anywhere() {
    let programs = Programs::new();
    // Even in a folder that a run has its own version of.
    let folder = std::env::temp_dir().join(format!("sockmirror-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let strace = Command::new("sh").args(["-c", "command -v strace"]).output().unwrap().stdout;
    let strace = PathBuf::from(String::from_utf8(strace).unwrap().trim());
    fs::copy(strace, folder.join("strace")).unwrap();
    let mut command = programs.compare("/bin/true", "/bin/true", "exit = 0");
    command.env("PATH", &folder);
    let said = Said::from(command);
    fs::remove_dir_all(&folder).unwrap();
    said.is(0, "1 the same");
}

#[test]
fn the_command_that_shows_it_again_can_be_pasted() {
    let programs = Programs::new();
    let left = programs.c("a program's left side", "getppid();", &[]);
    let right = programs.c("right", "getuid();", &[]);
    let quoted = format!("\"{left}\"");
    let mut command = programs.compare(&quoted, &right, "exit = 0");
    // The command that is pasted names the scenario, and so prints a line for it.
    command.arg("--verbose");
    let said = Said::from(command);
    said.is(1, "1 different");
    let again_of = |said: &Said| {
        let mut lines = said.stdout.lines();
        lines.find_map(|line| line.trim().strip_prefix("again: ")).unwrap().to_owned()
    };
    let line = &again_of(&said);
    assert!(line.contains("--output"), "{line}");
    let again = Said::from(shell(line));
    // Its path is relative to another folder there.
    let rest = |said: &Said| said.stdout.replace(line, "").replace(&again_of(said), "");
    assert_eq!((again.status, rest(&again)), (Some(1), rest(&said)));
}

#[test]
fn two_runs_take_turns() {
    let programs = Programs::new();
    let output = programs.path("output");
    fs::create_dir(&output).unwrap();
    let lock = File::create(output.join(".lock")).unwrap();
    let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
    let mut command = programs.compare("/bin/true", "/bin/true", "exit = 0");
    let mut waits = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(waits.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("another run is using"), "{said}");
    assert!(waits.try_wait().unwrap().is_none());
    drop(lock);
    Said::from(waits.wait_with_output().unwrap()).is(0, "1 the same");
}

#[test]
fn standard_output_that_takes_nothing() {
    let list = format!("{:?} list", mirror());
    Said::from(shell(&format!("{list} >/dev/full"))).is(2, "No space left on device");
    let said = Said::from(shell(&format!("{list} 2>/dev/full >/dev/full; echo $?")));
    said.is(0, "2\n");
    let said = Said::from(shell(&format!("{{ {list}; echo $? >&2; }} | head -1")));
    assert!(said.stderr.ends_with("2\n") && !said.stderr.contains("panicked"), "{said:?}");
}

#[test]
fn standard_output_that_does_not_wait() {
    let expected = Said::from(shell(&format!("{:?} list", mirror()))).stdout;
    let (reader, writer) = std::io::pipe().unwrap();
    fcntl(writer.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let mut command = mirror();
    command.arg("list").current_dir(root()).stdout(writer);
    let mut child = command.spawn().unwrap();
    // The command's end of the pipe would keep the reader from seeing the end.
    drop(command);
    let mut text = String::new();
    BufReader::with_capacity(100, reader).read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(text == expected, "{} bytes instead of {}", text.len(), expected.len());
}

/// A project with one program, whose `make build` copies scripts.
fn project(programs: &Programs) -> PathBuf {
    let head = "program = \"p\"\n[[scenario]]\nname = \"run\"\nabout = \"It runs.\"\n";
    programs.file("Cargo.toml", "[[bin]]\nname = \"p\"\n");
    programs.file("tests/scenarios/p.toml", &format!("{head}stdout = \"1\\n\"\nexit = 0\n"));
    programs.file(
        "Makefile",
        "build:\n\t@mkdir -p target/c-reference target/release\n\
         \t@install -m 755 c-reference/p.c target/c-reference/p\n\
         \t@install -m 755 src/bin/p.rs target/release/p\n",
    );
    for source in ["c-reference/p.c", "src/bin/p.rs"] {
        programs.file(source, "#!/bin/sh\necho 1\n");
    }
    programs.path("")
}

#[test]
fn programs_are_built_before() {
    let programs = Programs::new();
    let folder = project(&programs);
    let compare = || {
        let mut command = mirror();
        command.arg("compare").current_dir(&folder);
        Said::from(command)
    };
    compare().is(0, "1 the same");
    programs.file("c-reference/p.c", "#!/bin/sh\necho 2\n");
    compare().is(1, "1 different");
    programs.file("Makefile", "build:\n\t@echo no such thing; false\n");
    let said = compare();
    said.is(2, "`make build` failed");
    assert!(said.stderr.contains("no such thing") && said.stdout.is_empty(), "{said:?}");
}

#[test]
fn a_scenario_with_a_device_is_not_run_without_the_driver() {
    let programs = Programs::new();
    let device = "exit = 0\ndevices = { tap0 = { addresses = ['192.0.2.1/24'] } }";
    let command = programs.compare("/bin/true", "/bin/true", device);
    let said = Said::from(shell(&format!("{command:?}")));
    // The host itself may lack it.
    if said.status != Some(2) {
        said.is(0, "1 the same");
    }
    let hide = "unshare --user --map-root-user --mount sh -c";
    let without = format!("{hide} 'mount -t tmpfs none /dev/net && exec {command:?}'");
    Said::from(shell(&without)).is(2, "cannot open /dev/net/tun, which the device \"tap0\" needs");
}
