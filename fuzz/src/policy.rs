//! A policy file.

use postward::chain::Policy;
use postward::config::{ConfigError, Draft};
use postward::lists::Snapshot;

use super::world;

/// What ends a line in YAML 1.1 (section 4.2).
const LINE_ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Every file is a policy, which then has an answer for everybody, or is told what is wrong with it and where.
pub fn look(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match read(text) {
        Ok(policy) => {
            assert_written_again(&policy);
            assert_answers(&policy);
        }
        Err(error) => assert_tells_where(&error, text),
    }
}

fn read(text: &str) -> Result<Policy, ConfigError> {
    Policy::from_draft(Draft::parse("policy.yaml".as_ref(), text.to_owned())?)
}

/// What `config show` prints is the same policy. Secrets are not printed, and `…` in their place is no zone.
fn assert_written_again(policy: &Policy) {
    let written = serde_yaml::to_string(&policy.in_force()).expect("a policy can be written");
    if written.contains('…') {
        return;
    }
    let again = read(&written).unwrap_or_else(|error| panic!("{error}\nin\n{written}"));
    assert_eq!(serde_yaml::to_string(&again.in_force()).expect("a policy can be written"), written);
}

fn assert_answers(policy: &Policy) {
    world::finish(async {
        let chain = world::chain(policy, world::zones(b"192.0.2.7 PTR mail.example.org\nmail.example.org A 192.0.2.7"));
        chain.ready().await;
        world::decide(&chain, &world::request(), &world::world(&Snapshot::default())).await;
    });
}

fn assert_tells_where(error: &ConfigError, text: &str) {
    let ConfigError::Mistakes { mistakes, .. } = error else { panic!("{error}") };
    assert!(!mistakes.is_empty());
    let lines = 2 + text.chars().filter(|character| LINE_ENDS.contains(character)).count();
    for mistake in mistakes {
        assert!((1..=lines).contains(&mistake.location.line) && mistake.location.column > 0, "{mistake:?}");
        assert!(!mistake.message.is_empty());
    }
    for line in error.to_string().lines() {
        assert!(world::is_printable(line), "{line:?}");
    }
}
