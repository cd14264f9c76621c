//! A chapter: a Markdown file with a head, headings that have names, and directives.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::directive::{Directive, parse};
use crate::hash::hash;

/// The languages of the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// English, which the Korean is checked against.
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Korean];

    /// `en`: the folder's name, and HTML's.
    pub fn code(self) -> &'static str {
        self.choose("en", "ko")
    }

    /// The word of this language.
    pub fn choose<T>(self, english: T, korean: T) -> T {
        match self {
            Self::English => english,
            Self::Korean => korean,
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        self.choose(Self::Korean, Self::English)
    }
}

/// What is wrong, and where: `docs/guide/en/x.md:12: what`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// The sections that every chapter has, in this order; others may stand between them.
pub const SECTIONS: [&str; 7] = ["teaches", "program", "look", "wrong", "lost", "try", "next"];

/// A chapter in one language.
#[derive(Debug)]
pub struct Chapter {
    /// The name of its page.
    pub slug: String,
    /// Its language.
    pub language: Language,
    /// The file, from the project's folder.
    pub file: String,
    /// What its head says.
    pub head: Head,
    /// The rest.
    pub blocks: Vec<Block>,
    /// The hash of the whole file.
    pub hash: String,
}

/// The head of a chapter, in TOML between two lines `+++`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The section's title.
    pub title: String,
    /// The lines of the tutorial, as `170-204`.
    #[serde(default)]
    lines: Vec<String>,
    /// The programs that it shows.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Whether it is a page of another kind, which has no fixed sections.
    #[serde(default)]
    pub free: bool,
    /// In Korean: the hash of the English file that it was checked against.
    #[serde(default)]
    pub english: Option<String>,
}

impl Head {
    /// The lines of the tutorial.
    pub fn ranges(&self) -> Vec<RangeInclusive<u32>> {
        self.lines.iter().filter_map(|text| range(text)).collect()
    }
}

/// `170-204`, `170–204`, `170`.
pub fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once(['-', '–']).unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(first..=last)
}

/// A part of a chapter.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Its first line in the file, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a block is.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// `## Title {#id}`.
    Heading {
        /// 2 or 3.
        level: usize,
        /// What links to it use; the same in both languages.
        id: String,
        /// What it says.
        title: String,
    },
    /// Markdown.
    Text(String),
    /// What is taken from the sources and runs.
    Directive(Directive),
}

impl Chapter {
    /// Reads a chapter. All that is wrong with its form is added to `problems`.
    pub fn read(language: Language, slug: &str, text: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let file = format!("docs/guide/{}/{slug}.md", language.code());
        let mut problem = |line: usize, what: String| problems.push(Problem { file: file.clone(), line, what });
        let lines: Vec<&str> = text.lines().collect();
        let end = lines.iter().skip(1).position(|line| *line == "+++").map(|index| index + 1);
        let (Some(&"+++"), Some(end)) = (lines.first(), end) else {
            problem(1, "no head: expected TOML between two lines +++".into());
            return None;
        };
        let head: Head = match toml::from_str(&lines[1..end].join("\n")) {
            Ok(head) => head,
            Err(error) => {
                problem(1, format!("invalid head: {}", error.message()));
                return None;
            }
        };
        for text in head.lines.iter().filter(|text| range(text).is_none()) {
            problem(1, format!("invalid lines {text:?}: expected e.g. \"170-204\""));
        }
        let mut blocks = Vec::new();
        let mut text: Option<(usize, Vec<&str>)> = None;
        let mut fence = false;
        let mut index = end + 1;
        while index < lines.len() {
            let (line, number) = (lines[index], index + 1);
            index += 1;
            fence ^= line.starts_with("```");
            let kind = if fence {
                None
            } else if let Some(first) = line.strip_prefix("{{") {
                let mut words = vec![first.strip_suffix("}}").unwrap_or(first)];
                let mut open = !line.ends_with("}}");
                while open && index < lines.len() {
                    open = lines[index] != "}}";
                    words.extend(open.then_some(lines[index]));
                    index += 1;
                }
                let directive = if open { Err("}} is missing".to_owned()) } else { parse(&words) };
                match directive {
                    Ok(directive) => Some(Kind::Directive(directive)),
                    Err(what) => {
                        problem(number, what);
                        continue;
                    }
                }
            } else if line.starts_with("## ") || line.starts_with("### ") {
                match heading(line) {
                    Some(heading) => Some(heading),
                    None => {
                        problem(number, "a heading without a name: expected ## Title {#name}".into());
                        continue;
                    }
                }
            } else {
                None
            };
            match kind {
                Some(kind) => {
                    blocks.extend(text.take().and_then(as_text));
                    blocks.push(Block { line: number, kind });
                }
                None => text.get_or_insert((number, Vec::new())).1.push(line),
            }
        }
        blocks.extend(text.take().and_then(as_text));
        if fence {
            problem(lines.len(), "``` is not closed".into());
        }
        let chapter = Self { slug: slug.into(), language, head, blocks, hash: hash(text_of(&lines).as_bytes()), file };
        chapter.check_sections(problems);
        Some(chapter)
    }

