//! The policy file as a whole: settings and chain.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_yaml::Value;

use super::header::Headers;
use super::steps::{Mode, Step};
use super::{Chain, Link};
use crate::batv::signing::Tagging;
use crate::checks::{Parts, REGISTRY};
use crate::config::{Config, ConfigError, Draft};
use crate::dns::{Dns, Nobody, Resolver};

/// A policy that has been found right.
#[derive(Debug)]
pub struct Policy {
    /// The settings outside the chain.
    pub config: Config,
    /// The chain, in order.
    pub steps: Vec<Step>,
    /// Signs envelope senders, and verifies what comes back to them.
    pub tagging: Arc<Tagging>,
    /// What is not wrong, but not good either.
    pub warnings: Vec<String>,
}

/// The policy as it would be written with everything in it.
#[derive(Debug, Serialize)]
struct InForce<'a> {
    #[serde(flatten)]
    config: &'a Config,
    chain: Vec<Value>,
}

impl Policy {
    /// Reads a policy file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::from_draft(Draft::read(file)?)
    }

    /// Reads the policy file of a running daemon. An empty file is a policy, with every option at its default; but one that has
    /// become empty was cut off by a full disk, or is being written at this moment, and nobody wants mail to be refused by what
    /// it does not say.
    pub fn load_again(file: &Path) -> Result<Self, ConfigError> {
        let draft = Draft::read(file)?;
        if draft.is_empty() {
            return Err(ConfigError::Unreadable { file: file.to_owned(), cause: "it is empty".to_owned() });
        }
        Self::from_draft(draft)
    }

    /// Gives a policy file's content its meaning, or tells everything that is wrong with it.
    pub fn from_draft(mut draft: Draft) -> Result<Self, ConfigError> {
        let mut policy = Self::outline(&mut draft);
        policy.tagging = Arc::new(policy.config.batv.tagging(draft.mistakes(), &mut policy.warnings));
        draft.finish()?;
        Ok(policy)
    }

    /// The same without the keys, which nobody needs to see who looks after lists: nothing is signed or verified.
    pub fn without_keys(mut draft: Draft) -> Result<Self, ConfigError> {
        let policy = Self::outline(&mut draft);
        draft.finish()?;
        Ok(policy)
    }

    fn outline(draft: &mut Draft) -> Self {
        let checks: Vec<_> = REGISTRY.iter().map(|check| check.name).collect();
        let (config, steps) = draft.settings(&checks);
        let raw_steps = steps.unwrap_or_else(Step::defaults);
        let mut steps: Vec<Step> = Vec::with_capacity(raw_steps.len());
        for raw in raw_steps {
            let path = raw.path.clone();
            let Some(step) = Step::read(raw, draft.mistakes()) else { continue };
            if steps.iter().any(|before| before.name == step.name) {
                // Two of them would share what they remember, and neither would do what it says.
                draft.mistakes().value(path, format_args!("`{}` stands in the chain already", step.name));
            }
            steps.push(step);
        }
        Self { config, steps, tagging: Arc::default(), warnings: Vec::new() }
    }

    /// The options of the first step whose options are of this type.
    pub fn options<T: Any>(&self) -> Option<&T> {
        self.steps.iter().find_map(|step| (step.options.as_ref() as &dyn Any).downcast_ref())
    }

    /// Everything in force, defaults filled in.
    pub fn in_force(&self) -> impl Serialize + '_ {
        InForce { config: &self.config, chain: self.steps.iter().map(Step::in_force).collect() }
    }

    /// Whom to ask about names. Without DNS servers the daemon does what it can do without them.
    pub fn dns(&self) -> Arc<dyn Dns> {
        let settings = &self.config.dns;
        match Resolver::new(&settings.addresses(), settings.timeout.0) {
            Ok(resolver) => Arc::new(resolver),
            Err(error) => {
                tracing::error!("checks that need the DNS find nothing: {error}");
                Arc::new(Nobody::because(error.to_string()))
            }
        }
    }

    /// Puts the chain to work.
    pub fn chain(&self, parts: &Parts) -> Chain {
        let links = self.steps.iter().filter(|step| step.mode != Mode::Off);
        Chain {
            exempt: self.config.exempt.clone(),
            deadline: self.config.deadline.0,
            links: links
                .map(|step| Link { name: step.name, mode: step.mode, check: step.options.build(parts) })
                .collect(),
            authserv_id: self.config.authserv_id.clone(),
            headers: Arc::new(Headers::default()),
        }
    }
}
