//! `postward completions`: for a shell's TAB key.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::text;
use super::{Cli, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Example: postward completions bash >/usr/share/bash-completion/completions/postward")]
pub(super) struct CompletionsArgs {
    shell: Shell,
}

impl CompletionsArgs {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "postward", &mut script);
        text(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
