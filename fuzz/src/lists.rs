//! Files of access lists: the first octet says in which format, the others are the file.

use std::time::Duration;

use postward::clock::{Timestamp, earlier};
use postward::lists::formats::{BadLines, Import, ReadError, read};
use postward::lists::pattern::{AddressPattern, ClientPattern, DomainPattern};
use postward::lists::{Entry, EntryAction, Format, Hit, Snapshot, Subject, entry_line};
use postward::mail::ReversePath;
use postward::store::EntryRecord;

use super::world;

/// A whole file is read, or all that is wrong with it is told; what was read is written so that it is read again, and
/// finds those whom it names.
pub fn look(octets: &[u8]) {
    let Some((format, file)) = octets.split_first() else { return };
    match import(format, file) {
        Ok(import) => {
            assert!(import.notes.len() <= 22 && import.notes.iter().all(|note| world::is_printable(&note.to_string())));
            assert_exported(&import.rows);
            let lists = world::snapshot(import.rows.iter().cloned());
            import.rows.into_iter().for_each(|row| assert_found(&lists, row));
        }
        Err(ReadError::BadLines(bad)) => assert_told(&bad),
        Err(error) => panic!("{error}"),
    }
}

fn import(format: &u8, file: &[u8]) -> Result<Import, ReadError> {
    let format = match format % 5 {
        0 => Format::Entries,
        1 => Format::Cidr,
        2 => Format::PostgreyClients,
        3 => Format::PostgreyRecipients,
        _ => Format::SqlgreyClients,
    };
    let action = Some(EntryAction::Deny).filter(|_| format != Format::Entries);
    read(file, format, action.as_ref(), None)
}

fn assert_told(bad: &BadLines) {
    assert!(bad.count >= bad.first.len() as u64 && (1..=20).contains(&bad.first.len()));
    for line in bad.describe("list") {
        assert!(world::is_printable(&line) && line.len() < 1000, "{line:?}");
    }
}

fn assert_exported(rows: &[EntryRecord]) {
    let export: Vec<_> = rows.iter().map(entry_line).collect();
    let again = read(export.join("\n").as_bytes(), Format::Entries, None, None);
    assert_eq!(again.unwrap_or_else(|error| panic!("{error}: {export:?}")).rows, rows);
}

/// Where somebody is named, the entry is about him.
fn assert_found(lists: &Snapshot, row: EntryRecord) {
    let entry = Entry::try_from(row).expect("it has been read");
    let (client, host) = match &entry.client {
        None => (None, None),
        Some(ClientPattern::Network(network)) => (Some(network.addr()), None),
        Some(ClientPattern::Host(domain)) => (None, Some(within(domain))),
        Some(ClientPattern::Regex(_)) => return,
    };
    let Some(sender) = address(entry.sender.as_ref()) else { return };
    let Some(recipient) = address(entry.recipient.as_ref()) else { return };
    let subject =
        Subject { client, client_name: host.as_deref(), sender: Some(&sender), recipient: recipient.mailbox() };
    let before_it_expires = entry.expires.map_or(Timestamp::MAX, |time| earlier(time, Duration::from_secs(1)));
    let hits = lists.lookup_all(&subject, before_it_expires);
    let row = EntryRecord::from(entry);
    let is_row =
        |hit: &Hit<'_>| (&hit.client, &hit.sender, &hit.recipient) == (&row.client, &row.sender, &row.recipient);
    assert!(hits.iter().any(is_row), "{row:?} is not in {hits:?}");
    assert_eq!(lists.lookup(&subject, before_it_expires).as_ref(), hits.first());
}

/// Somebody who is meant by the pattern; `None` where that is not easily said.
fn address(pattern: Option<&AddressPattern>) -> Option<ReversePath> {
    Some(ReversePath::parse(&match pattern {
        None | Some(AddressPattern::Null) => String::new(),
        Some(AddressPattern::Mailbox(mailbox)) => mailbox.to_string(),
        Some(AddressPattern::Local(local)) => format!("{local}example.org"),
        Some(AddressPattern::Domain(domain)) => format!("somebody@{}", within(domain)),
        Some(AddressPattern::Regex(_)) => return None,
    }))
}

fn within(domain: &DomainPattern) -> String {
    match domain.as_str() {
        below if below.starts_with('.') => format!("host{below}"),
        name => name.to_owned(),
    }
}
