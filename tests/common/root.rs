//! Where the project is.

use std::path::Path;

/// The project's folder.
pub fn root() -> &'static Path {
    let mut around = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    around.find(|folder| folder.join("c-reference").is_dir()).expect("the tests are in it")
}
