//! Who may import whom.

use super::File;
use super::imports::{code, module, rooms};
use May::{Name, NameAllBefore};

/// What a room may name.
#[derive(Debug, Clone, Copy)]
enum May {
    /// These rooms.
    Name(&'static [&'static str]),
    /// Every room in the rows before its own.
    NameAllBefore,
}

/// Each room and what it may name below it. A new room gets a row here first.
const LAYERS: &[(&str, May)] = &[
    ("clock", Name(&[])),
    ("mail", Name(&[])),
    ("net", Name(&[])),
    ("text", Name(&[])),
    ("batv", Name(&["clock", "mail", "net", "text"])),
    ("dns", Name(&["clock", "mail", "net", "text"])),
    ("protocol", Name(&["clock", "mail", "net", "text"])),
    ("store", Name(&["clock", "mail", "net", "text"])),
    ("journal", Name(&["clock", "mail", "net", "text", "store"])),
    ("maillog", Name(&["clock", "mail", "net", "text", "batv"])),
    ("lists", Name(&["clock", "mail", "net", "text", "store", "batv"])),
    ("config", Name(&["clock", "mail", "net", "text", "protocol", "batv", "lists"])),
    ("spf", Name(&["clock", "mail", "net", "text", "dns"])),
    ("checks", NameAllBefore),
    ("moving", NameAllBefore),
    ("chain", NameAllBefore),
    ("metrics", Name(&["checks", "chain", "protocol"])),
    ("http", NameAllBefore),
    ("doctor", NameAllBefore),
    ("daemon", NameAllBefore),
    ("cli", NameAllBefore),
];

/// What `main.rs` may name; it sees the library from outside.
const MAIN: &[&str] = &["cli"];

/// Names that tell which engine the store has.
const ENGINES: [&str; 1] = ["sqlite"];

/// Rooms that know the engine: its own, those in which it is opened, and the one that reads files of programs which have the
/// same one.
const KNOW_THE_ENGINE: [&str; 4] = ["store", "daemon", "cli", "moving"];

/// Imports that go upward or sideways, and rooms without a row.
pub(crate) fn complaints(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| !is_test(file)).flat_map(complaints_about).collect()
}

/// Engines that are named outside the rooms that know them. Comments may.
pub(crate) fn complaints_about_engines(files: &[File]) -> Vec<String> {
    let knows = |file: &File| module(&file.path).first().is_some_and(|room| KNOW_THE_ENGINE.contains(room));
    let names_engine = |line: &&str| ENGINES.iter().any(|engine| line.to_lowercase().contains(engine));
    let complain = |file: &File| {
        code(&file.text)
            .lines()
            .filter(names_engine)
            .map(|line| format!("{}: names an engine of the store: {}", file.path, line.trim()))
            .collect::<Vec<_>>()
    };
    files.iter().filter(|file| !is_test(file) && !knows(file)).flat_map(complain).collect()
}

fn complaints_about(file: &File) -> Vec<String> {
    let module = module(&file.path);
    let room = match module.first() {
        Some(room) if is_room(room) => *room,
        Some(room) => return vec![format!("{}: the room `{room}` has no row in the table of layers", file.path)],
        None if file.path == "src/main.rs" => "main",
        // lib.rs shows all rooms.
        None => return Vec::new(),
    };
    let root = if room == "main" { "postward" } else { "crate" };
    let named = rooms(&code(&file.text), root, &module);
    named
        .iter()
        .filter(|named| *named != room)
        .filter_map(|named| wrong(room, named))
        .map(|why| format!("{}: {why}", file.path))
        .collect()
}

/// What is wrong with naming this. What is no room has come out of one by way of `lib.rs`, and nobody sees of which.
fn wrong(room: &str, named: &str) -> Option<String> {
    if !is_room(named) {
        return Some(format!("`{named}` is no room: say in which it is"));
    }
    (!may_name(room, named)).then(|| format!("`{room}` must not know `{named}`"))
}

