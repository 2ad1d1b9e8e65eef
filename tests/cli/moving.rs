//! `postward greylist import` and `postward import`: moving over from another program, with data that it made
//! (`tests/moving`).

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::desk::{Desk, Said, ask, beside, said};
use crate::support::{GREYLIST, Postward, Transport};

/// When the data was made: 2026-09-21 14:13:20 UTC.
const MADE: i64 = 1_790_000_000;

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/moving").join(name);
    path.to_str().unwrap().to_owned()
}

/// A daemon at the time when the data was made.
fn at_that_time() -> Postward {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.clock().set(MADE);
    postward.serve();
    postward
}

fn import(postward: &Postward, format: &str, files: &[&str]) -> Said {
    let files: Vec<String> = files.iter().map(|file| data(file)).collect();
    let words = ["greylist", "import", "--format", format].into_iter().chain(files.iter().map(String::as_str));
    said(&mut postward.command(words), b"")
}

fn triplets(postward: &Postward) -> Vec<Value> {
    beside(postward, "greylist show --format json").ok().json()
}

#[test]
fn whom_postgrey_knows_the_running_daemon_knows() {
    let postward = at_that_time();
    let said = import(&postward, "postgrey", &["postgrey.dump", "postgrey_clients.dump"]).ok();
    assert_eq!(
        said.out,
        "imported 17 triplets and 4 clients from 25 records; 0 were known already\n\
         left out 3 too old (`max_age`, `retry_window`)\n\
         left out 1 of senders in whose addresses a number became #; nobody can tell which it was\n"
    );
    for (client, sender, recipient, answer) in [
        ("192.0.2.99", "carol@example.org", "bob@example.net", "DUNNO"),
        ("203.0.113.99", "list-bounces-777-8888@lists.example.org", "bob@example.net", "DUNNO"),
        ("203.0.113.99", "", "bob@example.net", "DUNNO"),
        ("203.0.113.99", "prvs=0999ffffff=dave@example.org", "bob+else@example.net", "DUNNO"),
        ("203.0.113.99", "Erin+other@example.org", "bob@example.net", "DUNNO"),
        ("203.0.113.99", "jürgen@example.org", "bob@example.net", "DUNNO"),
        ("2001:db8:1:2::99", "frank@example.org", "bob@example.net", "DUNNO"),
        ("198.51.100.99", "new@example.com", "new@example.net", "DUNNO"), // passed five times
        ("192.0.2.99", "alice@example.org", "bob@example.net", "PREPEND X-Greylist: delayed 36"), // waits for an hour
        ("192.0.2.99", "early@example.org", "bob@example.net", "DEFER_IF_PERMIT 4.7.1 Greylisted"),
        ("192.0.2.99", "never@example.org", "bob@example.net", "DEFER_IF_PERMIT 4.7.1 Greylisted"),
        ("192.0.2.99", "old@example.org", "bob@example.net", "DEFER_IF_PERMIT 4.7.1 Greylisted"),
        ("203.0.113.99", "john.1985@example.com", "bob@example.net", "DEFER_IF_PERMIT 4.7.1 Greylisted"),
    ] {
        let told = ask(&postward, client, sender, recipient);
        assert!(told.starts_with(answer), "{sender} from {client}: {told}");
    }
    postward.advance(Duration::from_secs(300));
    assert!(ask(&postward, "192.0.2.99", "early@example.org", "bob@example.net").starts_with("PREPEND"));
}

#[test]
fn importing_again_changes_nothing() {
    for (format, files) in [
        ("postgrey", &["postgrey.dump", "postgrey_clients.dump"][..]),
        ("sqlgrey", &["sqlgrey.sql"]),
        ("greylistd", &["greylistd-states", "greylistd-triplets"]),
    ] {
        let postward = at_that_time();
        import(&postward, format, files).ok();
        let before = (triplets(&postward), beside(&postward, "greylist stats --format json").ok().out);
        let again = import(&postward, format, files).ok().out;
        assert!(again.starts_with("imported 0 triplets and 0 clients from "), "{format}: {again}");
        assert_eq!(
            (triplets(&postward), beside(&postward, "greylist stats --format json").ok().out),
            before,
            "{format}"
        );
    }
}

#[test]
fn both_ways_of_writing_a_dump_mean_the_same() {
    let (printed, hexadecimal) = (at_that_time(), at_that_time());
    import(&printed, "postgrey", &["postgrey.dump"]).ok();
    import(&hexadecimal, "postgrey", &["postgrey-hexadecimal.dump"]).ok();
    assert_eq!(triplets(&printed), triplets(&hexadecimal));
    assert_eq!(triplets(&printed).len(), 17);
}

#[test]
fn a_dump_may_come_from_a_pipe() {
    let postward = at_that_time();
    let dump = std::fs::read(data("postgrey.dump")).unwrap();
    let words = ["greylist", "import", "-", "--format", "postgrey"];
    assert!(said(&mut postward.command(words), &dump).ok().out.starts_with("imported 17 triplets and 0 clients"));
}

