//! What no file of a project may say.

use super::File;

/// Directories of the person who wrote it. In pieces, because this file is read as well.
const DIRECTORIES: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

/// Absolute paths into directories that only their author has.
pub(crate) fn complaints(files: &[File]) -> Vec<String> {
    files.iter().flat_map(complaints_about).collect()
}

fn complaints_about(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| DIRECTORIES.iter().any(|directory| has_absolute(line, directory)))
        .map(|(number, line)| format!("{}:{}: a path of its author's: {}", file.path, number + 1, line.trim()))
        .collect()
}

/// `target/work/x` and `$DIR/work/x` are paths from somewhere else.
fn has_absolute(line: &str, directory: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "_-.})]$*~".contains(c);
    line.match_indices(directory).any(|(at, _)| !line[..at].ends_with(goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authors_directory_is_found() {
        let [home, .., users] = DIRECTORIES;
        for (line, expected) in [
            (format!("cd {home}alice"), 1),
            (format!("path = \"{home}alice/postward\""), 1),
            (format!("see {users}alice"), 1),
            (format!("${{DIR}}{home}alice"), 0),
            (format!("target{home}alice"), 0),
            ("/var/lib/postward".to_owned(), 0),
        ] {
            assert_eq!(complaints(&[File::new("README.md", &line)]).len(), expected, "{line}");
        }
    }
}
