//! Which rooms a source file names. Not a parser: it reads code as rustfmt leaves it.

use std::collections::BTreeSet;

/// The code of a source file without its comments and its tests, which may look into every room.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let tests_begin =
            line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if tests_begin {
            lines.by_ref().find(|line| *line == "}");
        } else {
            code.push_str(without_comment(line));
            code.push('\n');
        }
    }
    code
}

/// The rooms that are named by paths from `root` (`crate`, or the crate's own name), and by `super::` out of the
/// module `module`.
pub(crate) fn rooms(code: &str, root: &str, module: &[&str]) -> BTreeSet<String> {
    let above = "super::".repeat(module.len());
    let mut rooms = from_root(code, &format!("{root}::"));
    if !module.is_empty() {
        rooms.extend(from_root(code, &above));
    }
    rooms.retain(|room| !matches!(room.as_str(), "super" | "self"));
    rooms
}

/// The module that a file is: `src/chain/log.rs` → `chain`, `log`.
pub(crate) fn module(path: &str) -> Vec<&str> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Vec<_> = path.split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    module
}

/// A `//` inside a string ends its line here, too; what follows in that line is not seen.
fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

fn from_root(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let continues = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        if !continues {
            rooms.extend(names(&code[at + prefix.len()..]));
        }
    }
    rooms
}

/// `text::printable` → `text`; `{mail::Mailbox, text}` → `mail`, `text`.
fn names(path: &str) -> Vec<String> {
    let Some(group) = path.trim_start().strip_prefix('{') else { return first_name(path).into_iter().collect() };
    let mut names = Vec::new();
    let (mut depth, mut item) = (1, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && character == ',') {
            names.extend(first_name(&group[item..at]));
            item = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// `*` is a name, too: that of everything.
fn first_name(path: &str) -> Option<String> {
    if path.trim_start().starts_with('*') {
        return Some("*".to_owned());
    }
    let name: String = path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, path: &str) -> Vec<String> {
        rooms(&code(text), "crate", &module(path)).into_iter().collect()
    }

    #[test]
    fn files_are_modules() {
        for (path, expected) in [
            ("src/lib.rs", &[][..]),
            ("src/main.rs", &[]),
            ("src/mail.rs", &["mail"]),
            ("src/checks/mod.rs", &["checks"]),
            ("src/lists/pattern/domain.rs", &["lists", "pattern", "domain"]),
        ] {
            assert_eq!(module(path), expected, "{path}");
        }
    }

    #[test]
    fn every_way_to_name_a_room_is_seen() {
        for (text, path, expected) in [
            ("use crate::mail::Mailbox;", "src/lists/mod.rs", &["mail"][..]),
            ("use crate::mail;", "src/lists/mod.rs", &["mail"]),
            ("pub use crate::mail::Mailbox;", "src/lists/mod.rs", &["mail"]),
            ("let x = crate::text::printable(y, 60);", "src/lists/mod.rs", &["text"]),
            ("fn f(x: &crate::net::Net) {}", "src/lists/mod.rs", &["net"]),
            (
                "use crate::{mail::{self, Mailbox}, text, store::{A, B}};",
                "src/lists/mod.rs",
                &["mail", "store", "text"],
            ),
            ("use crate::{\n    mail,\n    text::printable,\n};", "src/lists/mod.rs", &["mail", "text"]),
            ("$crate::mail::x()", "src/lists/mod.rs", &["mail"]),
            ("use super::mail::Mailbox;", "src/lists/mod.rs", &["mail"]),
            ("use super::super::mail::Mailbox;", "src/lists/entry.rs", &["mail"]),
            ("use super::super::{mail, text};", "src/lists/entry.rs", &["mail", "text"]),
            ("use crate::*;", "src/lists/mod.rs", &["*"]),
            ("use super::*;", "src/lists/mod.rs", &["*"]),
            ("use crate::{mail, *};", "src/lists/mod.rs", &["*", "mail"]),
            // these stay inside
            ("use super::action::EntryAction;", "src/lists/entry.rs", &[]),
            ("use super::super::entry;", "src/lists/pattern/mod.rs", &["entry"]),
            ("use self::action::EntryAction;", "src/lists/mod.rs", &[]),
            ("use super::*;", "src/lists/entry.rs", &[]),
            ("pub(crate) fn f() {}", "src/lists/mod.rs", &[]),
            ("use mycrate::mail;", "src/lists/mod.rs", &[]),
            // and these are not code
            ("//! See [`daemon`](crate::daemon).", "src/clock.rs", &[]),
            ("let x = 1; // crate::daemon", "src/clock.rs", &[]),
            ("#[cfg(test)]\nmod tests {\n    use crate::daemon;\n}\nuse crate::mail;", "src/net.rs", &["mail"]),
            ("#[cfg(test)]\nmod tests;\nuse crate::mail;", "src/net.rs", &["mail"]),
        ] {
            assert_eq!(found(text, path), expected, "{text} in {path}");
        }
    }

    #[test]
    fn main_names_rooms_by_the_name_of_the_crate() {
        let found = rooms("fn main() {\n    postward::cli::main()\n}", "postward", &module("src/main.rs"));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["cli"]);
    }
}
