//! An address that is signed, and comes back (BATV).

use postward::batv::signing::{Tagging, Unsigned, Verdict};
use postward::mail::external;
use postward::text::from_octets;

use super::world;

/// What was signed is known again, however it was written meanwhile, and what was not is not.
pub fn look(octets: &[u8]) {
    let text = &*from_octets(octets);
    let written = external::write(text);
    assert_eq!(external::read(&written).as_deref(), Some(text), "{written:?}");
    world::TAGGING.verify(text, world::now());
    for address in [text.to_owned(), format!("{text}@example.net"), format!("{text}@BÜCHER.example")] {
        if let Ok(signed) = world::TAGGING.sign(&address, world::now()) {
            assert_known(&signed, &address);
        }
    }
}

fn assert_known(signed: &str, address: &str) {
    let tagging = &world::TAGGING;
    assert!(external::local_length(signed) <= external::LONGEST_LOCAL, "{signed:?}");
    assert_eq!(tagging.sign(signed, world::now()), Err(Unsigned::Tagged));
    assert_eq!(tagging.verify(signed, world::now()), Verdict::Signed { core: address.to_owned() });
    for folded in [signed.to_uppercase(), signed.to_lowercase(), signed.to_ascii_uppercase()] {
        assert!(matches!(tagging.verify(&folded, world::now()), Verdict::Signed { .. }), "{folded:?} of {signed:?}");
    }
    // One of two may be the same by chance: a signature has 24 bits.
    let others = [b"another", b"a third"].map(|secret| world::tagging(secret));
    let forged = |other: &Tagging| other.verify(signed, world::now()) == Verdict::Forged;
    assert!(others.iter().any(forged), "{signed:?}");
}
