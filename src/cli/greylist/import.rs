//! `postward greylist import`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::checks::greylist::{GreylistOptions, Identity};
use crate::cli::Failure;
use crate::cli::output::{count, line, note};
use crate::clock::{Clock as _, SystemClock};
use crate::moving::{Input, LeftOut, Program, ReadError, Rules, Summary, Taking};
use crate::store::{Greylist, TakenOver};

const HELP: &str = "\
Formats:
  postgrey   what `db_dump` writes of postgrey.db (who wrote to whom) and of postgrey_clients.db (who is known)
  sqlgrey    its SQLite file, or what `sqlite3 .dump`, mysqldump or pg_dump write of its database
  greylistd  its files `states` and `triplets` in /var/lib/greylistd, in this order

Who has passed there need not wait again, and who waits goes on waiting. What is known here already stays as it is, so \
importing again changes nothing. What is older than `max_age`, or waits longer than `retry_window`, is left out. It works \
beside a running daemon, which knows them within a second.

Examples:
  db_dump -h /var/lib/postgrey -p postgrey.db | postward greylist import - --format postgrey
  db_dump -h /var/lib/postgrey -p postgrey_clients.db | postward greylist import - --format postgrey
  postward greylist import sqlgrey.db --format sqlgrey
  mysqldump sqlgrey | postward greylist import - --format sqlgrey
  postward greylist import states triplets --format greylistd

sqlgrey does not keep to whom a sender wrote who came back; he counts as one pass of his client, and his domain in \
`domain_awl` as enough of them (`allow_client_after`).

Exit codes: 0 everything that makes sense is imported; 1 nothing is in the files, or nothing that makes sense; 69 a file cannot be read";

/// Portions that may wait to be written while the next one is read.
const AHEAD: usize = 4;

/// Between two portions the database is left to the daemon, for as long as the last one took, but no shorter.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct ImportArgs {
    /// The files; - is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose files they are: see below
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    format: FromProgram,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FromProgram {
    Postgrey,
    Sqlgrey,
    Greylistd,
}

impl ImportArgs {
    /// Takes over what the files hold into the database that `open` opens.
    pub(super) async fn run<G: Greylist>(
        self,
        options: &GreylistOptions,
        open: impl FnOnce() -> Result<Arc<G>, Failure>,
    ) -> Result<ExitCode, Failure> {
        let rules = Rules { options: options.clone(), now: SystemClock.now() };
        let (summary, taken) = carry_over(self.format.into(), self.inputs(), rules, open).await?;
        if !options.identity.contains(&Identity::Network) {
            note(
                "`identity` does not name network: only those are found of whom neither SPF nor a host name tells who they are",
            );
        }
        tell(&summary, taken)?;
        match summary.read {
            0 => Err(Failure::no("there is nothing in it")),
            read if read == summary.left_out.nonsense => Err(Failure::no("nothing in there makes sense")),
            _ => Ok(ExitCode::SUCCESS),
        }
    }

    fn inputs(&self) -> Vec<Input> {
        let input = |file: &PathBuf| if file.as_os_str() == "-" { Input::Stdin } else { Input::File(file.clone()) };
        self.files.iter().map(input).collect()
    }
}

/// Reads on one thread while another writes. Other processes that want to write get their turn in between: SQLite has no
/// queue, and who writes without a pause keeps everybody else waiting.
///
/// The database is opened once something has been read: a wrong file should not leave an empty one behind.
async fn carry_over<G: Greylist>(
    program: Program,
    inputs: Vec<Input>,
    rules: Rules,
    open: impl FnOnce() -> Result<Arc<G>, Failure>,
) -> Result<(Summary, TakenOver), Failure> {
    let (sender, mut portions) = mpsc::channel(AHEAD);
    let (retention, now) = (rules.options.retention(), rules.now);
    let reading = spawn_blocking(move || {
        let mut taking = Taking::new(rules, sender);
        program.read(&inputs, &mut taking).map(|()| taking.summary().clone())
    });
    let mut taken = TakenOver::default();
    let mut next = portions.recv().await;
    if next.is_some() {
        let store = open()?;
        while let Some(portion) = next {
            let started = Instant::now();
            taken = taken.and(store.take_over(portion, &retention, now).await?);
            tokio::time::sleep(started.elapsed().max(SHORTEST_PAUSE)).await;
            next = portions.recv().await;
        }
    }
    let read = reading.await.map_err(|stopped| Failure::unavailable(format!("reading ended: {stopped}")))?;
    let summary = read.map_err(|(input, error)| unreadable(&input, error, taken))?;
    Ok((summary, taken))
}

fn unreadable(input: &Input, error: ReadError, taken: TakenOver) -> Failure {
    let so_far = match taken.triplets + taken.clients {
        0 => "nothing was imported".to_owned(),
        some => format!("only {} imported", count(some, "record was", "records were")),
    };
    let failure = Failure::unavailable(format!("{so_far}: {input}: {error}"));
    match error {
        ReadError::Other { hint, .. } => failure.with_hint(hint),
        _ => failure,
    }
}

fn tell(summary: &Summary, taken: TakenOver) -> Result<(), Failure> {
    let TakenOver { triplets, clients, known, no_room } = taken;
    let (triplets, clients) = (count(triplets, "triplet", "triplets"), count(clients, "client", "clients"));
    line(&format!(
        "imported {triplets} and {clients} from {}; {known} were known already",
        count(summary.read, "record", "records")
    ))?;
    let LeftOut { too_old, numbers_lost, too_wide, blacklisted, nonsense } = summary.left_out;
    for (number, why) in [
        (too_old, "too old (`max_age`, `retry_window`)"),
        (numbers_lost, "of senders in whose addresses a number became #; nobody can tell which it was"),
        (too_wide, "of networks larger than `ipv4_prefix` or `ipv6_prefix`"),
        (blacklisted, "blacklisted: `postward list add deny` is for these"),
        (no_room, "waiting where too many wait already (`waiting_per_network`, `waiting`)"),
        (nonsense, "that make no sense"),
    ] {
        if number > 0 {
            line(&format!("left out {number} {why}"))?;
        }
    }
    summary.nonsense.iter().for_each(|place| note(&format!("  {place}")));
    let rest = nonsense.saturating_sub(summary.nonsense.len() as u64);
    if rest > 0 {
        note(&format!("  and {rest} more"));
    }
    Ok(())
}

impl From<FromProgram> for Program {
    fn from(program: FromProgram) -> Self {
        match program {
            FromProgram::Postgrey => Self::Postgrey,
            FromProgram::Sqlgrey => Self::Sqlgrey,
            FromProgram::Greylistd => Self::Greylistd,
        }
    }
}
