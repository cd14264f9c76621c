//! Sources as HTML, coloured line by line.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use tree_sitter_highlight::{Highlight, HighlightConfiguration, Highlighter, HtmlRenderer};

/// What is coloured, and the class that it gets.
const COLOURED: [(&str, &str); 8] = [
    ("comment", "c"),
    ("string", "s"),
    ("number", "m"),
    ("keyword", "k"),
    ("type", "y"),
    ("function", "f"),
    ("constant", "o"),
    ("attribute", "c"),
];

static C: LazyLock<HighlightConfiguration> = LazyLock::new(|| {
    configured(HighlightConfiguration::new(tree_sitter_c::LANGUAGE.into(), "c", tree_sitter_c::HIGHLIGHT_QUERY, "", ""))
});

static RUST: LazyLock<HighlightConfiguration> = LazyLock::new(|| {
    let query = tree_sitter_rust::HIGHLIGHTS_QUERY;
    configured(HighlightConfiguration::new(tree_sitter_rust::LANGUAGE.into(), "rust", query, "", ""))
});

fn configured<E: std::fmt::Debug>(configuration: Result<HighlightConfiguration, E>) -> HighlightConfiguration {
    let mut configuration = configuration.expect("a grammar's own query is valid");
    configuration.configure(&COLOURED.map(|(name, _)| name));
    configuration
}

/// The lines of a text as HTML: C or Rust by the end of its path, any other text as it is. Each line is whole by
/// itself.
pub fn highlighted(path: &str, text: &str) -> Result<Vec<String>> {
    let configuration = match path.rsplit('.').next() {
        Some("c" | "h") => &*C,
        Some("rs") => &*RUST,
        _ => return Ok(text.lines().map(escaped).collect()),
    };
    let mut highlighter = Highlighter::new();
    let events = highlighter.highlight(configuration, text.as_bytes(), None, |_| None);
    let events = events.with_context(|| format!("{path} cannot be parsed"))?;
    let mut renderer = HtmlRenderer::new();
    let class = |highlight: Highlight, attributes: &mut Vec<u8>| {
        attributes.extend(b"class=");
        attributes.extend(COLOURED[highlight.0].1.bytes());
    };
    renderer.render(events, text.as_bytes(), &class)?;
    Ok(renderer.lines().map(|line| line.trim_end_matches('\n').to_owned()).collect())
}

fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A line of HTML without this many spaces at its beginning, which may be within an element.
pub fn without_indentation(line: &str, columns: usize) -> String {
    let spaces = " ".repeat(columns);
    if let Some(rest) = line.strip_prefix(&spaces) {
        return rest.to_owned();
    }
    match line.split_once('>') {
        Some((tag, rest)) if tag.starts_with('<') => match rest.strip_prefix(&spaces) {
            Some(rest) => format!("{tag}>{rest}"),
            None => line.to_owned(),
        },
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_whole_by_itself() {
        let lines = highlighted("a.c", "/* a\n   b */\nint x = 1 < 2;\n").unwrap();
        assert_eq!(lines[0], "<span class=c>/* a</span>");
        assert_eq!(lines[1], "<span class=c>   b */</span>");
        assert!(lines[2].contains("&lt;"), "{}", lines[2]);
        assert_eq!(highlighted("a.txt", "<\n").unwrap(), ["&lt;"]);
    }
}
