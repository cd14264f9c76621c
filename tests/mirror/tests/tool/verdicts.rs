//! The tool's verdicts on programs from outside the project: *same* and *different* only if they
//! are, and otherwise why there is no verdict.

use std::fs;

use crate::programs::{Programs, Said};

/// How often a program is compared with itself.
const TIMES: usize = 5;

#[track_caller]
fn same_as_itself(programs: &Programs, program: &str, scenario: &str) {
    for _ in 0..TIMES {
        programs.verdict(program, program, scenario).is(0, "1 scenario: 1 the same");
    }
}

const CONNECT: &str = "{ peer = \"a\", does = \"connect\", port = 5000 }";
const CLOSE: &str = "{ peer = \"a\", does = \"close\" }";

fn steps(steps: &[&str], rest: &str) -> String {
    format!("steps = [{}]\n{rest}", steps.join(", "))
}

// The same

#[test]
fn rust_with_std() {
    let programs = Programs::new();
    let hello = programs.rust("hello", "fn main() { println!(\"Hello, world!\"); }", &[]);
    let scenario = "stdout = \"Hello, world!\\n\"\nexit = 0";
    same_as_itself(&programs, &hello, scenario);
    let copy = programs.path("a copy's folder/of another name");
    fs::create_dir(copy.parent().unwrap()).unwrap();
    fs::copy(&hello, &copy).unwrap();
    let copy = format!("\"{}\"", copy.display());
    programs.verdict(&hello, &copy, scenario).is(0, "1 the same");
}

#[test]
fn addresses_of_every_kind_of_program() {
    let programs = Programs::new();
    let body = "char *p = malloc(100); printf(\"%d\\n\", p != NULL); int r = read(99, p, 1);";
    for option in ["-static", "-no-pie", "-pie"] {
        let program = programs.c("p", body, &[option]);
        same_as_itself(&programs, &program, "stdout = \"1\\n\"\nexit = 0");
        // A larger program has its heap elsewhere.
        let larger = format!("static char room[100000]; room[9] = 1; {body}");
        let other = programs.c("q", &larger, &[option]);
        programs.verdict(&program, &other, "stdout = \"1\\n\"\nexit = 0").is(0, "1 the same");
    }
}

#[test]
fn addresses_that_are_printed() {
    let programs = Programs::new();
    let program = programs.c("p", "int here; printf(\"%p %p\\n\", &here, malloc(9));", &[]);
    // The scenario cannot state the address.
    let said = programs.verdict(&program, &program, "stdout = \"?\"\nexit = 0");
    said.is(1, "0 different, 1 not as stated");
}

#[test]
fn the_working_folder_and_the_name() {
    let programs = Programs::new();
    same_as_itself(&programs, "/bin/pwd", "stdout = \"/mirror\\n\"\nexit = 0");
    let text = "#!/bin/sh\npwd; echo $0; hostname; for i in 1 2; do echo $i | cat; done\n";
    let left = programs.script("left/one.sh", text);
    let right = programs.script("right/other.sh", text);
    let scenario = "stdout = \"/mirror\\n./p\\nmirror\\n1\\n2\\n\"\nexit = 0";
    same_as_itself(&programs, &left, scenario);
    programs.verdict(&left, &right, scenario).is(0, "1 the same");
}

#[test]
fn copies_that_look_at_themselves() {
    let programs = Programs::new();
    let text = "#!/bin/sh\nls -ln; stat -c '%i %Y %h %u %a' $0; tr '\\0' ' ' </proc/1/cmdline\n\
                cat /proc/self/maps\n";
    let left = programs.script("left/one.sh", text);
    let right = programs.script("right/other.sh", text);
    // The scenario does not state what they print.
    programs.verdict(&left, &right, "exit = 0").is(1, "0 different, 1 not as stated");
}

#[test]
fn a_file_that_the_command_line_names() {
    let programs = Programs::new();
    programs.file("word", "hello");
    let mut command = programs.compare("cat word", "cat word", "stdout = \"hello\"\nexit = 0");
    command.current_dir(programs.path(""));
    Said::from(command).is(0, "1 the same");
}

#[test]
fn a_python_server() {
    let programs = Programs::new();
    let server = programs.script(
        "server",
        "#!/usr/bin/python3\nimport socket\nserver = socket.create_server(('', 5000))\n\
         while True:\n    client, _ = server.accept()\n    while data := client.recv(100):\n        \
         client.sendall(data)\n    client.close()\n",
    );
    let said = [
        CONNECT,
        "{ peer = \"a\", does = \"send\", text = \"hello\" }",
        "{ peer = \"a\", does = \"expect\", text = \"hello\" }",
        CLOSE,
        "{ does = \"signal\", signal = \"SIGTERM\" }",
    ];
    same_as_itself(&programs, &server, &steps(&said, "killed_by = \"SIGTERM\""));
}

