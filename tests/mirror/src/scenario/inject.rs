//! Calls that fail on purpose: what strace takes as `-e inject=`, as far as it can be checked
//! without strace; and strace's own opinion of the rest.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::Scenario;
use super::source::Mistakes;

/// The numbers of all errors by their names.
static ERRORS: LazyLock<BTreeMap<String, i32>> = LazyLock::new(|| {
    // The kernel returns no greater ones (MAX_ERRNO).
    let known = (1..4096).filter(|&number| Errno::from_raw(number) != Errno::UnknownErrno);
    known.map(|number| (format!("{:?}", Errno::from_raw(number)), number)).collect()
});

/// Errors that only the kernel itself knows, and strace; those that make it start a call again.
const OF_THE_KERNEL: [&str; 4] = ["ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ERESTART_RESTARTBLOCK"];

/// Second names of errors in C, which strace does not know.
const SECOND_NAMES: [(&str, &str); 3] =
    [("EWOULDBLOCK", "EAGAIN"), ("EDEADLOCK", "EDEADLK"), ("ENOTSUP", "EOPNOTSUPP")];

/// What may stand after the calls' names.
const OPTIONS: [&str; 9] =
    ["error", "retval", "signal", "syscall", "delay_enter", "delay_exit", "poke_enter", "poke_exit", "when"];

/// The number of an error.
pub(super) fn error_number(name: &str) -> Result<i32, String> {
    ERRORS.get(name).copied().ok_or_else(|| unknown_error(name, "the name of one, as \"EMFILE\","))
}

fn unknown_error(name: &str, expected: &str) -> String {
    let canonical = SECOND_NAMES.iter().find(|(second, _)| *second == name);
    let hint = match canonical {
        Some((_, first)) => format!("; use {first:?}, which is the same"),
        None => did_you_mean(name, ERRORS.keys().map(String::as_str)),
    };
    format!("unknown error {name:?}: {expected} was expected{hint}")
}

/// The signal of that name.
pub(super) fn signal(name: &str) -> Result<Signal, String> {
    name.parse().map_err(|_| {
        let hint = match format!("SIG{name}").parse::<Signal>() {
            Ok(signal) => format!("; did you mean \"{signal}\"?"),
            Err(_) => did_you_mean(name, Signal::iterator().map(Signal::as_str)),
        };
        format!("unknown signal {name:?}: the name of one, as \"SIGTERM\", was expected{hint}")
    })
}

/// What may have been meant, in words; nothing, if no candidate is near.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let distance = |candidate: &&str| strsim::damerau_levenshtein(word, candidate);
    let nearest = candidates.into_iter().min_by_key(distance);
    let near = nearest.filter(|candidate| distance(candidate) <= (word.len() / 4).max(1));
    near.map(|candidate| format!("; did you mean {candidate:?}?")).unwrap_or_default()
}

/// Checks the form: `SET:OPTION[:OPTION…]`.
pub(super) fn check_form(injection: &str) -> Result<(), String> {
    let (set, options) = injection.split_once(':').unwrap_or((injection, ""));
    if set.is_empty() || injection.contains('\0') {
        return Err("CALL:OPTION=VALUE was expected, as in \"accept:error=EMFILE\"".into());
    }
    let mut seen = Vec::new();
    // strace passes over empty ones.
    for option in options.split(':').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if !OPTIONS.contains(&name) {
            return Err(format!(
                "unknown option {name:?}: one of {} was expected{}",
                OPTIONS.join(", "),
                did_you_mean(name, OPTIONS)
            ));
        }
        if seen.contains(&name) {
            return Err(format!("{name} is given twice"));
        }
        seen.push(name);
        check_value(name, value)?;
    }
    if seen.contains(&"error") && seen.contains(&"retval") {
        return Err("one of error and retval was expected, not both".into());
    }
    if seen.iter().all(|name| ["when", "syscall"].contains(name)) {
        return Err("what happens to the call is missing, as in \"accept:error=EMFILE\"".into());
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), String> {
    match name {
        _ if value.is_empty() => Err(format!("{name}: a value was expected, as in {name}=VALUE")),
        "error" => check_error(value),
        "retval" => check_return_value(value),
        "signal" => check_signal(value),
        "when" if is_occasion(value) => Ok(()),
        "when" => Err(format!("when={value}: FIRST[..LAST][+STEP] was expected, as in 1, 2+, 3+2 or 4..6")),
        // strace will say.
        _ => Ok(()),
    }
}

