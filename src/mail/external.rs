//! Addresses as SMTP and Postfix's lookup tables write them: with quotes where the local part needs them.
//!
//! Policy requests carry `john doe@example.org`, tables and the wire `"john doe"@example.org` (RFC 5321 section 4.1.2).
//! A table that answers in the wrong form is misread: `prvs=…="john doe"@example.org` is two addresses to Postfix.

use std::borrow::Cow;

/// The internal form of an address in external form. `None` for what is not one address: unquoted blanks or specials,
/// text around the quotes.
///
/// Dots may stand where RFC 5321 does not allow them, because much mail has them there.
pub fn read(external: &str) -> Option<Cow<'_, str>> {
    let Some(quoted) = external.strip_prefix('"') else {
        let local = external.rsplit_once('@').map_or(external, |(local, _)| local);
        return local.chars().all(|c| c == '.' || is_atext(c)).then_some(Cow::Borrowed(external));
    };
    let (mut internal, rest) = unquoted(quoted)?;
    match rest.strip_prefix('@') {
        Some(domain) if !domain.contains('@') => internal.extend(["@", domain]),
        Some(_) => return None,
        None if !rest.is_empty() => return None,
        None => {}
    }
    Some(Cow::Owned(internal))
}

/// The external form of an address in internal form.
pub fn write(internal: &str) -> Cow<'_, str> {
    match internal.rsplit_once('@') {
        _ if is_dot_string(local_part(internal)) => Cow::Borrowed(internal),
        Some((local, domain)) => Cow::Owned(format!("{}@{domain}", quoted(local))),
        None => Cow::Owned(quoted(internal)),
    }
}

/// The octets of the local part in external form, quotes included: that is what RFC 5321 section 4.5.3.1.1 limits.
pub fn local_length(internal: &str) -> usize {
    let local = local_part(internal);
    if is_dot_string(local) { local.len() } else { quoted(local).len() }
}

/// The most octets a local part may have (RFC 5321 section 4.5.3.1.1).
pub const LONGEST_LOCAL: usize = 64;

fn local_part(internal: &str) -> &str {
    internal.rsplit_once('@').map_or(internal, |(local, _)| local)
}

/// Up to the closing quote, and what follows it.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((text, characters.as_str())),
            '\\' => text.push(characters.next()?),
            character => text.push(character),
        }
    }
}

fn quoted(local: &str) -> String {
    let mut text = String::with_capacity(local.len() + 2);
    text.push('"');
    for character in local.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

/// RFC 5321 section 4.1.2, with the characters of RFC 6531 section 3.3.
fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5322 section 3.2.3; RFC 6532 section 3.2 adds everything that is not ASCII.
fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric() || !character.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_come_and_go() {
        for (internal, external) in [
            ("alice@example.org", "alice@example.org"),
            ("john doe@example.org", r#""john doe"@example.org"#),
            (r#"a"b@example.org"#, r#""a\"b"@example.org"#),
            (r"a\b@example.org", r#""a\\b"@example.org"#),
            ("a@b@example.org", r#""a@b"@example.org"#),
            (".alice@example.org", r#"".alice"@example.org"#),
            ("al..ice@example.org", r#""al..ice"@example.org"#),
            ("@example.org", r#"""@example.org"#),
            ("größe@example.org", "größe@example.org"),
            ("john doe", r#""john doe""#),
            ("alice", "alice"),
        ] {
            assert_eq!(write(internal), external);
            assert_eq!(read(external).as_deref(), Some(internal));
            let local = external.rsplit_once('@').map_or(external, |(local, _)| local);
            assert_eq!(local_length(internal), local.len(), "{internal}");
        }
    }

    #[test]
    fn what_is_not_one_address_is_refused() {
        for text in [
            "john doe@example.org",
            r#"prvs=0785afa14d="john doe"@example.org"#,
            r#""john"doe@example.org"#,
            r#""john@example.org"#,
            r#""john\"#,
            r#""a"@b@example.org"#,
            "a@b@example.org",
            "a,b@example.org",
            "<alice@example.org>",
            "alice\n@example.org",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_on_the_way_out_and_in(local in "\\PC{0,20}", domain in "[a-z.]{0,10}") {
            let internal = format!("{local}@{domain}");
            let external = write(&internal);
            let back = read(&external);
            prop_assert_eq!(back.as_deref(), Some(internal.as_str()));
        }
    }
}