#[test]
fn children_that_end_at_once() {
    let programs = Programs::new();
    let ends = "for (int i = 0; i < 10; i++) if (fork() == 0) _exit(i); while (wait(NULL) > 0);";
    let program = programs.c("p", ends, &[]);
    same_as_itself(&programs, &program, "exit = 0");
    let fewer = programs.c("q", &ends.replace("10", "9"), &[]);
    programs.verdict(&program, &fewer, "exit = 0").is(1, "1 different");
}

#[test]
fn threads_that_end_at_once() {
    let programs = Programs::new();
    let ends = "pthread_t t; for (int i = 0; i < 6; i++) { pthread_create(&t, NULL, nothing, NULL);\
                pthread_join(t, NULL); }";
    same_as_itself(&programs, &programs.c("p", ends, &[]), "exit = 0");
}

#[test]
fn a_child_that_lives_on() {
    let programs = Programs::new();
    let body = "int sock = socket(AF_INET, SOCK_STREAM, 0);\
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(5000)};\
        bind(sock, (void *)&a, sizeof(a)); listen(sock, 5); if (fork()) _exit(3); setsid();\
        int client = accept(sock, NULL, NULL); send(client, \"hello\", 5, 0); pause();";
    let program = programs.c("p", body, &[]);
    let said = [CONNECT, "{ peer = \"a\", does = \"expect\", text = \"hello\" }", CLOSE];
    same_as_itself(&programs, &program, &steps(&said, "exit = 3"));
    let ends = programs.c("q", &body.replace("pause();", ""), &[]);
    programs.verdict(&program, &ends, &steps(&said, "exit = 3")).is(1, "the number of remaining processes differs");
}

#[test]
fn a_timer_before_what_is_expected() {
    let programs = Programs::new();
    let expect = [CONNECT, "{ peer = \"a\", does = \"expect\", text = \"hello\" }", CLOSE];
    for pause in [
        "rest(20);",
        "struct pollfd { int fd; short events, found; } p = {0, 0, 0};\
         extern int poll(struct pollfd *, unsigned long, int); poll(&p, 1, 20);",
        "struct timeval t = {0, 20000}; char b;\
         setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)); recv(client, &b, 1, 0);",
        "signal(SIGALRM, (void (*)(int))nothing); ualarm(20000, 0); pause();",
    ] {
        let body = format!(
            "int client = serve(SOCK_STREAM); {pause} send(client, \"hello\", 5, 0);\
             char byte; while (recv(client, &byte, 1, 0) > 0);"
        );
        let program = programs.c(
            "p",
            &body.replace(
                "recv(client, &b, 1, 0);",
                "recv(client, &b, 1, 0);\
             t.tv_usec = 0; setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));",
            ),
            &[],
        );
        same_as_itself(&programs, &program, &steps(&expect, "exit = 0"));
    }
}

#[test]
fn what_is_left_in_tmp_is_not_there_for_the_next() {
    let programs = Programs::new();
    let body = "struct sockaddr_un a = {AF_UNIX, \"/tmp/sockmirror-test-socket\"};\
        for (char *p[] = {\"/tmp\", \"/run\", \"/dev/shm\", \"/var/tmp\", \".\"}, **f = p; f < p + 5; f++) {\
            char name[99]; sprintf(name, \"%s/sockmirror-test\", *f);\
            printf(\"%d \", open(name, O_CREAT | O_EXCL | O_WRONLY, 0644) >= 0); }\
        printf(\"%d %d\\n\", bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof(a)),\
            open(\"/usr/sockmirror-test\", O_CREAT | O_WRONLY, 0644) >= 0);";
    let program = programs.c("p", body, &[]);
    same_as_itself(&programs, &program, "stdout = \"1 1 1 1 1 0 0\\n\"\nexit = 0");
    for folder in ["/tmp", "/run", "/dev/shm", "/var/tmp"] {
        let left = std::path::Path::new(folder).join("sockmirror-test");
        assert!(!left.exists(), "{}", left.display());
    }
}

#[test]
fn a_megabyte_of_output() {
    let programs = Programs::new();
    let big = programs.c("p", "for (int i = 0; i < 20000; i++) printf(\"%049d\\n\", i);", &[]);
    let lines: String = (0..20000).map(|i| format!("{i:049}\n")).collect();
    let scenario = format!("stdout = '''{lines}'''\nexit = 0");
    programs.verdict(&big, &big, &scenario).is(0, "1 the same");
}

