//! What domains publish (RFC 7208): the client's address, its HELO, the sender, and then records, each on a line.

use postward::dns::zones::Zones;
use postward::spf::{Evaluation, Limits, Query, SpfResult, evaluate};
use postward::text::from_octets;

use super::world;

/// The record of the sender; ten terms, each with ten names besides its own; the names of the client, and as many
/// addresses; the explanation.
const MOST_QUESTIONS: usize = 1 + 10 * 11 + 11 + 1;

/// Whatever is published, there is a result, within the limits, and fit to be shown.
pub fn look(octets: &[u8]) {
    let mut lines = octets.splitn(4, |octet| *octet == b'\n').map(from_octets);
    let mut line = || lines.next().unwrap_or_default();
    let (client, helo, sender) = (line(), line(), line());
    let ip = client.parse().unwrap_or([192, 0, 2, 1].into());
    let zones = world::zones(octets.splitn(4, |octet| *octet == b'\n').nth(3).unwrap_or_default());
    let query = Query { ip, helo: &helo, sender: &sender, receiver: "mx.example.test", now: world::now() };
    let found = world::finish(evaluate(&zones, &query, &Limits::default()));
    assert_within_limits(&found, &zones);
    assert_fit(&found);
}

fn assert_within_limits(found: &Evaluation, zones: &Zones) {
    let asked = zones.asked();
    assert!(asked.len() <= MOST_QUESTIONS, "{asked:?}");
    assert!(found.lookups <= 10 && found.void_lookups <= 2, "{found:?}");
    assert!(asked.iter().all(|question| question.len() <= 260), "no name is longer than 253 octets: {asked:?}");
}

fn assert_fit(found: &Evaluation) {
    let is_error = matches!(found.result, SpfResult::TempError | SpfResult::PermError);
    assert_eq!(is_error, found.problem.is_some(), "{found:?}");
    assert!(found.explanation.is_none() || found.result == SpfResult::Fail, "{found:?}");
    assert!(found.explanation.as_ref().is_none_or(|text| text.len() <= 512));
    for text in [&found.mechanism, &found.explanation].into_iter().flatten() {
        assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{found:?}");
    }
    assert!(world::is_printable(found.problem.as_deref().unwrap_or_default()), "{found:?}");
}
