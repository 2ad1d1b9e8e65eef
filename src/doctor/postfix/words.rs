//! Lists as main.cf writes them: words between commas and white space, and groups in braces, which are one word.

/// The words of a list. What stands in braces stays together, with its braces, however deep they go.
pub(crate) fn words(list: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut depth, mut begin) = (0_usize, None);
    for (at, character) in list.char_indices() {
        let separates = depth == 0 && (character == ',' || character.is_ascii_whitespace());
        if separates && let Some(begin) = begin.take() {
            words.extend(list.get(begin..at));
        } else if !separates {
            begin.get_or_insert(at);
        }
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    words.extend(begin.and_then(|begin| list.get(begin..)));
    words
}

/// What stands in the braces around the whole word; `None` if there are none.
pub(crate) fn in_braces(word: &str) -> Option<&str> {
    word.strip_prefix('{')?.strip_suffix('}').map(str::trim)
}

/// Whether a parameter says yes. Case does not matter (postconf(5)).
pub(crate) fn is_yes(value: &str) -> bool {
    value.eq_ignore_ascii_case("yes")
}

/// Whether a parameter says no.
pub(crate) fn is_no(value: &str) -> bool {
    value.eq_ignore_ascii_case("no")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_one_word() {
        for (list, expected) in [
            ("", &[][..]),
            (" , a,b  c,\n\td,", &["a", "b", "c", "d"]),
            (
                "a { inet:h:1, timeout=10s, { default_action = 451 4.3.0 Sorry } },b",
                &["a", "{ inet:h:1, timeout=10s, { default_action = 451 4.3.0 Sorry } }", "b"],
            ),
            ("inline:{ { @a = b } }, hash:/x", &["inline:{ { @a = b } }", "hash:/x"]),
            ("a } b", &["a", "}", "b"]),
            ("{ a, b", &["{ a, b"]),
        ] {
            assert_eq!(words(list), expected, "{list:?}");
        }
    }

    #[test]
    fn braces_are_taken_off_once() {
        assert_eq!(in_braces("{ a, {b} }"), Some("a, {b}"));
        assert_eq!(in_braces("a"), None);
        assert_eq!(in_braces("{ a"), None);
    }
}
