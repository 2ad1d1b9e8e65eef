//! What runs: listeners, workers with a task for each connection, and what has to be done beside requests.
//!
//! The parts are made ready before they are put together: a policy that has been found right, listeners that are bound, a
//! store that is open. From then on nothing but SIGTERM ends the daemon; a broken policy file, a full disk or a peer that talks
//! nonsense is reported, and everything else goes on.

mod activation;
mod clock_watch;
mod connection;
mod dialogue;
mod heap;
mod listener;
mod maps;
mod observer;
mod quiet;
mod registry;
mod service;
mod sources;
mod stream;
mod supervisor;
mod upkeep;
mod web;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::activation::{Activated, Inherited};
use self::dialogue::PolicyDialogue;
use self::listener::Listener;
use self::maps::MapDialogue;
use self::observer::Observer;
use self::registry::Registry;
use self::service::Service;
use self::workers::Workers;
use crate::chain::Policy;
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, Endpoint};
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;

/// How long connections may take to finish what is in flight when the daemon ends.
const GRACE: Duration = Duration::from_secs(3);

/// How long the end may take to write down what was decided.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the start may wait for list sources.
const FIRST_READING: Duration = Duration::from_millis(500);

/// Why the daemon does not run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The policy file is wrong.
    #[error(transparent)]
    Policy(#[from] ConfigError),
    /// An endpoint cannot be listened on.
    #[error("cannot listen on {endpoint}: {cause}")]
    Listen {
        /// As in the policy file.
        endpoint: String,
        /// Why.
        cause: String,
    },
    /// What systemd has opened cannot be used.
    #[error("cannot use {socket}, given by systemd: {cause}")]
    Activation {
        /// Which of the sockets, by place and name.
        socket: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system refuses something that everything depends on.
    #[error("cannot handle signals: {0}")]
    Signals(std::io::Error),
    /// It gives no threads.
    #[error("cannot start the threads that answer: {0}")]
    Threads(std::io::Error),
}

/// Runs the daemon until SIGTERM or SIGINT.
pub async fn serve(policy_file: &Path, database: Option<&Path>) -> Result<(), ServeError> {
    heap::keep_large_blocks_apart();
    let policy = Policy::load(policy_file)?;
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let (listeners, map_listeners, overruled) = listen(&policy.config)?;
    let http_listeners = listener::bind_all(policy.config.http.0.as_slice(), policy.config.socket_mode)?;
    let state_directory = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    let database = policy.config.database_path(database, state_directory.as_deref());
    let store = Arc::new(Sqlite::serve(&database)?);

    warn_of(&policy);
    let service = Arc::new(Service::new(&policy, store.clone(), Arc::new(SystemClock)));
    if tokio::time::timeout(FIRST_READING, service.begin()).await.is_err() {
        tracing::warn!("the list sources are slow to read; until they are, the entries they had last time count");
        service.want_reload();
    }
    let upkeep = tokio::spawn(upkeep::run(service.clone()));
    let (workers, running) = Workers::start().map_err(ServeError::Threads)?;
    let (watched, watched_workers) = (store.clone(), workers.clone());
    tokio::spawn(supervisor::keep_watched(async move || watched_workers.respond().await && watched.is_alive()));
    let (ending, ended) = watch::channel(false);
    let registry = Registry::sized_to_descriptors();
    for listener in &listeners {
        let begin = with(&service, PolicyDialogue::with);
        tokio::spawn(listener.clone().accept(begin, workers.clone(), registry.clone(), ended.clone()));
        tracing::info!(endpoint = %listener.endpoint(), "listening");
    }
    for listener in &map_listeners {
        let begin = with(&service, MapDialogue::with);
        tokio::spawn(listener.clone().accept(begin, workers.clone(), registry.clone(), ended.clone()));
        tracing::info!(endpoint = %listener.endpoint(), "serving the maps batv-sign and batv-verify");
    }
    for listener in &http_listeners {
        let listen = listeners.iter().map(|listener| listener.endpoint().to_string()).collect();
        let observer = Observer::new(&service, store.clone(), &registry, listen);
        let site = web::site(listener.endpoint(), policy.config.http_allow_remote, observer, &service, &store);
        tokio::spawn(web::accept(listener.clone(), site, ended.clone()));
        tracing::info!(endpoint = %listener.endpoint(), "serving metrics and the status page");
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), database = %database.display(), "ready");
    supervisor::ready("answering");

    let mut reloading: Option<JoinHandle<()>> = None;
    while let Event::Reload = signals.next().await {
        supervisor::reloading();
        if let Some(earlier) = reloading.take() {
            earlier.abort(); // the file is read again, and what it said before does not matter any more
        }
        reloading = Some(tokio::spawn(reload(
            service.clone(),
            policy_file.to_owned(),
            policy.config.clone(),
            overruled.clone(),
        )));
    }
    tracing::info!("ending");
    supervisor::stopping();
    let _ = ending.send(true);
    upkeep.abort();
    registry.closed(GRACE).await;
    let last_words = async {
        service.journal().write_records().await;
        service.journal().write_sums().await;
    };
    let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    drop(running);
    Ok(())
}

