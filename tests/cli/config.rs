//! `postward config`: what is wrong with a policy file, and what is in force.

use std::fs;

use crate::desk::Desk;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policy.example.yaml");
const CONTAINERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/docker/policy.yaml");

#[test]
fn the_example_is_right_and_says_what_the_defaults_are() {
    let desk = Desk::with_policy("");
    let said = desk.run(["config", "check", "-c", EXAMPLE]).ok();
    assert_eq!((said.out, said.err), (format!("{EXAMPLE} is right\n"), String::new()));
    for format in ["yaml", "json"] {
        let example = desk.run(["config", "show", "-c", EXAMPLE, "--format", format]).ok().out;
        assert_eq!(example, desk.run(["config", "show", "--format", format]).ok().out, "{format}");
    }
}

#[test]
fn the_policy_of_the_container_is_right() {
    let said = Desk::with_policy("").run(["config", "check", "-c", CONTAINERS]).ok();
    assert_eq!((said.out, said.err), (format!("{CONTAINERS} is right\n"), String::new()));
}

#[test]
fn what_is_in_force_can_be_read_again_from_elsewhere() {
    let desk = Desk::with_policy(
        "listen: [\"unix:/run/postward.sock\", \"inet:[::1]:10040\"]\nsocket_mode: \"0600\"\ndeadline: 1500ms\n\
         exempt: {networks: [], authenticated: no}\n\
         lists: {sources: [{name: a, file: lists/a.txt, format: cidr, action: 'skip=greylist'}]}\n\
         chain: [{greylist: {mode: off, text: 'yes: \"{seconds}\" #', allow_client_after: 0}}, access]\n",
    );
    for format in ["yaml", "json"] {
        let shown = desk.run(["config", "show", "--format", format]).ok().out;
        let elsewhere = Desk::with_policy(&shown);
        elsewhere.say("config check").ok();
        assert_eq!(elsewhere.run(["config", "show", "--format", format]).ok().out, shown);
    }
}

#[test]
fn everything_in_force_is_shown() {
    let desk = Desk::with_policy("chain: [access, bounce, helo, reverse_dns, dnsbl, spf, greylist: {delay: 1m}]");
    let shown = desk.say("config show --format json").ok().json().remove(0);
    let example = fs::read_to_string(EXAMPLE).unwrap();
    let options = |text: &str| -> Vec<String> {
        let keys = text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).split_once(':'));
        keys.map(|(key, _)| key.to_owned()).filter(|key| !key.contains(['#', ' '])).collect()
    };
    let text = shown.to_string();
    for option in options(&example) {
        assert!(text.contains(&format!("\"{option}\":")), "{option} is not shown: {text}");
    }
    assert_eq!(shown["chain"][6]["greylist"]["delay"], "1m");
    assert_eq!(shown["chain"][6]["greylist"]["mode"], "enforce");
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let desk = Desk::with_policy(
        "lisen: []\n\
         socket_mode: rw\n\
         exempt:\n  networks: [192.0.2.1/24]\n\
         deadline: 5\n\
         lists:\n  sources:\n\
         \x20   - {name: drop, file: x, format: cidr}\n\
         \x20   - {name: drop, format: cird, action: skip=graylist}\n\
         \x20   - {file: y, format: entries, action: deny}\n\
         chain:\n\
         \x20 - greylist: {dealy: 5m, retry_window: 1s, mode: of}\n\
         \x20 - graylist\n",
    );
    let said = desk.say("config check").failed(
        78,
        &[
            "error: policy.yaml: 15 mistakes\n",
            "\n  policy.yaml:1:1: lisen: unknown option\n    hint: did you mean `listen`?\n",
            "\n  policy.yaml:2:14: socket_mode: `rw` is no file mode: write it in octal and in quotes, such as \"0660\"\n",
            "\n  policy.yaml:4:14: exempt.networks[0]: `192.0.2.1/24` names a host inside a network: was 192.0.2.0/24 meant",
            "\n  policy.yaml:5:11: deadline: `5` is not a duration: write a number and its unit, such as 30s, 5m, 12h or 35d\n",
            "\n  policy.yaml:8:7: lists.sources[0].action: a list of format `cidr` needs an action: allow,",
            "\n  policy.yaml:9:7: lists.sources[1]: `file` is missing\n",
            "\n  policy.yaml:9:14: lists.sources[1].name: another source is called `drop`, too\n",
            "\n  policy.yaml:9:28: lists.sources[1].format: `cird` is no format: entries, cidr,",
            "\n  policy.yaml:9:42: lists.sources[1].action: `skip=graylist` names no check (did you mean `greylist`?)\n",
            "\n  policy.yaml:10:7: lists.sources[2]: `name` is missing\n",
            "\n  policy.yaml:10:42: lists.sources[2].action: a list of format `entries` names the action in every line",
            "\n  policy.yaml:12:16: chain[0].greylist.dealy: unknown option\n    hint: did you mean `delay`?\n",
            "\n  policy.yaml:12:41: chain[0].greylist.retry_window: must be longer than `delay`, or nobody could ever pass\n",
            "\n  policy.yaml:12:51: chain[0].greylist.mode: `of` is no mode: enforce, observe and off are\n",
            "\n  policy.yaml:13:5: chain[1]: there is no check called `graylist`\n    hint: did you mean `greylist`?\n",
        ][..],
    );
    assert_eq!(desk.say("serve").failed(78, &[]).err, said.err, "`serve` says the same");
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    for (policy, place) in
        [("listen: [\nchain: }\n", ":2:8: "), ("a: b: c\n", ":1:5: "), ("chain: []\n\tdeadline: 5s\n", ":2:1: ")]
    {
        let said = Desk::with_policy(policy).say("config check").failed(78, &["policy.yaml: 1 mistake\n"]);
        assert!(said.err.contains(&format!("  policy.yaml{place}")), "{policy:?}: {}", said.err);
    }
    let twice = Desk::with_policy("deadline: 5s\nlisten: []\ndeadline: 6s\n").say("config check");
    twice.failed(78, &["policy.yaml:1:1: duplicate entry with key \"deadline\""]);
}

