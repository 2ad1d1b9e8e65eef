//! Whatever strangers publish and send: there is a result, and it costs no more than it may.

use postward::dns::zones::{Data, Zones};
use postward::spf::SpfResult;
use proptest::prelude::*;

use super::check;

/// The record of the sender; ten terms, each with ten names besides its own; the names of the client, and as many
/// addresses; the explanation.
const MOST_QUESTIONS: usize = 1 + 10 * 11 + 11 + 1;

/// What records are made of, and what they should not be made of.
const PIECES: &str = "a mx ptr exists: include: all ip4: ip6: redirect= exp= x-a.b_c= - ~ ? + /24 //64 / : = \
    %{d} %{p} %{ir} %{l1r-} %{H} %{c} %{s99.+} %% %_ %- % { } example.org .example.org 192.0.2.1 2001:db8::1 \
    example.net . é \0";

fn piece() -> impl Strategy<Value = String> {
    let pieces: Vec<_> = PIECES.split(' ').filter(|piece| !piece.is_empty()).collect();
    let known = proptest::sample::select(pieces).prop_map(str::to_owned);
    prop_oneof![6 => known, 2 => Just(" ".to_owned()), 1 => any::<String>()]
}

/// Well-formed terms, so that there is something to evaluate.
const TERMS: &str = "a a//0 mx mx:example.net/24 ptr ptr:%{p} exists:%{ir}.%{h} exists:%{p}.%{l1r+}.example.org \
    include:a.example.org include:example.net ?include:%{d} -include:%{o} ip4:192.0.2.7 -all ~all redirect=example.net \
    exp=why.example.org x-y=%{S} a:nobody.example.org";

fn text() -> impl Strategy<Value = String> {
    let noise = proptest::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat());
    let terms: Vec<_> = TERMS.split(' ').filter(|term| !term.is_empty()).collect();
    let terms = proptest::collection::vec(proptest::sample::select(terms), 0..15).prop_map(|terms| terms.join(" "));
    prop_oneof![1 => noise, 3 => terms]
}

/// Zones where everything refers to everything.
fn zones(records: &[String], explanation: &str) -> Zones {
    let mut zones: Zones =
        "example.org A 192.0.2.9\nexample.org MX 1 example.org\n192.0.2.1 PTR example.org".parse().unwrap();
    for (name, record) in ["example.org", "example.net", "a.example.org"].iter().zip(records) {
        zones.add(name, Data::Txt(format!("v=spf1 {record}").into_bytes()));
    }
    zones.add("why.example.org", Data::Txt(explanation.as_bytes().to_vec()));
    zones
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_record_has_a_result_within_the_limits(
        records in proptest::collection::vec(text(), 3),
        explanation in text(),
        local in text(),
        helo in text(),
    ) {
        let zones = zones(&records, &explanation);
        let found = check(&zones, "192.0.2.1", &helo, &format!("{local}@example.org"));
        prop_assert!(zones.asked().len() <= MOST_QUESTIONS, "{:?}", zones.asked());
        prop_assert!(found.lookups <= 10 && found.void_lookups <= 2, "{found:?}");
        let is_error = matches!(found.result, SpfResult::TempError | SpfResult::PermError);
        prop_assert_eq!(is_error, found.problem.is_some(), "{:?}", &found);
        let shown = [found.mechanism, found.explanation].into_iter().flatten();
        prop_assert!(shown.into_iter().all(|text| text.bytes().all(|octet| (b' '..=b'~').contains(&octet))));
        prop_assert!(!found.problem.unwrap_or_default().contains(char::is_control));
    }

    #[test]
    fn any_explanation_is_printable_ascii_or_none(explanation in text(), local in text()) {
        let zones = zones(&["-all exp=why.example.org".to_owned()], &explanation);
        let found = check(&zones, "192.0.2.1", "mail.example.net", &format!("{local}@example.org"));
        prop_assert_eq!(found.result, SpfResult::Fail);
        let explanation = found.explanation.unwrap_or_default();
        prop_assert!(explanation.len() <= 512 && explanation.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
    }

    #[test]
    fn any_octets_are_a_record_or_none(
        record in proptest::collection::vec(any::<u8>(), 0..300),
        sender: String,
        helo: String,
    ) {
        let mut zones = Zones::default();
        zones.add("example.org", Data::Txt([b"v=spf1 ", record.as_slice()].concat()));
        let found = check(&zones, "2001:db8::1", &helo, "alice@example.org");
        prop_assert_ne!(found.result, SpfResult::None);
        check(&zones, "2001:db8::1", &helo, &sender);
    }
}

/// As big as a TXT record gets, each term the dearest of its kind.
#[test]
fn a_huge_hostile_record_is_done_with_quickly() {
    let hostile =
        ["ip4:192.0.2.7 ", "exists:%{l1r-+}%{l1r-+}%{d} ", "x=%{l}%{l}%{l} ", "a/0//0 ", "exp=%{s1r.-+,/_=} "];
    let local = "x-".repeat(1_000);
    let started = std::time::Instant::now();
    for term in hostile {
        for size in [16_000, 65_000] {
            let record = format!("v=spf1 include:example.org {}", term.repeat(size / term.len()));
            let mut zones = Zones::default();
            zones.add("example.org", Data::Txt(record.into_bytes()));
            assert_eq!(check(&zones, "192.0.2.1", "", &format!("{local}@example.org")).result, SpfResult::PermError);
        }
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
