//! Which steps a run can take after which others.

use super::*;

/// What is said of steps, the last of which is wrong: `PEER DOES [PORT]`, one after another.
/// Those before `|` are taken before the start.
fn reason(steps: &str) -> Option<String> {
    let (before, steps) = steps.split_once('|').unwrap_or(("", steps));
    let list = |steps: &str| steps.split(',').filter_map(step).collect::<Vec<_>>();
    let (before, steps) = (list(before), list(steps));
    let mut found = check(&before, &steps);
    let last = match steps.len() {
        0 => ("before", before.len() - 1),
        number => ("steps", number - 1),
    };
    let (place, reason) = found.pop()?;
    assert_eq!((found.as_slice(), place), ([].as_slice(), last));
    Some(reason)
}

fn step(words: &str) -> Option<Step> {
    let mut words = words.split_whitespace();
    let (peer, does, port) = (words.next()?, words.next()?, words.next());
    let port = port.map(|port| format!(", port = {port}")).unwrap_or_default();
    let further = match does {
        "signal" => return Some(Step::Signal { signal: "SIGTERM".into() }),
        "send" | "expect" | "expect_datagram" => ", text = 'x'",
        "send_datagram" => ", text = 'x', address = '127.0.0.1', port = 7",
        "join" => ", group = '224.0.0.1'",
        _ => "",
    };
    #[derive(serde::Deserialize)]
    struct One {
        step: Step,
    }
    let text = format!("step = {{ peer = '{peer}', does = '{does}'{port}{further} }}");
    Some(toml::from_str::<One>(&text).unwrap().step)
}

#[test]
fn steps_that_no_run_can_take() {
    for (steps, expected) in [
        ("b close", "no peer \"b\" is connected here: none is"),
        ("a connect 1, b send", "no peer \"b\" is connected here: only \"a\" is"),
        (
            "a connect 1, b connect 1, c connect 1, b close, d expect",
            "no peer \"d\" is connected here: \"a\", \"c\" are",
        ),
        ("b connect_refused 1, b send", "no peer \"b\" is connected here: none is"),
        ("b open_datagram 7, b send", "no peer \"b\" is connected here: it has a datagram socket"),
        ("b listen 7, b expect", "no peer \"b\" is connected here: it listens, and has not accepted"),
        ("a connect 1, a close, a send", "no peer \"a\" is connected here: it closed in step 2"),
        ("a connect 1, a reset, a expect", "no peer \"a\" is connected here: it reset its connection in step 2"),
        ("a connect 1, a close, a close", "no peer \"a\" is connected here: it closed in step 2"),
        (
            "b listen 7, a connect 7, a close | a half_close",
            "no peer \"a\" is connected here: it closed in step 3 before the start",
        ),
        ("a connect 1, a half_close, a send", "the peer cannot send: it shut down its sending side in step 2"),
        ("a connect 1, a half_close, a half_close", "the peer cannot send: it shut down its sending side in step 2"),
        (
            "a connect 1, a stop_reading, a half_close, a fill",
            "the peer cannot send: it shut down its sending side in step 3",
        ),
        ("a connect 1, a expect_reset, a send", "the peer cannot send: its connection was reset in step 2"),
        ("a connect 1, a expect_reset, a expect_end", "no end can come: its connection was reset in step 2"),
        ("a connect 1, a expect_reset, a expect", "nothing more can come: its connection was reset in step 2"),
        ("a connect 1, a expect_end, a expect", "nothing more can come: its stream ended in step 2"),
        ("a connect 1, a expect_end, a expect_nothing", "nothing more can come: its stream ended in step 2"),
        ("a connect 1, a expect_end, a expect_reset", "no reset can come: its stream ended in step 2"),
        (
            "a connect 1, a stop_reading, a fill, a expect_end, a expect_filling",
            "nothing more can come: its stream ended in step 4",
        ),
        ("a connect 1, a fill", "the peer reads, so its connection never fills: stop_reading was expected before"),
        (
            "a connect 1, a stop_reading, a expect_filling",
            "the peer has not filled its connection: fill was expected before",
        ),
        (
            "a connect 1, a stop_reading, a fill, a expect_filling, a expect_some_filling",
            "the peer has not filled its connection: fill was expected before",
        ),
        ("b accept", "no peer \"b\" listens here"),
        ("b listen 7, b stop_listening, b accept", "no peer \"b\" listens here"),
        ("b stop_listening", "no peer \"b\" listens here"),
        ("b listen 7, b listen 8", "\"b\" already listens on port 7"),
        ("b listen 7, c listen 7", "\"b\" already listens on port 7"),
        ("b listen 7, a connect_refused 7", "\"b\" listens on port 7"),
        ("b expect_datagram", "no peer \"b\" has a datagram socket here"),
        ("b expect_no_datagram", "no peer \"b\" has a datagram socket here"),
        ("b send_datagram", "no peer \"b\" has a datagram socket here"),
        ("b open_datagram 7, b open_datagram 8", "\"b\" already has a datagram socket, on port 7"),
        ("b open_datagram 7, c open_datagram 7", "\"b\" already has a datagram socket on port 7"),
        ("b open_datagram 7, c join 7", "\"b\" already has a datagram socket on port 7"),
        ("b join 7, c open_datagram 7", "\"b\" already has a datagram socket on port 7"),
        ("a connect 7 |", "nobody listens on port 7 before the start"),
        ("b listen 7, a connect 8 |", "nobody listens on port 8 before the start"),
    ] {
        assert_eq!(reason(steps).as_deref(), Some(expected), "{steps}");
    }
    for step in [
        "a send",
        "a expect",
        "a expect_nothing",
        "a fill",
        "a expect_filling",
        "a expect_some_filling",
        "a expect_end",
        "a expect_reset",
        "a expect_datagram",
        "a expect_no_datagram",
        "a signal",
    ] {
        let steps = format!("b listen 7, a connect 7, a stop_reading, {step} |");
        let expected = "the program has not been started yet: this belongs in steps";
        assert_eq!(reason(&steps).as_deref(), Some(expected), "{steps}");
    }
}

#[test]
fn steps_that_a_run_can_take() {
    for steps in [
        "a connect 1, a close, a connect 1, a send",
        "a connect 1, a half_close, a expect, a expect_end, a close",
        "a connect 1, a expect_end, a send, a expect_end, a half_close",
        "a connect 1, a expect_reset, a expect_reset, a close",
        "a connect 1, a stop_reading, a fill, a fill, a expect_filling, a fill, a expect",
        "b listen 7, a connect 7, b accept, b stop_listening, a half_close | b send",
        "b listen 7, b stop_listening, c listen 7, a connect_refused 8 |",
        "b open_datagram 7, c open_datagram 8, b send_datagram | c expect_datagram",
        "b join 7, c join 7, c listen 7 | b expect_no_datagram, b signal",
    ] {
        assert_eq!(reason(steps), None, "{steps}");
    }
}

#[test]
fn what_follows_from_a_mistake_is_not_told() {
    let steps = "a send, a expect, b close";
    let steps: Vec<_> = steps.split(',').filter_map(step).collect();
    let found = check(&[], &steps).into_iter().map(|((_, index), _)| index);
    assert_eq!(found.collect::<Vec<_>>(), [0, 2]);
}
