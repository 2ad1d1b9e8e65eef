//! From octets to requests, however they arrive.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::ProtocolError;
use super::request::{Attribute, Attributes, Request};
use crate::text::{self, OctetSet};

/// The most octets a request may have. The largest that Postfix sends is 57 KiB, with `line_length_limit=20000`.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The most attributes a request may have. Postfix 3.7 sends 28.
pub const MAX_ATTRIBUTES: usize = 256;

/// How many octets of a malformed line are quoted.
const QUOTED: usize = 60;

/// What names of attributes are made of.
const NAMES: OctetSet = OctetSet::range(b'!', b'~');

/// Where in a request the value of each attribute stands.
type Places = [Option<Range<usize>>; Attribute::ALL.len()];

/// Puts requests together from octets that come in pieces of any size. Only the request that is not yet complete is kept.
#[derive(Debug, Default)]
pub struct Decoder {
    input: Vec<u8>,
    /// Where in `input` the request begins, and the line that is not yet complete.
    request: usize,
    line: usize,
    /// How much of `input` is known to hold no further line end.
    searched: usize,
    count: usize,
    /// The values of the request so far, counted from its beginning.
    places: Places,
}

impl Decoder {
    /// Where the next octets are to be appended.
    pub fn input(&mut self) -> &mut Vec<u8> {
        if self.request > 0 {
            self.input.drain(..self.request);
            self.line -= self.request;
            self.searched -= self.request;
            self.request = 0;
        }
        if !self.in_progress() {
            self.input.shrink_to(8 * 1024);
        }
        &mut self.input
    }

    /// Whether a request has begun that is not complete.
    pub fn in_progress(&self) -> bool {
        self.request < self.input.len()
    }

    /// The next complete request; `None` when more octets are needed. After an error the connection is of no more use.
    pub fn next_request(&mut self) -> Result<Option<Request>, ProtocolError> {
        while let Some(end) = self.line_end() {
            let line = self.input.get(self.line..end).unwrap_or_default();
            if !line.is_empty() {
                self.count += 1;
                check_limits(end + 1 - self.request, self.count)?;
                if let Some((attribute, value)) = take_line(line)?
                    && let Some(place) = self.places.get_mut(attribute as usize)
                {
                    place.get_or_insert(self.line - self.request + value..end - self.request); // the first occurrence wins
                }
                self.line = end + 1;
            } else if self.count > 0 {
                let octets = self.input.get(self.request..end).unwrap_or_default();
                let request = Request::from_attributes(&attributes(octets, &self.places));
                self.begin_at(end + 1);
                return request.map(Some);
            } else {
                self.begin_at(end + 1); // blank lines between requests are passed over
            }
        }
        check_limits(self.input.len() - self.request, self.count)?;
        check_beginning(self.input.get(self.line..).unwrap_or_default())?;
        Ok(None)
    }

    fn begin_at(&mut self, place: usize) {
        (self.request, self.line, self.count) = (place, place, 0);
        self.places = Places::default();
    }

    fn line_end(&mut self) -> Option<usize> {
        let found = memchr(b'\n', self.input.get(self.searched..)?).map(|at| self.searched + at);
        self.searched = found.map_or(self.input.len(), |end| end + 1);
        found
    }
}

/// Which attribute the line is about, if postward has a use for it, and where in the line its value begins.
fn take_line(line: &[u8]) -> Result<Option<(Attribute, usize)>, ProtocolError> {
    let malformed = || ProtocolError::Malformed(text::printable(&text::from_octets(line), QUOTED).into_owned());
    let equals = memchr(b'=', line).ok_or_else(malformed)?;
    let name = line.get(..equals).unwrap_or_default();
    match Attribute::from_name(name) {
        Some(attribute) => Ok(Some((attribute, equals + 1))),
        None if name.is_empty() || !is_name(name) => Err(malformed()),
        None => Ok(None),
    }
}

/// The values of a request. That it is UTF-8 is seen at once; to look at each value by itself costs three times as much.
fn attributes<'a>(request: &'a [u8], places: &Places) -> Attributes<'a> {
    let text = std::str::from_utf8(request).ok();
    let mut attributes = Attributes::default();
    for ((attribute, _), place) in Attribute::ALL.into_iter().zip(places) {
        let Some(place) = place.clone() else { continue };
        let value = match text {
            Some(text) => text.get(place).map(Cow::Borrowed),
            None => request.get(place).map(text::from_octets),
        };
        attributes.set_first(attribute, value.unwrap_or_default());
    }
    attributes
}

/// A TLS or HTTP greeting is recognised before it has sent a line end, which might never come.
fn check_beginning(line: &[u8]) -> Result<(), ProtocolError> {
    let name = line.split(|octet| *octet == b'=').next().unwrap_or_default();
    if is_name(name) {
        return Ok(());
    }
    Err(ProtocolError::Malformed(text::printable(&text::from_octets(line), QUOTED).into_owned()))
}

