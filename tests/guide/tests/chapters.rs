//! What chapters name exists, and both languages are alike: all that can be said without running a program.

use guide::site::prepare;
use mirror::project::Project;

#[test]
fn nothing_is_wrong_in_the_chapters() {
    let (material, problems) = prepare(&Project::find().unwrap()).unwrap();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(material.chapters.len() > 3);
}
