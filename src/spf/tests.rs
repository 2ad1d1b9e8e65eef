use std::time::Duration;

use super::SpfResult::{Fail, Neutral, None as Nothing, Pass, PermError, SoftFail, TempError};
use super::*;
use crate::clock::Timestamp;
use crate::dns::zones::Zones;

/// The zones of RFC 7208 appendix A, with a documentation address for the rogue.
const APPENDIX: &str = "
    example.com          MX     10 mail-a.example.com
    example.com          MX     20 mail-b.example.com
    example.com          A      192.0.2.10
    example.com          A      192.0.2.11
    amy.example.com      A      192.0.2.65
    bob.example.com      A      192.0.2.66
    mail-a.example.com   A      192.0.2.129
    mail-b.example.com   A      192.0.2.130
    www.example.com      CNAME  example.com
    example.org          MX     10 mail-c.example.org
    mail-c.example.org   A      192.0.2.140
    192.0.2.10           PTR    example.com
    192.0.2.11           PTR    example.com
    192.0.2.65           PTR    amy.example.com
    192.0.2.66           PTR    bob.example.com
    192.0.2.129          PTR    mail-a.example.com
    192.0.2.130          PTR    mail-b.example.com
    192.0.2.140          PTR    mail-c.example.org
    203.0.113.4          PTR    bob.example.com
";

async fn ask(zones: &Zones, ip: &str, sender: &str) -> Evaluation {
    let ip = ip.parse().unwrap();
    let query = Query { ip, helo: "mail.example.net", sender, receiver: "mx.example.net", now: Timestamp::UNIX_EPOCH };
    evaluate(zones, &query, &Limits::default()).await
}

/// Asks about a sender in example.com, which has this record besides the zones.
async fn with_record(record: &str, zones: &str, ip: &str) -> Evaluation {
    let zones: Zones = format!("{zones}\nexample.com TXT {record}").parse().unwrap();
    ask(&zones, ip, "fred@example.com").await
}

/// `(record, zones, ip, result)`: what the record makes of the client.
async fn assert_results(rows: &[(&str, &str, &str, SpfResult)]) {
    for (record, zones, ip, expected) in rows {
        let found = with_record(record, zones, ip).await;
        assert_eq!(found.result, *expected, "{record} about {ip}: {found:?}");
    }
}

#[tokio::test]
async fn the_simple_examples_of_appendix_a_1() {
    let rows: [(&str, &[&str], &[&str]); 9] = [
        ("v=spf1 +all", &["203.0.113.4", "2001:db8::1"], &[]),
        ("v=spf1 a -all", &["192.0.2.10", "192.0.2.11"], &["192.0.2.65", "2001:db8::1"]),
        ("v=spf1 a:example.org -all", &[], &["192.0.2.10", "192.0.2.140"]),
        ("v=spf1 mx -all", &["192.0.2.129", "192.0.2.130"], &["192.0.2.10", "192.0.2.140"]),
        ("v=spf1 mx:example.org -all", &["192.0.2.140"], &["192.0.2.129"]),
        ("v=spf1 mx mx:example.org -all", &["192.0.2.129", "192.0.2.130", "192.0.2.140"], &["192.0.2.10"]),
        (
            "v=spf1 mx/30 mx:example.org/30 -all",
            &["192.0.2.128", "192.0.2.131", "192.0.2.140", "192.0.2.143"],
            &["192.0.2.127", "192.0.2.132", "192.0.2.144"],
        ),
        ("v=spf1 ptr -all", &["192.0.2.65"], &["192.0.2.140", "203.0.113.4"]),
        ("v=spf1 ip4:192.0.2.128/28 -all", &["192.0.2.129"], &["192.0.2.65"]),
    ];
    for (record, passing, failing) in rows {
        for ip in passing {
            assert_eq!(with_record(record, APPENDIX, ip).await.result, Pass, "{record} about {ip}");
        }
        for ip in failing {
            assert_eq!(with_record(record, APPENDIX, ip).await.result, Fail, "{record} about {ip}");
        }
    }
}

