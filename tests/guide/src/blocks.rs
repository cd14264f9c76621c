//! Directives as HTML.

use std::ops::RangeInclusive;

use maud::{Markup, PreEscaped, html};
use mirror::show::highlight::without_indentation;

use crate::chapter::{Chapter, Language};
use crate::directive::{Directive, Figure, Run};
use crate::documents::{Source, twins};
use crate::figures;
use crate::markdown;
use crate::recorded::{Account, Call, Item, Recorded};
use crate::site::Material;
use crate::timeline;

/// The HTML of a directive, or why there is none.
pub fn block(directive: &Directive, chapter: &Chapter, material: &Material) -> Result<Markup, String> {
    let language = chapter.language;
    let lacking = directive.runs().iter().find_map(|run| Some((run, material.not_recorded.get(run)?)));
    if let Some((run, reason)) = lacking {
        return Ok(not_recorded(run, reason, language));
    }
    let recorded = |run: &Run| recorded(run, material);
    match directive {
        Directive::Program(name) => program(name, language, material),
        Directive::Step(program, number) => step(program, *number, language, material),
        Directive::Output(run) => Ok(output(run, &recorded(run)?.account, language, material)),
        Directive::Calls(run, number) => calls(run, &recorded(run)?.account, *number, language, material),
        Directive::Packets(run, address) => {
            let side = &recorded(run)?.account.sides[0];
            let chosen = side.packets.iter().filter(|packet| {
                address.as_ref().is_none_or(|address| [&packet.from, &packet.to].iter().any(|end| is_at(end, address)))
            });
            let packets: Vec<_> = chosen.collect();
            if packets.is_empty() {
                return Err(format!("{} {} has no such packets", run.program, run.scenario));
            }
            Ok(framed(figures::ladder(&packets, language), &caption(run, language, material)))
        }
        Directive::Story(run, from) => Ok(story(run, &recorded(run)?.account, *from, language, material)),
        Directive::View(run) => Ok(view(run, &recorded(run)?.account, language)),
        Directive::Erratum(number) => erratum(*number, language, material),
        Directive::Claims => Ok(claims(&chapter.head.ranges(), language, material)),
        Directive::Figure(figure, run) => {
            let account = &recorded(run)?.account;
            let drawn = match figure {
                Figure::Bytes => figures::bytes(&account.sides[0].stdout.text(), language),
                Figure::Queues => figures::queues(&account.sides[0].stdout.text(), language),
                Figure::States => figures::states(&account.sides[0].stdout.text(), language),
                Figure::Path => figures::path(&account.sides[0].stdout.text(), language),
            };
            Ok(framed(
                drawn.map_err(|what| format!("{} {}: {what}", run.program, run.scenario))?,
                &caption(run, language, material),
            ))
        }
        Directive::Timeline(runs, count) => {
            Ok(framed(timeline::timeline(&accounts(runs, material)?, *count, language)?, &of_runs(runs, language)))
        }
        Directive::Phases(runs, deed) => {
            Ok(framed(timeline::phases(&accounts(runs, material)?, *deed, language)?, &of_runs(runs, language)))
        }
        Directive::Table { file, number, rows } => table(file, *number, rows, language, material),
        Directive::Change { file, find, put } => change(file, find, put, language, material),
    }
}

fn recorded<'a>(run: &Run, material: &'a Material) -> Result<&'a Recorded, String> {
    material.recorded.get(run).ok_or_else(|| format!("{} {} was not recorded", run.program, run.scenario))
}

/// The accounts of several programs, with their names.
fn accounts<'a>(runs: &'a [Run], material: &'a Material) -> Result<Vec<(&'a str, &'a Account)>, String> {
    runs.iter().map(|run| Ok((run.program.as_str(), &recorded(run, material)?.account))).collect()
}

/// What stands in place of a run that this machine did not allow to record.
fn not_recorded(run: &Run, reason: &str, language: Language) -> Markup {
    html! {
        p .none {
            (language.choose("Not recorded on this machine: ", "이 컴퓨터에서는 기록하지 못했습니다: "))
            code { (run.program) " " (run.scenario) } " (" (reason) ")"
        }
    }
}

/// `127.0.0.1:5000` is at 127.0.0.1, and at 127.0.0.1:5000.
fn is_at(end: &str, address: &str) -> bool {
    end == address || end.rsplit_once(':').is_some_and(|(host, _)| host == address)
}

