//! Where access lists come from.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_yaml::Value;

use super::{Config, KeyPath, Mistakes, Period, Section};
use crate::lists::{EntryAction, Format, Source};

/// Where access lists come from, beside the table that is edited by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListSettings {
    /// How often sources are read again.
    pub refresh: Period,
    /// The files to read.
    pub sources: Vec<Source>,
}

/// What the policy file does not say itself.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    /// Where it is: what relative paths in it are relative to.
    directory: PathBuf,
    /// The checks that there are.
    checks: &'a [&'a str],
}

impl<'a> Surroundings<'a> {
    pub(super) fn of(file: &Path, checks: &'a [&'a str]) -> Self {
        Self { directory: directory_of(file), checks }
    }

    /// A path as written, in full.
    pub(super) fn in_full(&self, written: PathBuf) -> PathBuf {
        self.directory.join(written)
    }
}

impl ListSettings {
    pub(super) fn read(mut section: Section<'_>, surroundings: &Surroundings<'_>) -> Self {
        let items = section.items("sources").unwrap_or_default();
        let refresh = section.parsed("refresh", Config::default().lists.refresh);
        let mut names = Vec::new();
        let mut read = |(path, value)| source(path, value, surroundings, &mut names, section.mistakes());
        let settings = Self { refresh, sources: items.into_iter().filter_map(&mut read).collect() };
        if settings.refresh < Period::seconds(1) {
            section.mistake("refresh", "must be at least 1s");
        }
        section.finish();
        settings
    }
}

/// `{name: drop, file: /var/lib/postward/drop.txt, format: cidr, action: deny}`
fn source(
    path: KeyPath,
    value: Value,
    surroundings: &Surroundings<'_>,
    names: &mut Vec<String>,
    mistakes: &mut Mistakes,
) -> Option<Source> {
    let mut section = Section::new(path, value, mistakes);
    let name: Option<String> = section.required("name");
    let file: Option<PathBuf> = section.required("file");
    let format: Option<Format> = section.required("format");
    let action: Option<EntryAction> = section.optional("action");
    if let Some(name) = &name {
        if names.contains(name) {
            section.mistake("name", format_args!("another source is called `{name}`, too"));
        }
        names.push(name.clone());
    }
    if let Some(Err(error)) = format.map(|format| format.action(action.as_ref())) {
        section.mistake("action", error);
    }
    if let Some(Err(error)) = action.as_ref().map(|action| action.verify_checks(surroundings.checks)) {
        section.mistake("action", error);
    }
    section.finish();
    Some(Source { name: name?, file: surroundings.in_full(file?), format: format?, action })
}

/// Where the policy file is, in full: a daemon's working directory is not the one of the person who looks at its policy.
fn directory_of(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    file.parent().map(Path::to_owned).unwrap_or_default()
}