    /// The names of its headings, with their lines.
    pub fn headings(&self) -> Vec<(&str, usize)> {
        self.blocks
            .iter()
            .filter_map(|block| match &block.kind {
                Kind::Heading { id, .. } => Some((id.as_str(), block.line)),
                _ => None,
            })
            .collect()
    }

    fn check_sections(&self, problems: &mut Vec<Problem>) {
        let mut problem = |line, what| problems.push(Problem { file: self.file.clone(), line, what });
        let headings = self.headings();
        for (index, (id, line)) in headings.iter().enumerate() {
            if headings[..index].iter().any(|(other, _)| other == id) {
                problem(*line, format!("two headings have the name {id}"));
            }
        }
        let mut reached = 0;
        let fixed = if self.head.free { &[][..] } else { &SECTIONS[..] };
        for section in fixed {
            match headings.iter().position(|(id, _)| id == section) {
                None => problem(1, format!("the section {section} is missing")),
                Some(index) if index < reached => {
                    problem(headings[index].1, format!("the section {section} must come earlier"));
                }
                Some(index) => reached = index,
            }
        }
    }
}

/// The text that is hashed: neither the end of the last line nor how lines end matters.
fn text_of(lines: &[&str]) -> String {
    lines.join("\n")
}

fn as_text((line, lines): (usize, Vec<&str>)) -> Option<Block> {
    let text = lines.join("\n");
    (!text.trim().is_empty()).then_some(Block { line, kind: Kind::Text(text) })
}

fn heading(line: &str) -> Option<Kind> {
    let (marks, rest) = line.split_once(' ')?;
    let (title, id) = rest.strip_suffix('}')?.rsplit_once(" {#")?;
    let valid = !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    valid.then(|| Kind::Heading { level: marks.len(), id: id.into(), title: title.trim().into() })
}

