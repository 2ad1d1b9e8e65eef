//! When the database is not there, or is not ours.

use std::fs;

use crate::desk::{Desk, said};

/// Every command that needs a database.
const COMMANDS: [&str; 15] = [
    "list add allow --client 192.0.2.1",
    "list remove 1",
    "list show",
    "list match --client 192.0.2.1",
    "list export",
    "list refresh",
    "greylist show",
    "greylist stats",
    "greylist allow --client 192.0.2.1",
    "greylist forget --client 192.0.2.1",
    "greylist prune --lapsed",
    "check client_address=192.0.2.1 recipient=b@example.net",
    "journal",
    "journal show 1",
    "report",
];

/// Of these, the ones that begin with an empty one if there is none.
fn makes_one(command: &str) -> bool {
    ["list add", "list refresh", "check"].iter().any(|begin| command.starts_with(begin))
}

#[test]
fn where_there_is_none_looking_and_removing_fail_and_make_none() {
    let desk = Desk::with_policy("");
    for command in COMMANDS.into_iter().filter(|command| !makes_one(command)) {
        let path = desk.path("postward.db").display().to_string();
        desk.say(command).failed(69, &[&format!("there is no database {path}\n"), "hint: `postward serve` makes it"]);
        assert_eq!(fs::read_dir(desk.dir()).unwrap().count(), 1, "{command}");
    }
}

#[test]
fn one_that_is_made_is_told() {
    let desk = Desk::with_policy("");
    let add = "list add allow --client 192.0.2.1";
    let said = desk.say(add).ok();
    assert_eq!(said.err, format!("made the database {}, for there was none\n", desk.path("postward.db").display()));
    assert_eq!(desk.say(&format!("{add} --replace")).ok().err, "");
}

#[test]
fn one_without_a_directory_is_told() {
    let desk = Desk::with_policy("database: no/such/postward.db");
    desk.say("list add allow --client 192.0.2.1").failed(69, &["there is no directory", "no/such"]);
    desk.say("list show").failed(69, &["there is no database"]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let text = b"somebody's precious notes\n".repeat(1000);
    let desk = Desk::with_policy("");
    for (name, content) in
        [("notes", text.as_slice()), ("short", b"xy"), ("damaged", b"SQLite format 3\0 but not really")]
    {
        let path = desk.write(name, content);
        for command in COMMANDS {
            let said = desk.run(command.split(' ').chain(["--database", name]));
            let said = said.failed(69, &[&format!("the database {} cannot be used: ", path.display())]);
            assert!(fs::read(&path).unwrap() == content, "{command} has touched it: {said:?}");
        }
    }
    assert_eq!(fs::read_dir(desk.dir()).unwrap().count(), 4, "and nothing was put beside it");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let desk = Desk::with_policy("");
    let path = desk.path("other.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE entry (id)").unwrap();
    let content = fs::read(&path).unwrap();
    for command in COMMANDS {
        desk.run(command.split(' ').chain(["--database", "other.db"])).failed(69, &["it belongs to another program"]);
        assert!(fs::read(&path).unwrap() == content, "{command}");
    }
}

#[test]
fn a_database_of_a_newer_postward_is_refused_with_both_versions() {
    let desk = Desk::with_policy("");
    desk.say("list add allow --client 192.0.2.1").ok();
    let path = desk.path("postward.db");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 77).unwrap();
    let content = fs::read(&path).unwrap();
    for command in COMMANDS {
        desk.say(command).failed(69, &["schema version 77", "only up to version ", "use the newer postward"]);
        assert!(fs::read(&path).unwrap() == content, "{command}");
    }
}

#[test]
fn a_directory_is_no_database() {
    let desk = Desk::with_policy("");
    fs::create_dir(desk.path("postward.db")).unwrap();
    for command in COMMANDS {
        desk.say(command).failed(69, &["postward.db cannot be used: "]);
    }
}

#[test]
fn the_database_is_the_named_one_or_the_one_in_the_state_directory() {
    let desk = Desk::with_policy("database: a.db");
    fs::create_dir(desk.path("state")).unwrap();
    let mut command = desk.command(["list", "add", "allow", "--client", "192.0.2.1"]);
    said(command.env("STATE_DIRECTORY", desk.path("state")), b"").ok();
    assert!(desk.path("state/a.db").exists() && !desk.path("a.db").exists());
    desk.say("list add allow --client 192.0.2.1 --database b.db").ok();
    assert!(desk.path("b.db").exists() && !desk.path("a.db").exists());
}

#[test]
fn a_database_is_enough_where_there_is_no_policy_file() {
    let desk = Desk::new();
    desk.say("list add allow --client 192.0.2.1 --database x.db").ok();
    assert_eq!(desk.say("list show --format json --database x.db").ok().json().len(), 1);
    desk.say("list show --database x.db -c missing.yaml").failed(78, &["missing.yaml"]);
}
