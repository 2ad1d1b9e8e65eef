//! `postward batv`: what is signed and what a signature is worth, and new keys.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::NO;
use super::output::{Format, Output, json_line, line, note};
use super::{Common, Failure};
use crate::batv::signing::{Secret, Tagging, Unsigned, Verdict};
use crate::clock::{Clock as _, SystemClock};
use crate::mail::external;
use crate::text::printable;

/// How many octets of an address are repeated.
const SHOWN: usize = 400;

#[derive(Debug, Subcommand)]
pub(super) enum BatvCommand {
    /// Say under which address mail of this sender leaves today
    #[command(after_help = "Exit codes: 0 it is signed; 1 it is not, and why is said")]
    Sign(AddressArgs),
    /// Say what the signature of an address is worth
    #[command(after_help = "Exit codes: 0 it is signed; 1 it is not, or has expired, or the signature is not ours")]
    Verify(AddressArgs),
    /// Write a new key into a new file that only its owner can read
    #[command(
        after_help = "An existing file stays as it is. Run it as the user who runs the daemon, or give the file to \
                            that user: a key that anybody else may read is refused"
    )]
    Keygen {
        /// The file, which must not be there yet
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddressArgs {
    /// The address, as in a mail program or with the quotes of SMTP
    address: String,
    #[command(flatten)]
    output: Output,
}

/// An answer as it is shown to programs. Addresses are as on the wire.
#[derive(Debug, Serialize)]
struct Shown {
    address: String,
    verdict: &'static str,
    /// The signed one to `sign`, the one without signature to `verify`.
    result: Option<String>,
}

impl BatvCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self {
            Self::Sign(args) => args.sign(&common.policy()?.tagging),
            Self::Verify(args) => args.verify(&common.policy()?.tagging),
            Self::Keygen { file } => keygen(&file),
        }
    }
}

impl AddressArgs {
    fn sign(&self, tagging: &Tagging) -> Result<ExitCode, Failure> {
        let signed = tagging.sign(&self.internal()?, SystemClock.now());
        if self.output.format == Format::Table {
            let signed = signed.map_err(|why| unsigned(&self.address, why))?;
            line(&external::write(&signed))?;
            return Ok(ExitCode::SUCCESS);
        }
        let verdict = signed.as_ref().map_or_else(|why| why.as_str(), |_| "signed");
        self.show(verdict, signed.ok())
    }

    fn verify(&self, tagging: &Tagging) -> Result<ExitCode, Failure> {
        let verdict = tagging.verify(&self.internal()?, SystemClock.now());
        let (word, about) = match verdict {
            Verdict::Signed { .. } => ("signed", "signed by us, and good today"),
            Verdict::Expired { .. } => ("expired", "signed by us, but its day has passed"),
            Verdict::Forged => ("forged", "begins like a signed address, but not one that we have signed"),
            Verdict::Untagged => ("unsigned", "not signed"),
            Verdict::Foreign => ("foreign", "not ours: its domain is none of batv.domains"),
        };
        let core = match verdict {
            Verdict::Signed { core } | Verdict::Expired { core } => Some(core),
            Verdict::Forged | Verdict::Untagged | Verdict::Foreign => None,
        };
        if self.output.format == Format::Json {
            return self.show(word, core);
        }
        let whose = core.map(|core| format!(" for {}", external::write(&core))).unwrap_or_default();
        line(&format!("{word}{whose}: {about}"))?;
        Ok(exit_code(word))
    }

    /// People type addresses either way, and copy them from logs, with blanks and angle brackets around them. What is no
    /// address in SMTP can only be meant as it stands.
    fn internal(&self) -> Result<String, Failure> {
        let address = self.address.trim();
        let address = address.strip_prefix('<').and_then(|inside| inside.strip_suffix('>')).unwrap_or(address);
        if address.is_empty() {
            return Err(Failure::usage("there is no address").with_hint("the null sender is never signed"));
        }
        Ok(external::read(address).map_or_else(|| address.to_owned(), |address| address.into_owned()))
    }

    fn show(&self, verdict: &'static str, result: Option<String>) -> Result<ExitCode, Failure> {
        let result = result.map(|address| external::write(&address).into_owned());
        json_line(&Shown { address: self.address.clone(), verdict, result })?;
        Ok(exit_code(verdict))
    }
}

fn exit_code(verdict: &str) -> ExitCode {
    ExitCode::from(if verdict == "signed" { 0 } else { NO })
}

fn unsigned(address: &str, why: Unsigned) -> Failure {
    let failure = Failure::no(format_args!("{} is not signed: {why}", printable(address, SHOWN)));
    match why {
        Unsigned::Foreign | Unsigned::NoKey => failure.with_hint("`postward config show` shows the section `batv`"),
        Unsigned::Null | Unsigned::Tagged | Unsigned::TooLong | Unsigned::Malformed => failure,
    }
}

fn keygen(file: &Path) -> Result<ExitCode, Failure> {
    Secret::generate(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::no(format_args!("{} is there already, and stays as it is", file.display()))
                .with_hint("keys are never overwritten: what they have signed could not be verified any more")
        }
        _ => Failure::unavailable(format_args!("cannot write {}: {error}", file.display())),
    })?;
    line(&format!("wrote a new key to {}", file.display()))?;
    note("name it in the policy file, under batv.keys, with an id that no other key has");
    Ok(ExitCode::SUCCESS)
}
