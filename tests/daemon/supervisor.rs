//! What a service manager hears: that the daemon is ready, reads its policy again, works, and ends.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, Postward, Transport};

/// The service manager's end.
struct Manager(UnixDatagram);

impl Manager {
    /// Starts the daemon, which has to say something every `watchdog`.
    fn start(watchdog: Option<Duration>) -> (Self, Postward) {
        let mut postward = Postward::install(Transport::Inet, GREYLIST);
        let path = postward.dir().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut daemon = postward.command(["serve"]);
        daemon.env("NOTIFY_SOCKET", path);
        if let Some(watchdog) = watchdog {
            daemon.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        postward.serve_by(daemon);
        (Self(socket), postward)
    }

    /// The next message.
    fn hears(&self) -> String {
        let mut octets = [0; 4096];
        let length = self.0.recv(&mut octets).expect("the daemon says something");
        String::from_utf8(octets[..length].to_vec()).unwrap()
    }

    /// Reads what has come so far.
    fn catches_up(&self) {
        self.0.set_nonblocking(true).unwrap();
        while self.0.recv(&mut [0; 4096]).is_ok() {}
        self.0.set_nonblocking(false).unwrap();
    }
}

#[test]
fn a_service_manager_is_told_of_readiness_reloads_and_the_end() {
    let (manager, mut postward) = Manager::start(None);
    assert_eq!(manager.hears(), "READY=1\nSTATUS=answering\n");
    for (policy, status) in [(GREYLIST, "answering"), ("nonsense: 1", "answering by an earlier policy")] {
        let before = microseconds();
        postward.set_policy(policy);
        postward.reload();
        let reloading = manager.hears();
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
        assert!((before..=microseconds()).contains(&time.trim_end().parse().unwrap()), "{reloading}");
        let ready = manager.hears();
        assert!(ready.starts_with(&format!("READY=1\nSTATUS={status}")), "{ready}");
    }
    assert!(postward.stop().success());
    assert_eq!(manager.hears(), "STOPPING=1\nSTATUS=ending\n");
}

fn microseconds() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[test]
fn a_watchdog_hears_from_a_daemon_that_works_and_only_from_such() {
    let (manager, postward) = Manager::start(Some(Duration::from_millis(300)));
    assert!(manager.hears().starts_with("READY=1"));
    for _ in 0..5 {
        assert_eq!(manager.hears(), "WATCHDOG=1\n");
    }
    let process = Pid::from_raw(postward.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    manager.catches_up();
    manager.0.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
    assert!(manager.0.recv(&mut [0; 16]).is_err(), "nothing is said for a daemon that stands still");
    kill_process(process, Signal::CONT).unwrap();
    manager.0.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(manager.hears(), "WATCHDOG=1\n");
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
}

#[test]
fn a_service_manager_that_does_not_listen_costs_nothing() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    let mut daemon = postward.command(["serve"]);
    daemon.env("NOTIFY_SOCKET", postward.dir().join("nobody"));
    postward.serve_by(daemon);
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
}
