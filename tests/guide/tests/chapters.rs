//! What chapters name exists, both languages are alike, and nothing of the tutorial is left out: all that can be said
//! without running a program.

use guide::chapter::{Chapter, Kind, Language};
use guide::directive::Directive;
use guide::site::{Material, prepare};
use mirror::project::Project;

fn material() -> Material {
    let (material, problems) = prepare(&Project::find().unwrap()).unwrap();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    material
}

fn chapters(material: &Material) -> Vec<&Chapter> {
    material.in_order(Language::English).into_iter().map(|(_, chapter)| chapter).collect()
}

#[test]
fn every_claim_has_a_chapter() {
    let material = material();
    let chapters = chapters(&material);
    let without = material.claims(Language::English).iter().filter(|claim| {
        let touches = |range: &std::ops::RangeInclusive<u32>| {
            range.start() <= claim.lines.end() && claim.lines.start() <= range.end()
        };
        !chapters.iter().any(|chapter| chapter.head.ranges().iter().any(touches))
    });
    let without: Vec<_> = without.map(|claim| (&claim.lines, &claim.claim)).collect();
    assert!(without.is_empty(), "no chapter has the lines of {without:#?}");
}

#[test]
fn every_program_has_a_chapter_with_a_view() {
    let material = material();
    let views = |chapter: &Chapter| {
        chapter.blocks.iter().filter(|block| matches!(block.kind, Kind::Directive(Directive::View(_)))).count()
    };
    let chapters = chapters(&material);
    let shown = |program: &str| {
        chapters.iter().any(|chapter| chapter.head.programs.iter().any(|other| other == program) && views(chapter) > 0)
    };
    let without: Vec<&String> = material.names.programs.keys().filter(|program| !shown(program)).collect();
    assert!(without.is_empty(), "no chapter shows a run of {without:?}");
    let several: Vec<&str> = chapters.iter().filter(|c| views(c) > 1).map(|c| c.slug.as_str()).collect();
    assert!(several.is_empty(), "more than one view, which is large, in {several:?}");
}

/// Three exercises, each with a command, one of them a change of a source.
#[test]
fn every_chapter_has_exercises() {
    let material = material();
    for chapter in chapters(&material).into_iter().filter(|chapter| !chapter.head.free) {
        let mut section = "";
        let (mut text, mut changes) = (String::new(), 0);
        for block in &chapter.blocks {
            match &block.kind {
                Kind::Heading { level: 2, id, .. } => section = id,
                Kind::Text(part) if section == "try" => text.push_str(part),
                Kind::Directive(Directive::Change { .. }) if section == "try" => changes += 1,
                _ => {}
            }
        }
        let exercises = (1..).take_while(|number| text.contains(&format!("**{number}. "))).count();
        let commands = text.matches("```sh").count();
        assert!(
            exercises == 3 && commands >= 3 && changes >= 1,
            "{}: {exercises} exercises, {commands} commands, {changes} changes",
            chapter.file
        );
    }
}
