//! `postward man`: manual pages, made of what `--help` says.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::output::text;
use super::{Cli, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Example: postward man | man -l -")]
pub(super) struct ManArgs {
    /// Write the pages of all commands into this directory, which is made; without it postward(1) goes to stdout
    #[arg(long, value_name = "DIRECTORY")]
    into: Option<PathBuf>,
}

impl ManArgs {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        match &self.into {
            None => text(&main_page()?)?,
            Some(directory) => {
                let failed = |error| Failure::unavailable(format!("{}: {error}", directory.display()));
                fs::create_dir_all(directory).map_err(failed)?;
                clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn main_page() -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let rendered = Man::new(Cli::command().disable_help_subcommand(true)).render(&mut page);
    rendered.map_err(|error| Failure::unavailable(format!("no manual page: {error}")))?;
    Ok(page)
}
