//! What a reply has to look like, written down once more, independent of the code that makes it.

/// The verbs that may ever be sent (access(5)), with whether a text has to follow.
const VERBS: [(&str, bool); 6] =
    [("DUNNO", false), ("DEFER_IF_PERMIT", true), ("REJECT", true), ("DEFER", true), ("PREPEND", true), ("WARN", true)];

/// An enhanced status code and a blank, then the text itself.
const MAX_TEXT: usize = "5.7.23 ".len() + 200;

/// RFC 5322 section 2.1.1.
const MAX_HEADER: usize = 998;

/// What stands between `action=` and the empty line, if the octets are one reply that Postfix reads as it is meant.
pub(crate) fn well_formed(octets: &[u8]) -> Result<&str, String> {
    let complain = |why: &str| Err(format!("{why}: {:?}", String::from_utf8_lossy(octets)));
    let Ok(text) = std::str::from_utf8(octets) else { return complain("no UTF-8") };
    let Some(action) = text.strip_prefix("action=").and_then(|text| text.strip_suffix("\n\n")) else {
        return complain("not `action=…` and an empty line");
    };
    if action.chars().any(char::is_control) {
        return complain("unprintable");
    }
    let (verb, text) = action.split_once(' ').unwrap_or((action, ""));
    match verb_needs_text(verb) {
        None => complain("an unknown verb"),
        Some(true) if text.trim().is_empty() || is_digits(text) => complain("no text where one is needed"),
        Some(false) if action != verb => complain("a text where none belongs"),
        _ if text.len() > if verb == "PREPEND" { MAX_HEADER } else { MAX_TEXT } => complain("too long"),
        _ => Ok(action),
    }
}

fn verb_needs_text(verb: &str) -> Option<bool> {
    let is_status = verb.len() == 3 && verb.starts_with(['4', '5']) && is_digits(verb);
    VERBS.iter().find(|(known, _)| *known == verb).map(|(_, text)| *text).or(is_status.then_some(true))
}

fn is_digits(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_digit())
}

#[test]
fn what_postfix_would_misread_is_not_well_formed() {
    for (octets, expected) in [
        ("action=DUNNO\n\n", true),
        ("action=DEFER_IF_PERMIT 4.7.1 Later\n\n", true),
        ("action=550 5.7.1 Never\n\n", true),
        ("action=DUNNO\n", false),
        ("action=DUNNO\n\n\n", false),
        ("action=OK\n\n", false),
        ("action=\n\n", false),
        ("action=550\n\n", false),
        ("action=450 451\n\n", false),
        ("action=DEFER_IF_PERMIT\n\n", false),
        ("action=DUNNO\n\naction=DUNNO\n\n", false),
        ("action=REJECT a\u{1b}[2J\n\n", false),
        ("DUNNO\n\n", false),
    ] {
        assert_eq!(well_formed(octets.as_bytes()).is_ok(), expected, "{octets:?}");
    }
    assert!(well_formed(format!("action=550 {}\n\n", "a".repeat(208)).as_bytes()).is_err());
}
