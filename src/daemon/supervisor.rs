//! What the service manager is told (`sd_notify(3)`). Without one, nothing is said.

use std::time::Duration;

use sd_notify::NotifyState::{MonotonicUsec, Ready, Reloading, Status, Stopping, Watchdog};
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::{MissedTickBehavior, interval};

/// The daemon answers from now on.
pub(super) fn ready(status: &str) {
    tell(&[Ready, Status(status)]);
}

/// The policy file is being read again; [`ready`] has to follow.
pub(super) fn reloading() {
    // With Type=notify-reload systemd wants the time, to know which of its signals is meant (systemd.service(5)).
    match NotifyState::monotonic_usec_now() {
        Ok(MonotonicUsec(now)) => tell(&[Reloading, MonotonicUsec(now)]),
        _ => tell(&[Reloading]),
    }
}

/// The daemon ends.
pub(super) fn stopping() {
    tell(&[Stopping, Status("ending")]);
}

/// Tells as often as the service manager wants to hear it that the daemon works: that this is said at all shows that tasks
/// run, and `works` says the rest. When it is not said for too long, the daemon is started anew.
pub(super) async fn keep_watched(works: impl AsyncFn() -> bool) {
    let Some(limit) = watchdog_enabled() else { return };
    let mut ticks = interval((limit / 3).max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if works().await {
            tell(&[Watchdog]);
        }
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = notify(what) {
        tracing::warn!("the service manager cannot be told how it goes: {error}");
    }
}