/// Where more of a run is: its page if there is one, else where the scenario is written.
fn address(run: &Run, material: &Material) -> String {
    if material.names.views.contains(run) {
        return format!("../views/{}.{}.html", run.program, run.scenario);
    }
    let place = material.names.programs.get(&run.program).and_then(|scenarios| scenarios.get(&run.scenario));
    place.map_or_else(String::new, |(file, line)| format!("../source/{file}.html#L{line}"))
}

fn caption(run: &Run, language: Language, material: &Material) -> Markup {
    html! {
        (language.choose("From a recorded run: ", "실행 기록: "))
        a href=(address(run, material)) { code { (run.program) " " (run.scenario) } }
    }
}

/// The same for one scenario of several programs.
fn of_runs(runs: &[Run], language: Language) -> Markup {
    html! {
        (language.choose("From recorded runs of the scenario ", "실행 기록, 시나리오 "))
        code { (runs[0].scenario) }
        (language.choose(
            ", traced by strace, which makes every call slower; between two dashed lines the distances do not show time.",
            ". strace로 추적하느라 모든 호출이 실제보다 느립니다. 두 점선 사이의 거리는 시간을 나타내지 않습니다.",
        ))
    }
}

/// A table of a document.
fn table(
    file: &str,
    number: usize,
    rows: &[String],
    language: Language,
    material: &Material,
) -> Result<Markup, String> {
    let tables = material.tables.get(file).ok_or_else(|| format!("no document {file:?}"))?;
    let tables = &tables[language as usize];
    let text = tables.get(number - 1).ok_or_else(|| format!("{file} has {} tables", tables.len()))?;
    let first = |line: &&str| line.trim_matches('|').split('|').next().unwrap_or("").trim().to_owned();
    let missing = rows.iter().find(|row| !text.lines().any(|line| first(&line) == **row));
    if let Some(row) = missing {
        return Err(format!("{file}: table {number} has no row {row:?}"));
    }
    let wanted = |(place, line): &(usize, &str)| *place < 2 || rows.is_empty() || rows.contains(&first(line));
    let chosen: Vec<&str> = text.lines().enumerate().filter(wanted).map(|(_, line)| line).collect();
    let text = chosen.join("\n");
    Ok(html! {
        div .wide tabindex="0" { (PreEscaped(markdown::to_html(&text, &material.names, &mut Vec::new()))) }
        p .caption { (language.choose("From ", "출처: ")) code { (file) } }
    })
}

fn framed(figure: Markup, caption: &Markup) -> Markup {
    html! { figure { div .wide tabindex="0" { (figure) } figcaption { (caption) } } }
}

fn program(name: &str, language: Language, material: &Material) -> Result<Markup, String> {
    if !material.names.programs.contains_key(name) {
        return Err(format!("no program {name:?}"));
    }
    let files = twins(name);
    let usage = material.sources[&files[0]].lines.iter().find_map(|line| {
        let (_, rest) = line.split_once("Usage: `").or_else(|| line.split_once("Call: `"))?;
        Some(rest.split_once('`')?.0.to_owned())
    });
    Ok(html! {
        div .card {
            b { code { (usage.as_deref().unwrap_or(name)) } }
            @for (label, file) in ["C", "Rust"].into_iter().zip(&files) {
                span { (label) ": " a href={ "../source/" (file) ".html" } { (file) } }
            }
            span {
                (language.choose("Scenarios: ", "시나리오: "))
                a href={ "../source/tests/scenarios/" (name) ".toml.html" } { "tests/scenarios/" (name) ".toml" }
            }
        }
    })
}

fn step(program: &str, number: u32, language: Language, material: &Material) -> Result<Markup, String> {
    let files = twins(program);
    let mut sides = Vec::new();
    for file in &files {
        let source = material.sources.get(file).ok_or_else(|| format!("no program {program:?}"))?;
        let lines = source.step(number).ok_or_else(|| format!("{file} has no step {number}"))?;
        sides.push((source, lines));
    }
    let title = sides[0].0.title(number);
    Ok(html! {
        div .twins {
            @for ((source, lines), label) in sides.iter().zip(["C", "Rust"]) {
                div .side {
                    div .where {
                        b { (label) } " "
                        a href={ "../source/" (source.file) ".html#L" (lines.start() + 1) } {
                            (source.file) ":" (lines.start() + 1)
                        }
                    }
                    (code(source, lines.clone(), title.as_deref().unwrap_or(language.choose("The beginning", "첫 부분"))))
                }
            }
        }
    })
}

