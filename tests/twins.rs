//! Twins stand line beside line: what `c-reference/NAME.c` says, its Rust twin says in the same
//! order. Both are parsed, and each pair has a test of its own for each of these:
//!
//! - `steps`: the numbered comments are the same, and count from 1;
//! - `comments`: so are all others, up to the step they follow, except what only Rust has to say;
//! - `strings`: so are the strings of the program, byte for byte;
//! - `calls`: the same C functions are called;
//! - `names`: every variable, constant and function has the same name, in the case of its language;
//! - `headers`: each `#include` of C has its `use` of the module at the header's path, in the same order, and no other
//!   module is used.
//!
//! `finds` and `allows` try the checks themselves on a small pair, `needed` their exceptions.

#[path = "common/root.rs"]
mod root;
#[path = "common/trials.rs"]
mod trials;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use root::root;
use tree_sitter::{Node, Parser, Tree};

/// Functions that a Rust twin calls where C has an operator, a variable, or nothing at all.
const NOT_CALLED_IN_C: &[(&str, &str)] = &[
    ("SIGRTMIN", "a macro in C"),
    ("errno", "a variable in C"),
    ("from", "widens a number; C does so without a word"),
    ("new", "the first value of a variable that a signal handler shares; C declares it"),
    ("from_raw_parts_mut", "a pointer is an array in C, of any length"),
    ("from_ptr", "an array of char that ends with a NUL is a string in C"),
    ("null", "a pointer that is NULL in C"),
    ("null_mut", "a pointer that is NULL in C"),
    ("optarg", "a variable in C"),
    ("optind", "a variable in C"),
    ("optopt", "a variable in C"),
    ("size_of", "sizeof is an operator"),
    ("stderr", "a variable in C"),
    ("stdout", "a variable in C"),
    ("tcpi_snd_wscale", "a bit-field in C"),
    ("uninit", "a variable without a value; C only declares it"),
];

/// Names that only a Rust twin declares.
const NOT_DECLARED_IN_C: &[(&str, &str)] = &[
    ("at", "a method: argues once for what is an index or a dereferenced pointer in C"),
    ("capacity", "a field in C; in Rust only its module may change it"),
    ("digit", "what the pattern of a loop found; C looks again"),
    ("entries", "a pointer is an array in C, of any length"),
    ("error", "the Err of a call that failed; C has errno"),
    ("failed", "a Result that is no success; C has the number in the variable"),
    ("draining", "a field in C; in Rust only its module may change it"),
    ("listener", "a field in C; in Rust only its module may change it"),
];

/// What Rust calls in place of a function of C. The initialiser `= {0}` counts as a call of memset.
const CALLED_IN_PLACE: &[(&str, &str)] = &[("zeroed", "memset")];

/// Headers that C includes for types, constants and macros only, and that Rust has no module for.
const WITHOUT_A_MODULE: &[(&str, &str)] = &[
    ("limits.h", "INT_MAX; c_int::MAX in Rust"),
    ("linux/sockios.h", "constants"),
    ("netinet/in.h", "types and constants"),
    ("stdbool.h", "a type of the language in Rust"),
    ("stddef.h", "NULL, size_t and offsetof"),
    ("stdint.h", "types"),
    ("sys/syscall.h", "constants"),
    ("sys/types.h", "types"),
];

/// Modules that no header stands for.
const WITHOUT_A_HEADER: &[(&str, &str)] = &[("runtime", "what only Rust needs to start a program")];

/// What begins a comment that only Rust has.
const RUST_ALONE: [&str; 2] = ["SAFETY:", "Rust:"];

type Check = fn(&Pair) -> Result<()>;

const CHECKS: [(&str, Check); 6] = [
    ("steps", same_steps),
    ("comments", same_comments),
    ("strings", same_strings),
    ("calls", same_calls),
    ("names", same_names),
    ("headers", same_headers),
];

fn main() -> ExitCode {
    trials::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    // The trials live as long as the process.
    let pairs: &'static [Pair] = pairs()?.leak();
    let mut trials = Vec::new();
    for pair in pairs {
        for (kind, check) in CHECKS {
            let name = format!("{kind}::{}", pair.name);
            trials.push(Trial::test(name, move || Ok(check(pair)?)));
        }
    }
    let needed: [(&str, Needed); 3] = [("calls", needed_calls), ("names", needed_names), ("headers", needed_headers)];
    for (kind, check) in needed {
        let name = format!("needed::{kind}");
        trials.push(Trial::test(name, move || Ok(check(pairs)?)));
    }
    trials.extend(own::trials());
    Ok(trials)
}

/// A C source and its Rust twin.
struct Pair {
    name: String,
    c: Source,
    /// The C twin's own header, if other programs share the module.
    header: Option<Source>,
    rust: Source,
    /// A program has numbered steps; a module need not.
    is_program: bool,
}

/// The folders of the twins: those of the programs, and of what they share.
const FOLDERS: [(&str, &str); 3] =
    [("c-reference", "src/bin"), ("c-reference/common", "src/common"), ("c-reference/server", "src/server")];