#[tokio::test]
async fn the_domains_of_appendix_a_2_share_a_policy() {
    let zones: Zones = format!(
        "{APPENDIX}
         example.com     TXT  v=spf1 mx -all
         example.net     TXT  v=spf1 ip4:198.51.100.0/24 -all
         example.org     TXT  v=spf1 include:example.com include:example.net -all
         la.example.org  TXT  v=spf1 redirect=example.org"
    )
    .parse()
    .unwrap();
    for sender in ["a@example.org", "a@la.example.org"] {
        assert_eq!(ask(&zones, "192.0.2.129", sender).await.result, Pass, "by one");
        assert_eq!(ask(&zones, "198.51.100.7", sender).await.result, Pass, "by the other");
        assert_eq!(ask(&zones, "192.0.2.140", sender).await.result, Fail, "by neither");
    }
    let found = ask(&zones, "192.0.2.140", "a@La.example.org").await;
    assert_eq!((found.domain.as_str(), found.record.as_str()), ("la.example.org", "example.org"));
    assert_eq!((found.mechanism.as_deref(), found.lookups), (Some("-all"), 4));
}

#[tokio::test]
async fn users_are_told_apart_as_in_appendix_a_3() {
    let record = "v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all";
    let zones = "
        mobile-users._spf.example.com                        TXT  v=spf1 exists:%{l1r+}.%{d}
        fred.mobile-users._spf.example.com                   A    127.0.0.2
        remote-users._spf.example.com                        TXT  v=spf1 exists:%{ir}.%{l1r+}.%{d}
        7.100.51.198.joel.remote-users._spf.example.com      A    127.0.0.2
        example.com                                          MX   10 mail.example.com
        mail.example.com                                     A    192.0.2.1";
    let zones: Zones = format!("{zones}\nexample.com TXT {record}").parse().unwrap();
    for (sender, ip, expected) in [
        ("fred+lists@example.com", "198.51.100.9", Pass),
        ("joel@example.com", "198.51.100.7", Pass),
        ("joel@example.com", "198.51.100.9", Fail),
        ("amy@example.com", "192.0.2.1", Pass),
    ] {
        assert_eq!(ask(&zones, ip, sender).await.result, expected, "{sender} from {ip}");
    }
}

#[tokio::test]
async fn several_things_can_be_required_as_in_appendix_a_4() {
    let record = "v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all";
    let zones = format!(
        "{APPENDIX}
         ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all
         ptr._spf.example.com TXT v=spf1 -ptr:example.com +all"
    );
    assert_results(&[(record, &zones, "192.0.2.65", Pass), (record, &zones, "192.0.2.140", Fail)]).await;
    assert_results(&[(record, &zones, "203.0.113.4", Fail)]).await;
}

#[tokio::test]
async fn the_qualifier_of_the_first_match_is_the_result() {
    assert_results(&[
        ("v=spf1 ip4:192.0.2.1 -all", "", "192.0.2.1", Pass),
        ("v=spf1 ~ip4:192.0.2.0/24 -all", "", "192.0.2.1", SoftFail),
        ("v=spf1 ?all -ip4:192.0.2.1", "", "192.0.2.1", Neutral),
        ("v=spf1 ip4:192.0.2.2", "", "192.0.2.1", Neutral),
        ("v=spf1", "", "192.0.2.1", Neutral),
    ])
    .await;
}

#[tokio::test]
async fn networks_match_their_own_family_only() {
    assert_results(&[
        ("v=spf1 ip4:0.0.0.0/0 -all", "", "2001:db8::1", Fail),
        ("v=spf1 ip6:::/0 -all", "", "2001:db8::1", Pass),
        ("v=spf1 ip6:::/0 -all", "", "192.0.2.1", Fail),
        ("v=spf1 ip6:::ffff:192.0.2.1 -all", "", "::ffff:192.0.2.1", Fail),
        ("v=spf1 ip4:192.0.2.1 -all", "", "::ffff:192.0.2.1", Pass),
        ("v=spf1 a/0 -all", "example.com AAAA 2001:db8::1", "192.0.2.1", Fail),
        ("v=spf1 a//32 -all", "example.com AAAA 2001:db8::1", "2001:db8:1::1", Pass),
        ("v=spf1 a/0 -all", "example.com AAAA 2001:db8::1", "2001:db8:1::1", Fail),
    ])
    .await;
}

#[tokio::test]
async fn an_include_matches_if_it_passes_and_its_errors_are_ours() {
    let record = "v=spf1 include:other.example.org ?all";
    assert_results(&[
        (record, "other.example.org TXT v=spf1 +all", "192.0.2.1", Pass),
        (record, "other.example.org TXT v=spf1 -all", "192.0.2.1", Neutral),
        (record, "other.example.org TXT v=spf1 ~all", "192.0.2.1", Neutral),
        (record, "other.example.org TXT v=spf1", "192.0.2.1", Neutral),
        (record, "other.example.org TIMEOUT", "192.0.2.1", TempError),
        (record, "other.example.org TXT v=spf1 moo", "192.0.2.1", PermError),
        (record, "other.example.org TXT no policy", "192.0.2.1", PermError),
        (record, "", "192.0.2.1", PermError),
        ("v=spf1 include:%{h}.%{h2r} -all", "", "192.0.2.1", PermError),
    ])
    .await;
}