#[test]
fn a_file_that_is_no_policy_is_refused_with_the_reason() {
    let desk = Desk::new();
    fs::create_dir(desk.path("directory")).unwrap();
    desk.write("binary", [0, 159, 146, 150, 255]);
    desk.write("long", "# a comment\n".repeat(200_000));
    for (file, reason) in [
        ("missing", "cannot read the policy file missing: No such file or directory"),
        ("directory", "cannot read the policy file directory: Is a directory"),
        ("binary", "binary:1:2: here is something that is no UTF-8"),
        ("long", "cannot read the policy file long: it has more than 1048576 octets"),
    ] {
        for command in
            ["config check", "config show", "serve", "list show", "greylist stats", "check client_address=192.0.2.1"]
        {
            desk.run(command.split(' ').chain(["-c", file])).failed(78, &[reason]);
        }
    }
}

#[test]
fn an_empty_file_means_the_defaults() {
    for policy in ["", "\n\n", "# nothing\n", "---\n", "lists:\nchain:\n"] {
        Desk::with_policy(policy).say("config check").ok();
    }
}

#[test]
fn a_mode_may_be_off_without_quotes() {
    for off in ["off", "'off'", "false"] {
        let shown =
            Desk::with_policy(&format!("chain: [access: {{mode: {off}}}]")).say("config show --format json").ok();
        assert_eq!(shown.json()[0]["chain"][0]["access"]["mode"], "off", "{off}");
    }
}

#[test]
fn contradictions_are_mistakes() {
    for (policy, mistake) in [
        ("listen: []", "listen: nobody could connect"),
        ("deadline: 10m", "deadline: must be between 1s and 60s"),
        ("lists: {refresh: 0s}", "lists.refresh: must be at least 1s"),
        ("chain: [greylist: {delay: 3d}]", "greylist.retry_window: must be longer than `delay`"),
        ("chain: [greylist: {waiting: 5}]", "greylist.waiting: must not be less than `waiting_per_network`"),
        ("chain: access", "chain: expected a list, found text"),
        ("lists: {sources: [a.txt]}", "lists.sources[0]: expected options, found text"),
    ] {
        Desk::with_policy(policy).say("config check").failed(78, &[mistake]);
    }
}

#[test]
fn without_a_policy_file_it_is_said_where_one_was_looked_for() {
    let expected = ["neither /etc/postward/policy.yaml nor ./policy.yaml", "\nhint: name one with --config FILE"];
    for command in
        ["config check", "config show", "serve", "list show", "greylist show", "check client_address=192.0.2.1"]
    {
        Desk::new().say(command).failed(78, &expected);
    }
}

#[test]
fn the_policy_file_may_be_named_in_the_environment() {
    let desk = Desk::with_policy("deadline: 1s");
    desk.write("other.yaml", "deadline: 2s");
    let deadline = |args: &str| {
        let mut command = desk.command(args.split(' '));
        let said = crate::desk::said(command.env("POSTWARD_CONFIG", "other.yaml"), b"").ok();
        said.json()[0]["deadline"].clone()
    };
    assert_eq!(deadline("config show --format json"), "2s");
    assert_eq!(deadline("config show --format json -c policy.yaml"), "1s", "the command line goes first");
    assert_eq!(deadline("-c policy.yaml config show --format json"), "1s", "wherever it stands");
}
