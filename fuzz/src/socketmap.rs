//! Octets of a connection on which maps are asked (socketmap_table(5)).

use postward::protocol::{Lookup, LookupDecoder, LookupError, LookupReply, MAX_LOOKUP};
use postward::text::from_octets;

use super::pieces::{Reader, Understood};

/// As much as a lookup may have, with its length and colon.
const READER: Reader<LookupDecoder, Lookup, LookupError> =
    Reader { input: LookupDecoder::input, next: LookupDecoder::next_lookup, most: "8192:".len() + MAX_LOOKUP };

/// However octets arrive, the same is understood; and a reply is one netstring, whatever is in it.
pub fn look(octets: &[u8]) {
    for lookup in READER.understand(octets).asked {
        assert_eq!(READER.understand(&framed(&lookup)), Understood { asked: vec![lookup], closed: false });
    }
    assert_framed(&from_octets(octets));
}

fn framed(lookup: &Lookup) -> Vec<u8> {
    let content = [&lookup.map[..], b" ", &lookup.key].concat();
    [format!("{}:", content.len()).as_bytes(), &content, b","].concat()
}

/// A reply is framed as a lookup is, with the word in the place of the map.
fn assert_framed(value: &str) {
    let reply = LookupReply::Found(value.to_owned()).encode();
    if value.len() + "OK ".len() <= MAX_LOOKUP {
        let heard = Lookup { map: b"OK".to_vec(), key: value.as_bytes().to_vec() };
        assert_eq!(READER.understand(&reply), Understood { asked: vec![heard], closed: false });
    }
}
