//! `postward man` and `postward completions`: made of what `--help` says.

use std::fs;

use crate::desk::{Desk, said};

#[test]
fn every_command_has_a_manual_page() {
    let desk = Desk::new();
    let main = desk.say("man").ok().out;
    desk.say("man --into pages").ok();
    assert_eq!(main, fs::read_to_string(desk.path("pages/postward.1")).unwrap());
    for (command, word) in [
        ("postward", "postward\\-check(1)"),
        ("postward-serve", "in the foreground"),
        ("postward-list-add", "\\-\\-expires"),
        ("postward-greylist-show", "\\-\\-state"),
    ] {
        let page = fs::read_to_string(desk.path(&format!("pages/{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains(word), "{command}:\n{page}");
    }
    desk.write("file", "");
    desk.say("man --into file").failed(69, &["file: "]);
}

#[test]
fn shells_can_read_their_completions() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.run(["completions", shell]).ok().out;
        for word in ["greylist", "--sender", "allow"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
    let script = desk.say("completions bash").out;
    let asks = "\nCOMP_WORDS=(postward li); COMP_CWORD=1; _postward postward li postward; echo \"${COMPREPLY[@]}\"";
    let answer = said(std::process::Command::new("bash").arg("-s"), format!("{script}{asks}").as_bytes()).ok();
    assert_eq!(answer.out, "list\n");
}
