//! Sources in the policy file, and `postward list refresh`.

use crate::desk::{Desk, beside};
use crate::support::{Postward, Transport, eventually};

const POLICY: &str = "lists: {sources: [{name: drop, file: drop.txt, format: cidr, action: deny}, \
                      {name: office, file: office.txt, format: entries}]}\n";

fn clients(desk: &Desk) -> Vec<String> {
    desk.entries().iter().map(|entry| entry["client"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sources_are_read_and_what_changed_is_told() {
    let desk = Desk::with_policy(POLICY);
    desk.write("drop.txt", "192.0.2.0/24\n198.51.100.0/24\n");
    desk.write("office.txt", "allow client=203.0.113.0/24\n");
    let said = desk.say("list refresh").ok();
    assert_eq!(said.out, "drop: 2 added, 0 removed, 0 kept\noffice: 1 added, 0 removed, 0 kept\n");
    assert_eq!(desk.entries()[0]["source"], "drop");
    desk.write("drop.txt", "192.0.2.0/24\n");
    let said = desk.say("list refresh").ok();
    assert_eq!(said.out, "drop: 0 added, 1 removed, 1 kept\noffice: 0 added, 0 removed, 1 kept\n");
    assert_eq!(clients(&desk), ["192.0.2.0/24", "203.0.113.0/24"]);
}

#[test]
fn a_broken_source_keeps_its_last_good_entries_and_is_told() {
    let desk = Desk::with_policy(POLICY);
    desk.write("drop.txt", "192.0.2.0/24\n");
    desk.write("office.txt", "allow client=203.0.113.0/24\n");
    desk.say("list refresh").ok();
    desk.write("drop.txt", "198.51.100.0/24\n192.0.2.1/24\nnonsense\n");
    std::fs::remove_file(desk.path("office.txt")).unwrap();
    let said = desk.say("list refresh").ended(1);
    let drop = desk.path("drop.txt").display().to_string();
    for expected in [
        format!(
            "error: drop: its last good entries stay: {drop} has 2 bad lines\n  {drop}:2: `192.0.2.1/24` names a host"
        ),
        format!("\n  {drop}:3: `nonsense` is not a network"),
        format!("\nerror: office: its last good entries stay: {} does not exist\n", desk.path("office.txt").display()),
    ] {
        assert!(said.err.contains(&expected), "no {expected:?} in\n{}", said.err);
    }
    assert_eq!(clients(&desk), ["192.0.2.0/24", "203.0.113.0/24"]);
}

#[test]
fn entries_made_by_hand_stay_and_those_of_former_sources_go() {
    let desk = Desk::with_policy(POLICY);
    desk.write("drop.txt", "192.0.2.0/24\n");
    desk.write("office.txt", "");
    desk.say("list add allow --client 192.0.2.0/24").ok();
    desk.say("list refresh").ok();
    assert_eq!(clients(&desk), ["192.0.2.0/24", "192.0.2.0/24"]);
    desk.write("policy.yaml", "");
    let said = desk.say("list refresh").ok();
    assert_eq!(said.out, "removed 1 entry of sources that are configured no more\n");
    assert_eq!(desk.entries()[0]["source"], serde_json::Value::Null);
    let said = desk.say("list refresh").ok();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "the policy file names no sources\n"));
}

#[test]
fn a_removed_entry_of_a_source_comes_back_and_the_help_says_so() {
    let desk = Desk::with_policy(POLICY);
    desk.write("drop.txt", "192.0.2.0/24\n");
    desk.write("office.txt", "");
    desk.say("list refresh").ok();
    desk.say(&format!("list remove {}", desk.entries()[0]["id"])).ok();
    assert_eq!(desk.say("list refresh").ok().out.lines().next(), Some("drop: 1 added, 0 removed, 0 kept"));
    let help = desk.say("list remove --help").ok().out.replace('\n', " ");
    assert!(help.contains("comes back when the source is read again"), "{help}");
}

#[test]
fn without_a_policy_file_nothing_is_refreshed_away() {
    let desk = Desk::with_policy(POLICY);
    desk.write("drop.txt", "192.0.2.0/24\n");
    desk.write("office.txt", "");
    desk.say("list refresh").ok();
    std::fs::rename(desk.path("policy.yaml"), desk.path("away.yaml")).unwrap();
    desk.say("list refresh --database postward.db").failed(78, &["there is no policy file"]);
    assert_eq!(desk.say("list show --database postward.db --format json").ok().json().len(), 1);
}

#[test]
fn a_relative_file_is_found_beside_the_policy_file() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("etc")).unwrap();
    desk.write("etc/policy.yaml", POLICY);
    desk.write("etc/drop.txt", "192.0.2.0/24\n");
    desk.write("etc/office.txt", "");
    desk.say("-c etc/policy.yaml list refresh").ok();
    let shown = desk.say("-c etc/policy.yaml config show").ok().out;
    assert!(shown.contains(&format!("file: {}\n", desk.path("etc/drop.txt").display())), "{shown}");
}

#[test]
fn the_running_daemon_reads_sources_and_says_what_is_wrong_with_them() {
    let mut postward = Postward::install(Transport::Inet, POLICY);
    std::fs::write(postward.dir().join("drop.txt"), "192.0.2.0/24\n").unwrap();
    postward.serve();
    eventually("the source is read", || beside(&postward, "list match --client 192.0.2.7").code == 0);
    eventually("the other one is missed", || postward.log().contains("office.txt does not exist"));
}

#[test]
fn entries_imported_under_a_name_are_no_source_and_stay() {
    let mut postward = Postward::install(Transport::Inet, "lists: {refresh: 1s}");
    let file = postward.dir().join("list").display().to_string();
    std::fs::write(&file, "allow client=192.0.2.1\n").unwrap();
    beside(&postward, &format!("list import {file} --format entries --source branch")).ok();
    postward.serve();
    beside(&postward, "list refresh").ok();
    let entries = beside(&postward, "list show --format json").ok().json();
    assert_eq!((entries.len(), &entries[0]["source"]), (1, &"branch".into()));
}
