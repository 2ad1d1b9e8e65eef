//! What the daemon may find where it wants to listen, and what it leaves there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Endpoint, GREYLIST, Postward, Transport};
use crate::ways::{refused, through_shell};

const UNAVAILABLE: Option<i32> = Some(69);

fn path(postward: &Postward) -> PathBuf {
    match postward.endpoint() {
        Endpoint::Unix(path) => path.clone(),
        Endpoint::Inet(address) => panic!("{address} is no path"),
    }
}

fn files(postward: &Postward) -> BTreeSet<String> {
    let names = fs::read_dir(postward.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn the_socket_is_there_while_the_daemon_is_and_nothing_else_is_left() {
    let mut postward = Postward::start(Transport::Unix);
    let path = path(&postward);
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    let hidden = files(&postward).into_iter().filter(|name| name.starts_with('.')).count();
    assert_eq!(hidden, 0, "{:?}", files(&postward));
    assert!(postward.stop().success());
    assert!(!path.exists());
}

#[test]
fn the_socket_of_a_dead_daemon_is_replaced() {
    let mut postward = Postward::start(Transport::Unix);
    postward.kill();
    assert!(path(&postward).exists(), "nobody was left to remove it");
    postward.serve();
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
}

#[test]
fn what_is_no_socket_is_refused_and_left_as_it_is() {
    let postward = Postward::install(Transport::Unix, GREYLIST);
    let (path, precious) = (path(&postward), postward.dir().join("precious"));
    fs::write(&precious, "precious").unwrap();
    let says_why = |what: &str| {
        let (code, said) = refused(&postward);
        assert_eq!(code, UNAVAILABLE, "{what}: {said}");
        assert!(said.contains(&format!("error: cannot listen on {}: ", postward.endpoint())), "{what}: {said}");
        assert!(said.contains("no socket"), "{what}: {said}");
    };

    fs::write(&path, "mine").unwrap();
    says_why("a file");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    fs::remove_file(&path).unwrap();

    symlink(&precious, &path).unwrap();
    says_why("a link");
    assert_eq!(fs::read_link(&path).unwrap(), precious);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    says_why("a directory");
    assert!(path.is_dir());
}

#[test]
fn a_link_to_a_dead_socket_is_no_socket() {
    let postward = Postward::install(Transport::Unix, GREYLIST);
    let elsewhere = postward.dir().join("elsewhere");
    drop(UnixListener::bind(&elsewhere).unwrap());
    symlink(&elsewhere, path(&postward)).unwrap();
    assert_eq!(refused(&postward).0, UNAVAILABLE);
    assert_eq!(fs::read_link(path(&postward)).unwrap(), elsewhere);
}

#[test]
fn the_socket_of_somebody_who_lives_is_refused_and_stays_his() {
    let postward = Postward::install(Transport::Unix, GREYLIST);
    let living = UnixListener::bind(path(&postward)).unwrap();
    let (code, said) = refused(&postward);
    assert_eq!(code, UNAVAILABLE, "{said}");
    assert!(said.contains("another process listens there"), "{said}");
    drop(living.accept().unwrap()); // the question whether somebody lives
    living.set_nonblocking(true).unwrap();
    assert!(postward.endpoint().answers());
    assert!(living.accept().is_ok());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = Postward::start(Transport::Inet);
    let second = Postward::install(Transport::Unix, GREYLIST);
    fs::write(second.policy_file(), format!("listen: [\"{}\", \"{}\"]\n", second.endpoint(), taken.endpoint()))
        .unwrap();
    let (code, said) = refused(&second);
    assert_eq!(code, UNAVAILABLE, "{said}");
    assert!(said.contains(&format!("cannot listen on {}: ", taken.endpoint())) && said.contains("in use"), "{said}");
    assert!(!path(&second).exists(), "the socket that was free is given back");
    assert_eq!(Peer::connect(taken.endpoint()).ask(&Ask::new()), NEW);
}

#[test]
fn a_second_daemon_on_a_database_is_refused() {
    let first = Postward::start(Transport::Inet);
    let mut second = Postward::install(Transport::Unix, GREYLIST);
    second.move_database(first.database().to_str().unwrap());
    let (code, said) = refused(&second);
    assert_eq!(code, UNAVAILABLE, "{said}");
    for expected in [first.database().to_str().unwrap(), "another postward serves it", &first.id().to_string()] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!path(&second).exists(), "its socket would lead nowhere");
    assert_eq!(Peer::connect(first.endpoint()).ask(&Ask::new()), NEW);
}

#[test]
fn a_missing_directory_is_named() {
    let postward = Postward::install(Transport::Unix, GREYLIST);
    let endpoint = format!("unix:{}/nowhere/policy.sock", postward.dir().display());
    fs::write(postward.policy_file(), format!("listen: [\"{endpoint}\"]\n")).unwrap();
    let (code, said) = refused(&postward);
    assert_eq!(code, UNAVAILABLE, "{said}");
    assert!(said.contains(&endpoint) && said.contains("No such file or directory"), "{said}");
}

#[test]
fn the_socket_has_its_mode_from_the_first_moment() {
    for (setting, expected) in [("", 0o666), ("socket_mode: \"0660\"\n", 0o660)] {
        for umask in ["000", "077"] {
            let mut postward = Postward::install(Transport::Unix, &format!("{setting}{GREYLIST}"));
            drop(UnixListener::bind(path(&postward)).unwrap()); // one that is replaced
            fs::set_permissions(path(&postward), fs::Permissions::from_mode(expected)).unwrap();
            let modes = modes_while(&path(&postward), || {
                let daemon = through_shell(&postward, &format!("umask {umask}; exec \"$@\""));
                postward.serve_by(daemon);
            });
            assert_eq!(modes, BTreeSet::from([Some(expected)]), "umask {umask}");
        }
    }
}

/// Every mode that a socket in the directory of `path` had while `act` went on; `None`: there was nothing at `path`.
fn modes_while(path: &Path, act: impl FnOnce()) -> BTreeSet<Option<u32>> {
    let done = AtomicBool::new(false);
    let look = || {
        let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        let found = entries.filter_map(|path| fs::symlink_metadata(path).ok());
        let sockets = found.filter(|metadata| metadata.file_type().is_socket());
        let modes = sockets.map(|metadata| Some(metadata.permissions().mode() & 0o777));
        modes.chain((!path.exists()).then_some(None)).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut modes = BTreeSet::from_iter(look());
            while !done.load(Ordering::Relaxed) {
                modes.extend(look());
            }
            modes.extend(look());
            modes
        });
        act();
        done.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    })
}
