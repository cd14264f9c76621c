//! The pages: what surrounds the chapters, and the pages that are made of the other documents.

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use unicode_normalization::UnicodeNormalization;

use crate::blocks;
use crate::chapter::{Chapter, Kind, Language, Problem};
use crate::documents::Source;
use crate::markdown;
use crate::site::Material;

/// The files that are the same in every site.
pub const ASSETS: &[(&str, &str)] = &[
    ("style.css", include_str!("assets/style.css")),
    ("script.js", include_str!("assets/script.js")),
    ("search.js", include_str!("assets/search.js")),
];

/// What a page is, besides its content.
struct Frame<'a> {
    language: Language,
    /// The name of its file, without the end.
    name: &'a str,
    title: &'a str,
    /// The part that it belongs to.
    part: Option<&'a str>,
    /// Its sections: names and titles.
    sections: Vec<(&'a str, &'a str)>,
    content: Markup,
}

/// The page of a chapter.
pub fn chapter(chapter: &Chapter, material: &Material, problems: &mut Vec<Problem>) -> String {
    let language = chapter.language;
    let is_first = chapter.slug == "index";
    let mut parts = Vec::new();
    let mut list = Some(list_of_questions(chapter, material)).filter(|_| chapter.head.free);
    for block in &chapter.blocks {
        // What is asked on a page of questions stands before the first of them.
        if matches!(block.kind, Kind::Heading { .. }) {
            parts.extend(list.take());
        }
        match &block.kind {
            Kind::Heading { level, id, title } => parts.push(heading(*level, id, title, language, material)),
            Kind::Text(text) => {
                parts.push(PreEscaped(markdown::to_html(text, &material.names, &mut Vec::new())));
            }
            Kind::Directive(directive) => match blocks::block(directive, chapter, material) {
                Ok(block) => parts.push(block),
                Err(what) => problems.push(Problem { file: chapter.file.clone(), line: block.line, what }),
            },
        }
    }
    let lines: Vec<String> = chapter.head.ranges().iter().map(blocks::lines_text).collect();
    let content = html! {
        h1 { (chapter.head.title) }
        @if !lines.is_empty() {
            p .lines {
                (language.choose("Lines ", "강좌의 ")) (lines.join(", ")) (language.choose(" of the tutorial", "줄"))
                @for program in &chapter.head.programs {
                    " · " a href={ "../source/src/bin/" (program) ".rs.html" } { code { (program) } }
                }
            }
        }
        @for part in parts { (part) }
        @if let Some(others) = material.contents.see.get(&chapter.slug) {
            p .see {
                (language.choose("See also: ", "함께 볼 곳: "))
                @for (place, other) in others.iter().enumerate() {
                    @if place > 0 { ", " }
                    (see(other, language, material))
                }
            }
        }
        @if is_first {
            @for part in &material.contents.part {
                h2 { (part.title(language)) }
                ul .contents {
                    @for (_, chapter) in material.in_order(language).iter().filter(|(of, _)| std::ptr::eq(*of, part)) {
                        li {
                            a href={ (chapter.slug) ".html" } { (chapter.head.title) } " "
                            span .none {
                                @for (index, lines) in chapter.head.ranges().iter().enumerate() {
                                    @if index > 0 { ", " }
                                    (blocks::lines_text(lines))
                                }
                            }
                        }
                    }
                }
            }
            h2 { (language.choose("Reference", "찾아보기")) }
            ul .contents {
                li { a href="lines.html" { (language.choose("Index by line", "줄 번호로 찾기")) } }
                li { a href="errata.html" { (language.choose("Errata", "정오표")) } }
            }
        }
    };
    let heading = |kind: &'_ Kind| -> Option<(String, String)> {
        match kind {
            Kind::Heading { level: 2, id, title } => Some((id.clone(), title.clone())),
            _ => None,
        }
    };
    let sections: Vec<(String, String)> = chapter.blocks.iter().filter_map(|block| heading(&block.kind)).collect();
    let part = material.in_order(language).iter().find(|(_, other)| other.slug == chapter.slug).map(|(part, _)| *part);
    let frame = Frame {
        language,
        name: &chapter.slug,
        title: &chapter.head.title,
        part: part.map(|part| part.title(language)),
        sections: sections.iter().map(|(id, title)| (id.as_str(), title.as_str())).collect(),
        content,
    };
    framed(&frame, material)
}

