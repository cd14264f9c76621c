//! Markdown as HTML, with links that name things of the project.

use mirror::project::Project;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::site::Names;

/// What is wrong in a text: a line in it, from 0, and what.
pub type Wrong = (usize, String);

/// The HTML of a text, and what is wrong in it.
///
/// Besides ordinary links there are `chapter:SLUG`, `chapter:SLUG#SECTION`, `scenario:PROGRAM/NAME`, `erratum:N`,
/// `lines:170-183`, `source:FILE` and `source:FILE:LINE`.
pub fn to_html(text: &str, names: &Names, wrong: &mut Vec<Wrong>) -> String {
    let line_of = |at: usize| text[..at].matches('\n').count();
    wrong.extend(broken_rows(text));
    let mut events = Vec::new();
    let (mut in_commands, mut in_code) = (false, false);
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let mut problem = |what: String| wrong.push((line_of(range.start), what));
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            _ => {}
        }
        events.push(match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url: CowStr<'_> = match resolved(&dest_url, names) {
                    Ok(address) => address.into(),
                    Err(what) => {
                        problem(what);
                        dest_url
                    }
                };
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(ref kind))) if &**kind == "sh" => {
                in_commands = true;
                Event::Html("<pre class=\"sh\" tabindex=\"0\"><code>".into())
            }
            Event::End(TagEnd::CodeBlock) if in_commands => {
                in_commands = false;
                Event::Html("</code></pre>\n".into())
            }
            Event::Text(commands) if in_commands => {
                for what in commands.lines().filter_map(|command| unknown(command, names)) {
                    problem(what);
                }
                Event::Text(commands)
            }
            Event::Text(text) if text.contains('*') && !in_code => {
                problem("a * that is no emphasis".into());
                Event::Text(text)
            }
            // A program's name and a scenario's, as the documents write them, must exist.
            Event::Code(code) => {
                if let Some((program, scenario)) = code.split_once(' ') {
                    let is_name =
                        |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit());
                    let named = names.programs.contains_key(program) && is_name(scenario) && scenario.contains('_');
                    let missing = if named { no_scenario(program, scenario, names) } else { None };
                    if let Some(what) = missing {
                        problem(what);
                    }
                }
                Event::Code(code)
            }
            Event::Html(_) | Event::InlineHtml(_) => {
                problem("HTML in a chapter: a figure is a directive".into());
                continue;
            }
            event => event,
        });
    }
    let mut page = String::new();
    html::push_html(&mut page, events.into_iter());
    // The corner of a table heads nothing.
    let page = page.replace("<th></th>", "<td></td>");
    page.replace("<table>", "<div class=\"wide\" tabindex=\"0\"><table>").replace("</table>", "</table></div>")
}

/// Rows of a table that have not as many cells as its head.
fn broken_rows(text: &str) -> Vec<Wrong> {
    let cells = |line: &str| line.replace("\\|", "").matches('|').count().saturating_sub(1);
    let is_rule = |line: &str| line.starts_with("|-") || line.starts_with("|:");
    let mut wrong = Vec::new();
    let mut expected = None;
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            expected = None;
        } else if is_rule(line) && number > 0 {
            expected = Some(cells(lines[number - 1]));
        } else if let Some(expected) = expected.filter(|expected| *expected != cells(line)) {
            wrong.push((number, format!("a row of {} cells in a table of {expected}", cells(line))));
        }
    }
    wrong
}

/// What shows a claim, with links: a scenario in backquotes, one of the same program after it, and errata.
pub fn with_links(text: &str, names: &Names) -> String {
    let mut linked = String::new();
    let mut program = "";
    for (place, part) in text.split('`').enumerate() {
        if place % 2 == 0 {
            linked.push_str(&errata_linked(part, names));
            continue;
        }
        let (of, scenario) = part.split_once(' ').unwrap_or((program, part));
        if no_scenario(of, scenario, names).is_none() {
            program = of;
            linked.push_str(&format!("[`{part}`](scenario:{of}/{scenario})"));
        } else {
            linked.push_str(&format!("`{part}`"));
        }
    }
    linked
}

/// `erratum 26` and `정오표 26` as links.
fn errata_linked(text: &str, names: &Names) -> String {
    let mut linked = String::new();
    let mut rest = text;
    while let Some((at, word)) = ["erratum ", "정오표 "].iter().filter_map(|word| Some((rest.find(word)?, *word))).min()
    {
        let digits: String = rest[at + word.len()..].chars().take_while(char::is_ascii_digit).collect();
        let end = at + word.len() + digits.len();
        linked.push_str(&rest[..at]);
        match digits.parse::<u32>() {
            Ok(number) if names.errata.contains(&number) => {
                linked.push_str(&format!("[{}](erratum:{number})", &rest[at..end]));
            }
            _ => linked.push_str(&rest[at..end]),
        }
        rest = &rest[end..];
    }
    linked + rest
}

