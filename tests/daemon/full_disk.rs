//! A disk that fills up under load, is full at a start, and is freed.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Endpoint, GREYLIST, Postward, Tied, Transport, eventually};
use crate::ways::{logged, through_shell};

/// So soon after the disk was freed things are remembered again.
const RESUMED: Duration = Duration::from_secs(10);

/// A small disk that outlives the daemon, in a mount namespace of its own.
struct SmallDisk {
    holder: Tied,
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts it at `place`.
    fn mount(place: PathBuf) -> Self {
        fs::create_dir(&place).unwrap();
        let mut holder = Command::new("unshare");
        let script = format!("mount -t tmpfs -o size=3m none {0} && : >{0}/mounted && exec sleep 600", place.display());
        holder.args(["--mount", "--propagation", "private", "sh", "-c", &script]).stdout(Stdio::null());
        let disk = Self { holder: Tied::spawn(&mut holder), place };
        eventually("a small disk is mounted, which takes root", || disk.inside("mounted").exists());
        disk
    }

    /// A file on it, as those see it who are outside.
    fn inside(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}/{name}", self.holder.id(), self.place.display()))
    }

    /// The command among those who see it.
    fn among(&self, command: &Command) -> Command {
        let mut entered = Command::new("nsenter");
        entered.args(["--mount", "--target", &self.holder.id().to_string()]);
        entered.arg(command.get_program()).args(command.get_args()).current_dir("/");
        entered.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        entered
    }

    fn fill(&self) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.inside("filler")).unwrap();
        for size in [65_536, 4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.inside("filler")).unwrap();
    }
}

#[derive(Default)]
struct Load {
    over: AtomicBool,
    remembered: AtomicUsize,
    passed_unchecked: AtomicUsize,
}

impl Load {
    /// Strangers ask all the time, and are always answered one way or the other.
    fn ask(&self, lane: usize, endpoint: &Endpoint) {
        let mut peer = Peer::connect(endpoint);
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let counter = match peer.ask(&Ask::from_sender(format!("a{lane}b{number}x@example.org"))).as_str() {
                NEW => &self.remembered,
                "DUNNO" => &self.passed_unchecked,
                other => panic!("{other}"),
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits until it counts on.
fn goes_on(what: &str, counter: &AtomicUsize) -> Duration {
    let (begun, before) = (Instant::now(), counter.load(Ordering::Relaxed));
    eventually(what, || counter.load(Ordering::Relaxed) > before);
    begun.elapsed()
}

#[test]
fn a_disk_that_fills_up_under_load_costs_no_answer() {
    let mut postward = Postward::install(Transport::Unix, GREYLIST);
    let disk = SmallDisk::mount(postward.dir().join("small"));
    postward.move_database("small/postward.db");
    let daemon = through_shell(&postward, &format!("cd {}; exec \"$@\"", postward.dir().display()));
    let daemon = || disk.among(&daemon);
    postward.serve_by(daemon());
    let mut known = Peer::connect(postward.endpoint());
    assert_eq!(known.ask(&Ask::new()), NEW);

    let load = Load::default();
    thread::scope(|scope| {
        for lane in 0..4 {
            let (load, endpoint) = (&load, postward.endpoint().clone());
            scope.spawn(move || load.ask(lane, &endpoint));
        }
        goes_on("strangers are remembered", &load.remembered);
        disk.fill();
        goes_on("they pass", &load.passed_unchecked);
        disk.free();
        let resumed = goes_on("they are remembered again", &load.remembered);
        println!("resumed after {resumed:?}");
        assert!(resumed < RESUMED);
        load.over.store(true, Ordering::Relaxed);
    });
    assert!(known.ask(&Ask::new()).starts_with("DEFER_IF_PERMIT"), "nothing was lost");
    let errors = logged(&postward, " ERROR ");
    assert!((1..5).contains(&errors.len()), "it is not told all the time: {errors:?}");
    for expected in ["the disk is full", "small/postward.db", "mail is let through"] {
        assert!(errors[0].contains(expected), "{errors:?}");
    }
    assert!(postward.stop().success());

    disk.fill();
    postward.serve_by(daemon());
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::from_sender("carol@example.org")), "DUNNO", "a full disk is no reason not to start");
    disk.free();
    let mut senders = (0..).map(|number| Ask::from_sender(format!("later{number}x@example.org")));
    eventually("strangers are remembered", || peer.ask(&senders.next().unwrap()) == NEW);
    assert!(peer.ask(&Ask::new()).starts_with("DEFER_IF_PERMIT"), "and nothing was lost");
    let kept_aside = fs::read_dir(disk.inside("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(kept_aside.into_iter().all(|name| !name.to_string_lossy().contains("corrupt")), "a full disk is no damage");
}
