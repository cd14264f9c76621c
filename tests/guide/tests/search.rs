//! The search, which runs in a browser, in a JavaScript engine.

use rquickjs::{Context, Runtime};

const SEARCH: &str = include_str!("../src/assets/search.js");

const SECTIONS: &str = r#"[
    ["a.html#teaches", "바이트 순서(byte ordering)", "무엇을 배우나", "컴퓨터는 수를 바이트로 나누어 저장합니다. 네트워크의 바이트 순서는 빅 엔디언입니다."],
    ["b.html#teaches", "listen()과 accept()", "백로그", "두 번째 인자 backlog는 연결의 수입니다. 커널이 소켓마다 큐를 둡니다."],
    ["c.html#look", "The echo server", "Step by step", "The Listening Socket stays open; its backlog is 5."],
    ["d.html#look", "소켓 옵션", "값", "없는 값과 있는 값, 과자."]
]"#;

/// The pages that a query finds, the best first.
fn found(query: &str) -> Vec<String> {
    let runtime = Runtime::new().unwrap();
    let context = Context::full(&runtime).unwrap();
    context.with(|context| {
        let script = format!("{SEARCH}\nguideSearch.search({SECTIONS}, {query:?}).map(one => one.page[0]).join('')");
        let pages: String = context.eval(script).unwrap();
        pages.chars().map(String::from).collect()
    })
}

#[test]
fn words_are_found_whatever_their_case() {
    assert_eq!(found("backlog"), ["b", "c"]);
    assert_eq!(found("BackLog"), ["b", "c"]);
    assert_eq!(found("listening socket"), ["c"]);
    assert_eq!(found("socket backlog"), ["c"]);
    assert_eq!(found("nothing of this"), [""; 0]);
    assert_eq!(found("  "), [""; 0]);
}

#[test]
fn spaces_do_not_matter() {
    assert_eq!(found("바이트순서"), ["a"]);
    assert_eq!(found("바이트 순서"), ["a"]);
    assert_eq!(found("빅엔디언"), ["a"]);
}

#[test]
fn particles_are_left_out() {
    assert_eq!(found("소켓이"), ["d", "b"]);
    assert_eq!(found("백로그를"), ["b"]);
    assert_eq!(found("바이트순서에서는"), ["a"]);
    assert_eq!(found("커널이 저장"), [""; 0]);
    assert_eq!(found("네트워크가 수를"), ["a"]);
}

#[test]
fn initials_stand_for_syllables() {
    assert_eq!(found("ㅂㅇㅌㅅㅅ"), ["a"]);
    // The silent ㅇ is left out.
    assert_eq!(found("ㅂㅌㅅㅅ"), ["a"]);
    assert_eq!(found("ㅂㄹㄱ"), ["b"]);
    // A keyboard makes one letter of two.
    assert_eq!(found("ㅇㄶ"), [""; 0]);
    assert_eq!(found("ㄴㅌㅇㅋ"), ["a"]);
}

#[test]
fn the_last_syllable_may_be_half_typed() {
    for typed in ["ㅂ", "바", "바이", "바이ㅌ", "바잍", "바이트ㅅ", "바이트수", "바이트순"] {
        assert!(found(typed).contains(&"a".to_owned()), "{typed}");
    }
    assert_eq!(found("소케"), ["d", "b"]);
    // ㅗ on the way to ㅘ.
    assert_eq!(found("고자"), [""; 0]);
    assert_eq!(found("없는값고"), ["d"]);
    // Two finals, of which the second begins the next syllable.
    assert_eq!(found("없느"), ["d"]);
}

#[test]
fn other_forms_of_the_same_letters_are_found() {
    // Decomposed, as macOS writes file names.
    assert_eq!(found("\u{1109}\u{1169}\u{110f}\u{1166}\u{11ba}"), ["d", "b"]);
}

#[test]
fn the_excerpt_shows_where_it_was_found() {
    let runtime = Runtime::new().unwrap();
    let context = Context::full(&runtime).unwrap();
    let excerpt: String = context.with(|context| {
        context.eval(format!("{SEARCH}\nguideSearch.search({SECTIONS}, '바이트순서')[0].parts.join('|')")).unwrap()
    });
    assert_eq!(excerpt, "컴퓨터는 수를 바이트로 나누어 저장합니다. 네트워크의 |바이트 순서|는 빅 엔디언입니다.");
}

#[test]
fn what_students_type_is_found() {
    assert_eq!(found("listen()"), ["b", "c"]);
    assert_eq!(found("\"backlog is 5\""), ["c"]);
    assert_eq!(found("back-log"), ["b", "c"]);
    // Spelled otherwise; and with a word that nothing has.
    assert_eq!(found("빅 엔디안"), ["a"]);
    assert_eq!(found("listening socket perhaps"), ["c"]);
    assert_eq!(found("nothing backlog"), [""; 0]);
}
