//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// From the root of the project, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl File {
    /// A made-up one.
    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Not ours: what cargo builds, what git keeps, what others chose for us.
const NOT_OURS: [&str; 4] = ["target", ".git", "Cargo.lock", "proptest-regressions"];

/// Every text file, in the order of the paths.
pub(crate) fn all() -> Vec<File> {
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    paths.sort();
    paths.iter().filter_map(|path| text(path)).collect()
}

/// The files below a directory with this extension; none if there is no such directory.
pub(crate) fn below(directory: &str, extension: &str) -> Vec<File> {
    let (start, end) = (format!("{directory}/"), format!(".{extension}"));
    all().into_iter().filter(|file| file.path.starts_with(&start) && file.path.ends_with(&end)).collect()
}

/// One file, if it is there.
pub(crate) fn read(path: &str) -> Option<File> {
    text(&root().join(path))
}

/// The names of the directories in this one.
pub(crate) fn directories_in(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap().map(Result::unwrap);
    let directories = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    directories.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Follows no links: what they point to is ours and found anyway, or it is not ours.
fn walk(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
}

/// `None` for what is no text, and for what was deleted by another test meanwhile.
fn text(path: &Path) -> Option<File> {
    let text = String::from_utf8(fs::read(path).ok()?).ok()?;
    let path = path.strip_prefix(root()).ok()?.to_string_lossy().replace('\\', "/");
    Some(File { path, text })
}

#[test]
fn the_project_is_found() {
    let sources = below("src", "rs");
    assert!(sources.iter().any(|file| file.path == "src/lib.rs"), "{sources:?}");
    assert_eq!(below("no/such/directory", "rs"), []);
    assert!(all().iter().all(|file| !file.path.starts_with("target/") && !file.path.starts_with(".git/")));
}
