//! Tags from the first day to the last.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::{Timestamp, earlier, later};
use crate::mail::external;

const DAY: Duration = Duration::from_secs(86_400);
const SECRET: &[u8] = b"a secret that is long enough";

fn key(id: &str, secret: &[u8]) -> Key {
    Key::new(id.parse().unwrap(), secret)
}

fn tagging(keys: Vec<Key>) -> Tagging {
    Tagging::new(["example.org", "müller.example"], Keys::new(keys), 7 * DAY)
}

fn usual() -> Tagging {
    tagging(vec![key("0", SECRET)])
}

fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn signed(core: &str) -> Verdict {
    Verdict::Signed { core: core.to_owned() }
}

#[test]
fn what_is_signed_is_known_again_in_any_case_and_form() {
    let tagged = usual().sign("Alice@Example.ORG", noon()).unwrap();
    assert!(tagged.starts_with("prvs=0785") && tagged.ends_with("=Alice@Example.ORG"), "{tagged}");
    assert_eq!(usual().verify(&tagged, noon()), signed("Alice@Example.ORG"));
    assert_eq!(usual().verify(&tagged.to_lowercase(), noon()), signed("alice@example.org"));
    assert_eq!(usual().verify(&tagged.to_uppercase(), noon()), signed("ALICE@EXAMPLE.ORG"));
    assert_eq!(usual().verify(&format!("{tagged}."), noon()), signed("Alice@Example.ORG."));
}

#[test]
fn names_that_are_not_ascii_are_known_again_as_others_write_them() {
    let tagged = usual().sign("Größe.ΣΊΣΥΦΟΣ.Maẞe@müller.example", noon()).unwrap();
    for (there, here) in [
        ("Größe", "grösse"),
        ("Maẞe", "maße"),
        ("Maẞe", "MASSE"),
        ("müller.example", "xn--mller-kva.example"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ] {
        let back = tagged.replace(there, here);
        assert!(matches!(usual().verify(&back, noon()), Verdict::Signed { .. }), "{back}");
    }
}

#[test]
fn one_address_has_one_tag_a_day() {
    let sign = |address, at| usual().sign(address, at).unwrap();
    let midnight: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let last_second: Timestamp = "2026-11-21T23:59:59Z".parse().unwrap();
    assert_eq!(sign("alice@example.org", midnight), sign("alice@example.org", last_second));
    assert_ne!(sign("alice@example.org", midnight), sign("alice@example.org", later(midnight, DAY)));
    assert_ne!(sign("alice@example.org", midnight), sign("alic@example.org", midnight));
    assert_eq!(sign("ALICE@example.org", midnight).to_lowercase(), sign("alice@example.org", midnight));
}

#[test]
fn a_tag_is_good_through_its_day_and_not_a_second_longer() {
    // The day of expiry, and what becomes of it two days before the numbers begin anew.
    for at in ["2026-11-21T12:00:00Z", "1972-09-21T03:00:00Z", "1972-09-26T23:59:59Z", "2027-07-01T00:00:00Z"] {
        let now: Timestamp = at.parse().unwrap();
        let midnight = now.as_second() - now.as_second().rem_euclid(86_400);
        let end = later(Timestamp::from_second(midnight).unwrap(), 8 * DAY);
        let tagged = usual().sign("alice@example.org", now).unwrap();
        let core = "alice@example.org".to_owned();
        let last = earlier(end, Duration::from_secs(1));
        assert_eq!(usual().verify(&tagged, last), signed(&core), "{at}");
        assert_eq!(usual().verify(&tagged, end), Verdict::Expired { core }, "{at}");
    }
}

#[test]
fn what_is_not_to_be_signed_is_not() {
    let tagged = usual().sign("alice@example.org", noon()).unwrap();
    let longest = format!("{}@example.org", "a".repeat(64 - 16));
    let too_long = format!("{}@example.org", "a".repeat(64 - 15));
    let too_long_in_quotes = format!("{} b@example.org", "a".repeat(64 - 16 - 3));
    for (address, expected) in [
        ("", Unsigned::Null),
        ("alice", Unsigned::Foreign),
        ("alice@example.net", Unsigned::Foreign),
        ("alice@sub.example.org", Unsigned::Foreign),
        ("alice@example.org@example.net", Unsigned::Foreign),
        ("alice@", Unsigned::Foreign),
        ("@example.org", Unsigned::Malformed),
        ("a\u{0}b@example.org", Unsigned::Malformed),
        ("a\nb@example.org", Unsigned::Malformed),
        (tagged.as_str(), Unsigned::Tagged),
        ("PRVS=whatever@example.org", Unsigned::Tagged),
        (too_long.as_str(), Unsigned::TooLong),
        (too_long_in_quotes.as_str(), Unsigned::TooLong),
    ] {
        assert_eq!(usual().sign(address, noon()), Err(expected), "{address:?}");
    }
    assert_eq!(tagging(Vec::new()).sign("alice@example.org", noon()), Err(Unsigned::NoKey));
    assert!(usual().sign(&longest, noon()).is_ok());
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let (old, new) = (key("3", b"the old secret, sixteen"), key("4", b"the new secret, sixteen"));
    let before = tagging(vec![old.clone()]).sign("alice@example.org", noon()).unwrap();
    let while_both = tagging(vec![new.clone(), old]);
    let after = while_both.sign("alice@example.org", noon()).unwrap();
    assert!(before.starts_with("prvs=3") && after.starts_with("prvs=4"));
    for tagged in [&before, &after] {
        assert_eq!(while_both.verify(tagged, noon()), signed("alice@example.org"));
    }
    assert_eq!(tagging(vec![new]).verify(&before, noon()), Verdict::Forged);
}

#[test]
fn hostile_addresses_are_never_taken_for_signed() {
    for (address, expected) in [
        ("", Verdict::Foreign),
        ("@", Verdict::Foreign),
        ("alice@example.net", Verdict::Foreign),
        ("prvs=0785afa14d=alice@example.net", Verdict::Foreign),
        ("prvs=0785afa14d=alice", Verdict::Foreign),
        ("@example.org", Verdict::Untagged),
        ("alice@example.org", Verdict::Untagged),
        ("prv=0785afa14d=alice@example.org", Verdict::Untagged),
        ("btv1==760cdc7c545==alice@example.org", Verdict::Untagged),
        ("\"prvs=0785afa14d=alice\"@example.org", Verdict::Untagged),
        (" prvs=0785afa14d=alice@example.org", Verdict::Untagged),
        ("ｐrvs=0785afa14d=alice@example.org", Verdict::Untagged),
        ("prvs=@example.org", Verdict::Forged),
        ("prvs=0785afa14d@example.org", Verdict::Forged),
        ("prvs=0785afa14d=@example.org", Verdict::Forged),
        ("prvs=0785afa14d=alice@example.org", Verdict::Forged),
        ("prvs=0785+fa14d=alice@example.org", Verdict::Forged),
        ("prvs=07850xfa14=alice@example.org", Verdict::Forged),
        ("prvs=+785afa14d=alice@example.org", Verdict::Forged),
        ("prvs=0-85afa14d=alice@example.org", Verdict::Forged),
        ("prvs=9785afa14d=alice@example.org", Verdict::Forged),
        ("prvs=0ünfa14d=alice@example.org", Verdict::Forged),
        ("prvs=07äfa14däää=alice@example.org", Verdict::Forged),
        ("prvs=0785afa14d\0=alice@example.org", Verdict::Forged),
        ("prvs=prvs=0785afa14d=alice@example.org", Verdict::Forged),
        ("prvs=alice=0785afa14d@example.org", Verdict::Forged),
        ("prvs=0785afa14d=alice@example.org@example.org", Verdict::Forged),
    ] {
        assert_eq!(usual().verify(address, noon()), expected, "{address:?}");
    }
    let endless = format!("prvs=0785afa14d={}@example.org", "prvs=0785afa14d=".repeat(4000));
    assert_eq!(usual().verify(&endless, noon()), Verdict::Forged);
}

/// Local parts that are signed: not too long, nothing unprintable.
fn local_part() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9._+=-]{1,40}", "[ -~]{1,20}", "[\\PC]{1,8}"]
}

