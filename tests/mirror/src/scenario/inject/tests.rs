//! What is said of injections, beside what strace says of them.

use super::*;
use crate::scenario::Origin;

const STRACE: &str = "strace";

fn accepts(injection: &str) -> bool {
    ask(Path::new(STRACE), &[injection]).unwrap().status.success()
}

#[test]
fn what_is_accepted_strace_accepts() {
    let mut all: Vec<String> = [
        "accept:error=EMFILE",
        "accept,bind:error=emfile",
        "%network:error=EIO",
        "/^acc:error=EIO",
        "?no_such_call:error=EIO",
        "accept:error=1",
        "accept:error=4095:when=2",
        "accept:error=EIO:when=2+",
        "accept:error=EIO:when=2+3",
        "accept:error=EIO:when=2..4",
        "accept:error=EIO:when=2..65534+65535",
        "accept:error=EIO:when=65535",
        "accept:retval=0",
        "accept:retval=0x10",
        "accept:retval=-5000",
        "accept:retval=18446744073709551615",
        "accept:signal=1",
        "accept:signal=64",
        "accept:signal=term",
        "accept:signal=SIGRTMIN",
        "accept:signal=SIGRT_1",
        "accept:signal=RT_32",
        "accept:retval=0:syscall=getpid",
        "accept:error=EIO:delay_enter=10ms:delay_exit=1",
        "recvfrom:poke_exit=@arg5=0200:when=1",
        "accept::error=EIO:",
    ]
    .map(str::to_owned)
    .into();
    all.extend(ERRORS.keys().map(|error| format!("accept:error={error}")));
    all.extend(OF_THE_KERNEL.map(|error| format!("accept:error={error}")));
    all.extend(SECOND_NAMES.map(|(_, error)| format!("accept:error={error}")));
    all.extend(Signal::iterator().map(|signal| format!("accept:signal={signal}")));
    for injection in &all {
        assert_eq!(check_form(injection), Ok(()), "{injection}");
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let answer = ask(Path::new(STRACE), &all).unwrap();
    assert!(answer.status.success(), "{}", words(&answer));
}

#[test]
fn what_is_refused_strace_refuses() {
    for (injection, expected) in [
        ("", "CALL:OPTION=VALUE was expected"),
        (":error=EIO", "CALL:OPTION=VALUE was expected"),
        ("accept", "what happens to the call is missing"),
        ("accept:when=1", "what happens to the call is missing"),
        ("accept:syscall=getpid", "what happens to the call is missing"),
        ("accept:erorr=EIO", "unknown option \"erorr\": one of error, retval,"),
        ("accept:erorr=EIO", "did you mean \"error\"?"),
        ("accept:fault", "unknown option \"fault\""),
        ("accept:error", "error: a value was expected, as in error=VALUE"),
        ("accept:delay_exit=", "delay_exit: a value was expected"),
        ("accept:error=EIO:error=EPERM", "error is given twice"),
        ("accept:signal=SIGIO:signal=SIGHUP", "signal is given twice"),
        ("accept:error=EIO:retval=0", "one of error and retval was expected"),
        ("accept:error=EADRINUSE", "did you mean \"EADDRINUSE\"?"),
        ("accept:error=EWOULDBLOCK", "use \"EAGAIN\", which is the same"),
        ("accept:error=0", "unknown error \"0\""),
        ("accept:error=4096", "a number from 1 to 4095 was expected"),
        ("accept:retval=x", "retval=x: an integer was expected"),
        ("accept:retval=18446744073709551616", "an integer was expected"),
        ("accept:signal=TREM", "did you mean \"SIGTERM\"?"),
        ("accept:signal=0", "a number from 1 to 64 was expected"),
        ("accept:signal=65", "unknown signal \"65\""),
        ("accept:signal=+9", "unknown signal \"+9\""),
        ("accept:signal=SIGRT_33", "unknown signal \"SIGRT_33\""),
        ("accept:signal=SIGPOLL", "unknown signal \"SIGPOLL\""),
        ("accept:error=EIO:when=0", "when=0: FIRST[..LAST][+STEP] was expected"),
        ("accept:error=EIO:when=65536", "when=65536: "),
        ("accept:error=EIO:when=2..1", "when=2..1: "),
        ("accept:error=EIO:when=2..65535", "when=2..65535: "),
        ("accept:error=EIO:when=2..", "when=2..: "),
        ("accept:error=EIO:when=2+0", "when=2+0: "),
        ("accept:error=EIO:when=x", "when=x: "),
    ] {
        let told = check_form(injection).expect_err(injection);
        assert!(told.contains(expected), "{injection}: {told}");
        assert!(!accepts(injection), "{injection}");
    }
}

#[test]
fn what_strace_would_misunderstand() {
    for (injection, expected) in [
        ("accept:retval=-1", "retval=-1 is a failure: error=EPERM was expected"),
        ("accept:retval=-4095", "retval=-4095 is a failure: error=4095 was expected"),
        ("accept:error=EIO:when=1:when=2", "when is given twice"),
    ] {
        assert_eq!(check_form(injection), Err(expected.to_owned()));
    }
    assert!(check_form("accept\0:error=EIO").is_err());
}

#[test]
fn names_that_are_not_near_are_not_suggested() {
    assert_eq!(did_you_mean("SIGFOO", ["SIGFPE"]), "");
    assert_eq!(did_you_mean("EIX", ["EIO", "ENXIO"]), "; did you mean \"EIO\"?");
}

fn scenario(name: &str, line: usize, inject: &[&str]) -> Scenario {
    let mut scenario: Scenario = toml::from_str(&format!("name = '{name}'\nabout = 'x'")).unwrap();
    scenario.inject = inject.iter().map(|&injection| injection.into()).collect();
    let inject_lines = (line..line + inject.len()).collect();
    scenario.origin = Origin { file: "s.toml".into(), line, inject_lines };
    scenario
}

#[test]
fn strace_knows_the_calls() {
    let check = |scenarios: &[Scenario]| check_injections(Path::new(STRACE), &scenarios.iter().collect::<Vec<_>>());
    let good = scenario("good", 3, &["accept:error=EIO", "bind:retval=0"]);
    check(std::slice::from_ref(&good)).unwrap();
    let bad = scenario("bad", 8, &["bind:retval=0", "bimd:error=EIO", "lisen:retval=0"]);
    let same_line = Scenario {
        name: "bad_too".into(),
        inject: ["bind:retval=0", "bimd:error=EPERM", "lisen:retval=0"].map(Into::into).into(),
        ..bad.clone()
    };
    let told = format!("{:#}", check(&[good, bad, same_line]).unwrap_err());
    assert_eq!(
        told,
        "s.toml:9: scenario 'bad': inject \"bimd:error=EIO\": strace: invalid system call \
         'bimd'\n\
         s.toml:10: scenario 'bad': inject \"lisen:retval=0\": strace: invalid system call \
         'lisen'"
    );
}

#[test]
fn a_missing_strace_is_named() {
    let one = scenario("a", 1, &["accept:error=EIO"]);
    let told = format!("{:#}", check_injections(Path::new("/no/strace"), &[&one]).unwrap_err());
    assert!(told.starts_with("/no/strace cannot be started: No such file"), "{told}");
}