/// A link to another chapter, or to a section of it.
fn see(other: &str, language: Language, material: &Material) -> Markup {
    let (slug, section) = other.split_once('#').map_or((other, None), |(slug, section)| (slug, Some(section)));
    let title = |text: &str| PreEscaped(markdown::line_to_html(text, &material.names));
    html! {
        @if let Some(chapter) = material.chapters.get(slug).map(|pair| &pair[language as usize]) {
            a href={ (slug) ".html" @if let Some(section) = section { "#" (section) } } {
                (chapter.head.title)
                @for block in &chapter.blocks {
                    @match &block.kind {
                        Kind::Heading { id, title: text, .. } if Some(id.as_str()) == section => { " › " (title(text)) },
                        _ => {}
                    }
                }
            }
        }
    }
}

/// So many questions need a list.
const MANY: usize = 5;

/// The headings of the third level, if there are many.
fn list_of_questions(chapter: &Chapter, material: &Material) -> Markup {
    let questions: Vec<_> = chapter
        .blocks
        .iter()
        .filter_map(|block| match &block.kind {
            Kind::Heading { level: 3, id, title } => Some((id, title)),
            _ => None,
        })
        .collect();
    html! {
        @if questions.len() >= MANY {
            ul .questions {
                @for (id, title) in questions {
                    li { a href={ "#" (id) } { (PreEscaped(markdown::line_to_html(title, &material.names))) } }
                }
            }
        }
    }
}

fn heading(level: usize, id: &str, title: &str, language: Language, material: &Material) -> Markup {
    let title = PreEscaped(markdown::line_to_html(title, &material.names));
    let anchor = html! { a .anchor href={ "#" (id) } aria-label=(language.choose("link to this section", "이 절로 가는 링크")) { "#" } };
    html! {
        @if level == 2 { h2 id=(id) { (title) " " (anchor) } } @else { h3 id=(id) { (title) " " (anchor) } }
    }
}

/// The index by line.
pub fn lines(language: Language, material: &Material) -> String {
    let line = |text: &str| PreEscaped(markdown::line_to_html(text, &material.names));
    let chapters = |lines: &std::ops::RangeInclusive<u32>| -> Vec<&Chapter> {
        let all = material.in_order(language).into_iter().map(|(_, chapter)| chapter);
        let touches = |r: &std::ops::RangeInclusive<u32>| r.start() <= lines.end() && lines.start() <= r.end();
        all.filter(|chapter| chapter.head.ranges().iter().any(touches)).collect()
    };
    let title = language.choose("Index by line", "줄 번호로 찾기");
    // Every line has a place that can be linked to: where the last row begins that does not begin after it.
    let claims = material.claims(language);
    let starts: std::collections::BTreeSet<u32> = claims.iter().map(|claim| *claim.lines.start()).collect();
    let until = |start: u32| starts.range(start + 1..).next().copied().unwrap_or(material.names.last_line + 1);
    let mut named = std::collections::BTreeSet::new();
    let content = html! {
        h1 { (title) }
        p { (language.choose(
            "The line of the tutorial that you have open, and where it is explained.",
            "강좌의 줄마다 이 안내서의 어디에서 설명하는지를 찾을 수 있습니다.")) }
        p .needs-script { label { (language.choose("Line ", "줄 번호 ")) input #line type="number" min="1" max=(material.names.last_line) inputmode="numeric"; }
            span #line-note hidden role="status" {
                (language.choose("the tutorial has lines 1 to ", "강좌의 줄 번호는 1부터입니다. 마지막 줄: ")) (material.names.last_line)
            }
        }
        div .wide tabindex="0" { table {
            thead { tr {
                th { (language.choose("lines", "줄")) } th { (language.choose("chapter", "장")) }
                th { (language.choose("what the tutorial says", "강좌의 설명")) }
                th { (language.choose("shown by", "확인할 곳")) }
            } }
            tbody {
                @for claim in claims {
                    @let start = *claim.lines.start();
                    @let is_first = named.insert(start);
                    @let id = is_first.then(|| format!("n{start}"));
                    tr id=[id] data-first=(claim.lines.start()) data-last=(claim.lines.end()) {
                        td .number {
                            (blocks::lines_text(&claim.lines))
                            @if is_first { @for line in start + 1..until(start) { span id={ "n" (line) } {} } }
                        }
                        td {
                            @for chapter in chapters(&claim.lines) { a href={ (chapter.slug) ".html" } { (chapter.head.title) } " " }
                            @if chapters(&claim.lines).is_empty() { span .none { (line(&claim.section)) } }
                        }
                        td { (line(&claim.claim)) }
                        td { (line(&markdown::with_links(&claim.shown_by, &material.names))) }
                    }
                }
            }
        } }
    };
    framed(&Frame { language, name: "lines", title, part: None, sections: Vec::new(), content }, material)
}