proptest! {
    #[test]
    fn whatever_is_signed_is_verified_also_by_way_of_the_wire(local in local_part(), second in 0_i64..4_000_000_000) {
        let now = Timestamp::from_second(second).unwrap();
        let address = format!("{local}@example.org");
        if let Ok(tagged) = usual().sign(&address, now) {
            prop_assert_eq!(usual().verify(&tagged, now), signed(&address));
            prop_assert_eq!(usual().sign(&tagged, now), Err(Unsigned::Tagged));
            let wire = external::write(&tagged).into_owned();
            prop_assert!(wire.rsplit_once('@').unwrap().0.len() <= 64);
            prop_assert_eq!(external::read(&wire).unwrap(), tagged);
        }
    }

    #[test]
    fn one_changed_character_is_forged(local in "[a-z0-9]{1,40}", at in 5_usize..60, character in "[a-z0-9]") {
        let tagged = usual().sign(&format!("{local}@example.org"), noon()).unwrap();
        let length = tagged.find('@').unwrap();
        let at = 5 + at % (length - 5);
        let mut changed = tagged.clone();
        changed.replace_range(at..=at, &character);
        if changed != tagged {
            prop_assert_eq!(usual().verify(&changed, noon()), Verdict::Forged);
        }
    }

    #[test]
    fn nothing_makes_it_panic(address in "\\PC*", second in any::<i32>()) {
        let now = Timestamp::from_second(second.into()).unwrap();
        let _ = usual().verify(&format!("prvs={address}@example.org"), now);
        let _ = usual().sign(&address, now);
    }
}