/// Every program has both twins, and so has every module that programs share.
fn pairs() -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for (in_c, in_rust) in FOLDERS {
        let mut names = stems(in_c, "c")?;
        names.extend(stems(in_rust, "rs")?);
        ensure!(!names.is_empty(), "there are no twins in {in_c}");
        for name in names {
            let header = format!("{in_c}/{name}.h");
            let has_header = root().join(&header).exists();
            pairs.push(Pair {
                c: Source::read(&format!("{in_c}/{name}.c"))?,
                header: has_header.then(|| Source::read(&header)).transpose()?,
                rust: Source::read(&format!("{in_rust}/{name}.rs"))?,
                is_program: in_rust == "src/bin",
                name,
            });
        }
    }
    Ok(pairs)
}

fn stems(folder: &str, extension: &str) -> Result<BTreeSet<String>> {
    let mut stems = BTreeSet::new();
    for entry in fs::read_dir(root().join(folder)).context(folder.to_owned())? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let stem = path.file_stem().context("a file has a name")?;
            stems.insert(stem.to_string_lossy().into_owned());
        }
    }
    Ok(stems)
}

/// A file, parsed.
struct Source {
    file: String,
    text: String,
    tree: Tree,
    language: Language,
}

#[derive(Clone, Copy, PartialEq)]
enum Language {
    C,
    Rust,
}

/// Something that stands in a source, and should stand in its twin.
struct Found {
    line: usize,
    what: String,
}

impl Source {
    fn read(file: &str) -> Result<Self> {
        let text = fs::read_to_string(root().join(file)).with_context(|| format!("a twin is missing: {file}"))?;
        let source = Self::parse(file, text)?;
        // What the parser did not understand, the checks would not see.
        ensure!(!source.tree.root_node().has_error(), "{file} cannot be parsed");
        Ok(source)
    }

    fn parse(file: &str, text: String) -> Result<Self> {
        let (language, grammar) = if file.ends_with(".rs") {
            (Language::Rust, tree_sitter_rust::LANGUAGE)
        } else {
            (Language::C, tree_sitter_c::LANGUAGE)
        };
        let mut parser = Parser::new();
        parser.set_language(&grammar.into())?;
        // Of a macro the parser knows no more than its tokens; these stand for the functions of C.
        let text = text.replace("printf!(", "printf(");
        let tree = parser.parse(&text, None).context("no tree")?;
        let file = file.to_owned();
        Ok(Self { file, text, tree, language })
    }

    fn text(&self, node: Node<'_>) -> &str {
        &self.text[node.byte_range()]
    }

    fn found(&self, node: Node<'_>, what: impl Into<String>) -> Found {
        Found { line: line(node), what: what.into() }
    }

    /// All nodes, from the first line to the last, without those of some kinds and what is in them.
    fn nodes(&self, without: &[&str]) -> Vec<Node<'_>> {
        let mut nodes = Vec::new();
        let mut rest = vec![self.tree.root_node()];
        while let Some(node) = rest.pop() {
            if !without.contains(&node.kind()) {
                nodes.push(node);
                let children: Vec<Node<'_>> = node.children(&mut node.walk()).collect();
                rest.extend(children.into_iter().rev());
            }
        }
        nodes
    }

    fn place(&self, found: Option<&Found>) -> String {
        match found {
            Some(found) => format!("{}:{}: {}", self.file, found.line, found.what),
            None => format!("{}: nothing more", self.file),
        }
    }
}

/// The line on which a node begins, counted from 1.
fn line(node: Node<'_>) -> usize {
    node.start_position().row + 1
}

/// Only the first difference is told: those after it often follow from it.
fn same(pair: &Pair, c: &[Found], rust: &[Found]) -> Result<()> {
    for index in 0..c.len().max(rust.len()) {
        let [in_c, in_rust] = [c.get(index), rust.get(index)];
        ensure!(
            in_c.map(|found| &found.what) == in_rust.map(|found| &found.what),
            "the twins differ:\n{}\n{}",
            pair.c.place(in_c),
            pair.rust.place(in_rust)
        );
    }
    Ok(())
}

fn same_steps(pair: &Pair) -> Result<()> {
    let [c, rust] = [&pair.c, &pair.rust].map(|source| {
        let mut comments = comments(source);
        comments.retain(|comment| step(&comment.what).is_some());
        comments
    });
    same(pair, &c, &rust)?;
    for (index, found) in c.iter().enumerate() {
        ensure!(step(&found.what) == Some(index + 1), "{}\nis not step {}", pair.c.place(Some(found)), index + 1);
    }
    ensure!(!c.is_empty() || !pair.is_program, "{} has no steps", pair.name);
    Ok(())
}

/// The number of a step: 3 for `[3] Bind the socket`.
fn step(comment: &str) -> Option<usize> {
    let (number, _) = comment.strip_prefix('[')?.split_once("] ")?;
    number.parse().ok()
}

fn same_comments(pair: &Pair) -> Result<()> {
    let mut in_c = comments(&pair.c);
    if let Some(header) = &pair.header {
        // What the header declares comes first in Rust, where it is in the same file.
        let first = in_c.len().min(1);
        in_c.splice(first..first, comments(header));
    }
    let [c, rust] = [in_c, comments(&pair.rust)].map(|comments| {
        let mut after = 0;
        let mut others = Vec::new();
        for comment in comments {
            match step(&comment.what) {
                Some(number) => after = number,
                None => others.push(Found { line: comment.line, what: format!("(step {after}) {}", comment.what) }),
            }
        }
        others
    });
    ensure!(!c.is_empty(), "{} has no header", pair.c.file);
    same(pair, &c, &rust)
}