#[tokio::test]
async fn a_redirect_is_followed_last_and_never_to_nowhere() {
    let to = "v=spf1 redirect=other.example.org";
    assert_results(&[
        (to, "other.example.org TXT v=spf1 ~all", "192.0.2.1", SoftFail),
        ("v=spf1 redirect=other.example.org +all", "other.example.org TXT v=spf1 -all", "192.0.2.1", Pass),
        (to, "", "192.0.2.1", PermError),
        (to, "other.example.org SERVFAIL", "192.0.2.1", TempError),
        ("v=spf1 redirect=%{l}", "fred TXT v=spf1 -all", "192.0.2.1", PermError),
    ])
    .await;
}

#[tokio::test]
async fn exists_looks_for_ipv4_whatever_the_client_has() {
    let record = "v=spf1 exists:%{ir}.%{v}.list.example.org -all";
    let name = format!("{}8.b.d.0.1.0.0.2.ip6.list.example.org", "1.".to_owned() + &"0.".repeat(23));
    assert_results(&[
        (record, "1.2.0.192.in-addr.list.example.org A 127.0.0.2", "192.0.2.1", Pass),
        (record, &format!("{name} A 127.0.0.2"), "2001:db8::1", Pass),
        (record, &format!("{name} AAAA ::1"), "2001:db8::1", Fail),
    ])
    .await;
}

#[tokio::test]
async fn a_domain_without_exchangers_is_not_its_own() {
    let a = "example.com A 192.0.2.1";
    assert_results(&[
        ("v=spf1 mx -all", a, "192.0.2.1", Fail),
        ("v=spf1 mx -all", &format!("{a}\nexample.com MX 0 ."), "192.0.2.1", Fail),
    ])
    .await;
}

#[tokio::test]
async fn dns_failures_are_temporary_except_about_the_names_of_the_client() {
    let ptr = "192.0.2.1 PTR slow.example.com\n192.0.2.1 PTR mail.example.com\nmail.example.com A 192.0.2.1";
    assert_results(&[
        ("v=spf1 a -all", "example.com TIMEOUT", "192.0.2.1", TempError),
        ("v=spf1 mx -all", "example.com SERVFAIL", "192.0.2.1", TempError),
        ("v=spf1 exists:slow.example.com -all", "slow.example.com TIMEOUT", "192.0.2.1", TempError),
        ("v=spf1 mx -all", "example.com MX 1 a.example.com\na.example.com TIMEOUT", "192.0.2.1", TempError),
        ("v=spf1 ip4:192.0.2.1 a -all", "example.com TIMEOUT", "192.0.2.1", Pass),
        ("v=spf1 ptr -all", &format!("{ptr}\nslow.example.com TIMEOUT"), "192.0.2.1", Pass),
        ("v=spf1 ptr -all", "1.2.0.192.in-addr.arpa TIMEOUT", "192.0.2.1", Fail),
        ("v=spf1 exists:%{p}.%{d} -all", "1.2.0.192.in-addr.arpa SERVFAIL", "192.0.2.1", Fail),
        ("v=spf1 exists:%{p}.%{d} -all", "unknown.example.com A 127.0.0.2", "192.0.2.1", Pass),
    ])
    .await;
    let zones: Zones = "example.com TIMEOUT".parse().unwrap();
    let found = ask(&zones, "192.0.2.1", "a@example.com").await;
    assert_eq!((found.result, found.problem.as_deref()), (TempError, Some("example.com: no answer in time")));
}

#[tokio::test]
async fn a_sender_without_a_domain_to_ask_has_no_result_and_nothing_is_asked() {
    for sender in ["fred", "fred@", "fred@localhost", "fred@[192.0.2.1]", "fred@a..example.com", "fred@.example.com"] {
        let zones: Zones = "localhost TXT v=spf1 -all".parse().unwrap();
        assert_eq!(ask(&zones, "192.0.2.1", sender).await.result, Nothing, "{sender}");
        assert_eq!(zones.asked(), [""; 0], "{sender}");
    }
}

#[tokio::test]
async fn a_bounce_is_checked_by_what_its_client_called_itself() {
    let zones: Zones = "mail.example.net TXT v=spf1 exists:%{l}.%{o} -all
                        postmaster.mail.example.net A 127.0.0.2"
        .parse()
        .unwrap();
    let found = ask(&zones, "192.0.2.1", "").await;
    assert_eq!((found.result, found.identity), (Pass, Identity::Helo));
    assert_eq!(found.domain, "mail.example.net");
}