/// What is wrong between the two languages of one chapter.
pub fn check_pair(english: &Chapter, korean: &Chapter, problems: &mut Vec<Problem>) {
    let mut problem = |of: &Chapter, line, what| problems.push(Problem { file: of.file.clone(), line, what });
    match &korean.head.english {
        Some(checked) if *checked == english.hash => {}
        Some(_) => problem(
            korean,
            1,
            format!(
                "{} has changed since this was checked: check it, then set english = \"{}\"",
                english.file, english.hash
            ),
        ),
        None => problem(korean, 1, format!("the head lacks english = \"{}\"", english.hash)),
    }
    if english.head.english.is_some() {
        problem(english, 1, "only the Korean has the English text's hash".into());
    }
    if english.head.lines != korean.head.lines || english.head.programs != korean.head.programs {
        problem(korean, 1, "other lines or programs than the English has".into());
    }
    let (left, right) = (english.headings(), korean.headings());
    for (id, line) in &left {
        if !right.iter().any(|(other, _)| other == id) {
            problem(korean, 1, format!("the section {id} is missing ({}:{line})", english.file));
        }
    }
    for (id, line) in &right {
        if !left.iter().any(|(other, _)| other == id) {
            problem(korean, *line, format!("the English has no section {id}"));
        }
    }
    let names = |chapter: &'_ Chapter| chapter.headings().iter().map(|(id, _)| (*id).to_owned()).collect::<Vec<_>>();
    let (left, right) = (names(english), names(korean));
    if left != right && left.len() == right.len() && left.iter().all(|id| right.contains(id)) {
        problem(korean, 1, "the sections have another order than in English".into());
    }
    let directives = |chapter: &Chapter| -> Vec<(Directive, usize)> {
        let of = |block: &Block| match &block.kind {
            Kind::Directive(directive) => Some((directive.clone(), block.line)),
            _ => None,
        };
        chapter.blocks.iter().filter_map(of).collect()
    };
    let (left, right) = (directives(english), directives(korean));
    let other = left.iter().zip(&right).find(|((a, _), (b, _))| a != b);
    if let Some(((_, line), (_, other_line))) = other {
        problem(korean, *other_line, format!("another directive than in {}:{line}", english.file));
    } else if left.len() != right.len() {
        problem(korean, 1, format!("{} directives, but the English has {}", right.len(), left.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "## A {#teaches}\nText.\n\n{{erratum 45}}\n\n## B {#program}\n```sh\n## no heading\n```\n\
                        ## C {#look}\n## D {#wrong}\n## E {#lost}\n## F {#try}\n## G {#next}\n";

    fn chapter(language: Language, head: &str, body: &str) -> (Option<Chapter>, Vec<String>) {
        let mut problems = Vec::new();
        let text = format!("+++\ntitle = \"T\"\nlines = [\"170-204\"]\n{head}+++\n{body}");
        let chapter = Chapter::read(language, "x", &text, &mut problems);
        (chapter, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_chapter_is_taken_apart() {
        let (chapter, problems) = chapter(Language::English, "", BODY);
        let chapter = chapter.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(chapter.head.ranges(), [170..=204]);
        assert_eq!(chapter.blocks[0].line, 5);
        assert_eq!(chapter.blocks[1], Block { line: 6, kind: Kind::Text("Text.\n".into()) });
        assert_eq!(chapter.blocks[2].kind, Kind::Directive(Directive::Erratum(45)));
        assert_eq!(chapter.headings().len(), 7);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let problems = |body: &str| chapter(Language::English, "", body).1;
        assert_eq!(
            problems(&BODY.replace("## C {#look}", "## C")),
            [
                "docs/guide/en/x.md:14: a heading without a name: expected ## Title {#name}",
                "docs/guide/en/x.md:1: the section look is missing",
            ]
        );
        assert_eq!(problems(&BODY.replace("{{erratum 45}}", "{{nothing}}")).len(), 1);
        assert_eq!(problems(&BODY.replace("{{erratum 45}}", "{{change a\n- b")).len(), 7);
        assert_eq!(problems(&BODY.replace("#look", "#teaches")).len(), 2);
        assert_eq!(problems(&BODY.replace("```\n##", "##"))[0], "docs/guide/en/x.md:17: ``` is not closed");
        let (none, problems) = chapter(Language::English, "colour = 1\n", BODY);
        assert!(none.is_none() && problems[0].contains("invalid head"), "{problems:?}");
    }

    #[test]
    fn both_languages_must_be_alike() {
        let (english, _) = chapter(Language::English, "", BODY);
        let english = english.unwrap();
        let compare = |head: &str, body: &str| {
            let (korean, _) = chapter(Language::Korean, head, body);
            let mut problems = Vec::new();
            check_pair(&english, &korean.unwrap(), &mut problems);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let head = format!("english = \"{}\"\n", english.hash);
        assert_eq!(compare(&head, BODY), [""; 0]);
        assert!(compare("", BODY)[0].contains("the head lacks english"));
        assert!(compare("english = \"0\"\n", BODY)[0].contains("en/x.md has changed since this was checked"));
        assert!(compare(&head, &BODY.replace("45", "46"))[0].starts_with("docs/guide/ko/x.md:9: another directive"));
        assert!(compare(&head, &BODY.replace("{{erratum 45}}", ""))[0].contains("0 directives"));
        assert!(compare(&head, &format!("{BODY}## H {{#more}}\n"))[0].contains("the English has no section more"));
        assert!(compare(&head, &BODY.replace("## G {#next}\n", ""))[0].contains("the section next is missing"));
    }
}
