//! The modules of the tool: each stage hands a plain value to the next and uses nothing of a later
//! one, and no modules use each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src`, each of which uses only itself and those before it.
const STAGES: [&str; 10] =
    ["common", "scenario", "interop", "run", "read", "compare", "account", "show", "project", "commands"];

/// A module's path from the crate's root.
type Module = Vec<String>;

/// The modules that each module uses. What a folder's files take from its `mod.rs` is left out: that is
/// what they share.
fn uses() -> BTreeMap<Module, BTreeSet<Module>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let module = |file: &PathBuf| {
        let path = file.strip_prefix(&root).unwrap().with_extension("");
        let mut names: Module = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        names.pop_if(|name| name == "mod");
        names
    };
    // These two only declare the stages and start them.
    files.retain(|file| !["lib.rs", "main.rs"].map(|name| root.join(name)).contains(file));
    let modules: BTreeSet<Module> = files.iter().map(module).collect();
    let used = |file: &PathBuf| {
        let user = module(file);
        let paths = paths(&fs::read_to_string(file).unwrap(), &user);
        let longest = |path: Module| {
            let known = |length: &usize| modules.contains(&path[..*length]);
            let length = (1..=path.len()).rev().find(known);
            length
                .map(|length| path[..length].to_vec())
                .unwrap_or_else(|| panic!("{}: crate::{}: no such module", user.join("::"), path.join("::")))
        };
        let mut used: BTreeSet<Module> = paths.into_iter().map(longest).collect();
        used.retain(|module| !user.starts_with(module));
        (user, used)
    };
    files.iter().map(used).collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The paths in a module's text that begin with `crate` or `super`, in `use` or anywhere else.
fn paths(text: &str, module: &Module) -> Vec<Module> {
    let code: String = text.lines().map(|line| format!("{}\n", line.split("//").next().unwrap())).collect();
    let mut paths = Vec::new();
    for (start, prefix) in [("crate::", &[][..]), ("super::", &module[..module.len() - 1])] {
        for (place, _) in code.match_indices(start) {
            tree(&code[place + start.len()..], prefix, &mut paths);
        }
    }
    // `super::*` of a module inside the file.
    paths.retain(|path| !path.is_empty());
    paths
}

/// Reads a path or a tree of paths, as in `a::{b, c::d}`, and returns what follows it.
fn tree<'a>(mut text: &'a str, prefix: &[String], paths: &mut Vec<Module>) -> &'a str {
    let mut path = prefix.to_vec();
    loop {
        text = text.trim_start();
        if let Some(list) = text.strip_prefix('{') {
            text = list.trim_start();
            while !text.starts_with('}') {
                text = tree(text, &path, paths);
                // What stands before may be `as` and another name.
                text = &text[text.find([',', '}']).expect("the list ends")..];
                text = text.trim_start_matches([',', ' ', '\n']);
            }
            return &text[1..];
        }
        let length = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let name = &text[..length];
        text = &text[length..];
        if !name.is_empty() && name != "self" {
            path.push(name.to_owned());
        }
        match text.strip_prefix("::") {
            Some(rest) => text = rest,
            None => {
                paths.push(path);
                return text.strip_prefix('*').unwrap_or(text);
            }
        }
    }
}

#[test]
fn no_stage_uses_a_later_one() {
    let stage = |module: &Module| {
        let place = STAGES.iter().position(|stage| *stage == module[0]);
        place.unwrap_or_else(|| panic!("{} belongs to no stage", module[0]))
    };
    let mut wrong = Vec::new();
    for (user, used) in uses() {
        let later = used.iter().filter(|used| stage(used) > stage(&user));
        wrong.extend(later.map(|used| format!("{} uses {}", user.join("::"), used.join("::"))));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_modules_use_each_other() {
    let mut uses = uses();
    // Those that use none of the others are in no circle.
    loop {
        let before = uses.len();
        let left: BTreeSet<Module> = uses.keys().cloned().collect();
        uses.retain(|_, used| used.iter().any(|module| left.contains(module)));
        if uses.len() == before {
            break;
        }
    }
    // Nor those that none of the others uses.
    loop {
        let before = uses.len();
        let used: BTreeSet<Module> = uses.values().flatten().cloned().collect();
        uses.retain(|module, _| used.contains(module));
        if uses.len() == before {
            break;
        }
    }
    let left: Vec<String> = uses.keys().map(|module| module.join("::")).collect();
    assert!(left.is_empty(), "in or between circles: {left:#?}");
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text = "use crate::a::{self, b::{C, d}, e as f};\nuse super::g::*; // crate::no\n\
                fn h() { crate::i::j() }\nmod tests { use super::*; }";
    let found = paths(text, &vec!["run".to_owned(), "log".to_owned()]);
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["a", "a::b::C", "a::b::d", "a::e", "i::j", "run::g", "run"]);
}