#[tokio::test]
async fn international_domains_are_asked_for_as_a_labels() {
    let zones: Zones = "xn--bcher-kva.example TXT v=spf1 -exists:%{l}.%{d} +all".parse().unwrap();
    let found = ask(&zones, "192.0.2.1", "größe@Bücher.example").await;
    assert_eq!((found.result, found.domain.as_str()), (Pass, "xn--bcher-kva.example"));
    assert_eq!(zones.asked(), ["TXT xn--bcher-kva.example"], "no name holds that local part (RFC 8616 section 4)");
    assert_eq!(found.void_lookups, 0);
}

mod limits {
    use super::*;

    #[tokio::test]
    async fn ten_terms_may_ask_and_an_eleventh_is_an_error() {
        let zones = "example.com A 192.0.2.9\nother.example.org TXT v=spf1 a:example.com a:example.com ?all";
        let ten = "a a a a a a a a a a";
        assert_results(&[
            (&format!("v=spf1 {ten} ip4:192.0.2.1 -all"), zones, "192.0.2.1", Pass),
            (&format!("v=spf1 {ten} a -all"), zones, "192.0.2.1", PermError),
            (&format!("v=spf1 {ten} redirect=other.example.org"), zones, "192.0.2.1", PermError),
            ("v=spf1 a a a a a a a include:other.example.org +all", zones, "192.0.2.1", Pass),
            ("v=spf1 a a a a a a a a include:other.example.org +all", zones, "192.0.2.1", PermError),
            ("v=spf1 redirect=example.com", "", "192.0.2.1", PermError),
            ("v=spf1 include:example.com -all", "", "192.0.2.1", PermError),
        ])
        .await;
        let found = with_record(&format!("v=spf1 {ten} a -all"), zones, "192.0.2.1").await;
        assert_eq!((found.lookups, found.problem.as_deref()), (10, Some("more than 10 terms ask the DNS")));
    }

    #[tokio::test]
    async fn two_questions_may_have_no_answer_and_a_third_is_an_error() {
        let found = with_record("v=spf1 a:a.org mx:b.org -all", "", "192.0.2.1").await;
        assert_eq!((found.result, found.void_lookups, found.lookups), (Fail, 2, 2));
        let found = with_record("v=spf1 a:a.org mx:b.org exists:c.org -all", "", "192.0.2.1").await;
        assert_eq!((found.result, found.void_lookups), (PermError, 2));
        assert_eq!(found.problem.as_deref(), Some("more than 2 questions have no answer"));
        let unaskable = "v=spf1 a:a..org mx:b..org exists:c..org a:d..org -all";
        assert_results(&[(unaskable, "", "192.0.2.1", Fail)]).await;
    }