/// Lines of a source, without the indentation that all have.
fn code(source: &Source, lines: RangeInclusive<usize>, label: &str) -> Markup {
    let indentation = |line: &String| line.len() - line.trim_start().len();
    let own = source.lines[lines.clone()].iter().filter(|line| !line.trim().is_empty());
    let common = own.map(indentation).min().unwrap_or(0);
    html! {
        div .twin tabindex="0" role="region" aria-label={ (source.file) ": " (label) } {
            @for index in lines {
                @let line = PreEscaped(without_indentation(&source.html[index], common));
                @if source.lines[index].trim().is_empty() { div .l data-n=(index + 1) {} }
                @else {
                    a .l href={ "../source/" (source.file) ".html#L" (index + 1) } data-n=(index + 1) tabindex="-1" { (line) }
                }
            }
        }
    }
}

fn output(run: &Run, account: &Account, language: Language, material: &Material) -> Markup {
    let side = &account.sides[0];
    let [stdout, stderr] = [side.stdout.text(), side.stderr.text()];
    let same = account.sides.iter().all(|other| other.stdout.text() == stdout && other.stderr.text() == stderr);
    html! {
        div .output {
            div .where {
                b { (language.choose("Output", "출력")) } " "
                a href=(address(run, material)) { code { (run.program) " " (run.scenario) } }
                ", " @if same { (language.choose("the same in C and Rust", "C와 Rust 동일")) } @else { "C" }
                ", " (end(&side.end, language))
            }
            @if stdout.is_empty() && stderr.is_empty() {
                p .none { (language.choose("It prints nothing.", "아무것도 출력하지 않습니다.")) }
            }
            @if !stdout.is_empty() { pre tabindex="0" { (stdout) } }
            @if !stderr.is_empty() { pre .err tabindex="0" { (stderr) } }
        }
    }
}

/// How a program ended.
fn end(words: &str, language: Language) -> String {
    let korean = match (words.strip_prefix("exit status "), words.strip_prefix("killed by ")) {
        (Some(status), _) => format!("종료 코드 {status}"),
        (_, Some(signal)) => format!("{signal} 시그널로 종료"),
        _ => "마지막 단계 뒤에도 실행 중".to_owned(),
    };
    language.choose(words.to_owned(), korean)
}

/// The most characters of a call that are shown.
const LONGEST: usize = 400;

/// A text without its middle if that is too long: a call may have received a million bytes.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST {
        return text.to_owned();
    }
    let head: String = text.chars().take(LONGEST * 3 / 4).collect();
    let tail: String = text.chars().skip(count - LONGEST / 4).collect();
    format!("{head} … {tail}")
}

/// A link to the line that made a call.
fn place(call: &Call) -> Markup {
    html! {
        @if let Some(place) = call.places.first() {
            a href={ "../source/" (place.file) ".html#L" (place.line) } { (place.file.rsplit('/').next().unwrap_or("")) ":" (place.line) }
        }
    }
}

fn calls(
    run: &Run,
    account: &Account,
    step: Option<u32>,
    language: Language,
    material: &Material,
) -> Result<Markup, String> {
    let own = |side: usize, call: Option<usize>| call.map(|call| &account.sides[side].calls[call]);
    let rows: Vec<_> = account
        .rows
        .iter()
        .map(|row| (row.same, own(0, row.calls[0]), own(1, row.calls[1])))
        .filter(|(_, left, right)| {
            let call = left.or(*right);
            call.is_some_and(|call| call.phase == "program" && (step.is_none() || call.step == step))
        })
        .collect();
    if rows.is_empty() {
        return Err(format!("{} {} has no such calls", run.program, run.scenario));
    }
    let title = |step: Option<u32>| {
        let source = material.sources.get(&twins(&run.program)[0])?;
        Some((step?, source.title(step?)?))
    };
    let mut previous = None;
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(same, left, right)| {
            let number = left.or(right).and_then(|call| call.step);
            let begins = number != previous && step.is_none();
            previous = number;
            (same, left, right, if begins { title(number) } else { None })
        })
        .collect();
    Ok(html! {
        div .wide tabindex="0" { table .calls {
            thead { tr {
                th { (language.choose("the call", "호출")) }
                th { "C" } th { "Rust" }
            } }
            tbody {
                @for (same, left, right, title) in rows {
                    @if let Some((number, title)) = title {
                        tr .step { th colspan="3" { "[" (number) "] " (title) } }
                    }
                    tr .differs[!same] {
                        td { @if let Some(call) = left.or(right) {
                            code { (shortened(&call.compared)) }
                            @if let Some(meaning) = &call.meaning { " " span .none { (meaning) } }
                        } }
                        td { @if let Some(call) = left { (place(call)) } }
                        td { @if let Some(call) = right { (place(call)) } }
                    }
                }
            }
        } }
        p .caption { (caption(run, language, material)) }
    })
}

