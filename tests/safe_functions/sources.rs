//! Which functions of the library are public and safe, as the sources say, and whether all of them have rows.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;

use libtest_mimic::{Failed, Trial};
use tree_sitter::{Node, Parser};

use crate::files::files;
use crate::root::root;
use crate::rows;

/// The checks.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("sources: each safe function has a row", each_has_a_row),
        Trial::test("sources: each row's function is safe and public", each_is_safe),
        Trial::test("sources: the parser tells safe from unsafe", tells_apart),
        Trial::test("rows: each name once", each_name_once),
    ]
}

fn each_has_a_row() -> Result<(), Failed> {
    let (safe, called) = (safe_functions()?, called());
    let others: Vec<&String> = safe.difference(&called).collect();
    if others.is_empty() { Ok(()) } else { Err(format!("no row calls {others:?}").into()) }
}

fn each_is_safe() -> Result<(), Failed> {
    let (safe, called) = (safe_functions()?, called());
    let others: Vec<&String> = called.difference(&safe).collect();
    if others.is_empty() { Ok(()) } else { Err(format!("{others:?}").into()) }
}

fn each_name_once() -> Result<(), Failed> {
    let mut names = BTreeSet::new();
    match rows::table().iter().map(rows::Row::name).find(|name| !names.insert(name.clone())) {
        Some(name) => Err(name.into()),
        None => Ok(()),
    }
}

fn tells_apart() -> Result<(), Failed> {
    let source = "pub fn a() {} pub unsafe fn b() {} fn c() {} pub(crate) fn d() {} pub const fn e() {}
        pub fn r#f() {} impl<'a> Server<'a> { pub fn g(&self) {} fn h() {} pub unsafe fn i() {} }
        impl Drop for Server<'_> { fn drop(&mut self) {} } unsafe extern \"C\" { pub unsafe fn j(); }
        pub unsafe extern \"C\" fn l() {} mod inside { pub fn m() {} }";
    let mut found = BTreeSet::new();
    read("module", source, &mut found)?;
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let expected = ["module::Server::g", "module::a", "module::e", "module::f"].as_slice();
    if found == expected { Ok(()) } else { Err(format!("{found:?}").into()) }
}

/// The functions that have rows.
fn called() -> BTreeSet<String> {
    rows::table().into_iter().map(|row| row.function).collect()
}

/// `module::function` and `module::Type::method` of all public modules.
fn safe_functions() -> Result<BTreeSet<String>, Failed> {
    let sources = root().join("src");
    let mut found = BTreeSet::new();
    for path in files(&sources, "rs")? {
        let module = path.strip_prefix(&sources)?.with_extension("");
        // The programs are nobody's library, and the root of this one has modules only.
        if !module.starts_with("bin") {
            let module = module.to_string_lossy().replace('/', "::");
            read(&module, &fs::read_to_string(path)?, &mut found)?;
        }
    }
    Ok(found)
}

/// Reads a source.
fn read(module: &str, source: &str, found: &mut BTreeSet<String>) -> Result<(), Failed> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_rust::LANGUAGE.into())?;
    let tree = parser.parse(source, None).ok_or("no tree")?;
    // What the parser did not understand would not be seen.
    if tree.root_node().has_error() {
        return Err(format!("{module} cannot be parsed").into());
    }
    for item in children(tree.root_node()) {
        read_item(module, source, item, found);
    }
    Ok(())
}

fn read_item(path: &str, source: &str, item: Node<'_>, found: &mut BTreeSet<String>) {
    let text = |node: Node<'_>| &source[node.byte_range()];
    match item.kind() {
        "function_item" if is_public(source, item) && !has(source, item, "unsafe") => {
            found.extend(name(source, item).map(|name| format!("{path}::{name}")));
        }
        "impl_item" if item.child_by_field_name("trait").is_none() => {
            let of = item.child_by_field_name("type").map_or("", text);
            let path = format!("{path}::{}", of.split('<').next().unwrap_or(of));
            for item in item.child_by_field_name("body").into_iter().flat_map(children) {
                read_item(&path, source, item, found);
            }
        }
        _ => {}
    }
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}

fn name<'s>(source: &'s str, item: Node<'_>) -> Option<&'s str> {
    let name = item.child_by_field_name("name")?;
    Some(source[name.byte_range()].trim_start_matches("r#"))
}

fn is_public(source: &str, item: Node<'_>) -> bool {
    let is_pub = |node: &Node<'_>| node.kind() == "visibility_modifier" && &source[node.byte_range()] == "pub";
    children(item).iter().any(is_pub)
}

/// Whether a function has a word before `fn`.
fn has(source: &str, item: Node<'_>, word: &str) -> bool {
    let Some(end) = item.child_by_field_name("name") else { return false };
    source[item.start_byte()..end.start_byte()].split_whitespace().any(|other| other == word)
}
