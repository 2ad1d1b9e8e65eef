//! Whether a blocklist can be believed.
//!
//! Lists die. Then they do not answer, which costs time, or their domain is sold and answers everything, which would cost every
//! mail. So a list counts only after a [`probe`] has shown that it tells listed from unlisted, and no longer than that holds.
//! Probes come at times, at once when there are suspicious answers, and until the list recovers.

mod probe;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

pub use self::probe::{Keeps, Outcome, SelfTest, Subject, probe};
pub use self::standing::{Health, Heard, Standing};
use super::Dns;
use super::query::Zone;

/// Suspicion is looked into at most so often.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// Probes a list for as long as it is kept.
#[derive(Debug)]
pub struct Watch {
    health: Arc<Health>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins with a probe at once. Until that is over the list does not count. Needs a tokio runtime.
    pub fn over(subject: Subject, dns: Arc<dyn Dns>) -> Self {
        let health = Arc::new(Health::default());
        let task = tokio::spawn(watch(subject, dns, Arc::clone(&health)));
        Self { health, task }
    }

    /// How the list is.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(subject: Subject, dns: Arc<dyn Dns>, health: Arc<Health>) {
    let mut told = Standing::default();
    loop {
        let pause = health.judge(probe(&*dns, &subject).await);
        tell(&subject.zone, &mut told, health.standing());
        tokio::select! {
            () = sleep(pause) => {}
            () = suspicion(&subject.zone, &mut told, &health) => {}
        }
    }
}

/// Resolves when there is reason for another probe. What an answer alone has put out is told at once.
async fn suspicion(zone: &Zone, told: &mut Standing, health: &Health) {
    let earliest = Instant::now() + AT_MOST_EVERY;
    health.suspicion().await;
    tell(zone, told, health.standing());
    while timeout_at(earliest, health.suspicion()).await.is_ok() {
        tell(zone, told, health.standing());
    }
}

/// Tells the log what has changed since it was `told` last.
fn tell(zone: &Zone, told: &mut Standing, now: Standing) {
    match (&*told, &now) {
        (Standing::Untested | Standing::Good, Standing::Out(why)) => {
            warn!(%zone, "blocklist {zone} does not count until it recovers: {why}");
        }
        (Standing::Out(_), Standing::Good) => info!(%zone, "blocklist {zone} counts again"),
        _ => {}
    }
    *told = now;
}

#[cfg(test)]
mod tests;
