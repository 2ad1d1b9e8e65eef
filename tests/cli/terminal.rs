//! What reaches a terminal, and what happens when nobody reads.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use crate::desk::{Desk, ask, beside};
use crate::support::{Postward, Transport};

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::with_policy("");
    let mut list = String::new();
    for number in 0..5000 {
        writeln!(list, "deny client=10.{}.{}.0/24", number / 256, number % 256).unwrap();
    }
    desk.write("list.txt", list);
    desk.say("list import list.txt --format entries").ok();
    for command in ["list show", "list show --format json", "list export", "config show", "--help", "list add --help"] {
        let program = env!("CARGO_BIN_EXE_postward");
        let script = format!("{{ {program} {command}; echo ended with $? >&2; }} | head -n 1");
        let output = Command::new("sh").args(["-c", &script]).current_dir(desk.dir()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "ended with 0\n", "{command}");
        assert_eq!(output.stdout.iter().filter(|octet| **octet == b'\n').count(), 1, "{command}");
    }
}

#[test]
fn an_error_that_nobody_reads_keeps_its_exit_code() {
    let desk = Desk::with_policy("");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = desk.command(["list", "show"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(69));
}

#[test]
fn a_full_disk_for_the_result_is_an_error() {
    let desk = Desk::with_policy("");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = desk.command(["config", "show"]).stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot write the result: "));
}

/// `script` gives the command a terminal of its own.
#[test]
fn colour_is_for_terminals_that_want_it() {
    let desk = Desk::with_policy("");
    let on_terminal = |colourless: Option<&str>| {
        let mut command = Command::new("script");
        command.args(["-qec", &format!("{} list show", env!("CARGO_BIN_EXE_postward")), "/dev/null"]);
        command
            .current_dir(desk.dir())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "xterm")
            .stdin(Stdio::null());
        if let Some(value) = colourless {
            command.env("NO_COLOR", value);
        }
        let output = command.output().expect("script(1) is there");
        String::from_utf8(output.stdout).unwrap()
    };
    let coloured = on_terminal(None);
    assert!(coloured.contains("\u{1b}[") && coloured.contains("there is no database"), "{coloured:?}");
    let plain = on_terminal(Some("1"));
    assert!(!plain.contains('\u{1b}') && plain.starts_with("error: there is no database"), "{plain:?}");
    let piped = desk.say("list show").ended(69);
    assert!(!piped.err.contains('\u{1b}'), "{piped:?}");
}

#[test]
fn what_strangers_sent_reaches_no_terminal_as_it_is() {
    let postward = Postward::start(Transport::Inet);
    let sender = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}x@example.org";
    assert!(ask(&postward, "192.0.2.1", sender, "bob\r@example.net").starts_with("DEFER_IF_PERMIT"));
    for line in ["greylist show", "greylist show --format json"] {
        let shown = beside(&postward, line).ok();
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.out.contains(harmful) && shown.out.contains("owned"), "{line}: {shown:?}");
    }
    let json = beside(&postward, "greylist show --format json").ok().json().remove(0);
    assert_eq!(json["sender"].as_str().unwrap(), sender.to_lowercase(), "and is still the same to programs");
    let mut check = postward.command(["check", "client_address=\u{1b}[2J", "recipient=b@example.net"]);
    let said = crate::desk::said(&mut check, b"").ended(2);
    assert!(!said.err.contains('\u{1b}'), "{said:?}");
    let mut unknown = postward.command(["check", "client_address=192.0.2.1", "\u{1b}[2J=x"]);
    assert!(!crate::desk::said(&mut unknown, b"").ended(2).err.contains('\u{1b}'));
}

#[test]
fn an_error_repeats_nothing_that_a_terminal_obeys() {
    let desk = Desk::with_policy("");
    desk.say("list add allow --client 192.0.2.1").ok();
    let said = desk.run(["list", "match", "--client", "\u{1b}[2J\u{202e}x"]).ended(2);
    assert!(said.err.contains(r"`\u{1b}[2J\u{202e}x` is no address"), "{}", said.err);
    let said = desk.run(["-c", "\u{1b}[2J.yaml", "config", "check"]).ended(78);
    assert!(said.err.contains(r"\u{1b}[2J.yaml") && !said.err.contains('\u{1b}'), "{}", said.err);
}
