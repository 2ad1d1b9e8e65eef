//! `postward doctor`: what is wrong with the way Postfix and postward are set up, and the cure.

mod endpoints;
mod own;
mod postconf;
mod show;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::postconf::Programs;
use self::show::Looked;
use super::failure::NO;
use super::opened::opened_by_systemd;
use super::output::{Format, Output, json_line};
use super::{Common, Failure};
use crate::doctor::{Facts, Finding, Site, Weight, examine};

const EXPLANATION: &str = "\
Reads what postconf tells of main.cf and master.cf, the policy file, the database, the DNS and the blocklists; asks \
the policy service and the maps one harmless question each, and tables that are files whether they know whole \
domains. Changes nothing.

A problem loses mail, leaves it unchecked, or lets any stranger make this host write to third parties. A notice may \
be meant so, or is more than a setting alone can tell. After a cure: `postfix reload`, and a test mail.

With --format json every finding is an object, and nothing means healthy: id area weight what setting value why cure.

Exit codes: 0 healthy, perhaps with notices; 1 there are problems; 69 there is no postconf, or it fails; 78 the \
policy file is wrong";

#[derive(Debug, Args)]
#[command(after_help = EXPLANATION)]
pub(super) struct DoctorArgs {
    /// Postfix's configuration directory, as for `postconf -c` [default: the one that postconf takes]
    #[arg(long, value_name = "DIR")]
    postfix_config: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl DoctorArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let policy_file = common.policy_file()?;
        // Whoever asks may be root, and the keys belong to the daemon's user.
        let mut policy = common.policy_without_keys()?;
        let opened = opened_by_systemd(&policy_file).await;
        let overruled = opened.map(|endpoints| std::mem::replace(&mut policy.config.listen, endpoints));
        let programs = Programs::find(self.postfix_config)?;
        let postfix = programs.postfix().await?;
        let mut site = Site { postfix, policy, facts: Facts { overruled, ..Facts::default() } };
        let mut looked = Looked::default();
        looked.at_settings(&site, &policy_file);
        site.facts.answers = endpoints::ask_policy(&site, &mut looked).await;
        site.facts.maps = endpoints::ask_maps(&site, &mut looked).await;
        site.facts.guard_misses = tables::guard_misses(&programs, &site).await;
        site.facts.wildcards = tables::wildcards(&programs, &site.postfix, &mut looked).await;
        let database = common.database(&site.policy);
        own::examine(&mut site, &database, &mut looked).await;
        let findings = examine(&site);
        match self.output.format {
            Format::Json => findings.iter().try_for_each(json_line)?,
            Format::Table => show::report(&looked, &findings)?,
        }
        Ok(exit_code(&findings))
    }
}

/// Notices alone are no reason for a script to act.
fn exit_code(findings: &[Finding]) -> ExitCode {
    let has_problems = findings.iter().any(|finding| finding.weight == Weight::Problem);
    ExitCode::from(if has_problems { NO } else { 0 })
}
