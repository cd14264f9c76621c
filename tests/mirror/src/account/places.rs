//! Finds the source lines and the step that made a system call.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use addr2line::Loader;
use anyhow::{Result, anyhow};
use object::elf::PF_X;
use object::{Object as _, ObjectSegment, ReadCache, SegmentFlags};
use regex::Regex;
use serde::Serialize;

use super::Step;
use crate::read::trace::{Event, Frame};

/// A line of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file's path, from the folder that the account was made in if it lies there.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The function, if the debugging information names it.
    pub function: Option<String>,
}

/// Looks up source lines in the debugging information of one program.
#[derive(Debug)]
pub struct Places {
    /// The folders of the program's own sources. If there are none, a source is its own unless it belongs to a
    /// compiler, a package or the system.
    own: Vec<PathBuf>,
    /// What the paths are relative to.
    base: PathBuf,
    objects: HashMap<String, Option<Object>>,
    /// The files that calls come from.
    files: BTreeMap<String, File>,
}

/// An executable file with its debugging information.
struct Object {
    loader: Loader,
    /// The segments with code: where they begin in the file, how long they are, and the address of their first byte.
    segments: Vec<(u64, u64, u64)>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object").field("segments", &self.segments).finish_non_exhaustive()
    }
}

impl Object {
    /// `None` if it is no executable file.
    fn load(path: &str) -> Option<Self> {
        let bytes = ReadCache::new(std::fs::File::open(path).ok()?);
        let file = object::File::parse(&bytes).ok()?;
        let has_code = |flags| matches!(flags, SegmentFlags::Elf { p_flags, .. } if p_flags.contains(PF_X));
        let segments = file.segments().filter(|segment| has_code(segment.flags())).map(|segment| {
            let (begin, length) = segment.file_range();
            (begin, length, segment.address())
        });
        Some(Self { loader: Loader::new(path).ok()?, segments: segments.collect() })
    }

    /// The address of a place in the file, which is what strace prints.
    fn address(&self, offset: u64) -> Option<u64> {
        self.segments.iter().find_map(|(begin, length, address)| {
            let inside = offset.checked_sub(*begin).filter(|inside| inside < length)?;
            Some(address + inside)
        })
    }
}

#[derive(Debug)]
struct File {
    text: String,
    /// The lines where steps begin, and the steps' numbers.
    steps: Vec<(u32, u32)>,
}

/// What the paths of sources that are nobody's own contain.
const FOREIGN: [&str; 5] = ["/rustc/", "/.cargo/registry/", "/rustlib/src/", "/usr/include/", "/usr/lib/"];

impl Places {
    /// For a program whose own sources lie in these folders. Paths will be relative to `base`.
    pub fn new(own: &[PathBuf], base: &Path) -> Self {
        Self { own: own.to_vec(), base: base.to_owned(), objects: HashMap::new(), files: BTreeMap::new() }
    }

