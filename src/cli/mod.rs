//! What a person types: one file for each command.
//!
//! Results go to stdout, as a table for people or one JSON object a line for programs; errors go to stderr, with the cause after a
//! colon and a hint on its own line. The exit code tells what kind of error it was (`failure`).

mod batv;
mod check;
mod completions;
mod config;
mod doctor;
mod failure;
mod fields;
mod greylist;
mod import;
mod journal;
mod list;
mod log_lines;
mod man;
mod opened;
mod output;
mod report;
mod selectors;
mod serve;
mod status;
mod when;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use self::failure::Failure;
use crate::chain::Policy;
use crate::config::Draft;
use crate::store::sqlite::Sqlite;

/// Where the policy file is looked for when none is named.
const POLICY_FILES: [&str; 2] = ["/etc/postward/policy.yaml", "policy.yaml"];

const EXAMPLES: &str = "\
Examples:
  postward config check -c policy.yaml
  postward check client_address=192.0.2.1 sender=a@example.org recipient=b@example.net
  postward list add allow --client 192.0.2.0/24 --comment 'our office'
  postward greylist show --recipient b@example.net
  postward doctor
  postward batv sign a@example.org
  postward journal --recipient b@example.net --since 1d
  postward status

Exit codes: 0 done; 1 the answer is no; 2 wrong use of the command line; 69 what is needed is not there, such as the \
database; 78 the policy file is wrong";

/// The threads for what is done beside answering. On a large machine there would be one for each of its processors.
const THREADS: usize = 2;

/// Their stacks, and those of the threads that may block, in octets: enough for a policy file as nested as can be read. Where
/// the system limits what a process may have (`RLIMIT_DATA`), the whole of each counts.
const STACK: usize = 1 << 20;

/// How long the end waits for a file that cannot be read, on a network drive that is away.
const LAST_WORK: Duration = Duration::from_secs(1);

/// A Postfix policy daemon: greylisting, blocklists, SPF, access lists, and answers to "why was my mail refused?"
#[derive(Debug, Parser)]
#[command(name = "postward", version, max_term_width = 110, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// The policy file [env: POSTWARD_CONFIG] [default: /etc/postward/policy.yaml, else ./policy.yaml]
    #[arg(short, long, value_name = "FILE", env = "POSTWARD_CONFIG", hide_env = true, global = true)]
    #[arg(help_heading = "Everywhere")]
    config: Option<PathBuf>,
    /// The database, in place of the one that the policy file names
    #[arg(long, value_name = "FILE", global = true, help_heading = "Everywhere")]
    database: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon, in the foreground
    Serve(Box<serve::ServeArgs>),
    /// Look at the policy file
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask what the chain would answer, and why; changes nothing
    Check(check::CheckArgs),
    /// Manage the access lists
    #[command(subcommand)]
    List(list::ListCommand),
    /// Look into the greylist, and correct it
    #[command(subcommand)]
    Greylist(greylist::GreylistCommand),
    /// Show what was decided: why was this mail refused?
    Journal(Box<journal::JournalArgs>),
    /// Show what each measure did, in numbers and percent, and what never came back
    Report(report::ReportArgs),
    /// Sign envelope senders, and tell a signature's worth (BATV)
    #[command(subcommand)]
    Batv(batv::BatvCommand),
    /// Find what is wrong with the way Postfix and postward are set up, and the cure
    Doctor(doctor::DoctorArgs),
    /// Show how the running daemon is
    Status(status::StatusArgs),
    /// Move over from another program
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual
    Man(man::ManArgs),
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_stack_size(STACK)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Failure::unavailable(format!("cannot start: {error}")).report(),
    };
    let code = match runtime.block_on(cli.command.run(&cli.common)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    };
    runtime.shutdown_timeout(LAST_WORK);
    code
}

impl Command {
    async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self {
            Self::Serve(args) => args.run(common).await,
            Self::Config(command) => command.run(common),
            Self::Check(args) => args.run(common).await,
            Self::List(command) => command.run(common).await,
            Self::Greylist(command) => command.run(common).await,
            Self::Journal(args) => args.run(common).await,
            Self::Report(args) => args.run(common).await,
            Self::Status(args) => args.run(common).await,
            Self::Batv(command) => command.run(common),
            Self::Doctor(args) => args.run(common).await,
            Self::Import(command) => command.run(),
            Self::Completions(args) => args.run(),
            Self::Man(args) => args.run(),
        }
    }
}

impl Common {
    /// The policy file: the one that is named, or the first of the usual ones that is there.
    fn policy_file(&self) -> Result<PathBuf, Failure> {
        let usual = || POLICY_FILES.map(PathBuf::from).into_iter().find(|file| file.exists());
        self.config.clone().or_else(usual).ok_or_else(|| {
            Failure::configuration(format!(
                "there is no policy file: neither {} nor ./{}",
                POLICY_FILES[0], POLICY_FILES[1]
            ))
            .with_hint("name one with --config FILE; policy.example.yaml is one to begin with")
        })
    }

    /// The policy in force, by which is judged and signed.
    fn policy(&self) -> Result<Policy, Failure> {
        Ok(Policy::from_draft(self.draft()?)?)
    }

    /// The policy in force, for who only looks after the database: he may not be allowed to read keys.
    fn policy_without_keys(&self) -> Result<Policy, Failure> {
        Ok(Policy::without_keys(self.draft()?)?)
    }

    /// The policy file; the built-in policy where only a database is named.
    fn draft(&self) -> Result<Draft, Failure> {
        match self.policy_file() {
            Ok(file) => Ok(Draft::read(&file)?),
            Err(_) if self.database.is_some() => Ok(Draft::parse(Path::new("built-in policy"), String::new())?),
            Err(failure) => Err(failure),
        }
    }

    fn database(&self, policy: &Policy) -> PathBuf {
        let state_directory = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
        policy.config.database_path(self.database.as_deref(), state_directory.as_deref())
    }

    /// The database, to put something in; it is made if there is none.
    fn open_or_create(&self, policy: &Policy) -> Result<Arc<Sqlite>, Failure> {
        let path = self.database(policy);
        let is_new = is_missing(&path);
        let store = Sqlite::beside(&path)?;
        if is_new {
            output::note(&format!("made the database {}, for there was none", path.display()));
        }
        Ok(Arc::new(store))
    }

    /// The database, to change what is in it.
    fn open(&self, policy: &Policy) -> Result<Arc<Sqlite>, Failure> {
        Ok(Arc::new(Sqlite::beside(&self.existing_database(policy)?)?))
    }

    /// The database, to be looked at.
    fn open_read_only(&self, policy: &Policy) -> Result<Arc<Sqlite>, Failure> {
        Ok(Arc::new(Sqlite::read_only(&self.existing_database(policy)?)?))
    }

    /// The database to be looked at, if there is one yet.
    fn open_if_there(&self, policy: &Policy) -> Result<Option<Arc<Sqlite>>, Failure> {
        let path = self.database(policy);
        if is_missing(&path) {
            output::note(&format!("there is no database {} yet: this is the answer of an empty one", path.display()));
            return Ok(None);
        }
        Ok(Some(Arc::new(Sqlite::read_only(&path)?)))
    }

    fn existing_database(&self, policy: &Policy) -> Result<PathBuf, Failure> {
        let path = self.database(policy);
        if is_missing(&path) {
            return Err(Failure::unavailable(format!("there is no database {}", path.display())).with_hint(
                "`postward serve` makes it, and so does `postward list add`; --database FILE names another",
            ));
        }
        Ok(path)
    }
}

/// Whether there is surely no such file. What cannot be told is left to whoever opens it.
fn is_missing(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}
