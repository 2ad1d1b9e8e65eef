//! Which of a domain's texts is its record (RFC 7208 section 4.5).

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::spf) enum Selection {
    /// None of the texts.
    Nothing,
    /// This one.
    One(Vec<u8>),
    /// More than one: none of them counts.
    Several,
}

/// "Discard records that do not begin with a version section of exactly "v=spf1". Note that the version section is
/// terminated by either an SP character or the end of the record." Texts that are no policies are none of our business,
/// whatever octets they are of.
pub(in crate::spf) fn select(texts: Vec<Vec<u8>>) -> Selection {
    let mut records = texts.into_iter().filter(|text| is_record(text));
    match (records.next(), records.next()) {
        (None, _) => Selection::Nothing,
        (Some(record), None) => Selection::One(record),
        (Some(_), Some(_)) => Selection::Several,
    }
}

/// The version in any case: it is a quoted string of ABNF (RFC 5234 section 2.3).
fn is_record(text: &[u8]) -> bool {
    let Some((version, rest)) = text.split_at_checked(6) else { return false };
    version.eq_ignore_ascii_case(b"v=spf1") && matches!(rest.first(), None | Some(b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(texts: &[&str]) -> Selection {
        super::select(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
    }

    #[test]
    fn a_record_begins_with_exactly_its_version() {
        for text in ["v=spf1", "v=spf1 -all", "V=SpF1 -all", "v=spf1 "] {
            assert_eq!(select(&["google-site-verification=x", text]), Selection::One(text.as_bytes().to_vec()));
        }
        for text in ["v=spf10 -all", "v=spf1\t-all", "v=spf2.0/pra -all", " v=spf1 -all", "v=spf", ""] {
            assert_eq!(select(&[text]), Selection::Nothing, "{text:?}");
        }
    }

    #[test]
    fn two_records_are_none_even_if_they_are_the_same() {
        assert_eq!(select(&["v=spf1 -all", "v=spf1 -all"]), Selection::Several);
        assert_eq!(select(&["v=spf1 -all", "v=spf10"]), Selection::One(b"v=spf1 -all".to_vec()));
    }
}