#[test]
fn standard_input() {
    let programs = Programs::new();
    let reads = |size: usize| {
        format!("static char b[{size}]; ssize_t n; while ((n = read(0, b, {size})) > 0) printf(\"%zd \", n);")
    };
    let small = programs.c("p", &reads(100), &[]);
    let in_pieces = "stdin = { pattern = 250 }\nstdout = \"100 100 50 \"\nexit = 0";
    same_as_itself(&programs, &small, in_pieces);
    same_as_itself(&programs, &small, "stdin = \"\"\nexit = 0");
    same_as_itself(&programs, &small, "exit = 0");
    // As much as there can be.
    let large = programs.c("q", &reads(65536), &[]);
    let full = "stdin = { pattern = 1048576 }\nstdout = { repeat = \"65536 \", times = 16 }\nexit = 0";
    same_as_itself(&programs, &large, full);
    // What is read is what the scenario says.
    let first = programs.c("r", "char b; read(0, &b, 1); putchar(b);", &[]);
    same_as_itself(&programs, &first, "stdin = \"xy\"\nstdout = \"x\"\nexit = 0");
    let said = programs.verdict(&first, &first, "stdin = \"y\"\nstdout = \"x\"\nexit = 0");
    said.is(1, "0 different, 1 not as stated");
}

// Different

#[test]
fn bytes_that_no_call_shows() {
    let programs = Programs::new();
    let sends = |word: &str| {
        format!(
            "int c = serve(SOCK_STREAM); sendfile(c, file_with(\"{word}\"), NULL, 5); char b;\
                 recv(c, &b, 1, 0);"
        )
    };
    let said = steps(&[CONNECT, CLOSE], "exit = 0");
    let [left, right] = ["hello", "hallo"].map(|word| programs.c(word, &sends(word), &[]));
    programs.verdict(&left, &right, &said).is(1, "what a received differs");
    programs.verdict(&left, &left, &said).is(0, "1 the same");
}

#[test]
fn datagrams_that_no_call_shows() {
    let programs = Programs::new();
    let sends = |word: &str| {
        format!(
            "int s = serve(SOCK_DGRAM); struct sockaddr_in a = {{.sin_family = AF_INET, \
                 .sin_port = htons(5001)}}; a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);\
                 connect(s, (void *)&a, sizeof(a)); sendfile(s, file_with(\"{word}\"), NULL, 5);"
        )
    };
    let said = "before = [{ peer = \"a\", does = \"open_datagram\", port = 5001 }]\nexit = 0";
    let [left, right] = ["hello", "hallo"].map(|word| programs.c(word, &sends(word), &[]));
    programs.verdict(&left, &right, said).is(1, "the packets differ");
    programs.verdict(&left, &left, said).is(0, "1 the same");
}

#[test]
fn a_byte_far_behind() {
    let programs = Programs::new();
    let writes = |byte: char| {
        format!(
            "char *p = malloc(3000000); memset(p, 'x', 3000000); p[2500000] = '{byte}';\
                 write(open(\"/dev/null\", O_WRONLY), p, 3000000);"
        )
    };
    let [left, right] = ['a', 'b'].map(|byte| programs.c(&byte.to_string(), &writes(byte), &[]));
    programs.verdict(&left, &right, "exit = 0").is(1, "the traces differ");
    programs.verdict(&left, &left, "exit = 0").is(0, "1 the same");
}

#[test]
fn a_file_written_through_memory() {
    let programs = Programs::new();
    for folder in ["/tmp", "."] {
        let writes = |word: &str| {
            format!(
                "int f = open(\"{folder}/out\", O_CREAT | O_RDWR, 0644); ftruncate(f, 5);\
                     memcpy(mmap(NULL, 5, PROT_WRITE, MAP_SHARED, f, 0), \"{word}\", 5);"
            )
        };
        let [left, right] = ["hello", "hallo"].map(|word| programs.c(word, &writes(word), &[]));
        programs.verdict(&left, &right, "exit = 0").is(1, "/out differs");
        programs.verdict(&left, &left, "exit = 0").is(0, "1 the same");
        let kept = fs::read(
            programs.path(&format!("output/p/run/left/files/{}/out", if folder == "." { "mirror" } else { "tmp" })),
        );
        assert_eq!(kept.unwrap(), b"hello");
    }
}

#[test]
fn one_call_more() {
    let programs = Programs::new();
    let left = programs.c("left", "getppid();", &[]);
    let right = programs.c("right", "getppid(); getppid();", &[]);
    programs.verdict(&left, &right, "exit = 0").is(1, "1 different; ");
}

