//! `make study`: builds the study guide into `target/study`.

use std::process::ExitCode;
use std::time::Instant;

use guide::say;
use guide::site::{Built, build};
use mirror::common::out::print_error;
use mirror::project::Project;

fn main() -> ExitCode {
    // A run of a program begins in a new process of this one.
    if let Some(status) = mirror::run::take_over() {
        return status;
    }
    let begin = Instant::now();
    match Project::find().and_then(|project| build(&project)) {
        Ok(Built::Site { page, pages, bytes }) => {
            let seconds = begin.elapsed().as_secs();
            let size = bytes as f64 / 1e6;
            // Nobody may read it any more.
            let _ = say(&format!("{pages} pages, {size:.1} MB, in {seconds} s: open {}", page.display()));
            ExitCode::SUCCESS
        }
        Ok(Built::Problems(problems)) => {
            for problem in &problems {
                print_error(&format!("{problem}\n"));
            }
            print_error(&format!("guide: {} problems; nothing was written\n", problems.len()));
            ExitCode::from(1)
        }
        Err(error) => {
            print_error(&format!("guide: {error:#}\n"));
            ExitCode::from(2)
        }
    }
}
