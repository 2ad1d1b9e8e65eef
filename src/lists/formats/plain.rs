//! Lists that have a pattern a line and leave open what it is for.

use super::Parsed;
use crate::lists::EntryAction;
use crate::lists::pattern::{ClientPattern, partial_network};
use crate::net::parse_network;
use crate::store::EntryRecord;
use crate::text::printable;

/// `192.0.2.0/24 ; why`
pub(super) fn cidr(line: &str, action: &EntryAction) -> Result<Option<Parsed>, String> {
    let (network, comment) = split(line, &['#', ';']);
    if network.is_empty() {
        return Ok(None);
    }
    if let Some((first, rest)) = network.split_once(char::is_whitespace)
        && parse_network(first).is_ok()
    {
        let rest = printable(rest.trim(), 100);
        return Err(format!("`{rest}` after the network: a line has one network, and comments begin with # or ;"));
    }
    // Nothing that is cleaned was a network, and errors repeat what was written.
    let network = parse_network(&printable(network, 100)).map_err(|error| error.to_string())?;
    Ok(Some(client(ClientPattern::Network(network).to_string(), comment, action)))
}

/// postgrey(8): a host name (and all below it), `/regex/`, an address, the first numbers of one, or a network.
pub(super) fn postgrey_client(line: &str, action: &EntryAction) -> Result<Option<Parsed>, String> {
    let (pattern, comment) = split(line, &['#']);
    if pattern.is_empty() {
        return Ok(None);
    }
    Ok(Some(client(completed(pattern), comment, action)))
}

/// postgrey(8): a domain (and all below it), `user@`, `user@domain` (both also with extension), or `/regex/`.
pub(super) fn postgrey_recipient(line: &str, action: &EntryAction) -> Result<Option<Parsed>, String> {
    let (pattern, comment) = split(line, &['#']);
    if pattern.is_empty() {
        return Ok(None);
    }
    let row = EntryRecord { recipient: Some(pattern.to_owned()), ..record(comment, action) };
    Ok(Some(Parsed { row, widened: false }))
}

/// The comments in sqlgrey's own files: `host.example.org` (that name alone), `*.example.org`, `/regex/`; and an address or the
/// first numbers of one.
pub(super) fn sqlgrey_client(line: &str, action: &EntryAction) -> Result<Option<Parsed>, String> {
    let (pattern, comment) = split(line, &['#']);
    if pattern.is_empty() {
        return Ok(None);
    }
    if let Some(parent) = pattern.strip_prefix("*.") {
        return Ok(Some(client(format!(".{parent}"), comment, action)));
    }
    let parsed = client(completed(pattern), comment, action);
    let is_host = matches!(pattern.parse(), Ok(ClientPattern::Host(_)));
    Ok(Some(Parsed { widened: is_host && !pattern.starts_with('.'), ..parsed }))
}

/// A host list of Exim (chapter "Domain, host, and address lists" of its specification), as far as it names hosts: an address, a
/// network, `host.example.org` (that name alone), `*.example.org`, `^regex`.
pub(super) fn greylistd_client(line: &str, action: &EntryAction) -> Result<Option<Parsed>, String> {
    let (pattern, comment) = split(line, &['#']);
    if pattern.starts_with('!') {
        return Err(format!("`{}` is an exception, and entries only add up", printable(pattern, 100)));
    }
    if let Some(regex) = pattern.strip_prefix('^') {
        return Ok(Some(client(format!("/^{regex}/"), comment, action)));
    }
    if pattern.starts_with('+') || pattern.contains([';', '$', '@']) {
        return Err(format!("`{}` is for Exim to look up: write out whom it means", printable(pattern, 100)));
    }
    sqlgrey_client(line, action)
}

/// The pattern, and the comment if it says something.
fn split<'a>(line: &'a str, markers: &[char]) -> (&'a str, Option<&'a str>) {
    let (pattern, comment) = line.split_once(markers).unwrap_or((line, ""));
    (pattern.trim(), Some(comment.trim()).filter(|comment| !comment.is_empty()))
}

/// `192.0.2` means 192.0.2.0/24.
fn completed(pattern: &str) -> String {
    partial_network(pattern).map_or_else(|| pattern.to_owned(), |network| network.to_string())
}

fn client(pattern: String, comment: Option<&str>, action: &EntryAction) -> Parsed {
    Parsed { row: EntryRecord { client: Some(pattern), ..record(comment, action) }, widened: false }
}

fn record(comment: Option<&str>, action: &EntryAction) -> EntryRecord {
    EntryRecord { action: action.to_string(), comment: comment.map(str::to_owned), ..EntryRecord::default() }
}
