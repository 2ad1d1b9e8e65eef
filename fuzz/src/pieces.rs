//! Octets that come in pieces.

use std::fmt::{Debug, Display};

use super::world::is_printable;

/// What puts octets together: where they are appended, what is complete, and how much of what is not it may keep.
pub(crate) struct Reader<D, T, E> {
    pub(crate) input: fn(&mut D) -> &mut Vec<u8>,
    pub(crate) next: fn(&mut D) -> Result<Option<T>, E>,
    pub(crate) most: usize,
}

/// What a connection was understood to ask, and whether it was closed for what came then.
#[derive(Debug, PartialEq)]
pub(crate) struct Understood<T> {
    pub(crate) asked: Vec<T>,
    pub(crate) closed: bool,
}

impl<D: Default, T: Debug + PartialEq, E: Display> Reader<D, T, E> {
    /// What is understood, if the octets come in one piece or in pieces of a size that the first of them says.
    pub(crate) fn understand(&self, octets: &[u8]) -> Understood<T> {
        let understood = self.in_pieces(octets, octets.len().max(1));
        let size = octets.first().map_or(1, |octet| 1 + usize::from(octet % 32));
        assert_eq!(understood, self.in_pieces(octets, size), "in pieces of {size}");
        understood
    }

    fn in_pieces(&self, octets: &[u8], size: usize) -> Understood<T> {
        let mut decoder = D::default();
        let mut asked = Vec::new();
        for piece in octets.chunks(size) {
            (self.input)(&mut decoder).extend_from_slice(piece);
            loop {
                match (self.next)(&mut decoder) {
                    Ok(Some(question)) => asked.push(question),
                    Ok(None) => break,
                    Err(error) => {
                        assert!(is_printable(&error.to_string()), "{error}");
                        return Understood { asked, closed: true };
                    }
                }
            }
            assert!((self.input)(&mut decoder).len() <= self.most, "what is not understood yet has bounds");
        }
        Understood { asked, closed: false }
    }
}