fn is_room(name: &str) -> bool {
    LAYERS.iter().any(|(room, _)| *room == name)
}

fn may_name(room: &str, named: &str) -> bool {
    if room == "main" {
        return MAIN.contains(&named);
    }
    let mut before = LAYERS.iter().take_while(|(other, _)| *other != room);
    match LAYERS.iter().find(|(other, _)| *other == room) {
        Some((_, Name(names))) => names.contains(&named),
        Some((_, NameAllBefore)) => before.any(|(other, _)| *other == named),
        None => false,
    }
}

/// `tests.rs` beside a module holds its tests.
fn is_test(file: &File) -> bool {
    file.path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(path: &str, text: &str) -> Vec<String> {
        complaints(&[File::new(path, text)])
    }

    #[test]
    fn the_table_has_no_way_back_up() {
        for (at, (room, may)) in LAYERS.iter().enumerate() {
            let Name(names) = may else { continue };
            for name in *names {
                assert!(LAYERS[..at].iter().any(|(before, _)| before == name), "{room} names {name}");
            }
        }
    }

    #[test]
    fn a_room_that_looks_up_is_found() {
        for (path, text, expected) in [
            ("src/mail.rs", "use crate::text;", "src/mail.rs: `mail` must not know `text`"),
            (
                "src/store/sqlite/mod.rs",
                "use crate::lists::Entry;",
                "src/store/sqlite/mod.rs: `store` must not know `lists`",
            ),
            ("src/config/mod.rs", "use super::checks;", "src/config/mod.rs: `config` must not know `checks`"),
            (
                "src/checks/helo.rs",
                "use super::super::chain::Chain;",
                "src/checks/helo.rs: `checks` must not know `chain`",
            ),
            (
                "src/checks/helo.rs",
                "let x = crate::daemon::x();",
                "src/checks/helo.rs: `checks` must not know `daemon`",
            ),
            ("src/mail.rs", "use crate::*;", "src/mail.rs: `*` is no room: say in which it is"),
            ("src/mail.rs", "use super::*;", "src/mail.rs: `*` is no room: say in which it is"),
            ("src/mail.rs", "use crate::serve;", "src/mail.rs: `serve` is no room: say in which it is"),
            ("src/main.rs", "use postward::daemon;", "src/main.rs: `main` must not know `daemon`"),
            ("src/attic/mod.rs", "", "src/attic/mod.rs: the room `attic` has no row in the table of layers"),
        ] {
            assert_eq!(about(path, text), [expected]);
        }
    }

    #[test]
    fn a_room_that_looks_down_is_fine() {
        for (path, text) in [
            ("src/lists/entry.rs", "use crate::batv;\nuse super::action;"),
            ("src/checks/greylist.rs", "use crate::{config::Section, store};"),
            ("src/checks/greylist.rs", "#[cfg(test)]\nmod tests {\n    use crate::chain::Policy;\n}"),
            ("src/batv/tests.rs", "use crate::chain::Policy;"),
            ("src/main.rs", "fn main() {\n    postward::cli::main()\n}"),
            ("src/lib.rs", "pub mod daemon;\npub use crate::daemon::serve;"),
        ] {
            assert_eq!(about(path, text), [""; 0], "{path}");
        }
    }

    #[test]
    fn an_engine_is_found_where_it_must_not_be_known() {
        let engines = |path, text| complaints_about_engines(&[File::new(path, text)]).len();
        assert_eq!(engines("src/checks/greylist.rs", "use crate::store::sqlite::Sqlite;"), 1);
        assert_eq!(engines("src/chain.rs", "fn open(path: &Path) -> rusqlite::Connection {}"), 1);
        assert_eq!(engines("src/checks/greylist.rs", "// SQLite does this\n"), 0);
        assert_eq!(engines("src/store/mod.rs", "pub mod sqlite;"), 0);
        assert_eq!(engines("src/daemon/mod.rs", "use crate::store::sqlite::Sqlite;"), 0);
    }
}
