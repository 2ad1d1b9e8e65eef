use super::*;

fn parse(record: &str) -> Result<Record, SyntaxError> {
    Record::parse(record.as_bytes())
}

/// What is wrong with the first bad term.
fn wrong(record: &str) -> TermError {
    match parse(record) {
        Err(SyntaxError::Term(_, error)) => error,
        other => panic!("{record}: {other:?}"),
    }
}

#[test]
fn a_record_is_directives_and_modifiers() {
    let record =
        parse("v=spf1 a:mail.example.org/24//64 -IP4:192.0.2.0/24  ?all ExP=why.example.org x-foo=bar ").unwrap();
    let found: Vec<_> = record.directives.iter().map(|directive| (directive.result, directive.text.as_str())).collect();
    assert_eq!(
        found,
        [
            (SpfResult::Pass, "a:mail.example.org/24//64"),
            (SpfResult::Fail, "-IP4:192.0.2.0/24"),
            (SpfResult::Neutral, "?all"),
        ]
    );
    assert!(record.explanation.is_some() && record.redirect.is_none());
}

#[test]
fn every_mechanism_has_its_own_arguments() {
    for term in [
        "all",
        "include:example.org",
        "a",
        "a/24",
        "a//64",
        "a:example.org",
        "mx:foo:bar/baz.example.org/24//64",
        "ptr",
        "ptr:example.org",
        "ip4:192.0.2.1",
        "ip4:192.0.2.1/0",
        "ip6:2001:db8::/32",
        "ip6:::ffff:192.0.2.1",
        "exists:%{ir}.example.org",
        "exists:%{i}",
    ] {
        assert!(parse(&format!("v=spf1 {term}")).is_ok(), "{term}");
    }
}

#[test]
fn an_error_anywhere_is_found() {
    for (term, expected) in [
        ("moo", TermError::Unknown),
        ("all.", TermError::Unknown),
        ("*all", TermError::Unknown),
        ("--all", TermError::Unknown),
        ("+", TermError::Unknown),
        ("redirect:example.org", TermError::Unknown),
        ("+redirect=example.org", TermError::Unknown),
        ("=all", TermError::Unknown),
        ("1up=foo", TermError::Unknown),
        ("moo.cow/far_out=man", TermError::Unknown),
        ("a\rptr", TermError::Unknown),
        ("\tall", TermError::Unknown),
        ("all:example.org", TermError::Argument),
        ("all/8", TermError::Argument),
        ("include", TermError::NoDomain),
        ("include:", TermError::NoDomain),
        ("include/24", TermError::NoDomain),
        ("include:example.org/24", TermError::DomainEnd),
        ("exists", TermError::NoDomain),
        ("exists:example.org/24", TermError::DomainEnd),
        ("ptr/0", TermError::NoDomain),
        ("ptr:", TermError::NoDomain),
        ("a:", TermError::NoDomain),
        ("a/", TermError::NoDomain),
        ("a/24/16", TermError::NoDomain),
        ("a/24/64", TermError::Length(32)),
        ("a:museum", TermError::DomainEnd),
        ("a:192.0.2.1", TermError::DomainEnd),
        ("a:example.org:25", TermError::DomainEnd),
        ("a:example.org\0", TermError::Macro(MacroError::Character)),
        ("mx/33", TermError::Length(32)),
        ("mx//129", TermError::Length(128)),
        ("ip4", TermError::Ipv4),
        ("ip4:", TermError::Ipv4),
        ("ip4:192.0.2", TermError::Ipv4),
        ("ip4:192.0.2.01", TermError::Ipv4),
        ("ip4:192.0.2.1:25", TermError::Ipv4),
        ("ip4:2001:db8::1", TermError::Ipv4),
        ("ip4:example.org", TermError::Ipv4),
        ("ip4:192.0.2.1/033", TermError::Length(32)),
        ("ip4:192.0.2.1/", TermError::Length(32)),
        ("ip4:192.0.2.1/+8", TermError::Length(32)),
        ("ip4:192.0.2.1//32", TermError::Length(32)),
        ("ip6", TermError::Ipv6),
        ("ip6::2001::db8", TermError::Ipv6),
        ("ip6:192.0.2.1", TermError::Ipv6),
        ("ip6:fe80::1%eth0", TermError::Ipv6),
        ("ip6:2001:db8::/129", TermError::Length(128)),
        ("ip6:2001:db8:://64", TermError::Length(128)),
        ("redirect=", TermError::NoDomain),
        ("exp=-all", TermError::DomainEnd),
        ("exp=%{c}.example.org", TermError::Macro(MacroError::ExplanationOnly)),
        ("x-foo=%abc", TermError::Macro(MacroError::Percent)),
    ] {
        assert_eq!(wrong(&format!("v=spf1 {term}")), expected, "{term:?}");
        assert_eq!(wrong(&format!("v=spf1 +all {term}")), expected, "after what decides, too: {term:?}");
    }
}

#[test]
fn exp_and_redirect_may_be_given_once_and_others_as_often_as_one_likes() {
    assert_eq!(wrong("v=spf1 exp=a.org -all EXP=a.org"), TermError::Twice);
    assert_eq!(wrong("v=spf1 redirect=a.org redirect=b.org"), TermError::Twice);
    assert!(parse("v=spf1 exp=a.org redirect=b.org foo=a foo=b foo=").is_ok());
}

#[test]
fn a_record_is_ascii_of_bounded_length() {
    assert_eq!(Record::parse(b"v=spf1 a:\xef\xbb\xbfexample.org -all"), Err(SyntaxError::NotAscii));
    assert_eq!(Record::parse(b"v=spf1 \x80all"), Err(SyntaxError::NotAscii));
    let long = format!("v=spf1 {}", "ip4:192.0.2.1 ".repeat(2_000));
    assert_eq!(parse(&long), Err(SyntaxError::TooLong));
}

#[test]
fn a_message_shows_the_bad_term_harmlessly() {
    let error = parse("v=spf1 a:\u{1b}[2J.org").unwrap_err().to_string();
    assert!(error.starts_with("`a:\\u{1b}[2J.org`: "), "{error}");
}