#[test]
fn hosts_that_postgrey_told_apart_are_networks_here() {
    let postward = at_that_time();
    let told = import(&postward, "postgrey", &["postgrey-by-host.dump"]).ok().out;
    assert!(told.starts_with("imported 3 triplets and 0 clients from 5 records; 1 were known already\n"), "{told}");
    assert_eq!(ask(&postward, "192.0.2.99", "carol@example.org", "bob@example.net"), "DUNNO");
}

#[test]
fn hashes_are_of_no_use_and_that_is_said() {
    let postward = at_that_time();
    let said = import(&postward, "postgrey", &["postgrey-privacy.dump"]).ended(1);
    assert!(said.err.contains("postgrey-privacy.dump:6: postgrey ran with --privacy"), "{said:?}");
    assert!(said.err.contains("error: nothing in there makes sense"), "{said:?}");
}

#[test]
fn whom_sqlgrey_knows_the_running_daemon_knows() {
    for (file, summary) in [
        ("sqlgrey.sql", "imported 4 triplets and 3 clients from 11 records; 3 were known already\n"),
        ("sqlgrey-classc.sql", "imported 1 triplet and 3 clients from 6 records; 2 were known already\n"),
    ] {
        let postward = at_that_time();
        let told = import(&postward, "sqlgrey", &[file]).ok().out;
        assert!(told.starts_with(summary), "{told}");
        // The domain has come from there often enough.
        assert_eq!(ask(&postward, "198.51.100.99", "new@example.com", "new@example.net"), "DUNNO");
        let grace = ask(&postward, "2001:db8:1:2::99", "grace@example.org", "bob@example.net");
        assert!(grace.starts_with("PREPEND X-Greylist: delayed 72"), "{grace}");
    }
}

#[test]
fn sqlgreys_own_file_means_the_same_as_its_dump() {
    let (from_dump, from_file) = (at_that_time(), at_that_time());
    let file = from_file.dir().join("sqlgrey.db");
    let script = std::fs::read_to_string(data("sqlgrey.sql")).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch(&script).unwrap();
    import(&from_dump, "sqlgrey", &["sqlgrey.sql"]).ok();
    beside(&from_file, &format!("greylist import {} --format sqlgrey", file.display())).ok();
    assert_eq!(triplets(&from_dump), triplets(&from_file));
    let told = |postward| beside(postward, "greylist stats --format json").ok().out;
    assert_eq!(told(&from_dump), told(&from_file));
    let piped = std::fs::read(&file).unwrap();
    let piped = said(&mut from_file.command(["greylist", "import", "-", "--format", "sqlgrey"]), &piped);
    piped.failed(69, &["cannot be read from a pipe", "hint: name the file"]);
}

#[test]
fn whom_greylistd_knows_the_running_daemon_knows() {
    let postward = at_that_time();
    let said = import(&postward, "greylistd", &["greylistd-states", "greylistd-triplets"]).ok();
    assert_eq!(
        said.out,
        "imported 16 triplets and 1 client from 20 records; 1 were known already\n\
         left out 1 too old (`max_age`, `retry_window`)\n\
         left out 1 blacklisted: `postward list add deny` is for these\n"
    );
    assert_eq!(ask(&postward, "203.0.113.99", "anybody@example.com", "new@example.net"), "DUNNO"); // a white host
    assert_eq!(ask(&postward, "192.0.2.99", "masked@example.org", "bob@example.net"), "DUNNO");
    assert!(ask(&postward, "192.0.2.99", "alice@example.org", "bob@example.net").starts_with("PREPEND"));
    import(&postward, "greylistd", &["greylistd-triplets"]).failed(69, &["triplets without their states", "hint: "]);
}

#[test]
fn what_is_known_here_is_not_made_older() {
    let postward = at_that_time();
    postward.clock().set(MADE + 60);
    assert!(ask(&postward, "192.0.2.1", "alice@example.org", "bob@example.net").starts_with("DEFER_IF_PERMIT"));
    let before = triplets(&postward);
    import(&postward, "postgrey", &["postgrey.dump"]).ok();
    let after = triplets(&postward);
    assert!(after.contains(&before[0]), "{before:?}");
}

#[test]
fn what_is_no_such_file_changes_nothing() {
    let desk = Desk::with_policy("");
    desk.write("mail.log", "Sep 21 14:13:20 mx postfix/smtpd[1]: connect\n");
    desk.say("greylist import mail.log --format postgrey")
        .failed(69, &["nothing was imported: mail.log", "hint: `db_dump"]);
    desk.say("greylist import gone --format postgrey").failed(69, &["nothing was imported: gone: No such file"]);
    desk.say("greylist import mail.log --format postgray").ended(2);
    // As when `db_dump` is not installed.
    let nothing = desk.run(["greylist", "import", "-", "--format", "postgrey"]).ended(1);
    assert!(nothing.err.contains("error: there is nothing in it"), "{nothing:?}");
    assert!(!desk.path("postward.db").exists());
}

