//! Another program's signatures.
//!
//! Made with exim 4.96 (Debian's exim4-daemon-light 4.96-15+deb12u10), its clock set by libfaketime:
//!
//! ```text
//! faketime '2026-11-21 12:00:00' exim4 -C /dev/null -be '${prvs{\Nalice@example.org\N}{\Nsecret\N}{0}}'
//! ```
//!
//! Exim signs the address as it is given, case and all; we sign what it folds to. So the signatures are equal for
//! addresses in lower case, and here are only such. It takes no key of more than 64 octets, and its tags live for 7 days.
//! Its `${prvscheck` agrees about the days, but for the turn from 999 to 000: there it lets tags live on that have passed.

use std::time::Duration;

use super::{Key, Keys, Tagging, Verdict};
use crate::clock::{Timestamp, later};

/// When, number of the key, key (`z*33` is 33 times z), address, and what exim put in front of it.
const SIGNED: &[(&str, &str, &str, &str, &str)] = &[
    ("2026-11-21T12:00:00Z", "0", "secret", "alice@example.org", "prvs=0785b258ae="),
    ("2026-11-21T00:00:00Z", "1", "k", "a@b.example", "prvs=178564616a="),
    ("2026-11-21T23:59:59Z", "2", "z*33", "bob.o'hara@example.org", "prvs=2785cd7889="),
    ("2027-06-23T08:00:00Z", "3", "tab\there", "first.last@sub.example.org", "prvs=3999c102bb="),
    ("2027-06-24T08:00:00Z", "4", "0123456789abcdef", "x+y@example.org", "prvs=4000822967="),
    ("2027-06-30T23:59:59Z", "5", "y*63", "a=b@example.org", "prvs=50062d6263="),
    ("2027-07-01T00:00:00Z", "6", r#"with " and ' and # and ="#, "prvs-like@example.org", "prvs=6007d88236="),
    (
        "2027-07-02T00:00:00Z",
        "7",
        "a secret that is long enough",
        "list-bounces+bob=example.net@example.org",
        "prvs=7008e88192=",
    ),
    ("2024-10-03T10:00:00Z", "8", "x*64", "john doe@example.org", "prvs=8006b5c887="),
    ("2038-01-19T03:14:08Z", "9", "schlüssel mit ö", "a@b@example.org", "prvs=9862358054="),
    ("2026-11-21T12:00:00Z", "0", "secret", r#"quo"te@example.org"#, "prvs=0785113586="),
    ("2026-11-21T00:00:00Z", "1", "k", "!#$%&'*+-/=?^_`{|}~@example.org", "prvs=178549f55b="),
    ("2026-11-21T23:59:59Z", "2", "z*33", "ärger@example.org", "prvs=2785b8c838="),
    ("2027-06-23T08:00:00Z", "3", "tab\there", "日本@example.org", "prvs=399924336a="),
    ("2027-06-24T08:00:00Z", "4", "0123456789abcdef", "0@example.org", "prvs=4000fc0b9f="),
    ("2027-06-30T23:59:59Z", "5", "y*63", "-@example.org", "prvs=5006274661="),
    ("2027-07-01T00:00:00Z", "6", r#"with " and ' and # and ="#, "a..b@example.org", "prvs=60076ebaa5="),
    ("2027-07-02T00:00:00Z", "7", "a secret that is long enough", ".dot@example.org", "prvs=700807568a="),
    ("2024-10-03T10:00:00Z", "8", "x*64", "srs0=hhhh=tt=example.net=bob@example.org", "prvs=80068d2597="),
    (
        "2038-01-19T03:14:08Z",
        "9",
        "schlüssel mit ö",
        "verylongbutstillfortyeightoctetsinthelocalpartxx@example.org",
        "prvs=986255065c=",
    ),
    ("2026-11-21T12:00:00Z", "0", "secret", r"back\slash@example.org", "prvs=0785a2cd02="),
    ("2026-11-21T00:00:00Z", "1", "k", "semi;colon@example.org", "prvs=17856dece8="),
    ("2026-11-21T23:59:59Z", "2", "z*33", "a,b@example.org", "prvs=2785243029="),
    ("2027-06-23T08:00:00Z", "3", "tab\there", "<x>@example.org", "prvs=3999ca49a2="),
    ("2027-06-24T08:00:00Z", "4", "0123456789abcdef", "info@xn--mller-kva.example", "prvs=4000e5e60a="),
    ("2026-11-21T12:00:00Z", "0", "a secret that is long enough", "alice@example.org", "prvs=0785a09154="),
    ("2026-11-21T00:00:00Z", "7", "0123456789abcdef", "alice@example.org", "prvs=778533f8cc="),
    ("2026-11-21T23:59:59Z", "4", "k", "alice@example.org", "prvs=4785481988="),
    ("2027-06-23T08:00:00Z", "1", "x*64", "alice@example.org", "prvs=199945492c="),
    ("2027-06-24T08:00:00Z", "8", "y*63", "alice@example.org", "prvs=800068c691="),
    ("2027-06-30T23:59:59Z", "5", "z*33", "alice@example.org", "prvs=5006707085="),
    ("2027-07-01T00:00:00Z", "2", "schlüssel mit ö", "alice@example.org", "prvs=2007c9ef30="),
    ("2027-07-02T00:00:00Z", "9", r#"with " and ' and # and ="#, "alice@example.org", "prvs=9008e66fcf="),
    ("2024-10-03T10:00:00Z", "6", "tab\there", "alice@example.org", "prvs=6006e6dc86="),
    ("2038-01-19T03:14:08Z", "3", "secret", "alice@example.org", "prvs=3862c28392="),
    ("2026-11-21T00:00:00Z", "9", "secret", "bob.o'hara@example.org", "prvs=9785889b48="),
    (
        "2027-06-24T08:00:00Z",
        "8",
        "a secret that is long enough",
        "list-bounces+bob=example.net@example.org",
        "prvs=8000b39445=",
    ),
    ("2027-07-02T00:00:00Z", "7", "0123456789abcdef", "ärger@example.org", "prvs=7008043f6a="),
    ("2026-11-21T12:00:00Z", "6", "k", ".dot@example.org", "prvs=6785c5287f="),
    ("2027-06-23T08:00:00Z", "5", "x*64", "a,b@example.org", "prvs=5999b0b855="),
    ("2027-07-01T00:00:00Z", "4", "y*63", "bob.o'hara@example.org", "prvs=4007cf76f9="),
    ("2038-01-19T03:14:08Z", "3", "z*33", "list-bounces+bob=example.net@example.org", "prvs=38628651ef="),
    ("2026-11-21T23:59:59Z", "2", "schlüssel mit ö", "ärger@example.org", "prvs=27854f8884="),
    ("2027-06-30T23:59:59Z", "1", r#"with " and ' and # and ="#, ".dot@example.org", "prvs=1006b657ff="),
    ("2024-10-03T10:00:00Z", "0", "tab\there", "a,b@example.org", "prvs=000660ce85="),
];

const DAY: Duration = Duration::from_secs(86_400);

fn tagging(id: &str, key: &str, address: &str) -> Tagging {
    let key = key.split_once('*').map_or_else(|| key.to_owned(), |(text, times)| text.repeat(times.parse().unwrap()));
    let domain = address.rsplit_once('@').unwrap().1;
    Tagging::new([domain], Keys::new(vec![Key::new(id.parse().unwrap(), key.as_bytes())]), 7 * DAY)
}

#[test]
fn exim_makes_the_same_tags() {
    for &(now, id, key, address, tag) in SIGNED {
        let signed = tagging(id, key, address).sign(address, now.parse().unwrap());
        assert_eq!(signed, Ok(format!("{tag}{address}")));
    }
    assert!(SIGNED.len() >= 40);
}

#[test]
fn tags_of_exim_are_good_for_seven_days() {
    for &(now, id, key, address, tag) in SIGNED {
        let (tagging, now): (_, Timestamp) = (tagging(id, key, address), now.parse().unwrap());
        let core = address.to_owned();
        for (days, expected) in [
            (0, Verdict::Signed { core: core.clone() }),
            (7, Verdict::Signed { core: core.clone() }),
            (8, Verdict::Expired { core: core.clone() }),
            (20, Verdict::Expired { core }),
        ] {
            assert_eq!(
                tagging.verify(&format!("{tag}{address}"), later(now, days * DAY)),
                expected,
                "{address} {days}"
            );
        }
    }
}