/// The errata.
pub fn errata(language: Language, material: &Material) -> String {
    let title = language.choose("Errata", "정오표");
    let content = html! {
        h1 { (title) }
        p { (language.choose(
            "Where the tutorial is wrong, what is right, and the proof. The numbers in brackets are its lines.",
            "강좌에서 틀린 곳을 바로잡고 그 근거를 밝힙니다. 괄호 안은 강좌의 줄 번호입니다.")) }
        @for (number, entry) in material.errata(language) {
            // Not a list in Markdown.
            @let title = format!("{number}\\. {}", entry.title);
            (heading(2, &format!("e{number}"), &title, language, material))
            (PreEscaped(markdown::to_html(&entry.text, &material.names, &mut Vec::new())))
        }
    };
    framed(&Frame { language, name: "errata", title, part: None, sections: Vec::new(), content }, material)
}

/// A page with all that surrounds its content.
fn framed(frame: &Frame<'_>, material: &Material) -> String {
    let Frame { language, name, title, .. } = *frame;
    let text = |english: &'static str, korean: &'static str| language.choose(english, korean);
    let order = material.in_order(language);
    let here = order.iter().position(|(_, chapter)| chapter.slug == name);
    let neighbour = |by: isize| here.and_then(|here| here.checked_add_signed(by)).and_then(|index| order.get(index));
    let (previous, next) = (neighbour(-1), if name == "index" { order.first() } else { neighbour(1) });
    let guide = text("The tutorial, run", "실행해 보는 소켓 강좌");
    let page = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                (head("../"))
                title { (title) @if name != "index" { " · " (guide) } }
                link rel="alternate" hreflang=(language.other().code()) href={ "../" (language.other().code()) "/" (name) ".html" };
            }
            body {
                a .skip href="#content" { (text("To the text", "본문으로")) }
                header {
                    a .name href="index.html" { (guide) }
                    form #search .needs-script role="search" {
                        input type="search" autocomplete="off" maxlength="100" placeholder=(text("Search", "검색")) aria-label=(text("Search", "검색"));
                        div #results hidden role="region" aria-label=(text("Results", "검색 결과")) {}
                    }
                    a #language href={ "../" (language.other().code()) "/" (name) ".html" }
                        lang=(language.other().code()) hreflang=(language.other().code())
                    { (text("한국어", "English")) }
                }
                div .page {
                    details .menu {
                        summary { (text("Contents", "차례")) }
                        (contents(frame, material))
                    }
                    nav .side aria-label=(text("Contents", "차례")) { (contents(frame, material)) }
                    main #content data-root={ "../" } data-copy=(text("copy", "복사")) data-copied=(text("copied", "복사됨"))
                        data-nothing=(text("Nothing was found.", "검색 결과가 없습니다."))
                    {
                        @if name != "index" {
                            nav .crumbs aria-label=(text("Where this is", "현재 위치")) {
                                a href="index.html" { (guide) } " › "
                                @if let Some(part) = frame.part { (part) " › " }
                                (title)
                            }
                        }
                        (frame.content)
                        nav .turn aria-label=(text("Next and previous", "이전과 다음")) {
                            @if let Some((_, chapter)) = previous {
                                a rel="prev" href={ (chapter.slug) ".html" } { "← " (chapter.head.title) }
                            }
                            @if let Some((_, chapter)) = next {
                                a rel="next" href={ (chapter.slug) ".html" } { (chapter.head.title) " →" }
                            }
                        }
                        footer .needs-script {
                            kbd { "/" } (text(" search, ", " 검색, ")) kbd { "←" } " " kbd { "→" }
                            (text(" previous and next, ", " 이전과 다음, ")) kbd { "l" } (text(" Korean", " 영어"))
                        }
                    }
                }
                noscript { style { ".needs-script { display: none !important }" } }
                script src={ "../search-" (language.code()) ".js" } {}
                script src="../search.js" {}
                script src="../script.js" {}
            }
        }
    };
    page.into_string()
}

