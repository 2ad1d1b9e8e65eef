//! Do tables know every address of a domain? Only those are asked that are files, or stand in main.cf.

use super::postconf::Programs;
use super::show::Looked;
use crate::doctor::postfix::{Postfix, Table};
use crate::doctor::{Site, Wildcard};

/// Nobody has this name.
const NOBODY: &str = "no-such-user-at-all";

/// A domain list may be long; the first of its domains tell enough.
const MOST_DOMAINS: usize = 100;

/// Tables of recipients or aliases, and the domains that they are asked about.
const TABLES: [(&str, &[&str]); 4] = [
    ("local_recipient_maps", &["mydestination"]),
    ("relay_recipient_maps", &["relay_domains"]),
    ("virtual_mailbox_maps", &["virtual_mailbox_domains"]),
    ("virtual_alias_maps", &["virtual_alias_domains", "virtual_mailbox_domains", "relay_domains", "mydestination"]),
];

/// Kinds of tables that have no wildcards.
const LISTS_OF_USERS: [&str; 2] = ["unix", "nis"];

/// Every table that knows everybody.
pub(super) async fn wildcards(programs: &Programs, postfix: &Postfix, looked: &mut Looked) -> Vec<Wildcard> {
    let mut wildcards = Vec::new();
    let mut not_asked = Vec::new();
    for (parameter, classes) in TABLES {
        let domains = domains(postfix, classes);
        let tables = Table::list(postfix.get(parameter));
        for table in tables.iter().filter(|table| !domains.is_empty() && !LISTS_OF_USERS.contains(&table.kind.as_str()))
        {
            match known(programs, postfix, table, &domains).await {
                Ok(known) => wildcards.extend(known.into_iter().map(|(domain, answer)| Wildcard {
                    parameter: parameter.to_owned(),
                    table: table.text.clone(),
                    domain,
                    answer,
                })),
                Err(why) => not_asked.push(format!("{} ({why})", table.text)),
            }
        }
    }
    if !not_asked.is_empty() {
        looked.at("tables", format!("not asked for wildcards: {}", not_asked.join(", ")));
    }
    wildcards
}

/// Guards of the map that takes tags off, and domains of ours of which they let no tag through.
pub(super) async fn guard_misses(programs: &Programs, site: &Site) -> Vec<(String, String)> {
    let domains = site.batv_domains();
    let mut misses = Vec::new();
    for guard in site.guards().into_iter().filter(|guard| guard.is_cheap() && !domains.is_empty()) {
        let keys: String = domains.iter().map(|domain| format!("prvs=0123abcdef=user@{domain}\n")).collect();
        // One that cannot be read, Postfix cannot read either, and says so loudly.
        let Ok(passed) = programs.postmap(&site.postfix, &guard.text, &keys).await else { continue };
        let is_missed = |domain: &&&str| !passed.iter().any(|(key, _)| key.ends_with(&format!("@{domain}")));
        misses.extend(domains.iter().filter(is_missed).map(|domain| (guard.text.clone(), (*domain).to_owned())));
    }
    misses
}

/// The domains of which a table knows everybody, and what it says of them.
async fn known(
    programs: &Programs,
    postfix: &Postfix,
    table: &Table,
    domains: &[&str],
) -> Result<Vec<(String, String)>, String> {
    if !table.is_cheap() {
        return Err("a server".to_owned());
    }
    let keys: String = domains.iter().map(|domain| format!("@{domain}\n{NOBODY}@{domain}\n")).collect();
    let mut known = programs.postmap(postfix, &table.text, &keys).await?;
    known.iter_mut().for_each(|(key, _)| *key = key.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned());
    known.dedup_by(|one, other| one.0 == other.0);
    Ok(known)
}

/// The domains that are named in main.cf itself.
fn domains<'a>(postfix: &'a Postfix, classes: &[&str]) -> Vec<&'a str> {
    let mut domains: Vec<_> = classes.iter().flat_map(|class| postfix.domains(class)).collect();
    domains.sort_unstable();
    domains.dedup();
    domains.truncate(MOST_DOMAINS);
    domains
}