fn check_error(value: &str) -> Result<(), String> {
    let name = value.to_ascii_uppercase();
    if ERRORS.contains_key(&name) || OF_THE_KERNEL.contains(&name.as_str()) {
        return Ok(());
    }
    let expected = "a name as \"EMFILE\" or a number from 1 to 4095";
    number(value, 4095).map(|_| ()).ok_or_else(|| unknown_error(value, expected))
}

fn check_return_value(value: &str) -> Result<(), String> {
    let hexadecimal = value.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let returned = hexadecimal.map(i128::from).or_else(|| value.parse::<i128>().ok());
    match returned {
        // What the kernel returns where a call fails.
        Some(number @ -4095..=-1) => {
            let error = ERRORS.iter().find(|(_, error)| i128::from(**error) == -number);
            let name = error.map_or_else(|| (-number).to_string(), |(name, _)| name.clone());
            Err(format!("retval={value} is a failure: error={name} was expected"))
        }
        Some(number) if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number) => Ok(()),
        _ => Err(format!("retval={value}: an integer was expected")),
    }
}

fn check_signal(value: &str) -> Result<(), String> {
    let name = value.to_ascii_uppercase();
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    // strace counts real-time signals from the kernel's first one, which is 32.
    let real_time = short.strip_prefix("RT_").and_then(|digits| number(digits, 32)).is_some();
    if real_time || short == "RTMIN" || number(value, 64).is_some() {
        return Ok(());
    }
    signal(&format!("SIG{short}")).map(|_| ()).map_err(|_| {
        let hint = did_you_mean(&format!("SIG{short}"), Signal::iterator().map(Signal::as_str));
        format!(
            "unknown signal {value:?}: a name as \"SIGTERM\" or a number from 1 to 64 was expected\
             {hint}"
        )
    })
}

/// Whether it is `FIRST[..LAST][+[STEP]]`, with strace's limits.
fn is_occasion(value: &str) -> bool {
    let (range, step) = value.split_once('+').unwrap_or((value, ""));
    let (first, last) = match range.split_once("..") {
        Some((first, last)) => (number(first, 65535), number(last, 65534)),
        None => (number(range, 65535), number(range, 65535)),
    };
    let step = step.is_empty() || number(step, 65535).is_some();
    step && matches!((first, last), (Some(first), Some(last)) if first <= last)
}

/// A number from 1 to the limit, in digits.
fn number(digits: &str, limit: u32) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_plain && (1..=limit).contains(number))
}

/// Has strace check the injections of these scenarios: which system calls there are, only it knows.
pub fn check_injections(strace: &Path, scenarios: &[&Scenario]) -> Result<()> {
    // The first scenario that has it, and which of its injections it is.
    let mut injections = BTreeMap::new();
    for scenario in scenarios {
        for (index, injection) in scenario.inject.iter().enumerate() {
            injections.entry(injection.as_str()).or_insert((*scenario, index));
        }
    }
    if injections.is_empty() {
        return Ok(());
    }
    let all: Vec<&str> = injections.keys().copied().collect();
    let answer = ask(strace, &all)?;
    if answer.status.success() {
        return Ok(());
    }
    let mut mistakes = Mistakes::default();
    let mut places = Vec::new();
    for (injection, (scenario, index)) in injections {
        let answer = ask(strace, &[injection])?;
        let line = scenario.origin.inject_lines.get(index).copied().unwrap_or_default();
        // A mistake is told once, not for each of the scenario's errors.
        let place = (&scenario.origin.file, line, index);
        if answer.status.success() || places.contains(&place) {
            continue;
        }
        places.push(place);
        let what = format!(": inject {injection:?}: {}", words(&answer));
        mistakes.add_of_scenario(&scenario.origin.file, line, &scenario.name, what);
    }
    mistakes.check()?;
    bail!("{}", words(&answer))
}

/// Lets strace read injections, and nothing else.
fn ask(strace: &Path, injections: &[&str]) -> Result<Output> {
    let options = injections.iter().flat_map(|injection| ["-e".into(), format!("inject={injection}")]);
    Command::new(strace)
        .args(options)
        // Prints the version once the options are read.
        .arg("-V")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} cannot be started", strace.display()))
}

fn words(answer: &Output) -> String {
    String::from_utf8_lossy(&answer.stderr).trim_end().to_owned()
}

#[cfg(test)]
mod tests;
