//! The steps of the chain as the policy file names them.

use std::str::FromStr;

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use crate::checks::{Options, REGISTRY};
use crate::config::{KeyPath, Mistakes, RawStep, Section};

/// Whether a step counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What it finds has consequences.
    Enforce,
    /// It only says what it would have done.
    Observe,
    /// It is not asked.
    Off,
}

impl Mode {
    /// The word for it in the policy file, in logs and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
            Self::Off => "off",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "observe" => Ok(Self::Observe),
            "off" | "false" => Ok(Self::Off), // YAML 1.1 reads a bare `off` as false
            _ => Err(format!("`{text}` is no mode: enforce, observe and off are")),
        }
    }
}

/// A validated step.
#[derive(Debug)]
pub struct Step {
    /// The check.
    pub name: &'static str,
    /// Whether it counts.
    pub mode: Mode,
    /// The check's own options.
    pub options: Box<dyn Options>,
}

impl Step {
    /// The default chain: every check with its default options.
    pub(super) fn defaults() -> Vec<RawStep> {
        REGISTRY
            .iter()
            .map(|check| RawStep { path: KeyPath::default(), name: check.name.to_owned(), options: Value::Null })
            .collect()
    }

    /// Gives a raw step its meaning; `None` if there is no such check.
    pub(super) fn read(raw: RawStep, mistakes: &mut Mistakes) -> Option<Self> {
        let Some(check) = REGISTRY.iter().find(|check| check.name == raw.name) else {
            mistakes.value(raw.path, format_args!("there is no check called `{}`", raw.name));
            if let Some(known) = crate::text::closest(&raw.name, REGISTRY.iter().map(|check| check.name)) {
                mistakes.hint(format!("did you mean `{known}`?"));
            }
            return None;
        };
        let mut section = Section::new(raw.path, raw.options, mistakes);
        let mode = section.parsed("mode", Mode::Enforce);
        let options = (check.read)(&mut section);
        section.finish();
        Some(Self { name: check.name, mode, options })
    }

    /// The step as it would be written with all its options.
    pub(super) fn in_force(&self) -> Value {
        let mut options = Mapping::new();
        options.insert("mode".into(), self.mode.as_str().into());
        if let Value::Mapping(own) = self.options.in_force() {
            options.extend(own);
        }
        Value::Mapping(Mapping::from_iter([(self.name.into(), Value::Mapping(options))]))
    }
}