fn story(run: &Run, account: &Account, from: Option<u32>, language: Language, material: &Material) -> Markup {
    let side = &account.sides[0];
    let number = |call: &Call| call.step.map(|step| format!("[{step}] ")).unwrap_or_default();
    let items = side.timeline.iter().filter(|item| match item {
        // The threads of the C library belong to it: with POSIX AIO they do the work.
        Item::Call(call) => ["program", "library"].contains(&side.calls[*call].phase.as_str()),
        _ => true,
    });
    let items: Vec<&Item> = items.collect();
    // What the step's first call waited for stands before it, and belongs to it.
    let is_of_step = |item: &&Item| match **item {
        Item::Call(call) => side.calls[call].step.is_some_and(|step| Some(step) >= from),
        _ => false,
    };
    let first = items.iter().position(is_of_step).filter(|_| from.is_some()).unwrap_or(0);
    let begin = items[..first].iter().rposition(|item| matches!(item, Item::Call(_))).map_or(0, |last| last + 1);
    let items = &items[begin..];
    let owner = |call: &Call| timeline::owner_text(call, language);
    let mut last = String::new();
    let items = items.iter().copied().map(|item| {
        // Who makes a call is said when it is another than before.
        let who = match *item {
            Item::Call(index) => owner(&side.calls[index]),
            _ => last.clone(),
        };
        let is_other = who != last;
        last.clone_from(&who);
        (item, who, is_other)
    });
    html! {
        ol .story {
            @for (item, who, is_other) in items {
                @match *item {
                    Item::Call(index) => {
                        @let call = &side.calls[index];
                        @if is_other { li .who { (who) } }
                        li .call { span .what { (side.label) } code { (number(call)) (shortened(&call.compared)) } " " (place(call)) }
                    },
                    Item::Packet(index) => {
                        @let packet = &side.packets[index];
                        li .packet {
                            span .what { (language.choose("packet", "패킷")) }
                            code { (packet.from) " → " (packet.to) "  " (figures::packet_text(packet, language)) }
                        }
                    },
                    Item::Deed(index) => {
                        li .deed { span .what { (language.choose("peer", "상대")) } (timeline::deed_text(&side.deeds[index].text, language)) }
                    },
                }
            }
        }
        p .caption { (caption(run, language, material)) }
    }
}

fn view(run: &Run, account: &Account, language: Language) -> Markup {
    let address = format!("../views/{}.{}.html", run.program, run.scenario);
    html! {
        div .view {
            div .where {
                a href=(address) { b { (language.choose("The whole run", "실행 전체")) } " " code { (run.program) " " (run.scenario) } }
                " " (account.about)
            }
            iframe src=(address) loading="lazy"
                title={ (language.choose("The whole run of", "실행 전체:")) " " (run.program) " " (run.scenario) } {}
        }
    }
}

fn erratum(number: u32, language: Language, material: &Material) -> Result<Markup, String> {
    let entry = material.errata(language).get(&number).ok_or_else(|| format!("no erratum {number}"))?;
    Ok(html! {
        div .erratum {
            div .where { a href={ "errata.html#e" (number) } {
                (language.choose("Erratum", "정오표")) " " (number) ": "
                (PreEscaped(markdown::line_to_html(&entry.title, &material.names)))
            } }
            (PreEscaped(markdown::to_html(&entry.text, &material.names, &mut Vec::new())))
        }
    })
}

