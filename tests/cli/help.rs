//! What `--help` and wrong words are answered with.

use crate::desk::Desk;

const COMMANDS: [&str; 30] = [
    "",
    "serve",
    "config",
    "config check",
    "config show",
    "check",
    "list",
    "list add",
    "list remove",
    "list show",
    "list match",
    "list import",
    "list export",
    "list refresh",
    "greylist",
    "greylist show",
    "greylist stats",
    "greylist allow",
    "greylist forget",
    "greylist prune",
    "completions",
    "man",
    "journal",
    "journal show",
    "status",
    "doctor",
    "greylist import",
    "import",
    "import postgrey",
    "report",
];

#[test]
fn every_help_fits_on_a_terminal() {
    let desk = Desk::new();
    for command in COMMANDS {
        for (option, width) in [("--help", "110"), ("-h", "110"), ("--help", "80")] {
            let mut help = desk.command(command.split_whitespace().chain([option]));
            let said = crate::desk::said(help.env("COLUMNS", width), b"").ok();
            let longest = said.out.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(110), "{command}: {longest:?}\n{}", said.out);
            assert!(!said.out.contains('\u{1b}') && said.err.is_empty(), "{command}: colour without a terminal");
        }
    }
}

#[test]
fn commands_that_need_more_than_their_name_have_an_example() {
    for command in [
        "",
        "check",
        "list add",
        "list remove",
        "list match",
        "list import",
        "greylist show",
        "greylist allow",
        "journal",
        "report",
    ] {
        let help = Desk::new().run(command.split_whitespace().chain(["--help"])).ok().out;
        assert!(help.contains("\n  postward "), "{command}:\n{help}");
    }
}

#[test]
fn examples_in_the_help_work() {
    let desk = Desk::with_policy("");
    desk.say("list add allow --client 192.0.2.99").ok();
    desk.write("whitelist_clients", "mail.example.org\n");
    desk.write("entries.txt", "allow client=192.0.2.1\n");
    desk.write("drop.txt", "192.0.2.0/24 ; SBL1\n");
    desk.write("request.txt", "request=smtpd_access_policy\n\n");
    desk.write("sqlgrey.db", "BEGIN TRANSACTION;\nCOMMIT;\n");
    desk.write("states", "[white]\n1 = 1 1 1\n");
    desk.write("triplets", "1 = 192.0.2.1\n");
    let helps = COMMANDS
        .map(|command| desk.run(command.split_whitespace().chain(["--help"])).out)
        .join("\n")
        .replace("\\\n", "");
    let examples: Vec<_> =
        helps.lines().filter(|line| line.starts_with("  postward ") && line.contains("--")).collect();
    assert!(examples.len() > 10, "{examples:?}");
    for example in examples {
        let line = example.trim_start().trim_start_matches("postward");
        let script = format!("{} {line}", env!("CARGO_BIN_EXE_postward"));
        let mut shell = std::process::Command::new("sh");
        let said = crate::desk::said(shell.args(["-c", &script]).current_dir(desk.dir()), b"");
        assert!(matches!(said.code, 0 | 1), "{example}: {said:#?}");
    }
}

#[test]
fn the_version_is_told() {
    let said = Desk::new().say("--version").ok();
    assert_eq!(said.out, format!("postward {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_words_are_wrong_use() {
    let desk = Desk::with_policy("");
    for (line, words) in [
        ("", &["Usage: postward"][..]),
        ("lst show", &["unrecognized subcommand 'lst'"]),
        ("list", &["Usage: postward list"]),
        ("list shwo", &["unrecognized subcommand 'shwo'", "'show'"]),
        ("list show --format xml", &["invalid value 'xml'", "table, json"]),
        ("list show --fromat json", &["unexpected argument '--fromat'", "'--format'"]),
        ("list remove one", &["invalid value 'one' for '<ID>...'"]),
        (
            "list add allow --client 192.0.2.1 --expires soon",
            &["write a period such as 30d, a day such as 2027-01-31, or"],
        ),
        ("list import x --format entires", &["`entires` is no format: entries, cidr,", "did you mean `entries`?"]),
        ("list import x", &["--format <FORMAT>"]),
        ("list import x --format cidr --action reject", &["`reject` is no action", "did you mean `deny`?"]),
        ("greylist show --state old", &["invalid value 'old'", "waiting, passed"]),
        ("greylist prune --unused-for 7", &["`7` is not a duration: write a number and its unit"]),
        ("check", &["<ATTR=VALUE>"]),
    ] {
        let said = desk.say(line).ended(2);
        for word in words {
            assert!(said.err.contains(word), "{line}: no {word:?} in\n{}", said.err);
        }
    }
    assert!(!desk.path("postward.db").exists(), "wrong use leaves nothing behind");
}
