//! Puts the site together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::say;
use anyhow::{Context, Result, ensure};
use mirror::project::Project;
use mirror::show::page::{SCRIPT, STYLE};
use serde::Deserialize;

use crate::chapter::{Chapter, Kind, Language, Problem, check_pair};
use crate::directive::{Directive, Run};
use crate::documents::{self, Claim, Erratum, Source};
use crate::page;
use crate::recorded::{Recorded, recorded};
use crate::{blocks, markdown};

const CONTENTS: &str = "docs/guide/contents.toml";

/// How large the site may be, in bytes.
const LARGEST: u64 = 20_000_000;

/// What came of it.
#[derive(Debug)]
pub enum Built {
    /// The site: its first page, how many pages there are, how large all is.
    Site {
        /// The page to open.
        page: PathBuf,
        /// All pages.
        pages: usize,
        /// All files together.
        bytes: u64,
    },
    /// What is wrong in the chapters.
    Problems(Vec<Problem>),
}

/// The order of the chapters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The parts.
    pub part: Vec<Part>,
    /// Of each chapter the others that belong to it: `NAME`, or `NAME#SECTION`.
    #[serde(default)]
    pub see: BTreeMap<String, Vec<String>>,
}

/// Some chapters under one title.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The title in English.
    en: String,
    /// The title in Korean.
    ko: String,
    /// The names of the chapters.
    pub chapters: Vec<String>,
}

impl Part {
    /// The title.
    pub fn title(&self, language: Language) -> &str {
        language.choose(&self.en, &self.ko)
    }
}

/// What chapters may name.
#[derive(Debug, Default)]
pub struct Names {
    /// The programs, and where each of their scenarios is written.
    pub programs: BTreeMap<String, BTreeMap<String, (String, usize)>>,
    /// The sections of each chapter.
    pub chapters: BTreeMap<String, Vec<String>>,
    /// The errata.
    pub errata: BTreeSet<u32>,
    /// The last line of the tutorial that something is said about.
    pub last_line: u32,
    /// The runs that something is taken from.
    pub runs: BTreeSet<Run>,
    /// Those that have a page: it is large.
    pub views: BTreeSet<Run>,
    /// The targets of the Makefile.
    pub targets: Vec<String>,
    /// How many lines each source has.
    pub sources: BTreeMap<String, usize>,
}

impl Names {
    /// The names of the project, without those of chapters.
    pub fn of(project: &Project) -> Result<Self> {
        let root = project.path("");
        let mut names = Self { targets: markdown::targets(project)?, ..Self::default() };
        for pair in project.pairs(&[])? {
            let place = |scenario: &mirror::scenario::Scenario| {
                let file = scenario.origin.file.strip_prefix(&root).unwrap_or(&scenario.origin.file);
                (scenario.name.clone(), (file.to_string_lossy().into_owned(), scenario.origin.line))
            };
            names.programs.insert(pair.scenarios.program.clone(), pair.scenarios.scenarios.iter().map(place).collect());
        }
        names.errata = documents::errata(project, Language::English)?.into_keys().collect();
        let claims = documents::claims(project, Language::English)?;
        names.last_line = claims.iter().map(|claim| *claim.lines.end()).max().unwrap_or(0);
        for file in source_files(project)? {
            let lines = documents::read(project, &file)?.lines().count();
            names.sources.insert(file, lines);
        }
        Ok(names)
    }
}

/// The chapters: of each name, English and Korean.
pub type Pairs = BTreeMap<String, [Chapter; 2]>;

/// All that pages are made of.
pub struct Material {
    /// What can be named.
    pub names: Names,
    /// The sources, by their paths.
    pub sources: BTreeMap<String, Source>,
    /// What was recorded.
    pub recorded: BTreeMap<Run, Recorded>,
    /// What this machine did not allow to record, and why.
    pub not_recorded: BTreeMap<Run, String>,
    /// The order.
    pub contents: Contents,
    errata: [BTreeMap<u32, Erratum>; 2],
    claims: [Vec<Claim>; 2],
    /// The tables of the documents that chapters take some from, in both languages.
    pub tables: BTreeMap<String, [Vec<String>; 2]>,
    /// The chapters.
    pub chapters: Pairs,
}

impl Material {
    /// The errata in a language.
    pub fn errata(&self, language: Language) -> &BTreeMap<u32, Erratum> {
        &self.errata[language as usize]
    }