#[test]
fn a_large_import_does_not_stall_the_daemon() {
    let postward = Postward::start(Transport::Inet);
    let now = jiff::Timestamp::now().as_second();
    let mut dump = "VERSION=3\nformat=print\ntype=btree\nHEADER=END\n".to_owned();
    for number in 0..20_000 {
        let (a, b) = (number / 250, number % 250);
        writeln!(dump, " 10.{a}.{b}.0/user{number}@example.org/bob@example.net\n {},{now}", now - 600).unwrap();
    }
    dump.push_str("DATA=END\n");
    let file = postward.dir().join("large.dump");
    std::fs::write(&file, dump).unwrap();
    let mut command: Command = postward.command(["greylist", "import", "large.dump", "--format", "postgrey"]);
    let mut importing = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut asked = 0;
    while importing.try_wait().unwrap().is_none() {
        asked += 1;
        // Otherwise it would say DUNNO, because the attempt could not be remembered.
        let told = ask(&postward, "192.0.2.1", &format!("user{asked}@example.com"), "bob@example.net");
        assert!(told.starts_with("DEFER_IF_PERMIT"), "{told}\n{}", postward.log());
    }
    assert!(importing.wait().unwrap().success() && asked > 0);
    assert!(beside(&postward, "greylist stats").ok().out.contains("20000"));
}

#[test]
fn postgreys_options_become_a_policy_that_is_right() {
    let desk = Desk::new();
    desk.write(
        "postgrey",
        "POSTGREY_OPTS=\"--inet=10023 --delay=120 --max-age=60 --retry-window=6h --auto-whitelist-clients=3 --privacy\"\n\
         POSTGREY_TEXT=\"Please come back in %s seconds\"\n",
    );
    let said = desk.say("import postgrey --from postgrey").ok();
    desk.write("policy.yaml", &said.out);
    assert_eq!(desk.say("config check").ok().out, "policy.yaml is right\n");
    let policy: Value = serde_json::from_str(&desk.say("config show --format json").ok().out).unwrap();
    // postgrey listens at its own until it goes.
    assert_eq!(policy["listen"][0], "inet:127.0.0.1:10040");
    let greylist = &policy["chain"][1]["greylist"];
    for (option, value) in
        [("delay", "2m"), ("max_age", "60d"), ("retry_window", "6h"), ("text", "Please come back in {seconds} seconds")]
    {
        assert_eq!(greylist[option], value, "{option} in {greylist}");
    }
    assert_eq!(greylist["allow_client_after"], 3);
    assert!(said.out.contains("#   --privacy\n#     addresses are kept as they are"), "{}", said.out);
    for step in [
        "db_dump -h /var/lib/postgrey -p postgrey.db | postward greylist import - --format postgrey",
        "check_policy_service { inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO }",
    ] {
        assert!(said.err.contains(step), "{}", said.err);
    }
}

#[test]
fn debians_own_default_file_is_translated() {
    let desk = Desk::new();
    desk.write(
        "postgrey",
        "# postgrey startup options, created for Debian\n\n# you may want to set\n#   --delay=N   how long\n\n\
         POSTGREY_OPTS=\"--inet=10023\"\n\n#POSTGREY_TEXT=\"Your customized rejection message here\"\n",
    );
    desk.write("policy.yaml", desk.say("import postgrey --from postgrey").ok().out);
    desk.say("config check").ok();
    desk.say("import postgrey --from gone").failed(69, &["cannot read gone"]);
    desk.write("postgrey", "PGREY=1\n");
    desk.say("import postgrey --from postgrey").failed(1, &["postgrey: it does not set POSTGREY_OPTS"]);
}

#[test]
fn the_list_of_those_who_must_not_be_greylisted_is_a_list() {
    let list = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contrib/lists/never-greylist.entries");
    let text = std::fs::read_to_string(&list).unwrap();
    let desk = Desk::with_policy("");
    // Also what is for the administrator to turn on.
    desk.write("all", text.replace("\n#skip=", "\nskip="));
    desk.say("list import all --format entries").ok();
    let entries = desk.entries();
    assert!(entries.len() > 5, "{entries:?}");
    for entry in entries {
        assert_eq!(entry["action"], "skip=greylist", "{entry}");
        let (date, reason) = entry["comment"].as_str().and_then(|comment| comment.split_once(": ")).unwrap();
        assert!(date.parse::<u16>().is_ok_and(|year| year > 2000) && !reason.is_empty(), "{entry}");
    }
    let policy = format!("lists: {{sources: [{{name: never-greylist, file: {}, format: entries}}]}}\n", list.display());
    desk.write("policy.yaml", policy);
    desk.say("list refresh").ok();
}
