//! Puts the site together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use crate::say;
use mirror::project::Project;
use serde::Deserialize;

use crate::chapter::{Chapter, Kind, Language, Problem, check_pair};
use crate::directive::Run;
use crate::documents::{self, Claim, Erratum, Source};
use crate::page;
use crate::recorded::{Recorded, recorded};
use crate::{blocks, markdown};

const CONTENTS: &str = "docs/guide/contents.toml";

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
    /// The runs that have a page.
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
        for file in source_files(project)? {
            let lines = documents::read(project, &file)?.lines().count();
            names.sources.insert(file, lines);
        }
        Ok(names)
    }
}

/// All that pages are made of.
pub struct Material {
    /// What can be named.
    pub names: Names,
    /// The sources, by their paths.
    pub sources: BTreeMap<String, Source>,
    /// What was recorded.
    pub recorded: BTreeMap<Run, Recorded>,
    /// The order.
    pub contents: Contents,
    errata: [BTreeMap<u32, Erratum>; 2],
    claims: [Vec<Claim>; 2],
    /// The chapters: of each name, English and Korean.
    pub chapters: BTreeMap<String, [Chapter; 2]>,
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
pub fn chapters(project: &Project, contents: &Contents) -> Result<(BTreeMap<String, [Chapter; 2]>, Vec<Problem>)> {
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

/// Builds the site in `target/study`.
pub fn build(project: &Project) -> Result<Built> {
    say("chapters: reading docs/guide")?;
    let contents: Contents = toml::from_str(&documents::read(project, CONTENTS)?).context(CONTENTS)?;
    let (chapters, mut problems) = chapters(project, &contents)?;
    let mut names = Names::of(project)?;
    let mut runs = BTreeSet::new();
    for chapter in chapters.values().flatten() {
        names.chapters.insert(chapter.slug.clone(), chapter.headings().iter().map(|(id, _)| (*id).to_owned()).collect());
        for block in &chapter.blocks {
            let Kind::Directive(directive) = &block.kind else { continue };
            let Some(run) = directive.run() else { continue };
            let known = names.programs.get(&run.program).map(|scenarios| scenarios.contains_key(&run.scenario));
            let what = match known {
                Some(true) => {
                    runs.insert(run.clone());
                    continue;
                }
                Some(false) => format!("{} has no scenario {:?}", run.program, run.scenario),
                None => format!("no program {:?}", run.program),
            };
            problems.push(Problem { file: chapter.file.clone(), line: block.line, what });
        }
        for program in chapter.head.programs.iter().filter(|program| !names.programs.contains_key(*program)) {
            problems.push(Problem { file: chapter.file.clone(), line: 1, what: format!("no program {program:?}") });
        }
    }
    names.views.clone_from(&runs);
    let mut sources = BTreeMap::new();
    for file in names.sources.keys() {
        sources.insert(file.clone(), Source::read(project, file)?);
    }
    let errata = [documents::errata(project, Language::English)?, documents::errata(project, Language::Korean)?];
    let claims = [documents::claims(project, Language::English)?, documents::claims(project, Language::Korean)?];
    let mut material = Material { names, sources, recorded: BTreeMap::new(), contents, errata, claims, chapters };
    // What is wrong without a run is said before anything runs.
    problems.extend(wrong_texts(&material));
    if problems.is_empty() {
        say("programs: make build")?;
        project.build()?;
        let folder = project.path("target/study/.recorded");
        material.recorded = recorded(project, &runs, &folder)?;
        let written = write(project, &material, &mut problems)?;
        if problems.is_empty() {
            return Ok(written);
        }
    }
    problems.sort();
    problems.dedup();
    Ok(Built::Problems(problems))
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
                Kind::Directive(directive) if directive.run().is_none() => {
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

/// Writes all pages, unless something is wrong.
fn write(project: &Project, material: &Material, problems: &mut Vec<Problem>) -> Result<Built> {
    say(&format!("pages: {} chapters in both languages", material.chapters.len().saturating_sub(1)))?;
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
    for source in material.sources.values() {
        files.insert(format!("source/{}.html", source.file), page::source(source));
    }
    files.insert("index.html".into(), page::first());
    for (name, text) in page::ASSETS {
        files.insert((*name).into(), (*text).into());
    }
    for (run, recorded) in &material.recorded {
        let text = fs::read_to_string(&recorded.page)
            .with_context(|| format!("cannot read {}", recorded.page.display()))?;
        files.insert(format!("views/{}.{}.html", run.program, run.scenario), text);
    }
    if !problems.is_empty() {
        return Ok(Built::Problems(Vec::new()));
    }
    let folder = project.path("target/study");
    for old in ["en", "ko", "views", "source"] {
        remove(&folder.join(old))?;
    }
    let mut bytes = 0;
    for (name, text) in &files {
        let file = folder.join(name);
        let parent = file.parent().context("a file is in a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        bytes += text.len() as u64;
    }
    let pages = files.keys().filter(|name| name.ends_with(".html")).count();
    ensure!(bytes < 20_000_000, "the site has {bytes} bytes, more than 20 MB");
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
    let mut folders: Vec<PathBuf> = ["c-reference", "src", "tests/scenarios", "tests/mutants"].map(|f| project.path(f)).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| ["c", "h", "rs", "toml"].iter().any(|known| end == *known)) {
                files.push(path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
