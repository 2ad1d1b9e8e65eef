//! `postward config`: is the policy file right, and what is in force?

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::output::{json_line, line, note};
use super::{Common, Failure};
use crate::chain::Policy;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say everything that is wrong with the policy file, exactly as `serve` would
    #[command(after_help = "Exit codes: 0 the file is right; 78 it is wrong or cannot be read")]
    Check,
    /// Show the policy with all its defaults filled in, in a form that is a policy file again
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// YAML, or json: one JSON object, which is YAML as well
    #[arg(long, value_enum, default_value_t = Form::Yaml, value_name = "yaml|json", hide_possible_values = true)]
    format: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Yaml,
    Json,
}

impl ConfigCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let file = common.policy_file()?;
        let policy = Policy::load(&file)?;
        policy.warnings.iter().for_each(|warning| note(&format!("warning: {warning}")));
        match self {
            Self::Check => line(&format!("{} is right", file.display()))?,
            Self::Show(ShowArgs { format: Form::Json }) => json_line(&policy.in_force())?,
            Self::Show(ShowArgs { format: Form::Yaml }) => {
                let yaml = serde_yaml::to_string(&policy.in_force())
                    .map_err(|error| Failure::unavailable(format!("no YAML for the policy: {error}")))?;
                line(yaml.trim_end())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