    #[tokio::test]
    async fn limits_are_those_that_were_given() {
        let zones: Zones = "example.com TXT v=spf1 a mx -all".parse().unwrap();
        let (ip, now) = ("192.0.2.1".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let query = Query { ip, helo: "", sender: "a@example.com", receiver: "", now };
        for (lookups, void_lookups, expected) in [(2, 2, Fail), (1, 2, PermError), (2, 1, PermError), (255, 255, Fail)]
        {
            let limits = Limits { lookups, void_lookups, ..Limits::default() };
            assert_eq!(evaluate(&zones, &query, &limits).await.result, expected, "{limits:?}");
        }
    }

    #[tokio::test]
    async fn eleven_exchangers_are_an_error_even_if_the_first_matches() {
        let exchanger = |n: usize| format!("example.com MX {n} mail.example.com\n");
        let zones = |count| (0..count).map(exchanger).collect::<String>() + "mail.example.com A 192.0.2.1";
        assert_results(&[("v=spf1 mx -all", &zones(10), "192.0.2.1", Pass)]).await;
        assert_results(&[("v=spf1 mx -all", &zones(11), "192.0.2.1", PermError)]).await;
    }

    #[tokio::test]
    async fn of_eleven_names_of_the_client_the_last_is_not_looked_at() {
        let zones = |others| {
            let other = |n: usize| format!("192.0.2.1 PTR rogue-{n}.example.org\n");
            (0..others).map(other).collect::<String>() + "192.0.2.1 PTR mail.example.com\nmail.example.com A 192.0.2.1"
        };
        assert_results(&[("v=spf1 ptr -all", &zones(9), "192.0.2.1", Pass)]).await;
        // Nor is it an error that most of them do not exist: who has the address would decide about the domain.
        assert_results(&[("v=spf1 ptr -all", &zones(10), "192.0.2.1", Fail)]).await;
    }

    #[tokio::test]
    async fn the_names_of_the_client_are_looked_up_once_and_count() {
        let zones = "192.0.2.1 PTR mail.example.com\nmail.example.com A 192.0.2.1\nexample.com A 192.0.2.9";
        let found = with_record("v=spf1 exists:%{p}.%{p}.%{d} -exists:%{p} ?ptr", zones, "192.0.2.1").await;
        assert_eq!((found.result, found.lookups), (Fail, 3));
        let found = with_record("v=spf1 a a a a a a a a a exists:%{p}.%{d} -all", zones, "192.0.2.1").await;
        assert_eq!(found.result, PermError, "the eleventh that asks is the macro");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_in_time_is_a_temporary_error() {
        let zones: Zones = "example.com TXT v=spf1 ip4:192.0.2.1 a -all\nexample.com SILENCE".parse().unwrap();
        assert_eq!(ask(&zones, "192.0.2.1", "a@example.com").await.result, Pass);
        let found = ask(&zones, "192.0.2.2", "a@example.com").await;
        assert_eq!((found.result, found.lookups), (TempError, 1));
        assert_eq!(found.problem.as_deref(), Some("no result in time"));
    }

    #[tokio::test(start_paused = true)]
    async fn any_time_may_be_given() {
        let zones: Zones = "example.com TXT v=spf1 -all".parse().unwrap();
        let (ip, now) = ("192.0.2.1".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let query = Query { ip, helo: "", sender: "a@example.com", receiver: "", now };
        let limits = Limits { time: Duration::MAX, ..Limits::default() };
        assert_eq!(evaluate(&zones, &query, &limits).await.result, Fail);
    }
}

mod explanations {
    use super::*;

    async fn explanation(record: &str, zones: &str) -> Option<String> {
        let found = with_record(record, zones, "192.0.2.1").await;
        assert_eq!(found.result, Fail, "{found:?}");
        found.explanation
    }

    const EXP: &str = "v=spf1 -all exp=why.%{d}";

    #[tokio::test]
    async fn a_failing_sender_is_told_why() {
        let zones = "why.example.com TXT %{c} is not one of %{d}'s servers, says %{r}.";
        let expected = "192.0.2.1 is not one of example.com's servers, says mx.example.net.";
        assert_eq!(explanation(EXP, zones).await.as_deref(), Some(expected));
    }

    #[tokio::test]
    async fn an_explanation_that_cannot_be_had_is_none() {
        let two = "why.example.com TXT one\nwhy.example.com TXT two";
        for zones in [
            "",
            "why.example.com SERVFAIL",
            "why.example.com TXT The %{x}-files",
            "why.example.com TXT größe",
            "why.example.com TXT",
            two,
        ] {
            assert_eq!(explanation(EXP, zones).await, None, "{zones}");
        }
        assert_eq!(explanation("v=spf1 -all", "").await, None);
        assert_eq!(explanation("v=spf1 -all exp=%{l}..%{d}", "").await, None);
    }

    #[tokio::test]
    async fn only_who_fails_is_told() {
        let found = with_record("v=spf1 ~all exp=why.example.com", "why.example.com TXT no", "192.0.2.1").await;
        assert_eq!((found.result, found.explanation), (SoftFail, None));
    }

    #[tokio::test]
    async fn an_included_explanation_is_not_used_and_a_redirected_one_is() {
        let zones = "why.example.com TXT ours
                     why.example.org TXT of %{d}
                     example.org TXT v=spf1 -all exp=why.example.org";
        let included = "v=spf1 include:example.org -all exp=why.example.com";
        assert_eq!(explanation(included, zones).await.as_deref(), Some("ours"));
        assert_eq!(explanation("v=spf1 include:example.org -all", zones).await, None);
        let redirected = "v=spf1 redirect=example.org exp=why.example.com";
        assert_eq!(explanation(redirected, zones).await.as_deref(), Some("of example.org"));
    }

    #[tokio::test]
    async fn it_costs_none_of_the_limited_lookups() {
        let zones = "why.example.com TXT connect from %{p}\nexample.com A 192.0.2.9";
        let found = with_record("v=spf1 a a a a a a a a a:b.org a:c.org -all exp=why.%{d}", zones, "192.0.2.1").await;
        assert_eq!(found.explanation.as_deref(), Some("connect from unknown"));
        assert_eq!((found.lookups, found.void_lookups), (10, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_come_in_time_changes_nothing() {
        assert_eq!(explanation(EXP, "why.example.com SILENCE").await, None);
    }
}