    /// The claims in a language.
    pub fn claims(&self, language: Language) -> &[Claim] {
        &self.claims[language as usize]
    }

    /// The chapters in a language, in their order, with the titles of their parts.
    pub fn in_order(&self, language: Language) -> Vec<(&Part, &Chapter)> {
        let mut all = Vec::new();
        for part in &self.contents.part {
            for slug in &part.chapters {
                all.extend(self.chapters.get(slug).map(|pair| (part, &pair[language as usize])));
            }
        }
        all
    }
}

/// Reads the chapters of both languages, and says what is wrong in them.
pub fn chapters(project: &Project, contents: &Contents) -> Result<(Pairs, Vec<Problem>)> {
    let mut problems = Vec::new();
    let mut read: [BTreeMap<String, Chapter>; 2] = Default::default();
    let mut slugs: BTreeSet<String> = contents.part.iter().flat_map(|part| part.chapters.clone()).collect();
    slugs.insert("index".into());
    for language in Language::ALL {
        let folder = project.path("docs/guide").join(language.code());
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<_>>()?;
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "md")) {
            let slug = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            if let Some(chapter) = Chapter::read(language, &slug, &text, &mut problems) {
                if !slugs.contains(&slug) {
                    let what = format!("{CONTENTS} does not list it");
                    problems.push(Problem { file: chapter.file.clone(), line: 1, what });
                }
                read[language as usize].insert(slug, chapter);
            }
        }
        let code = language.code();
        for slug in &slugs {
            let file = format!("docs/guide/{code}/{slug}.md");
            if !project.path(&file).is_file() {
                problems.push(Problem { file: CONTENTS.into(), line: 1, what: format!("{file} is missing") });
            }
        }
    }
    let [english, mut korean] = read;
    let mut pairs = BTreeMap::new();
    for (slug, english) in english {
        let Some(korean) = korean.remove(&slug) else { continue };
        check_pair(&english, &korean, &mut problems);
        pairs.insert(slug, [english, korean]);
    }
    Ok((pairs, problems))
}

/// Reads all that needs no run, and says what is wrong in it.
pub fn prepare(project: &Project) -> Result<(Material, Vec<Problem>)> {
    let contents: Contents = toml::from_str(&documents::read(project, CONTENTS)?).context(CONTENTS)?;
    let (chapters, mut problems) = chapters(project, &contents)?;
    let mut names = Names::of(project)?;
    for chapter in chapters.values().flatten() {
        let sections = chapter.headings().iter().map(|(id, _)| (*id).to_owned()).collect();
        names.chapters.insert(chapter.slug.clone(), sections);
        for block in &chapter.blocks {
            let Kind::Directive(directive) = &block.kind else { continue };
            for run in directive.runs() {
                match markdown::no_scenario(&run.program, &run.scenario, &names) {
                    None => _ = names.runs.insert(run.clone()),
                    Some(what) => problems.push(Problem { file: chapter.file.clone(), line: block.line, what }),
                }
            }
            if let Directive::View(run) = directive {
                names.views.insert(run.clone());
            }
        }
        for program in chapter.head.programs.iter().filter(|program| !names.programs.contains_key(*program)) {
            problems.push(Problem { file: chapter.file.clone(), line: 1, what: format!("no program {program:?}") });
        }
    }
    for (slug, others) in &contents.see {
        let link = |other: &&String| markdown::resolved(&format!("chapter:{other}"), &names).is_err();
        let unknown = (!names.chapters.contains_key(slug)).then_some(slug);
        for name in unknown.into_iter().chain(others.iter().filter(link)) {
            problems.push(Problem { file: CONTENTS.into(), line: 1, what: format!("see: nothing is called {name:?}") });
        }
    }
    let mut sources = BTreeMap::new();
    for file in names.sources.keys() {
        sources.insert(file.clone(), Source::read(project, file)?);
    }
    let errata = [documents::errata(project, Language::English)?, documents::errata(project, Language::Korean)?];
    let claims = [documents::claims(project, Language::English)?, documents::claims(project, Language::Korean)?];
    let mut tables = BTreeMap::new();
    for block in chapters.values().flatten().flat_map(|chapter| &chapter.blocks) {
        let Kind::Directive(Directive::Table { file, .. }) = &block.kind else { continue };
        if project.path(file).is_file() && !tables.contains_key(file) {
            let [english, korean] = Language::ALL.map(|language| documents::tables(project, file, language));
            tables.insert(file.clone(), [english?, korean?]);
        }
    }
    let material = Material {
        names,
        sources,
        recorded: BTreeMap::new(),
        not_recorded: BTreeMap::new(),
        contents,
        errata,
        claims,
        tables,
        chapters,
    };
    problems.extend(wrong_texts(&material));
    Ok((material, sorted(problems)))
}

