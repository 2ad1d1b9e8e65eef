//! The database, the DNS, the lists: are they there?

use std::io::ErrorKind;
use std::path::Path;

use futures_util::future::join_all;

use super::show::Looked;
use crate::batv::signing::{Secret, SecretError};
use crate::chain::Mode;
use crate::checks::dnsbl::{DnsblOptions, ListOptions, Of};
use crate::cli::output::count;
use crate::dns::Dns;
use crate::dns::health::{Keeps, Outcome, Subject, probe};
use crate::doctor::Site;
use crate::store::sqlite::Sqlite;

/// Checks that ask the DNS.
const ASK_DNS: [&str; 4] = ["helo", "reverse_dns", "dnsbl", "spf"];

/// A name that there is, reserved for such purposes (RFC 2606 section 3). Any answer will do.
const SOME_NAME: &str = "example.org";

/// Looks at all of it.
pub(super) async fn examine(site: &mut Site, database: &Path, looked: &mut Looked) {
    site.facts.database = look_at_database(database, looked);
    site.facts.sources = sources(site, looked);
    look_at_keys(site);
    if !ASK_DNS.iter().any(|check| is_on(site, check)) {
        return;
    }
    let dns = site.policy.dns();
    site.facts.dns = dns.a(SOME_NAME).await.err().map(|error| error.to_string());
    if site.facts.dns.is_none() {
        looked.at("dns", "answers".to_owned());
        site.facts.blocklists = blocklists(site, dns.as_ref(), looked).await;
    }
}

/// One that is not there yet will be made by the daemon.
fn look_at_database(path: &Path, looked: &mut Looked) -> Option<String> {
    if matches!(path.try_exists(), Ok(false)) {
        looked.at("database", format!("{} is not there yet; the daemon makes it", path.display()));
        return None;
    }
    let error = Sqlite::read_only(path).err().map(|error| error.to_string());
    if error.is_none() {
        looked.at("database", format!("{} can be read", path.display()));
    }
    error
}

/// Whether the owner is the right one only the daemon's user can tell, and others may not even read it.
fn look_at_keys(site: &mut Site) {
    for key in &site.policy.config.batv.keys {
        let file = key.file.display().to_string();
        match Secret::read(&key.file) {
            Ok(secret) => site.facts.weak_keys.extend(secret.weakness().map(|why| (file, why.to_string()))),
            Err(SecretError::Owner { .. }) => {}
            Err(SecretError::Unreadable { cause, .. }) if cause.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => site.facts.unusable_keys.push((file, error.to_string())),
        }
    }
}

fn sources(site: &Site, looked: &mut Looked) -> Vec<(String, String)> {
    let sources = &site.policy.config.lists.sources;
    let error = |file: &Path| std::fs::File::open(file).err().map(|error| error.to_string());
    let unreadable: Vec<_> =
        sources.iter().filter_map(|source| Some((source.file.display().to_string(), error(&source.file)?))).collect();
    let readable = sources.len().saturating_sub(unreadable.len());
    if readable > 0 {
        looked.at("lists", format!("{} can be read", count(readable as u64, "source", "sources")));
    }
    unreadable
}

async fn blocklists(site: &Site, dns: &dyn Dns, looked: &mut Looked) -> Vec<(String, String)> {
    let options = site.policy.options::<DnsblOptions>().filter(|_| is_on(site, "dnsbl"));
    let lists = options.map_or(&[][..], |options| &options.lists);
    let judged = join_all(lists.iter().map(|list| async move { (list, wrong(list, dns).await) })).await;
    let bad: Vec<_> = judged
        .into_iter()
        .filter_map(|(list, why)| Some((list.zone.to_string(), list.zone.without_key(&why?))))
        .collect();
    let good = lists.len().saturating_sub(bad.len());
    if good > 0 {
        looked.at("blocklists", format!("{good} tell listed from unlisted (RFC 5782)"));
    }
    bad
}

/// Why a list cannot be believed. One answer may get lost; two seldom do.
async fn wrong(list: &ListOptions, dns: &dyn Dns) -> Option<String> {
    let keeps = if list.of == Of::Client { Keeps::Addresses } else { Keeps::Domains };
    let subject = Subject { zone: list.zone.clone(), keeps, selftest: list.selftest };
    let outcome = match probe(dns, &subject).await {
        Outcome::Bad(_) => probe(dns, &subject).await,
        outcome => outcome,
    };
    match outcome {
        Outcome::Good => None,
        Outcome::NotAsked => Some("it could not be asked".to_owned()),
        Outcome::Bad(why) => Some(why),
        Outcome::Hijacked(address) => Some(format!("it answers {address}, as no list does")),
    }
}

fn is_on(site: &Site, check: &str) -> bool {
    site.policy.steps.iter().any(|step| step.name == check && step.mode != Mode::Off)
}