fn is_name(name: &[u8]) -> bool {
    NAMES.has_all(name)
}

fn check_limits(size: usize, attributes: usize) -> Result<(), ProtocolError> {
    if size > MAX_REQUEST {
        return Err(ProtocolError::TooLarge);
    }
    if attributes > MAX_ATTRIBUTES {
        return Err(ProtocolError::TooManyAttributes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE: &[u8] = b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=a=b@example.org\n\n";

    fn decode(pieces: &[&[u8]]) -> Result<Vec<Request>, ProtocolError> {
        let mut decoder = Decoder::default();
        let mut requests = Vec::new();
        for piece in pieces {
            decoder.input().extend_from_slice(piece);
            while let Some(request) = decoder.next_request()? {
                requests.push(request);
            }
        }
        Ok(requests)
    }

    #[test]
    fn a_request_may_arrive_in_any_two_pieces() {
        for split in 0..=SIMPLE.len() {
            let (first, second) = SIMPLE.split_at(split);
            let requests = decode(&[first, second]).unwrap();
            assert_eq!(requests.len(), 1, "split at {split}");
            assert_eq!(requests[0].sender.to_string(), "a=b@example.org");
        }
    }

    #[test]
    fn several_requests_may_arrive_at_once() {
        let thrice = [b"\n\n", SIMPLE, b"\n", SIMPLE, SIMPLE].concat();
        assert_eq!(decode(&[&thrice]).unwrap().len(), 3);
        let one_by_one: Vec<&[u8]> = thrice.chunks(1).collect();
        assert_eq!(decode(&one_by_one).unwrap().len(), 3);
    }

    #[test]
    fn the_first_occurrence_wins_and_order_is_free() {
        let requests =
            decode(&[b"sender=first@example.org\nsender=second@example.org\nrequest=smtpd_access_policy\n\n"]);
        assert_eq!(requests.unwrap()[0].sender.to_string(), "first@example.org");
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        for input in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], // TLS, no line end in sight
            b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
            b"GET /?a=b HTTP/1.1\r\n",
            b"EHLO client.example.org\r\n",
            b"=value\n",
            b"no equals sign\n",
            b"sender\n",
            b"request=smtpd_access_policy\r\n\r\n",
            b"na\0me=value\n",
            b"\xff\xfe=value\n",
        ] {
            assert!(matches!(decode(&[input]), Err(ProtocolError::Malformed(_))), "{}", text::from_octets(input));
        }
    }

    #[test]
    fn other_requests_are_not_answered() {
        for input in [&b"request=junk_mail_policy\n\n"[..], b"sender=a@example.org\n\n", b"request=\n\n"] {
            assert!(matches!(decode(&[input]), Err(ProtocolError::UnknownRequest(_))));
        }
    }

    #[test]
    fn a_request_has_bounds() {
        let endless = vec![b'a'; MAX_REQUEST + 1];
        assert_eq!(decode(&[&endless]), Err(ProtocolError::TooLarge));
        let long_value = [b"sender=", &endless[..], b"\n"].concat();
        assert_eq!(decode(&[&long_value]), Err(ProtocolError::TooLarge));
        let many = b"a=b\n".repeat(MAX_ATTRIBUTES + 1);
        assert_eq!(decode(&[&many]), Err(ProtocolError::TooManyAttributes));
        let fits = [b"sender=".as_slice(), &endless[..MAX_REQUEST - 37], b"\nrequest=smtpd_access_policy\n\n"].concat();
        assert_eq!(decode(&[&fits]).unwrap().len(), 1);
    }

    #[test]
    fn the_room_for_a_large_request_is_given_back() {
        let mut decoder = Decoder::default();
        let large = [b"sender=".as_slice(), &[b'a'; 60 * 1024], b"\n", SIMPLE].concat();
        decoder.input().extend_from_slice(&large);
        assert!(decoder.next_request().unwrap().is_some());
        assert!(decoder.input().capacity() <= 8 * 1024);
    }

    #[test]
    fn nothing_of_a_request_is_left_for_the_next() {
        let mut decoder = Decoder::default();
        let other = b"request=smtpd_access_policy\nsasl_username=alice\ninstance=1.2.3\nrecipient=bob@example.net\n\n";
        decoder.input().extend_from_slice(&[other, SIMPLE].concat());
        assert!(decoder.next_request().unwrap().unwrap().authenticated);
        let next = decoder.next_request().unwrap().unwrap();
        assert_eq!((next.authenticated, next.instance.as_str(), next.recipient), (false, "", None));
    }

    #[test]
    fn only_the_unfinished_request_is_kept() {
        let mut decoder = Decoder::default();
        for _ in 0..1000 {
            decoder.input().extend_from_slice(SIMPLE);
            assert!(decoder.next_request().unwrap().is_some());
        }
        assert!(!decoder.in_progress());
        assert!(decoder.input().capacity() <= 8 * 1024);
    }
}
