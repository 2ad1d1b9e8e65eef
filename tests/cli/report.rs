//! `postward report` as a person, a program and a mail client meet it.

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::desk::{Desk, ask, beside, said};
use crate::support::{GREYLIST, Postward, Transport, eventually};

const BOB: &str = "bob@example.net";

/// A daemon that has refused, deferred and let pass, and observed.
fn busy() -> Postward {
    let policy =
        GREYLIST.replace("access,", "{helo: {mode: observe, names: [mx.example.net], unresolvable: ignore}}, access,");
    let mut postward = Postward::install(Transport::Inet, &policy);
    beside(&postward, "list add deny --sender bad@example.org").ok();
    postward.serve();
    for number in 0..6 {
        ask(&postward, &format!("192.0.2.{number}"), "bad@example.org", BOB);
    }
    ask(&postward, "198.51.100.1", "alice@example.org", BOB);
    ask(&postward, "203.0.113.1", "<b>&\"'@example.com", BOB);
    postward.advance(Duration::from_secs(400));
    ask(&postward, "198.51.100.1", "alice@example.org", BOB);
    postward.advance(Duration::from_secs(5 * 3600));
    ask(&postward, "198.51.100.1", "alice@example.org", BOB);
    let says = |pointer: &str, number: u64| report(&postward, "").pointer(pointer) == Some(&number.into());
    eventually("all is counted", || says("/totals/asked", 10));
    eventually("all is written down", || says("/conversations/passed", 1));
    postward
}

fn report(postward: &Postward, options: &str) -> Value {
    let out = beside(postward, &format!("report --format json {options}")).ok();
    assert_eq!(out.out.lines().count(), 1);
    out.json().remove(0)
}

#[test]
fn what_each_measure_did_is_told_in_numbers_and_percent() {
    let postward = busy();
    let report = report(&postward, "");
    for (name, number) in [("asked", 10), ("rejected", 6), ("deferred", 2), ("passed", 2)] {
        assert_eq!(report["totals"][name], number, "{report:#}");
    }
    let measure = |reason: &str| {
        let measures = report["measures"].as_array().unwrap().iter();
        measures
            .clone()
            .find(|measure| measure["reason"] == reason)
            .unwrap_or_else(|| panic!("{reason}: {report:#}"))
            .clone()
    };
    assert_eq!(measure("access-deny")["percent"], 60.0);
    assert_eq!(measure("greylist-passed")["verdict"], "pass");
    assert_eq!(report["conversations"]["never"], 1);
    assert_eq!(report["never_retried"][0]["domain"], "example.com");
    assert_eq!(report["waited_longest"][0]["sender"], "alice@example.org");
    assert_eq!(report["networks"][0]["network"], "192.0.2.0/24");
    assert_eq!(report["would_have"][0]["reason"], "helo-invalid", "{report:#}");
    let checks: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| check["asked"].as_u64()).collect();
    assert_eq!(checks.iter().max(), Some(&Some(10)));
}

#[test]
fn people_see_it_with_bars() {
    let postward = busy();
    let text = beside(&postward, "report --since 2d").ok().out;
    for expected in [
        "\nRECIPIENTS ASKED ABOUT\n10 in all.",
        "\nrejected  6       60.0 %   ██████████████████\n",
        "\naccess    access-deny      rejected  6       60.0 %   ██████████████████\n",
        "\nGREYLISTED, AND THEN\nFirst attempts that were deferred: 2.",
        "\nnever tried again                          1       50.0 %",
        "\nNEVER TRIED AGAIN, BY THE SENDER'S DOMAIN\n",
        "\n6m 4",
        "\n192.0.2.0/24     6         0\n",
        "\nWHAT OBSERVED STEPS WOULD HAVE CHANGED\n",
        "\nHOW LONG CHECKS TOOK\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn the_page_needs_nothing_else_and_nothing_in_it_is_a_strangers_markup() {
    let postward = busy();
    let page = beside(&postward, "report --format html").ok().out;
    assert!(page.starts_with("<!DOCTYPE html>\n") && page.ends_with("</html>\n"), "{page}");
    for expected in ["<svg ", "prefers-color-scheme:dark", "&lt;b&gt;&amp;&quot;&#39;@example.com", "width:60.0%"] {
        assert!(page.contains(expected), "{expected} is not in\n{page}");
    }
    for outside in ["http:", "https:", "src=", "url(", "<script", "<link", "@import", "<b>"] {
        assert!(!page.contains(outside), "{outside} is in\n{page}");
    }
    assert!(page.lines().all(|line| line.len() < 998), "mail has short lines");
    let mut open = Vec::new();
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split(['>', ' ', '\n']).next()) {
        match tag.strip_prefix('/') {
            _ if ["!DOCTYPE", "meta", "line", "line/", "rect"].contains(&tag) => {}
            Some(closed) => assert_eq!(open.pop(), Some(closed), "what is opened is closed"),
            None => open.push(tag),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn a_time_in_which_nothing_happened_is_an_answer_too() {
    let postward = busy();
    let text = beside(&postward, "report --since 2001-01-31 --until 2001-02-01").ok().out;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(
        text,
        format!(
            "postward at {host}: 2001-01-31 00:00 to 2001-02-01 00:00 UTC (1d)\n\nnothing was asked in this time\n"
        )
    );
    let page = beside(&postward, "report --since 2001-01-31 --until 2001-02-01 --format html").ok().out;
    assert!(page.contains("Nothing was asked") && !page.contains("<svg"), "{page}");
    beside(&postward, "report --since 1d --until 2d").failed(2, &["--since: ", " is not before "]);
    Desk::with_policy("").say("report").failed(69, &["there is no database"]);
}

#[test]
fn what_postfix_refused_is_added_from_its_log() {
    let postward = Postward::start(Transport::Inet);
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/maillogs/restrictions.log");
    let octets = std::fs::read(log).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&octets).unwrap();
    std::fs::write(postward.dir().join("mail.log.gz"), packed.finish().unwrap()).unwrap();
    let time = "--since 2026-11-21 --until 2026-11-22";
    for (file, input) in [(log, &b""[..]), ("mail.log.gz", b""), ("-", &octets)] {
        let line = format!("report --format json {time} --maillog {file}");
        let mut command = postward.command(line.split(' '));
        let report = said(command.env("TZ", "UTC"), input).ok().json().remove(0);
        let first = &report["maillog"]["refusals"][0];
        assert_eq!(
            (first["number"].as_u64(), &first["kind"]),
            (Some(3), &Value::from("permanent")),
            "{file}: {report:#}"
        );
        assert!(report["maillog"]["temporary"]["never_arrived"].as_u64() > Some(3), "{report:#}");
    }
    let mut command = postward.command(format!("report {time} --maillog {log}").split(' ').collect::<Vec<_>>());
    let text = said(command.env("TZ", "UTC"), b"").ok();
    for expected in
        ["WHAT POSTFIX REFUSED\n", "reject_unlisted_recipient", "WHAT POSTSCREEN SAW\n", "MAILS THAT NEVER ARRIVED\n"]
    {
        assert!(text.out.contains(expected), "{expected} is not in\n{}", text.out);
    }
    assert_eq!(text.err, "", "a progress bar is for terminals");
    let wrong = beside(&postward, "report --maillog policy.yaml").ok();
    assert!(wrong.err.starts_with("policy.yaml has nothing that Postfix wrote"), "{}", wrong.err);
    beside(&postward, "report --maillog missing.log").failed(69, &["cannot read missing.log: No such file"]);
}