/// The rows of the claims that these lines touch.
pub fn claims(ranges: &[RangeInclusive<u32>], language: Language, material: &Material) -> Markup {
    let inside =
        |lines: &RangeInclusive<u32>| ranges.iter().any(|r| r.start() <= lines.end() && lines.start() <= r.end());
    let line = |text: &str| PreEscaped(markdown::line_to_html(text, &material.names));
    html! {
        div .wide tabindex="0" { table {
            thead { tr {
                th { (language.choose("lines", "줄")) }
                th { (language.choose("what the tutorial says", "강좌의 설명")) }
                th { (language.choose("shown by", "확인할 곳")) }
            } }
            tbody {
                @for claim in material.claims(language).iter().filter(|claim| inside(&claim.lines)) {
                    tr { td .number { (lines_text(&claim.lines)) } td { (line(&claim.claim)) } td { (line(&markdown::with_links(&claim.shown_by, &material.names))) } }
                }
            }
        } }
    }
}

/// `170–204`.
pub fn lines_text(lines: &RangeInclusive<u32>) -> String {
    if lines.start() == lines.end() {
        lines.start().to_string()
    } else {
        format!("{}–{}", lines.start(), lines.end())
    }
}

fn change(file: &str, find: &str, put: &str, language: Language, material: &Material) -> Result<Markup, String> {
    let source = material.sources.get(file).ok_or_else(|| format!("no source {file:?}"))?;
    let line = source.find(find).map_err(|count| format!("{file} has these lines {count} times, not once"))?;
    Ok(html! {
        div .change {
            div .where {
                b { (language.choose("Change", "바꿀 곳")) } " "
                a href={ "../source/" (file) ".html#L" (line + 1) } { (file) ":" (line + 1) }
            }
            pre tabindex="0" {
                @for text in find.lines() { del { "- " (text) } "\n" }
                @for text in put.lines() { ins { "+ " (text) } "\n" }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use mirror::project::Project;

    use super::*;
    use crate::directive::parse;
    use crate::site::prepare;

    #[test]
    fn what_does_not_exist_is_an_error() {
        let (material, _) = prepare(&Project::find().unwrap()).unwrap();
        let chapter = &material.chapters["byte-order"][0];
        let wrong = |lines: &[&str]| block(&parse(lines).unwrap(), chapter, &material).unwrap_err();
        assert_eq!(wrong(&["step byte_order 99"]), "c-reference/byte_order.c has no step 99");
        assert_eq!(wrong(&["step nothing 1"]), "no program \"nothing\"");
        assert_eq!(wrong(&["program nothing"]), "no program \"nothing\"");
        assert_eq!(wrong(&["erratum 99"]), "no erratum 99");
        assert_eq!(wrong(&["change src/nothing.rs", "- a"]), "no source \"src/nothing.rs\"");
        let line = "-     net_short = htons(host_long);";
        let file = "c-reference/byte_order.c";
        assert_eq!(
            wrong(&["change c-reference/byte_order.c", line]),
            format!("{file} has these lines 0 times, not once")
        );
        assert_eq!(wrong(&["output byte_order largest"]), "byte_order largest was not recorded");
        assert_eq!(wrong(&["table docs/nothing.md 1"]), "no document \"docs/nothing.md\"");
        let file = "docs/benchmarks/tables.md";
        assert!(wrong(&[&format!("table {file} 99")]).starts_with(&format!("{file} has ")));
        assert_eq!(wrong(&[&format!("table {file} 15 nothing")]), format!("{file}: table 15 has no row \"nothing\""));
    }

    #[test]
    fn long_calls_are_shortened() {
        let text = format!("recv({}) = 1000", "가".repeat(1000));
        let short = shortened(&text);
        assert!(short.starts_with("recv(가") && short.ends_with("가) = 1000") && short.contains(" … "));
        assert_eq!((short.chars().count(), shortened("recv() = 0").as_str()), (LONGEST + 3, "recv() = 0"));
    }

    #[test]
    fn an_end_has_its_address() {
        assert!(is_at("127.0.0.8:40000", "127.0.0.8") && is_at("127.0.0.8:40000", "127.0.0.8:40000"));
        assert!(!is_at("127.0.0.80:40000", "127.0.0.8") && !is_at("127.0.0.8:40000", "127.0.0.8:4"));
    }
}