/// The sockets for policy requests and those for maps: each kind as systemd has opened it, or else as the policy names it. And
/// what of the policy does not count because systemd has.
fn listen(config: &Config) -> Result<(Listeners, Listeners, Vec<&'static str>), ServeError> {
    let given = Activated::take()?.unwrap_or_default();
    let mut overruled = Vec::new();
    let mut open = |given: Vec<Inherited>, setting: &'static str, endpoints: &[Endpoint]| {
        if given.is_empty() {
            return listener::bind_all(endpoints, config.socket_mode);
        }
        tracing::info!("systemd has opened sockets: `{setting}` in the policy file does not count");
        overruled.push(setting);
        listener::adopt_all(given)
    };
    let policy = open(given.policy, "listen", &config.listen)?;
    let maps = open(given.socketmap, "batv.socketmap", &config.batv.socketmap)?;
    Ok((policy, maps, overruled))
}

type Listeners = Vec<Arc<Listener>>;

/// What begins a dialogue on each connection.
fn with<D>(service: &Arc<Service>, begin: fn(Arc<Service>) -> D) -> impl Fn() -> D + use<D> {
    let service = service.clone();
    move || begin(service.clone())
}

/// Puts a changed policy file in force, or keeps what runs and says why.
async fn reload(service: Arc<Service>, file: PathBuf, running: Config, overruled: Vec<&'static str>) {
    match Policy::load_again(&file) {
        Ok(policy) => {
            for (setting, same) in [
                ("listen", policy.config.listen == running.listen),
                ("socket_mode", policy.config.socket_mode == running.socket_mode),
                ("batv.socketmap", policy.config.batv.socketmap == running.batv.socketmap),
                ("database", policy.config.database == running.database),
                ("http", policy.config.http == running.http),
                ("http_allow_remote", policy.config.http_allow_remote == running.http_allow_remote),
            ] {
                if overruled.contains(&setting) && !same {
                    tracing::warn!("`{setting}` in {} does not count: systemd has opened the sockets", file.display());
                } else if !same {
                    tracing::warn!("`{setting}` has changed in {}, which needs a restart", file.display());
                }
            }
            warn_of(&policy);
            service.replace_policy(&policy).await;
            tracing::info!("{} is in force", file.display());
            supervisor::ready("answering");
        }
        Err(error) => {
            tracing::error!("the policy stays as it was: {error}");
            supervisor::ready("answering by an earlier policy: the policy file is wrong");
        }
    }
    service.want_reload();
}

fn warn_of(policy: &Policy) {
    for warning in &policy.warnings {
        tracing::warn!("{warning}");
    }
}

/// Resolves when the daemon ends.
async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

/// What the daemon is told from outside.
enum Event {
    Reload,
    End,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.terminate.recv() => Event::End,
            _ = self.interrupt.recv() => Event::End,
            _ = self.hangup.recv() => Event::Reload,
        }
    }
}