/// The comments of a source, each in one line.
///
/// In C a comment is what stands between its two ends. In Rust it is made of the lines that follow
/// each other, up to one that opens another comment. A comment for Rust alone goes on to the next
/// one that is opened, so it stands last, next to what it is about.
fn comments(source: &Source) -> Vec<Found> {
    let mut comments: Vec<(Found, Node<'_>)> = Vec::new();
    for node in source.nodes(&[]) {
        let text = source.text(node);
        match node.kind() {
            "comment" | "block_comment" => {
                comments.push((source.found(node, block(text)), node));
            }
            "line_comment" => {
                let words = line_comment(text).1;
                match comments.last_mut() {
                    Some((comment, last)) if goes_on(source, *last, node) => {
                        comment.what = format!("{}\n{words}", comment.what);
                        *last = node;
                    }
                    _ => comments.push((source.found(node, words), node)),
                }
            }
            _ => {}
        }
    }
    let mut comments: Vec<Found> = comments.into_iter().map(|(comment, _)| comment).collect();
    if source.language == Language::Rust {
        comments.retain(|comment| !RUST_ALONE.iter().any(|word| comment.what.starts_with(word)));
    }
    for comment in &mut comments {
        // What a caller owes under this heading, C cannot say.
        let lines = comment.what.lines().take_while(|line| line.trim() != "# Safety");
        comment.what = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    }
    comments
}

/// Whether a line comment is one with the comment before it.
fn goes_on(source: &Source, last: Node<'_>, node: Node<'_>) -> bool {
    let [(before, _), (marker, words)] = [last, node].map(|comment| line_comment(source.text(comment)));
    let [above, here] = [last, node].map(|comment| comment.start_position());
    let below = (above.row + 1, above.column) == (here.row, here.column);
    below && before == marker && (marker != "//" || !opens(words))
}

/// The text of a comment that has two ends.
fn block(comment: &str) -> String {
    let text = comment.trim_start_matches("/*").trim_end_matches("*/");
    let lines = text.lines().map(str::trim);
    let lines = lines.map(|line| line.strip_prefix('*').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Splits `// words` into its marker and its words.
fn line_comment(comment: &str) -> (&str, &str) {
    let length =
        ["//!", "///", "//"].iter().find(|marker| comment.starts_with(**marker)).map_or(0, |marker| marker.len());
    let (marker, words) = comment.split_at(length);
    (marker, words.trim())
}

/// Whether a line begins a comment even where another one stands on the line above.
fn opens(line: &str) -> bool {
    let erratum = line.strip_prefix("Erratum ").and_then(|rest| rest.split_once(':'));
    step(line).is_some()
        || RUST_ALONE.iter().any(|word| line.starts_with(word))
        || erratum.is_some_and(|(number, _)| number.parse::<usize>().is_ok())
}

fn same_strings(pair: &Pair) -> Result<()> {
    let [c, rust] = [strings(&pair.c)?, strings(&pair.rust)?];
    ensure!(!c.is_empty() || !pair.is_program, "{} has no strings", pair.c.file);
    same(pair, &c, &rust)
}

/// The strings that the program holds: not those of attributes, `extern "C"` or `#include`.
fn strings(source: &Source) -> Result<Vec<Found>> {
    let without = ["attribute_item", "inner_attribute_item", "extern_modifier", "preproc_include"];
    let mut strings = Vec::new();
    for node in source.nodes(&without) {
        let text = source.text(node);
        let joined = node.parent().is_some_and(|parent| parent.kind() == "concatenated_string");
        match node.kind() {
            "string_literal" if !joined => {
                strings.push(source.found(node, show(&decode(text, source.language)?)));
            }
            // C makes one string of those that stand side by side.
            "concatenated_string" => {
                let mut bytes = Vec::new();
                for part in node.named_children(&mut node.walk()) {
                    bytes.extend(decode(source.text(part), source.language)?);
                }
                strings.push(source.found(node, show(&bytes)));
            }
            "raw_string_literal" => {
                let inside = text.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
                let (inside, _) = inside.context("no string")?;
                strings.push(source.found(node, show(inside.as_bytes())));
            }
            // The parser leaves what a macro stands for as it is.
            "preproc_arg" => {
                let value = Source::parse(&source.file, text.to_owned())?;
                for string in self::strings(&value)? {
                    strings.push(source.found(node, string.what));
                }
            }
            _ => {}
        }
    }
    Ok(strings)
}

/// The bytes of a string literal, without the NUL that ends it.
fn decode(literal: &str, language: Language) -> Result<Vec<u8>> {
    let (_, text) = literal.split_once('"').context("no string")?;
    let mut rest = text.strip_suffix('"').context("no end of a string")?;
    let mut bytes = Vec::new();
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend(plain.bytes());
        let length = match (language, escape.as_bytes()) {
            (Language::Rust, [b'x', ..]) => 3,
            (Language::Rust, [b'u', ..]) => escape.find('}').context("no end of \\u{…}")? + 1,
            (Language::C, [b'x', digits @ ..]) => 1 + run(digits, usize::MAX, u8::is_ascii_hexdigit),
            (Language::C, digits @ [b'0'..=b'7', ..]) => run(digits, 3, |d| matches!(d, b'0'..=b'7')),
            _ => 1,
        };
        let (escape, after) = escape.split_at(length);
        rest = after;
        match (language, escape) {
            (_, "n") => bytes.push(b'\n'),
            (_, "r") => bytes.push(b'\r'),
            (_, "t") => bytes.push(b'\t'),
            (_, "\\" | "\"" | "'") => bytes.extend(escape.bytes()),
            (Language::C, "\n") => {}
            // In Rust the line that goes on begins with its first word.
            (Language::Rust, "\n") => rest = rest.trim_start(),
            (Language::Rust, "0") => bytes.push(0),
            _ => {
                if let Some(digits) = escape.strip_prefix('x') {
                    bytes.push(u8::from_str_radix(digits, 16)?);
                } else if let Some(digits) = escape.strip_prefix("u{") {
                    let code = u32::from_str_radix(digits.trim_end_matches('}'), 16)?;
                    let character = char::from_u32(code).context("no character")?;
                    bytes.extend(character.to_string().bytes());
                } else if let (Language::C, Ok(byte)) = (language, u8::from_str_radix(escape, 8)) {
                    bytes.push(byte);
                } else {
                    bail!("unknown escape \\{escape} in {literal}");
                }
            }
        }
    }
    bytes.extend(rest.bytes());
    Ok(bytes)
}

/// How many bytes in front are of one kind, `most` at most.
fn run(bytes: &[u8], most: usize, is: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take(most).take_while(|byte| is(byte)).count()
}

/// Bytes as a person reads them, with nothing left out.
fn show(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

fn same_calls(pair: &Pair) -> Result<()> {
    let c = calls(&pair.c);
    let mut rust = calls(&pair.rust);
    rust.retain(|call| !lists(NOT_CALLED_IN_C, &call.what));
    ensure!(!c.is_empty(), "{} calls nothing", pair.c.file);
    same(pair, &c, &rust)
}

/// The functions that are called by their names, in the order in which the calls begin.
///
/// In Rust neither methods count nor what makes a value, as `Ok(…)`: C has neither. Any other
/// function does, so that a call too many is found.
fn calls(source: &Source) -> Vec<Found> {
    let mut calls = Vec::new();
    for node in source.nodes(&[]) {
        if source.language == Language::C && node.kind() == "initializer_list" && source.text(node) == "{0}" {
            calls.push(source.found(node, "memset"));
        }
        if node.kind() != "call_expression" {
            continue;
        }
        let mut function = node.child_by_field_name("function");
        if let Some(generic) = function.filter(|function| function.kind() == "generic_function") {
            function = generic.child_by_field_name("function");
        }
        if let Some(scoped) = function.filter(|function| function.kind() == "scoped_identifier") {
            function = scoped.child_by_field_name("name");
        }
        if let Some(name) = function.filter(|function| function.kind() == "identifier") {
            let name = source.text(name);
            if source.language == Language::C || !is_camel_case(name) {
                let in_place = CALLED_IN_PLACE.iter().find(|(other, _)| *other == name);
                calls.push(source.found(node, self::name(in_place.map_or(name, |(_, c)| c))));
            }
        }
    }
    calls
}

fn is_camel_case(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

/// A name as both twins may have it: `echo_serv_addr` for `echoServAddr`, constants as they are.
fn name(identifier: &str) -> String {
    let identifier = identifier.trim_start_matches("r#");
    if !identifier.contains(char::is_lowercase) {
        return identifier.to_owned();
    }
    let letters: Vec<char> = identifier.chars().collect();
    let mut name = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| letters[index]);
        let after = letters.get(index + 1);
        // A word begins at the capital of `echoServ`, and at the second one of `IPAddress`.
        let begins = before.is_some_and(|before| {
            before.is_lowercase()
                || before.is_ascii_digit()
                || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
        });
        if letter.is_uppercase() && begins {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

fn lists(exceptions: &[(&str, &str)], name: &str) -> bool {
    exceptions.iter().any(|(exception, _)| *exception == name)
}

/// What a twin declares: the function in which it does, and the name, both as in Rust. With them
/// the place, and the name as it is written.
type Names = BTreeMap<(String, String), String>;

fn same_names(pair: &Pair) -> Result<()> {
    let [c, rust] = [names_in_c(pair), rust_names(&pair.rust)];
    ensure!(!c.is_empty(), "{} declares nothing", pair.c.file);
    // What C keeps in a variable to test it, and then only returns, has no name in Rust.
    let returned = returned(&pair.c);
    let expected_in_rust = c.iter().filter(|(name, _)| !returned.contains(name) || rust.contains_key(name));
    let expected_in_rust = expected_in_rust.map(|(name, place)| (name.clone(), place.clone())).collect();
    let mut missing = missing(&expected_in_rust, &rust, &pair.rust);
    let mut expected = rust;
    expected.retain(|(_, name), _| !lists(NOT_DECLARED_IN_C, name));
    missing.extend(self::missing(&expected, &c, &pair.c));
    ensure!(missing.is_empty(), "names without a twin:\n{}", missing.join("\n"));
    Ok(())
}

fn missing(names: &Names, twins: &Names, twin: &Source) -> Vec<String> {
    let without = names.iter().filter(|(name, _)| !twins.contains_key(*name));
    let lines = without.map(|((function, name), place)| {
        let scope = if function.is_empty() { "no function" } else { function };
        format!("{place} ({scope}) has no {name} in {}", twin.file)
    });
    lines.collect()
}

/// The C twin, and its header if there is one.
fn names_in_c(pair: &Pair) -> Names {
    let sources = pair.header.iter().chain([&pair.c]);
    sources.flat_map(c_names).collect()
}

/// Variables, parameters and functions, and constants that stand for something. (The macro that
/// keeps a header from being read twice stands for nothing.)
fn c_names(source: &Source) -> Names {
    let mut names = Names::new();
    for node in source.nodes(&[]) {
        let declared = match node.kind() {
            "declaration" | "parameter_declaration" | "function_definition" => {
                let mut walk = node.walk();
                let declarators = node.children_by_field_name("declarator", &mut walk);
                declarators.filter_map(innermost).collect()
            }
            "preproc_def" if node.child_by_field_name("value").is_none() => Vec::new(),
            "preproc_def" | "preproc_function_def" | "enumerator" => {
                node.child_by_field_name("name").into_iter().collect()
            }
            _ => Vec::new(),
        };
        let scope = scope(node, &["function_definition", "function_declarator"]);
        let function = scope.and_then(innermost);
        add(source, &mut names, function, declared);
    }
    names
}

/// The name within a C declarator: `argv` in `*argv[]`.
fn innermost(declarator: Node<'_>) -> Option<Node<'_>> {
    let inner = match declarator.kind() {
        "identifier" => return Some(declarator),
        "parenthesized_declarator" => declarator.named_child(0),
        _ => declarator.child_by_field_name("declarator"),
    };
    innermost(inner?)
}

/// The variables that are the last thing a function returns, each with the function.
fn returned(source: &Source) -> BTreeSet<(String, String)> {
    let mut returned = BTreeSet::new();
    for function in source.nodes(&[]).into_iter().filter(|node| node.kind() == "function_definition") {
        let body = function.child_by_field_name("body");
        let last = body.and_then(|body| body.named_children(&mut body.walk()).last());
        let value = last.filter(|last| last.kind() == "return_statement").and_then(|last| last.named_child(0));
        let value = value.filter(|value| value.kind() == "identifier");
        let of = function.child_by_field_name("declarator").and_then(innermost);
        returned.extend(of.zip(value).map(|(of, value)| (name(source.text(of)), name(source.text(value)))));
    }
    returned
}

/// Variables, parameters, what patterns bind, constants and functions.
fn rust_names(source: &Source) -> Names {
    let mut names = Names::new();
    for node in source.nodes(&[]) {
        let mut declared = Vec::new();
        match node.kind() {
            "function_item" | "const_item" | "static_item" => {
                declared.extend(node.child_by_field_name("name"));
            }
            "let_declaration" | "let_condition" | "parameter" | "for_expression" | "match_arm" => {
                if let Some(pattern) = node.child_by_field_name("pattern") {
                    bindings(source, pattern, &mut declared);
                }
            }
            "closure_parameters" => {
                let mut walk = node.walk();
                let patterns = node.named_children(&mut walk);
                declared.extend(patterns.filter(|pattern| pattern.kind() == "identifier"));
            }
            _ => {}
        }
        let function = scope(node, &["function_item"]);
        let function = function.and_then(|function| function.child_by_field_name("name"));
        add(source, &mut names, function, declared);
    }
    names
}

/// The names that a Rust pattern binds: not its types, its constants or the guard after it.
fn bindings<'t>(source: &Source, pattern: Node<'t>, names: &mut Vec<Node<'t>>) {
    match pattern.kind() {
        "identifier" | "shorthand_field_identifier" => {
            if !source.text(pattern).starts_with(char::is_uppercase) {
                names.push(pattern);
            }
        }
        "scoped_identifier" => {}
        _ => {
            for (index, child) in pattern.children(&mut pattern.walk()).enumerate() {
                let field = u32::try_from(index).ok().and_then(|i| pattern.field_name_for_child(i));
                if !matches!(field, Some("type" | "condition")) {
                    bindings(source, child, names);
                }
            }
        }
    }
}

/// The nearest node of one of these kinds around another one.
fn scope<'t>(node: Node<'t>, kinds: &[&str]) -> Option<Node<'t>> {
    let around = node.parent()?;
    if kinds.contains(&around.kind()) { Some(around) } else { scope(around, kinds) }
}

fn add(source: &Source, names: &mut Names, function: Option<Node<'_>>, declared: Vec<Node<'_>>) {
    let function = function.map(|function| name(source.text(function))).unwrap_or_default();
    for node in declared {
        let written = source.text(node);
        let key = (function.clone(), name(written));
        names.entry(key).or_insert_with(|| source.place(Some(&source.found(node, written))));
    }
}

fn same_headers(pair: &Pair) -> Result<()> {
    let used = modules(&pair.rust);
    let mut included = headers(&pair.c);
    if let Some(header) = &pair.header {
        included.extend(headers(header));
        // Two files of C are one in Rust: what each needs, in one order.
        included.sort_by_key(|header| (is_ours(&header.what), header.what.clone()));
        included.dedup_by_key(|header| header.what.clone());
        included.retain(|included| format!("c-reference/{}", included.what) != header.file);
    }
    included.retain(|header| !lists(WITHOUT_A_MODULE, &header.what));
    // A header is included for its types alone if nothing is called that its module has.
    let without = |header: &Found| !used.iter().any(|module| module.what == header.what);
    let called: BTreeSet<String> = calls(&pair.c).into_iter().map(|call| call.what).collect();
    for header in included.iter().filter(|header| without(header)) {
        let module = header.what.trim_end_matches(".h");
        let functions = functions(&Source::read(&format!("src/{module}.rs"))?);
        if let Some(function) = functions.intersection(&called).next() {
            bail!(
                "{}\nis where {function} comes from, but {} does not use the module",
                pair.c.place(Some(header)),
                pair.rust.file
            );
        }
    }
    included.retain(|header| !without(header));
    let used: Vec<Found> = used.into_iter().filter(|module| !is_for_rust(&module.what)).collect();
    same(pair, &included, &used)
}

/// Whether a header is of the project.
fn is_ours(header: &str) -> bool {
    header.starts_with("common/") || header.starts_with("server/")
}

/// Whether a module has no header, by its name as a header.
fn is_for_rust(module: &str) -> bool {
    module.strip_suffix(".h").is_some_and(|module| lists(WITHOUT_A_HEADER, module))
}

/// The headers that a C source includes: paths from `c-reference` for those of the project.
fn headers(source: &Source) -> Vec<Found> {
    let folder = source.file.strip_prefix("c-reference/").and_then(|file| file.rsplit_once('/'));
    let folder = folder.map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let includes = source.nodes(&[]).into_iter().filter(|node| node.kind() == "preproc_include");
    let paths = includes.filter_map(|node| Some((node, node.child_by_field_name("path")?)));
    let headers = paths.map(|(node, path)| {
        let written = source.text(path);
        let header = match written.strip_prefix('"') {
            None => written.trim_matches(['<', '>']).to_owned(),
            Some(ours) => match ours.trim_end_matches('"').strip_prefix("../") {
                Some(path) => path.to_owned(),
                None => format!("{folder}{}", ours.trim_end_matches('"')),
            },
        };
        source.found(node, header)
    });
    headers.collect()
}

/// The modules that a Rust source uses, each as the header that it stands for.
fn modules(source: &Source) -> Vec<Found> {
    let mut modules = Vec::new();
    for node in source.nodes(&[]).into_iter().filter(|node| node.kind() == "use_declaration") {
        let Some(path) = node.child_by_field_name("argument").map(|path| source.text(path)) else {
            continue;
        };
        let ours = ["sockmirror::", "crate::"].iter().find_map(|root| path.strip_prefix(root));
        // What is used of the module comes last, in braces if there is more than one.
        if let Some((module, _)) = ours.and_then(|path| {
            let path = path.split('{').next().unwrap_or(path);
            path.strip_suffix("::").map(|module| (module, "")).or_else(|| path.rsplit_once("::"))
        }) {
            modules.push(source.found(node, format!("{}.h", module.replace("::", "/"))));
        }
    }
    modules
}

/// The names of the functions that a module has.
fn functions(module: &Source) -> BTreeSet<String> {
    let kinds = ["function_item", "function_signature_item"];
    let items = module.nodes(&[]).into_iter().filter(|node| kinds.contains(&node.kind()));
    let names = items.filter_map(|item| item.child_by_field_name("name"));
    names.map(|node| name(module.text(node))).collect()
}

type Needed = fn(&[Pair]) -> Result<()>;

fn needed_calls(pairs: &[Pair]) -> Result<()> {
    let calls = pairs.iter().flat_map(|pair| calls(&pair.rust));
    let calls: BTreeSet<String> = calls.map(|call| call.what).collect();
    needed(NOT_CALLED_IN_C, &calls)
}

fn needed_names(pairs: &[Pair]) -> Result<()> {
    let mut names = BTreeSet::new();
    for pair in pairs {
        let c = names_in_c(pair);
        let only_in_rust = rust_names(&pair.rust).into_keys().filter(|name| !c.contains_key(name));
        names.extend(only_in_rust.map(|(_, name)| name));
    }
    needed(NOT_DECLARED_IN_C, &names)
}

fn needed_headers(pairs: &[Pair]) -> Result<()> {
    let sources = pairs.iter().flat_map(|pair| pair.header.iter().chain([&pair.c]));
    let included = sources.flat_map(headers).map(|header| header.what).collect();
    needed(WITHOUT_A_MODULE, &included)?;
    for (header, _) in WITHOUT_A_MODULE {
        let module = format!("src/{}.rs", header.trim_end_matches(".h"));
        ensure!(!root().join(&module).exists(), "{header} has a module: {module}");
    }
    let used = pairs.iter().flat_map(|pair| modules(&pair.rust));
    let used = used.map(|module| module.what.trim_end_matches(".h").to_owned()).collect();
    needed(WITHOUT_A_HEADER, &used)
}

fn needed(exceptions: &[(&str, &str)], names: &BTreeSet<String>) -> Result<()> {
    for (exception, reason) in exceptions {
        ensure!(names.contains(*exception), "{exception} ({reason}) is an exception that no twin needs");
    }
    Ok(())
}

/// The checks, tried on a small pair: it passes, and no longer does when one twin is changed.
mod own {
    use super::*;

    const C: &str = r##"/*
 * Counter: takes a number,
 * and gives it back.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/explain.h"

#define PROGRAM "counter"
#define LIMIT 3

static void DieWithError(const char *errorText)
{
    fprintf(stderr, "%s\n", errorText);
    exit(1);
}

int main(int argc, char *argv[])
{
    int firstNumber;

    /* [1] Take the number */
    /* Erratum 9: there is none. */
    if ((firstNumber = atoi(argv[1])) < LIMIT)
        DieWithError("too small: 작다");

    /* [2] Close it */
    /* It may fail, and nobody looks. */
    close(firstNumber);
    exit(0);
}
"##;

    const RUST: &str = r##"//! Counter: takes a number,
//! and gives it back.
#![no_std]
use libc::c_int;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, stderr};
use sockmirror::stdlib::{atoi, exit};
use sockmirror::unistd::close;

use sockmirror::common::explain::explain_errno;

const PROGRAM: &CStr = c"counter";
const LIMIT: c_int = 3;

#[expect(clippy::all, reason = "as in C")]
fn die_with_error(error_text: &CStr) -> ! {
    // SAFETY: nothing here
    // is unsafe.
    fprintf!(stderr(), c"%s\n", error_text);
    exit(1);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    // [1] Take the number
    // Erratum 9: there is none.
    // Rust: the same in two steps.
    let first_number = atoi(argv[1]);
    if first_number < LIMIT {
        die_with_error(c"too small: 작다");
    }

    // [2] Close it

    // It may fail, and nobody looks.
    if let Err(error) = close(first_number) {}
    exit(0);
}
"##;

    /// The check, the name of the change, the twins that are changed, the text that is replaced,
    /// what by, and what the check must then say, or nothing if the change is allowed.
    type Change = (&'static str, &'static str, Twins, &'static str, &'static str, Says);
    type Twins = &'static [Language];
    type Says = Option<&'static str>;

    const IN_C: Twins = &[Language::C];
    const IN_RUST: Twins = &[Language::Rust];
    const IN_BOTH: Twins = &[Language::C, Language::Rust];

    // Two lines for each: by the formatter it would be eight.
    #[rustfmt::skip]
    const CHANGES: [Change; 43] = [
        ("steps", "other_words", IN_RUST,
            "Close it", "Close them", Some("twin.rs:32: [2] Close them")),
        ("steps", "other_number", IN_C,
            "[2]", "[3]", Some("twin.c:30: [3] Close it")),
        ("steps", "a_gap", IN_BOTH,
            "[2]", "[3]", Some("twin.c:30: [3] Close it\nis not step 2")),
        ("steps", "one_missing", IN_RUST,
            "    // [2] Close it\n", "", Some("twin.rs: nothing more")),
        ("steps", "one_too_many", IN_RUST,
            "    exit(0);", "    // [3] End\n    exit(0);", Some("twin.c: nothing more")),
        ("comments", "other_words", IN_C,
            "nobody looks", "somebody looks", Some("twin.c:31: (step 2) It may fail, and somebody looks.")),
        ("comments", "other_header", IN_RUST,
            "gives it back", "keeps it", Some("twin.rs:1: (step 0) Counter: takes a number, and keeps it.")),
        ("comments", "one_missing_in_c", IN_C,
            "    /* Erratum 9: there is none. */\n", "", Some("twin.c:30: (step 2) It may")),
        ("comments", "other_place", IN_C,
            "    /* [2] Close it */\n", "", Some("twin.c:30: (step 1) It may fail, and nobody looks.")),
        ("comments", "one_missing", IN_RUST,
            "    // It may fail, and nobody looks.\n", "", Some("twin.rs: nothing more")),
        ("comments", "one_too_many", IN_RUST,
            "    exit(0);", "    // Over.\n    exit(0);", Some("twin.rs:36: (step 2) Over.")),
        ("comments", "one_of_rust_in_c", IN_C,
            "/* It", "/* Rust: it */\n    /* It", Some("twin.c:31: (step 2) Rust: it")),
        ("comments", "one_more_for_rust", IN_RUST,
            "    exit(0);", "    // Rust: over,\n    // and out.\n    exit(0);", None),
        ("comments", "one_beside_an_attribute", IN_RUST,
            "in C\")]", "in C\")] // Rust: why", None),
        ("comments", "another_width", IN_C,
            "number,\n * and", "number, and", None),
        ("comments", "what_a_caller_owes", IN_RUST,
            "back.\n", "back.\n//!\n//! # Safety\n//!\n//! None.\n", None),
        ("strings", "other_text", IN_RUST,
            "too small", "too large", Some("twin.rs:29: \"too large: 작다\"")),
        ("strings", "other_escape", IN_C,
            "%s\\n", "%s\\r", Some("twin.c:17: \"%s\\r\"")),
        ("strings", "other_bytes", IN_C,
            "작다", "\\xec\\x9e", Some("twin.c:28: \"too small: \\xec\\x9e\"")),
        ("strings", "other_macro", IN_C,
            "\"counter\"", "\"clock\"", Some("twin.c:12: \"clock\"")),
        ("strings", "one_missing", IN_RUST,
            "const PROGRAM: &CStr = c\"counter\";\n", "", Some("twin.c:12: \"counter\"")),
        ("strings", "bytes_spelt_out", IN_C,
            "작다", "\\xec\\x9e\\221\\xeb\\x8b\\xa4", None),
        ("strings", "character_spelt_out", IN_RUST,
            "작다", "\\u{c791}다", None),
        ("strings", "two_pieces", IN_C,
            "too small", "too\" \" small", None),
        ("calls", "other_function", IN_RUST,
            "close(first", "shutdown(first", Some("twin.rs:35: shutdown")),
        ("calls", "one_missing", IN_RUST,
            "    exit(0);\n", "", Some("twin.rs: nothing more")),
        ("calls", "one_too_many", IN_RUST,
            "    exit(0);", "    libc::sync();\n    exit(0);", Some("twin.rs:36: sync")),
        ("calls", "other_order", IN_C,
            "    close(firstNumber);\n    exit(0);", "    exit(0);\n    close(firstNumber);", Some("twin.c:32: exit")),
        ("calls", "zeros_only_in_c", IN_C,
            "int firstNumber;", "int firstNumber, numbers[9] = {0};", Some("twin.c:23: memset")),
        ("calls", "methods_and_values", IN_RUST,
            "    exit(0);", "    _ = Ok(argv.len());\n    exit(0);", None),
        ("names", "other_variable", IN_RUST,
            "let first_number", "let number", Some("twin.rs:27: number (main) has no number in twin.c")),
        ("names", "other_parameter", IN_C,
            "const char *errorText)", "const char *text)", Some("twin.c:15: text (die_with_error) has no text in twin.rs")),
        ("names", "other_function", IN_C,
            "static void DieWithError", "static void Die", Some("twin.rs:16: die_with_error (no function)")),
        ("names", "other_constant", IN_C,
            "define LIMIT", "define MOST", Some("twin.c:13: MOST (no function)")),
        ("names", "other_scope", IN_C,
            "    int firstNumber;\n", "", Some("twin.rs:27: first_number (main) has no first_number in twin.c")),
        ("names", "one_in_a_pattern", IN_RUST,
            "Err(error) =", "Err(reason) =", Some("twin.rs:35: reason (main) has no reason in twin.c")),
        ("names", "a_constant_in_a_pattern", IN_RUST,
            "Err(error) =", "Err(EINTR) =", None),
        ("names", "one_that_is_only_returned", IN_C,
            "    exit(0);\n}", "    int last = exit(0);\n    return last;\n}", None),
        ("headers", "one_missing", IN_C,
            "#include <unistd.h>\n", "", Some("twin.rs:8: unistd.h")),
        ("headers", "one_missing", IN_RUST,
            "use sockmirror::unistd::close;\n", "", Some("twin.c:8: unistd.h\nis where close comes from")),
        ("headers", "other_order", IN_C,
            "#include <stdlib.h>\n#include <unistd.h>\n", "#include <unistd.h>\n#include <stdlib.h>\n", Some("twin.c:7: unistd.h")),
        ("headers", "other_folder", IN_RUST,
            "common::explain", "server::explain", Some("twin.rs:10: server/explain.h")),
        ("headers", "for_a_type", IN_C,
            "#include <unistd.h>\n", "#include <sys/stat.h>\n#include <unistd.h>\n", None),
    ];

    pub fn trials() -> Vec<Trial> {
        let mut trials = Vec::new();
        for (kind, check) in CHECKS {
            let name = format!("allows::{kind}::the_same");
            trials.push(Trial::test(name, move || Ok(check(&pair(C, RUST)?)?)));
        }
        for change in CHANGES {
            let (kind, name, .., says) = change;
            let verdict = if says.is_some() { "finds" } else { "allows" };
            let name = format!("{verdict}::{kind}::{name}");
            trials.push(Trial::test(name, move || Ok(try_out(change)?)));
        }
        trials.push(Trial::test("finds::needed::nowhere", || {
            let nowhere = needed(&[("error", "no reason")], &BTreeSet::new());
            if nowhere.is_ok() { Err("not found".into()) } else { Ok(()) }
        }));
        trials
    }

    fn pair(c: &str, rust: &str) -> Result<Pair> {
        Ok(Pair {
            name: "twin".to_owned(),
            c: Source::parse("twin.c", c.to_owned())?,
            header: None,
            rust: Source::parse("twin.rs", rust.to_owned())?,
            is_program: true,
        })
    }

    fn try_out((kind, _, twins, find, put, says): Change) -> Result<()> {
        let check = CHECKS.into_iter().find(|(name, _)| *name == kind);
        let (_, check) = check.context("no such check")?;
        let [mut c, mut rust] = [C, RUST].map(str::to_owned);
        for language in twins {
            let twin = if *language == Language::C { &mut c } else { &mut rust };
            ensure!(twin.matches(find).count() == 1, "not once in the twin: {find}");
            *twin = twin.replace(find, put);
        }
        let pair = pair(&c, &rust)?;
        match (check(&pair), says) {
            (result, None) => result,
            (Ok(()), Some(says)) => bail!("not found: {says}"),
            (Err(error), Some(says)) => {
                ensure!(error.to_string().contains(says), "{says}\nis not what it says:\n{error}");
                Ok(())
            }
        }
    }
}
