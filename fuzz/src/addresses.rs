//! An address, and whatever else a stranger may call himself.

use postward::batv::{core, recipient_key, sender_key};
use postward::lists::pattern::{AddressPattern, ClientPattern};
use postward::mail::{Mailbox, ReversePath, fold_host};
use postward::net::{parse_address, parse_network};
use postward::protocol::{Action, property_value};
use postward::text::{from_octets, printable};

use super::reply::well_formed;
use super::world::is_printable;

/// What is folded once is folded for good, and what is shown is clean.
pub fn look(octets: &[u8]) {
    let text = &*from_octets(octets);
    assert_shown_clean(text);
    assert_keys_settle(text);
    assert_patterns_settle(text);
    assert_networks_settle(text);
}

fn assert_shown_clean(text: &str) {
    let shown = printable(text, 50);
    assert!(is_printable(&shown) && shown.len() <= 50 + '…'.len_utf8(), "{shown:?}");
    let value = property_value(text);
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(&value);
    assert!(is_printable(&value) && !bare.replace("\\\\", "").replace("\\\"", "").contains('"'), "{value:?}");
    for action in [Action::defer(text), Action::refuse(text)] {
        well_formed(&action.encode()).unwrap_or_else(|why| panic!("{why}"));
    }
}

fn assert_keys_settle(text: &str) {
    let mailbox = Mailbox::parse(text);
    let again = Mailbox::new(mailbox.local(), mailbox.domain());
    assert_eq!(again, mailbox);
    let inside = core(&mailbox);
    assert!(inside.as_ref().is_none_or(|core| core.local().len() < mailbox.local().len()));
    assert_eq!(inside.as_ref().and_then(core), None, "core of the core of {text:?}");
    assert_settles(text, |text| sender_key(&ReversePath::parse(text)));
    assert_settles(text, |text| recipient_key(&Mailbox::parse(text)));
    if !mailbox.local().is_empty() {
        let signed = format!("prvs=0785afa14d={mailbox}");
        assert_eq!(core(&Mailbox::parse(&signed)), Some(core(&mailbox).unwrap_or_else(|| mailbox.clone())));
        assert_eq!(sender_key(&ReversePath::parse(&signed)), sender_key(&ReversePath::Mailbox(mailbox)));
    }
    fold_host(text);
}

/// The key of a key is the key, and no key is longer than what it is of.
fn assert_settles(text: &str, key: impl Fn(&str) -> String) {
    let first = key(text);
    assert_eq!(key(&first), first, "key of the key of {text:?}");
    assert!(first.len() <= Mailbox::parse(text).as_str().len(), "{first:?} of {text:?}");
}

/// Every pattern has one spelling.
fn assert_patterns_settle(text: &str) {
    if let Ok(pattern) = text.parse::<ClientPattern>() {
        assert_eq!(pattern.to_string().parse(), Ok(pattern));
    }
    if let Ok(pattern) = text.parse::<AddressPattern>() {
        assert_eq!(pattern.to_string().parse(), Ok(pattern));
    }
}

fn assert_networks_settle(text: &str) {
    if let Ok(network) = parse_network(text) {
        assert_eq!(parse_network(&network.to_string()), Ok(network));
    }
    if let Some(address) = parse_address(text) {
        assert_eq!(parse_address(&address.to_string()), Some(address));
        assert!(parse_network(text).is_ok_and(|network| network.contains(&address)));
    }
}
