//! SQLite alone: what was answered survives `kill -9`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use postward::store::Standing;
use postward::store::sqlite::Sqlite;

use crate::support::*;

/// Where the child finds its database; without it there is no child.
const DATABASE: &str = "POSTWARD_TEST_CRASH_DATABASE";

const CLIENT: &str = "192.0.2.0/24";

/// Answers before the kill.
const ANSWERS: usize = 2_000;

fn number_attempt(number: usize) -> postward::store::Attempt {
    in_instance(&format!("i{number}"), attempt(CLIENT, &format!("sender-{number}")))
}

/// Not a test: the process that is killed. It remembers until then, and tells what it was answered.
#[tokio::test]
async fn child() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let store = Sqlite::serve(Path::new(&path)).unwrap();
    for number in 0.. {
        record(&store, &number_attempt(number), 0).await;
        writeln!(std::io::stderr(), "{number}").unwrap();
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let (_directory, path) = place();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(DATABASE, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut answered: Vec<usize> = lines.by_ref().take(ANSWERS).map(|line| line.unwrap().parse().unwrap()).collect();
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    answered.extend(lines.map_while(Result::ok).filter_map(|line| line.parse::<usize>().ok()));
    assert!(answered.len() >= ANSWERS);

    let store = Sqlite::serve(&path).unwrap();
    for number in answered {
        let again = record(&store, &number_attempt(number), 1).await;
        assert_eq!((again.standing, again.first_seen), (Standing::New, at(0)), "{number}");
        let later = in_instance("later", number_attempt(number));
        assert_eq!(record(&store, &later, 2).await.standing, Standing::Waiting, "{number}");
    }
}
