//! Keeps the writer's connection fit, whatever happens to the file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arrivals::Book;
use super::aside::move_aside;
use super::checkpoint::checkpoint_all;
use super::complaint::Complaint;
use super::lock::Lock;
use super::open;
use super::shared::Shared;
use super::trouble::Trouble;
use crate::clock::Timestamp;

/// How long a daemon's write waits for other processes. Postfix is waiting too.
const DAEMONS_PATIENCE: Duration = Duration::from_millis(500);

/// How long a command's write waits for the daemon and other commands.
const COMMANDS_PATIENCE: Duration = Duration::from_secs(10);

/// How often a daemon looks at its database and, when that is away, tries to get it back.
const LOOK: Duration = Duration::from_secs(1);

/// The writer's connection and what is done when it breaks.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    book: Option<Book>,
    /// A daemon's means to recover; a command just fails.
    recovery: Option<Recovery>,
}

struct Recovery {
    /// Taken as soon as it can be.
    lock: Option<Lock>,
    complaint: Complaint,
    next_look: Instant,
}

impl Keeper {
    /// For a command: opens the database now or fails.
    pub(super) fn command(shared: Arc<Shared>) -> Result<Self, Trouble> {
        let connection = open::for_writing(&shared.path, COMMANDS_PATIENCE)?;
        shared.came_up();
        Ok(Self { shared, book: Some(Book::new(connection)), recovery: None })
    }

    /// For the daemon: what may get better does not fail.
    pub(super) fn daemon(shared: Arc<Shared>) -> Result<Self, Trouble> {
        let recovery = Recovery { lock: None, complaint: Complaint::default(), next_look: Instant::now() };
        let mut keeper = Self { shared, book: None, recovery: Some(recovery) };
        match keeper.recover() {
            Err(trouble @ (Trouble::InUse(_) | Trouble::Unusable(_))) => Err(trouble),
            Err(trouble) => {
                keeper.met(trouble);
                Ok(keeper)
            }
            Ok(()) => Ok(keeper),
        }
    }

    /// The connection, unless the database is away.
    pub(super) fn book(&self) -> Option<&Book> {
        self.book.as_ref()
    }

    /// The database failed. A damaged one is replaced at once, everything else has to get better by itself.
    pub(super) fn met(&mut self, trouble: Trouble) {
        let Some(recovery) = &mut self.recovery else { return };
        recovery.next_look = Instant::now() + LOOK;
        let trouble = if self.book.is_none() || self.shared.is_in_place() { trouble } else { Trouble::replaced() };
        self.shared.went_down(trouble.clone().about(&self.shared.path));
        self.leave();
        let remedy = match trouble {
            Trouble::Corrupt(cause) => set_aside(&self.shared.path, &cause).and_then(|()| self.recover()),
            trouble => Err(trouble),
        };
        if let Err(trouble) = remedy {
            self.complain(trouble);
        }
    }

    /// Closes the connection. A database that was replaced may be kept under another name, and is to have all that was remembered.
    pub(super) fn leave(&mut self) {
        let Some(book) = self.book.take() else { return };
        if self.recovery.is_some() && !self.shared.is_in_place() {
            let is_moved = checkpoint_all(&book).unwrap_or(false);
            if let Err(error) = self.shared.put_log_away(is_moved) {
                tracing::error!(database = %self.shared.path.display(), "its write-ahead log cannot be put away: {error}");
            }
        }
    }

    /// Once a second: gets a lost database back, and notices a lost one.
    pub(super) fn look_after(&mut self) {
        let Some(recovery) = &mut self.recovery else { return };
        if Instant::now() < recovery.next_look {
            return;
        }
        recovery.next_look = Instant::now() + LOOK;
        let looked = match &self.book {
            None => self.recover(),
            Some(_) => self.check(),
        };
        if let Err(trouble) = looked {
            self.met(trouble);
        }
    }

    fn check(&self) -> Result<(), Trouble> {
        if !self.shared.is_in_place() {
            return Err(Trouble::replaced());
        }
        if self.shared.is_damaged() {
            return Err(Trouble::Corrupt("it is damaged".to_owned()));
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<(), Trouble> {
        let Some(recovery) = &mut self.recovery else { return Ok(()) };
        open::check_directory(&self.shared.path)?;
        if recovery.lock.is_none() {
            recovery.lock = Some(Lock::take(&self.shared.path)?);
        }
        let opened = match open::for_writing(&self.shared.path, DAEMONS_PATIENCE) {
            Err(Trouble::Corrupt(cause)) => {
                set_aside(&self.shared.path, &cause)?;
                open::for_writing(&self.shared.path, DAEMONS_PATIENCE)
            }
            opened => opened,
        };
        let connection = opened?;
        recovery.complaint.withdraw(&self.shared.path);
        self.shared.came_up(); // first, because what the book's thread meets it tells of this opening
        self.book = Some(Book::kept(connection, Arc::clone(&self.shared)));
        Ok(())
    }

    fn complain(&mut self, trouble: Trouble) {
        let error = trouble.about(&self.shared.path);
        if let Some(recovery) = &mut self.recovery {
            recovery.complaint.make(&error);
        }
        self.shared.went_down(error);
    }
}

fn set_aside(path: &Path, cause: &str) -> Result<(), Trouble> {
    // The wall clock only names the file.
    let target = move_aside(path, Timestamp::now())
        .map_err(|error| Trouble::Circumstances(format!("{cause}, and it cannot be moved aside: {error}")))?;
    tracing::error!(
        database = %path.display(),
        kept_as = %target.display(),
        "the database could not be used ({cause}); it is kept under another name, and an empty one takes its place: \
         what was remembered, and access list entries added by hand, are in the old file"
    );
    Ok(())
}