/// Builds the site in `target/study`.
pub fn build(project: &Project) -> Result<Built> {
    say("chapters: reading docs/guide")?;
    let (mut material, mut problems) = prepare(project)?;
    // What is wrong without a run is said before anything runs.
    if !problems.is_empty() {
        return Ok(Built::Problems(problems));
    }
    say("programs: make build")?;
    project.build()?;
    let records = recorded(project, &material.names.runs, &project.path("target/study-runs"))?;
    (material.recorded, material.not_recorded) = records;
    let is_recorded = |run: &Run| material.recorded.contains_key(run);
    material.names.views.retain(is_recorded);
    say(&format!("pages: {} chapters in both languages", material.chapters.len().saturating_sub(1)))?;
    let files = files(&material, &mut problems)?;
    if !problems.is_empty() {
        return Ok(Built::Problems(sorted(problems)));
    }
    let dead = dead_links(&files);
    ensure!(dead.is_empty(), "links that lead to nothing:\n{}", dead.join("\n"));
    write(project, &files)
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    problems
}

/// What is wrong in the texts of the chapters, and in the directives that need no run.
fn wrong_texts(material: &Material) -> Vec<Problem> {
    let mut problems = Vec::new();
    for chapter in material.chapters.values().flatten() {
        for block in &chapter.blocks {
            let mut problem =
                |line: usize, what: String| problems.push(Problem { file: chapter.file.clone(), line, what });
            match &block.kind {
                Kind::Text(text) => {
                    let mut wrong = Vec::new();
                    markdown::to_html(text, &material.names, &mut wrong);
                    for (line, what) in wrong {
                        problem(block.line + line, what);
                    }
                }
                Kind::Directive(directive) if directive.runs().is_empty() => {
                    if let Err(what) = blocks::block(directive, chapter, material) {
                        problem(block.line, what);
                    }
                }
                Kind::Directive(_) | Kind::Heading { .. } => {}
            }
        }
    }
    problems
}

/// All files of the site.
fn files(material: &Material, problems: &mut Vec<Problem>) -> Result<BTreeMap<String, String>> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for language in Language::ALL {
        let code = language.code();
        for pair in material.chapters.values() {
            let chapter = &pair[language as usize];
            let text = page::chapter(chapter, material, problems);
            files.insert(format!("{code}/{}.html", chapter.slug), text);
        }
        files.insert(format!("{code}/lines.html"), page::lines(language, material));
        files.insert(format!("{code}/errata.html"), page::errata(language, material));
        files.insert(format!("search-{code}.js"), page::search(language, material)?);
    }
    // The listings that no page leads to would only make the site larger.
    let linked: BTreeSet<String> = files.values().flat_map(|text| linked_sources(text)).collect();
    for source in material.sources.values() {
        let name = format!("source/{}.html", source.file);
        if linked.contains(&name) {
            files.insert(name, page::source(source));
        }
    }
    files.insert("index.html".into(), page::first());
    for (name, text) in page::ASSETS {
        files.insert((*name).into(), (*text).into());
    }
    for (run, recorded) in material.recorded.iter().filter(|(run, _)| material.names.views.contains(run)) {
        let text =
            fs::read_to_string(&recorded.page).with_context(|| format!("cannot read {}", recorded.page.display()))?;
        let text = with_shared_files(&text).with_context(|| format!("{}: not a page", recorded.page.display()))?;
        files.insert(format!("views/{}.{}.html", run.program, run.scenario), text);
    }
    files.insert("views/view.css".into(), STYLE.into());
    files.insert("views/view.js".into(), SCRIPT.into());
    Ok(files)
}

/// The listings that a page of a language leads to.
fn linked_sources(text: &str) -> impl Iterator<Item = String> {
    let links = text.split("href=\"../source/").skip(1);
    links.filter_map(|rest| Some(format!("source/{}", rest.split(['"', '#']).next()?)))
}

