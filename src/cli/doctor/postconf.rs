//! Postfix's own programs, run with bounded patience.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use crate::cli::Failure;
use crate::doctor::postfix::{Postfix, Printed};
use crate::text::{from_octets, printable};

/// Where Postfix's commands are, which the search path of most users leaves out.
const ALSO_IN: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// Nothing of what is asked takes longer; postmap pauses for two seconds if main.cf was changed just now.
const PATIENCE: Duration = Duration::from_secs(20);

/// More is not read; postconf prints some 50 KiB.
const MOST_OUTPUT: u64 = 16 * 1024 * 1024;

/// How much of an error is repeated.
const MOST_ERROR: usize = 400;

/// postconf, and what else of Postfix is used.
pub(super) struct Programs {
    postconf: PathBuf,
    directory: Option<PathBuf>,
}

impl Programs {
    /// Looks for postconf. `directory` is the configuration directory, if it is not the usual one.
    pub(super) fn find(directory: Option<PathBuf>) -> Result<Self, Failure> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path).chain(ALSO_IN.map(PathBuf::from));
        let postconf = directories.map(|directory| directory.join("postconf")).find(|program| program.is_file());
        let postconf = postconf.ok_or_else(|| {
            Failure::unavailable("there is no postconf in the search path or in /usr/sbin")
                .with_hint("run this where Postfix is installed")
        })?;
        Ok(Self { postconf, directory })
    }

    /// Postfix's settings.
    pub(super) async fn postfix(&self) -> Result<Postfix, Failure> {
        let printed = Printed {
            written: self.postconf(&[]).await?,
            expanded: self.postconf(&["-x"]).await?,
            services: self.postconf(&["-M"]).await?,
            overrides: self.postconf(&["-P"]).await?,
            overrides_expanded: self.postconf(&["-P", "-x"]).await?,
        };
        Ok(Postfix::parse(&printed, self.directory.as_deref()))
    }

    /// What a table says of these keys: those that it knows, with what it says. Asks one table once.
    pub(super) async fn postmap(
        &self,
        postfix: &Postfix,
        table: &str,
        keys: &str,
    ) -> Result<Vec<(String, String)>, String> {
        let program = Path::new(postfix.get("command_directory")).join("postmap");
        let said = run(&program, self.arguments(&["-q", "-", table]), keys).await?;
        // Exit code 1 means both: the table knows none of them, and it could not be read.
        if said.err.contains(": fatal: ") {
            return Err(complaint(&said));
        }
        let pairs = said.out.lines().filter_map(|line| line.split_once('\t'));
        Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    async fn postconf(&self, options: &[&str]) -> Result<String, Failure> {
        let failed = |cause: String| Failure::unavailable(format!("{}: {cause}", self.postconf.display()));
        let said = run(&self.postconf, self.arguments(options), "").await.map_err(failed)?;
        if said.status.success() { Ok(said.out) } else { Err(failed(complaint(&said))) }
    }

    fn arguments(&self, options: &[&str]) -> Vec<OsString> {
        let directory = self.directory.iter().flat_map(|directory| [OsString::from("-c"), directory.into()]);
        directory.chain(options.iter().map(OsString::from)).collect()
    }
}

/// What a program said.
struct Said {
    status: ExitStatus,
    out: String,
    err: String,
}

async fn run(program: &Path, arguments: Vec<OsString>, input: &str) -> Result<Said, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let said = timeout(PATIENCE, talk(command, input)).await;
    let said = said.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
    said.map_err(|error| format!("cannot be run: {error}"))
}

async fn talk(mut command: Command, input: &str) -> io::Result<Said> {
    let mut child = command.spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // Whoever does not read its input to the end says why, or needs none.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), out, err) = tokio::join!(write, read(stdout), read(stderr));
    Ok(Said { status: child.wait().await?, out: out?, err: err? })
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut octets = Vec::new();
    if let Some(stream) = stream {
        stream.take(MOST_OUTPUT).read_to_end(&mut octets).await?;
    }
    Ok(from_octets(&octets).into_owned())
}

/// The last line that it said, which is the fatal one, without the program's name.
fn complaint(said: &Said) -> String {
    let line = said.err.lines().last().unwrap_or("it failed without a word");
    let line = line.split_once(": fatal: ").map_or(line, |(_, cause)| cause);
    printable(line, MOST_ERROR).into_owned()
}