/// The same for one line: without the paragraph around it.
pub fn line_to_html(text: &str, names: &Names) -> String {
    let page = to_html(text, names, &mut Vec::new());
    let page = page.trim();
    page.strip_prefix("<p>").and_then(|page| page.strip_suffix("</p>")).unwrap_or(page).to_owned()
}

/// The text of Markdown, for the search.
pub fn to_text(text: &str) -> String {
    let mut plain = String::new();
    for event in Parser::new(text) {
        let is_end = match event {
            Event::Text(part) | Event::Code(part) => {
                plain.push_str(&part);
                false
            }
            Event::SoftBreak | Event::HardBreak => true,
            Event::End(end) => !matches!(end, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link),
            _ => false,
        };
        if is_end && !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    plain.trim().to_owned()
}

/// Where a link leads, from a chapter's page.
pub fn resolved(link: &str, names: &Names) -> Result<String, String> {
    let Some((kind, name)) = link.split_once(':') else {
        return Err(format!(
            "the link {link:?} leads to nothing: expected chapter:, scenario:, erratum:, lines:, source: or https:"
        ));
    };
    match kind {
        "https" => Ok(link.to_owned()),
        "chapter" => {
            let (slug, section) = name.split_once('#').map_or((name, None), |(slug, section)| (slug, Some(section)));
            let sections = names.chapters.get(slug).ok_or_else(|| format!("no chapter {slug:?}"))?;
            match section {
                Some(section) if !sections.iter().any(|other| other == section) => {
                    Err(format!("the chapter {slug} has no section {section:?}"))
                }
                Some(section) => Ok(format!("{slug}.html#{section}")),
                None => Ok(format!("{slug}.html")),
            }
        }
        "scenario" => {
            let (program, scenario) = name.split_once('/').ok_or_else(|| format!("{name:?} is not PROGRAM/NAME"))?;
            if let Some(what) = no_scenario(program, scenario, names) {
                return Err(what);
            }
            let run = crate::directive::Run { program: program.into(), scenario: scenario.into() };
            if names.views.contains(&run) {
                return Ok(format!("../views/{program}.{scenario}.html"));
            }
            // The run is not shown: where it is written is.
            let (file, line) = &names.programs[program][scenario];
            Ok(format!("../source/{file}.html#L{line}"))
        }
        "erratum" => {
            let number = name.parse().map_err(|_| format!("invalid number {name:?}"))?;
            names.errata.contains(&number).then(|| format!("errata.html#e{number}")).ok_or(format!("no erratum {name}"))
        }
        "lines" => {
            let lines = crate::chapter::range(name).ok_or_else(|| format!("invalid lines {name:?}"))?;
            let last = names.last_line;
            if *lines.end() > last {
                return Err(format!("the tutorial has {last} lines"));
            }
            Ok(format!("lines.html#n{}", lines.start()))
        }
        "source" => {
            let (file, line) = match name.rsplit_once(':') {
                Some((file, line)) => {
                    (file, Some(line.parse::<usize>().map_err(|_| format!("invalid line {line:?}"))?))
                }
                None => (name, None),
            };
            let text = *names.sources.get(file).ok_or_else(|| format!("no source {file:?}"))?;
            match line {
                Some(line) if line == 0 || line > text => Err(format!("{file} has {text} lines")),
                Some(line) => Ok(format!("../source/{file}.html#L{line}")),
                None => Ok(format!("../source/{file}.html")),
            }
        }
        _ => Err(format!("unknown kind of link {kind:?}")),
    }
}

/// Why a scenario cannot be named.
pub fn no_scenario(program: &str, scenario: &str, names: &Names) -> Option<String> {
    let Some(scenarios) = names.programs.get(program) else {
        return Some(format!("no program {program:?}"));
    };
    (!scenarios.contains_key(scenario)).then(|| format!("{program} has no scenario {scenario:?}"))
}

/// What a command of a chapter names that does not exist.
fn unknown(command: &str, names: &Names) -> Option<String> {
    let words = command.split_whitespace().map(|word| word.trim_end_matches([';', ')']).trim_start_matches('('));
    let words: Vec<&str> = words.collect();
    if words.first() == Some(&"make") {
        let target = words.get(1).filter(|word| !word.contains('='))?;
        return (!names.targets.iter().any(|known| known == target)).then(|| format!("make has no target {target:?}"));
    }
    if let Some(program) = words
        .iter()
        .find_map(|word| word.strip_prefix("target/release/").or_else(|| word.strip_prefix("target/c-reference/")))
    {
        return (!names.programs.contains_key(program)).then(|| format!("no program {program:?}"));
    }
    let at = words.windows(2).position(|two| two == ["cargo", "mirror"])?;
    let (subcommand, program) = (words.get(at + 2)?, words.get(at + 3).filter(|word| !word.starts_with('-'))?);
    if !["compare", "trace", "packets", "report"].contains(subcommand) {
        return Some(format!("cargo mirror has no subcommand {subcommand:?}"));
    }
    if !names.programs.contains_key(*program) {
        return Some(format!("no program {program:?}"));
    }
    let scenario = words.iter().position(|word| *word == "--scenario").and_then(|index| words.get(index + 1))?;
    scenario.split(',').find_map(|scenario| no_scenario(program, scenario, names))
}

/// The targets of the Makefile.
pub fn targets(project: &Project) -> anyhow::Result<Vec<String>> {
    let text = crate::documents::read(project, "Makefile")?;
    let target = |line: &str| {
        let (name, _) = line.split_once(':')?;
        let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        valid.then(|| name.to_owned())
    };
    Ok(text.lines().filter_map(target).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let project = Project::find().unwrap();
        let mut names = Names::of(&project).unwrap();
        names.chapters.insert("byte-order".into(), vec!["look".into()]);
        names
    }

    fn html_of(text: &str) -> (String, Vec<Wrong>) {
        let mut wrong = Vec::new();
        (to_html(text, &names(), &mut wrong), wrong)
    }

    #[test]
    fn broken_tables_are_found() {
        let table = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | a \\| b |\n";
        assert_eq!(broken_rows(table), []);
        let broken = broken_rows("\n| a | b |\n|---|---|\n| 1 | 2\n3 |\n\ntext | text\n");
        assert_eq!(broken.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn what_shows_a_claim_has_links() {
        let linked =
            with_links("`byte_order largest`, `as_in_the_drawing`; *text only*; erratum 45 and erratum 999", &names());
        assert_eq!(
            linked,
            "[`byte_order largest`](scenario:byte_order/largest), [`as_in_the_drawing`](scenario:byte_order/as_in_the_drawing); \
             *text only*; [erratum 45](erratum:45) and erratum 999"
        );
    }

    #[test]
    fn links_lead_to_what_they_name() {
        let page = html_of(
            "[a](chapter:byte-order#look) [b](scenario:byte_order/largest) [c](erratum:45) [d](lines:170-204)\n\
             [e](source:src/bin/byte_order.rs:12)",
        );
        assert!(page.1.is_empty(), "{:?}", page.1);
        for part in [
            "byte-order.html#look",
            "tests/scenarios/byte_order.toml.html#L",
            "errata.html#e45",
            "lines.html#n170",
            "../source/src/bin/byte_order.rs.html#L12",
        ] {
            assert!(page.0.contains(part), "{part}: {}", page.0);
        }
    }

    #[test]
    fn what_does_not_exist_is_reported_with_its_line() {
        for (text, expected) in [
            ("[a](chapter:nothing)", "no chapter \"nothing\""),
            ("[a](chapter:byte-order#nothing)", "the chapter byte-order has no section \"nothing\""),
            ("[a](scenario:byte_order/nothing)", "byte_order has no scenario \"nothing\""),
            ("[a](scenario:nothing/nothing)", "no program \"nothing\""),
            ("[a](erratum:99)", "no erratum 99"),
            ("[a](source:src/nothing.rs)", "no source \"src/nothing.rs\""),
            ("[a](lines:b)", "invalid lines \"b\""),
            ("[a](nothing:b)", "unknown kind of link \"nothing\""),
            (
                "[a](b.html)",
                "the link \"b.html\" leads to nothing: expected chapter:, scenario:, erratum:, lines:, source: or https:",
            ),
            ("`byte_order no_thing`", "byte_order has no scenario \"no_thing\""),
            ("<b>", "HTML in a chapter: a figure is a directive"),
        ] {
            assert_eq!(html_of(&format!("First.\n\n{text}\n")).1, [(2, expected.to_owned())], "{text}");
        }
        for (command, expected) in [
            ("cargo mirror trace byte_order --scenario nothing", "byte_order has no scenario \"nothing\""),
            ("cargo mirror trace nothing", "no program \"nothing\""),
            ("cargo mirror show byte_order", "cargo mirror has no subcommand \"show\""),
            ("make nothing", "make has no target \"nothing\""),
            ("target/release/nothing 5", "no program \"nothing\""),
        ] {
            let wrong = html_of(&format!("```sh\n{command}\n```\n")).1;
            assert_eq!(wrong.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>(), [expected]);
        }
        let right = "```sh\ncargo mirror compare byte_order --scenario largest,as_in_the_drawing\nmake build\n```\n";
        assert!(html_of(right).1.is_empty());
    }

    #[test]
    fn the_text_alone() {
        assert_eq!(to_text("A *b*, `c`.\n[d](https://e) f"), "A b, c. d f");
    }
}
