//! Addresses into which a machine has put something, and how to take it out again.
//!
//! The envelope sender is the only field of a message that every bounce brings back, so machines write into it
//! what they want to know later. The same correspondent then has another address every day, or every message, and
//! who compares addresses literally (an access list, a greylist) never recognises him. What is found in the wild:
//!
//! | who writes | what | why |
//! |---|---|---|
//! | BATV (draft-levine-smtp-batv) | `prvs=KDDDSSSSSS=local@` | refuses bounces to what it did not sign; a new tag every day |
//! | BATV as often built | `prvs=local=TAG@`, `prvs=local/TAG@`, tags without `K` | the same, by earlier drafts |
//! | Barracuda | `btv1==tag==local@` | the same |
//! | SparkPost and Momentum | `msprvs1=tag=local@` | the same |
//! | forwarders, SRS ([Shevek 2004](https://www.libsrs2.org/srs/srs.pdf)) | `SRS0=hash=time=domain=local@forwarder` | survives SPF (RFC 7208 appendix D.2), bounces find their way back |
//! | the forwarder after them | `SRS1=hash=first==hash=time=domain=local@second` | the same, without growing |
//! | Exchange Online | `user+SRS=hash=time=domain=local@tenant` | the same |
//! | people, mailing lists | `local+extension@` (RFC 5233) | sorts mail; carries a subscriber |
//! | VERP ([Bernstein 1997](https://cr.yp.to/proto/verp.txt)) | `list-return-123-user=example.net@` | tells which subscriber, which message bounced |
//!
//! [`core()`] takes out what hides somebody: it is for comparing with names that people have written down.
//! [`sender_key`] goes further and makes mail of the same origin look the same, VERP included: it is for recognising
//! somebody who comes again (RFC 6647 section 2.3), and nobody can be written to at such a key.
//!
//! A tag proves nothing to these two: verifying one takes the key of its domain. For domains of ours [`signing`] has it.

mod dialect;
mod key;
pub mod signing;
#[cfg(test)]
mod tests;
mod verp;

pub use self::dialect::is_srs;
pub use self::key::{recipient_key, sender_key};

use self::dialect::Layer;
use crate::mail::Mailbox;

/// The address without its tags and extension, however they are nested; `None` when there is nothing to take out.
///
/// For SRS this is the original address. What only looks like a tag is left as it is. The core of a core is `None`.
pub fn core(address: &Mailbox) -> Option<Mailbox> {
    let (mut local, mut domain) = (address.local(), address.domain());
    while let Some(layer) = dialect::outermost(local) {
        match layer {
            Layer::Tag { inside } => local = inside,
            Layer::Forwarded { original, .. } => (local, domain) = (original.local, Some(original.domain)),
        }
    }
    // Every layer makes the local part shorter, so equal length means that none was found.
    (local.len() < address.local().len()).then(|| Mailbox::new(local, domain))
}
