//! The policy file and the lists change under the daemon, for better and for worse.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, Postward, Transport, at_full_length, at_length, eventually};
use crate::ways::{descriptors, logged};

const REFUSED: &str = "550 5.7.1 Access denied";

/// Between two signals: a thousand in ten seconds.
const PAUSE: Duration = Duration::from_millis(10);

#[test]
fn a_thousand_hangups_in_ten_seconds_every_second_with_a_broken_file_cost_no_request() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    let before = descriptors(&postward);
    let (begun, hangups) = (Instant::now(), at_length(200, 1000));
    let answered = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let asked = (0..).take_while(|number| {
                assert_eq!(peer.ask(&Ask::from_sender(format!("a{number}x@example.org"))), NEW);
                begun.elapsed() < PAUSE * hangups
            });
            asked.count()
        });
        for number in 0..hangups {
            postward.set_policy(if number % 2 == 0 { "chain: [access, {greylist: {delay" } else { GREYLIST });
            postward.reload();
            thread::sleep((begun + PAUSE * (number + 1)).saturating_duration_since(Instant::now()));
        }
        asking.join().unwrap()
    });
    println!("{hangups} hangups in {:?}, {answered} requests", begun.elapsed());
    assert!(!logged(&postward, "the policy stays as it was").is_empty());
    assert!(!logged(&postward, "policy.yaml is in force").is_empty());
    postward.set_policy("chain: [{greylist: {delay: 10m, text: 'Come again in {seconds} s'}}]\n");
    postward.reload();
    let mut senders = (0..).map(|number| Ask::from_sender(format!("b{number}x@example.org")));
    eventually("the last one counts", || {
        peer.ask(&senders.next().unwrap()) == "DEFER_IF_PERMIT 4.7.1 Come again in 600 s"
    });
    eventually("the descriptors are given back", || descriptors(&postward) <= before + 5);
}

/// A daemon that refuses whom a list names.
fn with_list(content: &str) -> (Postward, PathBuf) {
    let mut postward = Postward::install(Transport::Inet, "");
    let list = postward.dir().join("drop.txt");
    fs::write(&list, content).unwrap();
    let source = format!("{{name: drop, file: {}, format: cidr, action: deny}}", list.display());
    postward.set_policy(&format!("lists: {{sources: [{source}]}}\n{GREYLIST}"));
    postward.serve();
    (postward, list)
}

/// What becomes of a list, and what is told of it.
type Fate = (&'static str, fn(&Path), &'static str);

const FATES: [Fate; 8] = [
    ("it vanishes", |_| {}, "does not exist"),
    ("it is a pipe", |list| make_pipe(list), "is no regular file"),
    ("it is a directory", |list| fs::create_dir(list).unwrap(), "is no regular file"),
    (
        "it is a link to itself",
        |list| symlink(list, list).unwrap(),
        "cannot be read: Too many levels of symbolic links",
    ),
    ("it is a device", |list| symlink("/dev/zero", list).unwrap(), "is no regular file"),
    ("it is latin-1", |list| fs::write(list, b"198.51.100.0/24\n# caf\xe9\n").unwrap(), "drop.txt:2"),
    ("it is nonsense", |list| fs::write(list, "198.51.100.0/24\nnonsense\n").unwrap(), "drop.txt:2"),
    ("it is one endless line", |list| fs::write(list, "1".repeat(1 << 20)).unwrap(), "longer than 64 KiB"),
];

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn whatever_becomes_of_a_list_its_last_good_entries_stay() {
    let (postward, list) = with_list("192.0.2.0/24\n");
    let mut peer = Peer::connect(postward.endpoint());
    let listed = Ask::new();
    assert_eq!(peer.ask(&listed), REFUSED);
    for (what, happens, told) in FATES {
        let _ = fs::remove_file(&list);
        happens(&list);
        let before = logged(&postward, "its last good entries stay").len();
        postward.reload();
        eventually(what, || logged(&postward, "its last good entries stay").len() > before);
        let line = logged(&postward, "its last good entries stay").pop().unwrap();
        assert!(
            line.contains(told) && line.contains(list.to_str().unwrap()) && line.contains(" WARN "),
            "{what}: {line}"
        );
        assert_eq!(peer.ask(&listed), REFUSED, "{what}");
        let _ = fs::remove_dir(&list);
    }
    let _ = fs::remove_file(&list);
    fs::write(&list, "\u{feff}198.51.100.0/24\r\n203.0.113.0/24").unwrap();
    postward.reload();
    for address in ["198.51.100.1", "203.0.113.1"] {
        let listed = Ask::new().with("client_address", address);
        eventually("a mark at the beginning and foreign line ends do no harm", || peer.ask(&listed) == REFUSED);
    }
    assert_eq!(peer.ask(&listed), NEW);
}

#[test]
fn a_huge_list_comes_into_force_and_nobody_waits_for_it() {
    let (postward, list) = with_list("192.0.2.0/24\n");
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), REFUSED);
    let lines = at_full_length(20_000_u32, 100_000, 1_000_000);
    let networks = (0..lines).map(|number| format!("2001:db8:{:x}:{:x}::/64\n", number >> 16, number & 0xffff));
    fs::write(&list, networks.chain(["192.0.2.0/24\n".to_owned()]).collect::<String>()).unwrap();
    postward.reload();
    let last =
        Ask::new().with("client_address", format!("2001:db8:{:x}:{:x}::1", (lines - 1) >> 16, (lines - 1) & 0xffff));
    let (begun, mut slowest, mut asked, mut unchecked) = (Instant::now(), Duration::ZERO, 0, 0);
    while peer.ask(&last) != REFUSED {
        assert!(begun.elapsed() < Duration::from_secs(300), "it never comes into force");
        let sent = Instant::now();
        assert_eq!(peer.ask(&Ask::new()), REFUSED, "who was listed before still is");
        let stranger = Ask::from_sender(format!("a{asked}x@example.org")).with("client_address", "203.0.113.1");
        unchecked += usize::from(peer.ask(&stranger) == "DUNNO");
        slowest = slowest.max(sent.elapsed());
        asked += 1;
    }
    println!(
        "{lines} lines in force after {:?}; meanwhile {asked} strangers, {unchecked} let through, slowest {slowest:?}",
        begun.elapsed()
    );
    assert!(slowest < Duration::from_secs(9), "{slowest:?}");
}