fn contents(frame: &Frame<'_>, material: &Material) -> Markup {
    let language = frame.language;
    let link = |name: &str, title: &str| {
        html! { a href={ (name) ".html" } aria-current=[(name == frame.name).then_some("page")] { (title) } }
    };
    html! {
        ul {
            @for part in &material.contents.part {
                li { span .part { (part.title(language)) }
                    ul { @for (_, chapter) in material.in_order(language).iter().filter(|(of, _)| std::ptr::eq(*of, part)) {
                        li {
                            (link(&chapter.slug, &chapter.head.title))
                            @if chapter.slug == frame.name {
                                ul { @for (id, title) in &frame.sections {
                                    li { a href={ "#" (id) } { (PreEscaped(markdown::line_to_html(title, &material.names))) } }
                                } }
                            }
                        }
                    } }
                }
            }
            li { span .part { (language.choose("Reference", "찾아보기")) }
                ul {
                    li { (link("lines", language.choose("Index by line", "줄 번호로 찾기"))) }
                    li { (link("errata", language.choose("Errata", "정오표"))) }
                }
            }
        }
    }
}

/// What stands at the head of every page; `up` leads to the site's folder.
fn head(up: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        // No icon, so that no browser asks for one.
        link rel="icon" href="data:,";
        link rel="stylesheet" href={ (up) "style.css" };
    }
}

/// A source, line by line.
pub fn source(source: &Source) -> String {
    let up = "../".repeat(source.file.matches('/').count() + 1);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(&up))
                title { (source.file) }
            }
            body .listing {
                main {
                    p .crumbs { a href={ (up) "index.html" } { "Sockmirror" } " › " (source.file) }
                    h1 { (source.file) }
                    // The style numbers them: there are many.
                    div .twin.numbered tabindex="0" role="region" aria-label=(source.file) {
                        @for (index, line) in source.html.iter().enumerate() {
                            div id={ "L" (index + 1) } { (PreEscaped(line)) }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// The first page: in the language that was read last, else in that of the browser.
pub fn first() -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(""))
                title { "Sockmirror" }
                script { (PreEscaped(
                    "let code = null\n\
                     try { code = localStorage.getItem('language') } catch { /* there is no memory */ }\n\
                     if (code !== 'ko' && code !== 'en') code = navigator.language.startsWith('ko') ? 'ko' : 'en'\n\
                     location.replace(code + '/index.html')\n")) }
            }
            body .choose { main {
                h1 { "Sockmirror" }
                p { a href="en/index.html" { "English" } " · " a href="ko/index.html" lang="ko" { "한국어" } }
            } }
        }
    };
    page.into_string()
}

/// What is searched, as a script: pages from disk cannot fetch anything.
pub fn search(language: Language, material: &Material) -> Result<String> {
    let mut sections: Vec<[String; 4]> = Vec::new();
    let code = language.code();
    let plain = |text: &str| markdown::to_text(text).nfc().collect::<String>();
    let first = material.chapters.get("index").map(|pair| &pair[language as usize]);
    for chapter in first.into_iter().chain(material.in_order(language).into_iter().map(|(_, chapter)| chapter)) {
        let title = plain(&chapter.head.title);
        let page = format!("{code}/{}.html", chapter.slug);
        sections.push([page.clone(), title.clone(), title.clone(), String::new()]);
        for block in &chapter.blocks {
            match &block.kind {
                Kind::Heading { id, title: head, .. } => {
                    sections.push([format!("{page}#{id}"), title.clone(), plain(head), String::new()]);
                }
                Kind::Text(text) => {
                    if let Some(section) = sections.last_mut() {
                        section[3].push_str(&plain(text));
                        section[3].push(' ');
                    }
                }
                Kind::Directive(_) => {}
            }
        }
    }
    let errata = language.choose("Errata", "정오표");
    for (number, entry) in material.errata(language) {
        let title = plain(&format!("{number}\\. {}", entry.title));
        sections.push([format!("{code}/errata.html#e{number}"), errata.into(), title, plain(&entry.text)]);
    }
    Ok(format!("const SECTIONS = {}\n", serde_json::to_string(&sections)?))
}