/// The page of a run with style and script in files of their own, which all such pages share.
fn with_shared_files(page: &str) -> Option<String> {
    let (head, rest) = page.split_once(STYLE)?;
    let (body, end) = rest.split_once(SCRIPT)?;
    let head = head.strip_suffix("<style>")?;
    let body = body.strip_suffix("<script>")?;
    Some(format!("{head}<link rel=\"stylesheet\" href=\"view.css\"><style>{body}<script src=\"view.js\">{end}"))
}

/// The links of the guide's own pages that lead to no file, or to no place in it.
fn dead_links(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let values = |text: &'_ str, name: &str| -> Vec<(usize, usize)> {
        let mark = format!(" {name}=\"");
        let begins = text.match_indices(&mark).map(|(at, _)| at + mark.len());
        begins.filter_map(|begin| Some((begin, begin + text[begin..].find('"')?))).collect()
    };
    for (file, text) in files {
        ids.insert(file, values(text, "id").into_iter().map(|(begin, end)| &text[begin..end]).collect());
    }
    let mut dead = BTreeSet::new();
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".html") && !file.starts_with("views/")) {
        let links = ["href", "src"].into_iter().flat_map(|name| values(text, name));
        for link in links.map(|(begin, end)| &text[begin..end]) {
            if link.starts_with("https:") || link.starts_with("data:") {
                continue;
            }
            let (path, place) = link.split_once('#').map_or((link, None), |(path, place)| (path, Some(place)));
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let target = if path.is_empty() { file.clone() } else { joined(folder, path) };
            let found = ids.get(target.as_str());
            if found.is_none_or(|ids| place.is_some_and(|place| !ids.contains(place))) {
                dead.insert(format!("{file}: {link}"));
            }
        }
    }
    dead.into_iter().collect()
}

/// A path that is relative to a folder.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => _ = parts.pop(),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Writes the files.
fn write(project: &Project, files: &BTreeMap<String, String>) -> Result<Built> {
    let bytes = files.values().map(|text| text.len() as u64).sum();
    ensure!(bytes < LARGEST, "the site has {bytes} bytes, more than {LARGEST}");
    let folder = project.path("target/study");
    for old in ["en", "ko", "views", "source"] {
        remove(&folder.join(old))?;
    }
    for (name, text) in files {
        let file = folder.join(name);
        let parent = file.parent().context("a file is in a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let pages = files.keys().filter(|name| name.ends_with(".html")).count();
    Ok(Built::Site { page: folder.join("index.html"), pages, bytes })
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The sources that can be linked to: C, Rust, scenarios.
fn source_files(project: &Project) -> Result<Vec<String>> {
    let root = project.path("");
    let folders = ["c-reference", "src", "tests/scenarios", "tests/mutants"].map(|folder| project.path(folder));
    let is_source =
        |path: &PathBuf| path.extension().is_some_and(|end| ["c", "h", "rs", "toml"].iter().any(|known| end == *known));
    let name = |path: PathBuf| path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
    let files = documents::files_below(folders.into())?;
    let mut files: Vec<String> = files.into_iter().filter(is_source).map(name).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(page: &str) -> BTreeMap<String, String> {
        let other = "<h2 id=\"there\">".to_owned();
        BTreeMap::from([("en/a.html".into(), page.into()), ("source/src/b.rs.html".into(), other)])
    }

    #[test]
    fn pages_of_runs_share_their_files() {
        let page = format!("<head><style>{STYLE}.s0 {{}}</style></head><p>text<script>{SCRIPT}</script>");
        let expected = "<head><link rel=\"stylesheet\" href=\"view.css\"><style>.s0 {}</style></head><p>text\
                        <script src=\"view.js\"></script>";
        assert_eq!(with_shared_files(&page).unwrap(), expected);
        assert_eq!(with_shared_files("<style></style>"), None);
    }

    #[test]
    fn dead_links_are_found() {
        let page = |link: &str| files(&format!("<p id=\"here\"><a href=\"{link}\">"));
        for link in ["#here", "a.html#here", "../source/src/b.rs.html#there", "https://e", "../en/a.html"] {
            assert_eq!(dead_links(&page(link)), [""; 0], "{link}");
        }
        for link in ["#there", "b.html", "../source/src/b.rs.html#here", "../../en/b.html"] {
            assert_eq!(dead_links(&page(link)), [format!("en/a.html: {link}")]);
        }
    }
}
