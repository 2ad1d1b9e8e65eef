//! What is wrong with the way Postfix and postward are set up, and the cure.
//!
//! Everything that is to be known comes in by parameter, as a [`Site`]; nothing here runs a program or opens a
//! connection. A [`Rule`] looks at the site and names symptoms; the rules stand in tables, by theme. What a rule
//! knows about Postfix was tried with the real one.
//!
//! | file | what it is about |
//! |---|---|
//! | `wiring` `asking` | whether Postfix asks postward: where, in which order, and with which options |
//! | `recipients` `reports` | mail that is taken although it will bounce; other mail that goes to forged senders |
//! | `signing` `verifying` `bounces` | whether senders are signed and bounces checked, and only where they should be |
//! | `cleanup` `maps` | the tables by which Postfix asks for that |
//! | `own` | the database, the DNS, the blocklists |
//! | `postfix` | settings, restriction lists, tables, as postconf(1) tells them |
//! | `cure` | the command to paste |

mod asking;
mod bounces;
mod cleanup;
mod cure;
mod maps;
mod own;
pub mod postfix;
mod recipients;
mod reports;
mod signing;
mod site;
mod verifying;
mod wiring;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::site::{Facts, Site, Wildcard};

/// What is to be looked for, and why.
pub struct Rule {
    /// What the finding is called, for scripts: lower case and hyphens. It never changes its meaning.
    pub id: &'static str,
    /// What it is about.
    pub area: Area,
    /// How bad it is.
    pub weight: Weight,
    /// What is wrong, in a few words.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// Where it is so.
    look: fn(&Site) -> Vec<Symptom>,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// How Postfix asks postward.
    Wiring,
    /// Mail to people who wrote nothing.
    Backscatter,
    /// Signing senders and checking bounces.
    Batv,
    /// What postward needs to work.
    Postward,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Mail is lost or turned away, or not checked, or any stranger can make this host write to third parties.
    Problem,
    /// It may be meant so, or a setting alone does not tell.
    Notice,
}

/// A place where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symptom {
    /// The setting, as postconf names it, or what else was looked at.
    setting: String,
    /// Its value, or what was seen.
    value: String,
    /// What to paste, or else what to do.
    cure: String,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub id: &'static str,
    /// What it is about.
    pub area: Area,
    /// How bad it is.
    pub weight: Weight,
    /// What is wrong.
    pub what: &'static str,
    /// The setting, as postconf names it, or what else was looked at.
    pub setting: String,
    /// Its value, or what was seen.
    pub value: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to paste, or else what to do. May have several lines.
    pub cure: String,
}

/// Every rule, in the order in which findings are told.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        wiring::RULES,
        asking::RULES,
        recipients::RULES,
        reports::RULES,
        signing::RULES,
        verifying::RULES,
        bounces::RULES,
        maps::RULES,
        own::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Everything that is wrong, by area, the worst first.
pub fn examine(site: &Site) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for rule in rules() {
        for symptom in (rule.look)(site) {
            // Services share the settings of main.cf.
            if !findings.iter().any(|it| (it.id, &it.setting, &it.value) == (rule.id, &symptom.setting, &symptom.value))
            {
                findings.push(rule.finding(symptom));
            }
        }
    }
    findings.sort_by_key(|finding| (finding.area, finding.weight));
    findings
}

impl Rule {
    fn finding(&self, symptom: Symptom) -> Finding {
        let Self { id, area, weight, what, why, .. } = *self;
        let Symptom { setting, value, cure } = symptom;
        Finding { id, area, weight, what, setting, value, why, cure }
    }
}
