//! Whose envelope senders are signed, and with which keys.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;
use serde_yaml::Value;

use super::lists::Surroundings;
use super::{Endpoint, KeyPath, Mistakes, Period, Section};
use crate::batv::signing::{Key, KeyId, Keys, Secret, Tagging};
use crate::mail::{fold_host, to_a_labels};

/// Tags count in days, modulo 1000: nobody could tell later which ones have passed.
const LIFETIMES: [Period; 2] = [Period::days(1), Period::days(365)];

/// Whose envelope senders are signed, and with which keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatvSettings {
    /// Exactly these domains, not those below them.
    pub domains: Vec<MailDomain>,
    /// The first signs, all verify.
    pub keys: Vec<KeySettings>,
    /// How long a tag is good.
    pub lifetime: Period,
    /// Where the maps `batv-sign` and `batv-verify` are served.
    pub socketmap: Vec<Endpoint>,
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeySettings {
    /// Its number, which the tags bear that are made with it.
    pub id: KeyId,
    /// The file with the secret, in full.
    pub file: PathBuf,
    /// Where the policy file names it.
    #[serde(skip)]
    place: KeyPath,
}

impl Default for BatvSettings {
    fn default() -> Self {
        Self { domains: Vec::new(), keys: Vec::new(), lifetime: Period::days(7), socketmap: Vec::new() }
    }
}

impl BatvSettings {
    pub(super) fn read(mut section: Section<'_>, surroundings: &Surroundings<'_>, listen: &[Endpoint]) -> Self {
        let default = Self::default();
        let items = section.items("keys").unwrap_or_default();
        let named = items.len();
        let settings = Self {
            domains: section.list("domains", default.domains),
            keys: items
                .into_iter()
                .filter_map(|(path, value)| KeySettings::read(path, value, surroundings, section.mistakes()))
                .collect(),
            lifetime: section.parsed("lifetime", default.lifetime),
            socketmap: section.list("socketmap", default.socketmap),
        };
        if named == 0 && !settings.domains.is_empty() {
            section.mistake("domains", "there is no key to sign with in batv.keys");
            section.mistakes().hint("`postward batv keygen FILE` makes one");
        }
        if let Some(twice) = twice(&settings.domains) {
            section.mistake("domains", format_args!("names {twice} twice"));
        }
        if let Some(twice) = twice(settings.keys.iter().map(|key| &key.id)) {
            section.mistake("keys", format_args!("two keys have the id {twice}"));
        }
        if let Some(twice) = twice(listen.iter().chain(&settings.socketmap)).filter(|_| twice(listen).is_none()) {
            section.mistake("socketmap", format_args!("{twice} is named twice, here or in `listen`"));
        }
        let [least, most] = LIFETIMES;
        if settings.lifetime < least || settings.lifetime > most {
            section.mistake("lifetime", format_args!("must be between {least} and {most}: tags count in days"));
        }
        section.finish();
        settings
    }

    /// Reads the keys. Notes those that cannot be used as mistakes, and what is merely not good among `warnings`.
    pub fn tagging(&self, mistakes: &mut Mistakes, warnings: &mut Vec<String>) -> Tagging {
        let mut keys = Vec::new();
        for KeySettings { id, file, place } in &self.keys {
            match Secret::read(file) {
                Ok(secret) => {
                    warnings.extend(secret.weakness().map(|weakness| format!("{}: {weakness}", file.display())));
                    keys.push(Key::new(*id, secret.octets()));
                }
                Err(error) => {
                    mistakes.value(place.key("file"), &error);
                    error.cure().into_iter().for_each(|cure| mistakes.hint(cure));
                }
            }
        }
        Tagging::new(self.domains.iter().map(|domain| &*domain.0), Keys::new(keys), self.lifetime.0)
    }
}

impl KeySettings {
    /// `{id: 0, file: /etc/postward/batv.key}`
    fn read(place: KeyPath, value: Value, surroundings: &Surroundings<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let mut section = Section::new(place.clone(), value, mistakes);
        let id = section.required("id");
        let file: Option<PathBuf> = section.required("file");
        section.finish();
        Some(Self { id: id?, file: surroundings.in_full(file?), place })
    }
}

/// The part of an address behind the `@`, in lower case and as A-labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct MailDomain(pub String);

impl FromStr for MailDomain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let domain = fold_host(&to_a_labels(text));
        if let Some((_, behind)) = domain.rsplit_once('@') {
            return Err(format!("`{text}` is an address: name its domain, {behind}"));
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if !domain.split('.').all(is_label) {
            return Err(format!(
                "`{text}` is no domain: write the part of your addresses behind the @, such as example.org"
            ));
        }
        Ok(Self(domain))
    }
}

impl fmt::Display for MailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn twice<'a, T: Eq + std::hash::Hash + 'a>(items: impl IntoIterator<Item = &'a T>) -> Option<&'a T> {
    let mut seen = HashSet::new();
    items.into_iter().find(|item| !seen.insert(*item))
}