#[test]
fn a_difference_that_scenarios_share_is_shown_once() {
    let programs = Programs::new();
    let left = programs.c("left", "getppid();", &[]);
    let right = programs.c("right", "getppid(); getppid();", &[]);
    let another = |name: &str| format!("[[scenario]]\nname = \"{name}\"\nabout = \"It runs.\"\nexit = 0\n");
    let scenarios = ["exit = 0\n".to_owned(), another("again"), another("once_more")].concat();
    let said = programs.verdict(&left, &right, &scenarios);
    said.is(1, "in 3 scenarios: run, again, once_more\n");
    for once in ["the traces differ", "getppid()", "again: ", "files: ", "--scenario run"] {
        // The first call is in the context, on both sides.
        let times = if once == "getppid()" { 3 } else { 1 };
        assert_eq!(said.stdout.matches(once).count(), times, "{once}: {said:?}");
    }
    assert!(said.stdout.starts_with("differs  p  3 scenarios: 3 different; "), "{said:?}");
    let mut verbose = programs.compare(&left, &right, &scenarios);
    verbose.arg("--verbose");
    let lines = Said::from(verbose);
    for name in ["run", "again", "once_more"] {
        lines.is(1, &format!("  differs  {name} "));
    }
    assert_eq!(lines.stdout.matches("the traces differ").count(), 1, "{lines:?}");
}

// Neither same nor different

#[test]
fn both_do_what_the_scenario_does_not_state() {
    let programs = Programs::new();
    let program = programs.c("p", "serve(SOCK_STREAM); puts(\"hello\");", &[]);
    let wrong_text = steps(&[CONNECT], "stdout = \"hallo\\n\"\nexit = 0");
    programs.verdict(&program, &program, &wrong_text).is(1, "0 different, 1 not as stated");
    let wrong_port = steps(&[&CONNECT.replace("5000", "5001")], "exit = 0");
    programs.verdict(&program, &program, &wrong_port).is(1, "0 different, 1 not as stated");
}

#[test]
fn a_program_that_differs_from_itself() {
    let programs = Programs::new();
    let body = "struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); printf(\"%ld\\n\", t.tv_nsec);";
    let program = programs.c("p", body, &[]);
    let said = programs.verdict(&program, &program, "stdout_like = \"{x}\\n\"\nexit = 0");
    said.is(2, "1 undecided");
    said.is(2, "left differs from itself");
}

#[test]
fn output_without_end() {
    let programs = Programs::new();
    programs.verdict("yes", "yes", "exit = 0").is(2, "the program has written more than 128 MiB to stdout");
}

#[test]
fn what_is_too_long_to_compare() {
    let programs = Programs::new();
    let body = "char *p = calloc(17, 1 << 20); write(open(\"/dev/null\", O_WRONLY), p, 17 << 20);";
    let program = programs.c("p", body, &[]);
    let said = programs.verdict(&program, &program, "exit = 0");
    said.is(2, "write passes more than 16 MiB in one call");
}

#[test]
fn a_program_that_looks_at_the_machine() {
    let programs = Programs::new();
    let looks = "fn main() { println!(\"{}\", std::thread::available_parallelism().unwrap()); }";
    let program = programs.rust("p", looks, &[]);
    same_as_itself(&programs, &program, "stdout = \"1\\n\"\nexit = 0");
    let script = "#!/bin/sh\ncat /proc/stat /proc/meminfo /proc/loadavg /proc/uptime /proc/cpuinfo\n\
                  cat /proc/sys/kernel/random/boot_id /etc/passwd /etc/resolv.conf; date +%Z\n";
    let program = programs.script("script", script);
    // The scenario does not state what it prints.
    programs.verdict(&program, &program, "exit = 0").is(1, "0 different, 1 not as stated");
}

#[test]
fn files_that_cannot_be_executed() {
    let programs = Programs::new();
    let said = programs.verdict("/etc/passwd", "/etc/group", "exit = 1");
    said.is(2, "/etc/passwd cannot be executed");
    let text = programs.script("text", "root:x:0:0\n");
    programs.verdict(&text, &text, "exit = 1").is(2, "Exec format error");
    let script = programs.script("script", "#!/no/such/interpreter\n");
    programs.verdict(&script, &script, "exit = 1").is(2, "No such file or directory");
    programs.verdict("no-such-program", "yes", "exit = 0").is(2, "no such program");
}

// Scenarios with mistakes

#[test]
fn mistakes_of_a_scenario() {
    let programs = Programs::new();
    for (scenario, message) in [
        ("exit = 0\ninject = [\"bimd:error=EIO\"]", "invalid system call 'bimd'"),
        ("exit = 0\ninject = [\"bind:error=EADRINUSE\"]", "EADDRINUSE"),
        ("exit = 999", "999"),
        ("killed_by = \"SIGFOO\"", "SIGFOO"),
        ("exit = 0\nsteps = [{ does = \"signal\", signal = \"TERM\" }]", "SIGTERM"),
        ("exit = 0\nsteps = [{ peer = \"b\", does = \"close\" }]", "step 1"),
        ("exit = 0\nstdoot = \"x\"", "stdoot"),
    ] {
        let said = programs.verdict("/bin/true", "/bin/true", scenario);
        said.is(2, message);
        said.is(2, "scenarios.toml:");
        assert!(said.stdout.is_empty(), "{said:?}");
    }
}