    /// The program's own lines that led to an event, innermost first; none for what the kernel, the dynamic loader and
    /// the C library do by themselves.
    pub fn of(&mut self, event: &Event) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        for frame in &event.stack {
            places.extend(self.lines(frame)?);
        }
        Ok(places)
    }

    /// The step that led to these lines: the number in the last comment `[N]` above the innermost line whose file has
    /// one. What precedes the steps has none, so for a helper it is its caller's step.
    pub fn step(&self, places: &[Place]) -> Option<u32> {
        places.iter().find_map(|place| {
            let steps = &self.files.get(&place.file)?.steps;
            step_of(steps, place.line)
        })
    }

    /// The steps of the files that calls come from, file by file.
    pub fn all_steps(&self) -> Vec<Step> {
        let of_file = |(name, file): (&String, &File)| {
            let step = |(line, number): &(u32, u32)| Step {
                number: *number,
                title: title(&file.text, *line),
                file: name.clone(),
                line: *line,
            };
            file.steps.iter().map(step).collect::<Vec<_>>()
        };
        self.files.iter().flat_map(of_file).collect()
    }

    /// The files that calls come from, and their texts.
    pub fn sources(self) -> BTreeMap<String, String> {
        self.files.into_iter().map(|(name, file)| (name, file.text)).collect()
    }

    /// The own lines for a return address: several, innermost first, if functions were inlined.
    fn lines(&mut self, frame: &Frame) -> Result<Vec<Place>> {
        let object = self.objects.entry(frame.object.clone()).or_insert_with(|| Object::load(&frame.object));
        // The call instruction ends just before the return address.
        let place = object.as_ref().and_then(|object| Some((object, object.address(frame.address.checked_sub(1)?)?)));
        let Some((object, address)) = place else {
            return Ok(Vec::new());
        };
        let mut frames = object.loader.find_frames(address).map_err(|error| anyhow!("{error}"))?;
        let mut found = Vec::new();
        while let Some(frame) = frames.next()? {
            let function = frame.function.and_then(|name| Some(name.demangle().ok()?.into_owned()));
            if let Some((file, line)) = frame.location.and_then(|place| Some((place.file?.to_owned(), place.line?))) {
                found.push((file, line, function));
            }
        }
        drop(frames);
        let mut places = Vec::new();
        for (file, line, function) in found {
            if let Some(file) = self.own_file(Path::new(&file)) {
                places.push(Place { file, line, function: function.map(without_hash) });
            }
        }
        Ok(places)
    }

    /// The name of a file, if it is one of the program's own.
    fn own_file(&mut self, path: &Path) -> Option<String> {
        let path = self.base.join(path);
        let is_own = if self.own.is_empty() {
            let text = path.to_string_lossy();
            !FOREIGN.iter().any(|part| text.contains(part))
        } else {
            self.own.iter().any(|folder| path.starts_with(folder))
        };
        if !is_own {
            return None;
        }
        let name = path.strip_prefix(&self.base).unwrap_or(&path).to_string_lossy().into_owned();
        if !self.files.contains_key(&name) {
            let text = std::fs::read_to_string(&path).ok()?;
            let steps = steps(&text);
            self.files.insert(name.clone(), File { text, steps });
        }
        Some(name)
    }
}

/// `main` for `echo_server::main::h0123456789abcdef`.
fn without_hash(name: String) -> String {
    match name.rsplit_once("::h") {
        Some((before, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => before.to_owned(),
        _ => name,
    }
}

/// The lines where steps begin, and the steps' numbers.
fn steps(text: &str) -> Vec<(u32, u32)> {
    static COMMENT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\s*(?:/\*|//) \[(\d+)\]").expect("the pattern is valid"));
    let step = |(number, line)| {
        let step = COMMENT.captures(line)?.get(1)?.as_str().parse().ok()?;
        Some((number, step))
    };
    (1..).zip(text.lines()).filter_map(step).collect()
}

/// What the comment that begins in this line says after the step's number.
fn title(text: &str, line: u32) -> String {
    let mut words = Vec::new();
    let is_c = |text: &str| text.trim_start().starts_with("/*");
    let lines: Vec<&str> = text.lines().skip(line as usize - 1).collect();
    for (index, text) in lines.iter().enumerate() {
        let text = text.trim();
        let goes_on = match is_c(lines[0]) {
            true => index == 0 || !lines[index - 1].trim_end().ends_with("*/"),
            false => text.starts_with("//") && !["// SAFETY:", "// Rust:"].iter().any(|mark| text.starts_with(mark)),
        };
        if !goes_on {
            break;
        }
        let text = text.trim_start_matches(['/', '*']).trim_end_matches("*/").trim();
        let text = if index == 0 { text.split_once(']').map_or(text, |(_, rest)| rest.trim()) } else { text };
        words.push(text);
    }
    words.join(" ")
}

fn step_of(steps: &[(u32, u32)], line: u32) -> Option<u32> {
    steps.iter().rev().find(|(begin, _)| *begin <= line).map(|(_, step)| *step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_the_step_above_it() {
        let steps = steps("x\n    /* [1] Begin */\n\ny\n// [2] End\nz // [3]\n");
        assert_eq!(steps, [(2, 1), (5, 2)]);
        assert_eq!([1, 2, 4, 9].map(|line| step_of(&steps, line)), [None, Some(1), Some(1), Some(2)]);
    }

    #[test]
    fn the_title_of_a_step() {
        let c = "/* [1] Begin,\n * with care */\nx\n/* [2] End */\n";
        assert_eq!((title(c, 1).as_str(), title(c, 4).as_str()), ("Begin, with care", "End"));
        let rust = "// [1] Begin,\n// with care\n// SAFETY: it is.\nx\n";
        assert_eq!(title(rust, 1), "Begin, with care");
    }

    #[test]
    fn a_hash_is_no_part_of_a_name() {
        assert_eq!(without_hash("a::main::h0123456789abcdef".into()), "a::main");
        assert_eq!(without_hash("serve".into()), "serve");
    }
}
