//! What time it is, handed in as a parameter.
//!
//! Nothing below [`daemon`](crate::daemon) looks at the wall clock by itself: a request is judged at one
//! moment, and a test turns the time by hand.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

pub use jiff::Timestamp;

/// Tells the wall-clock time.
pub trait Clock: Send + Sync {
    /// The time now; it may be wrong, and it may be earlier than the last answer.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until somebody turns it; for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(later(self.now(), by));
    }

    /// Turns the clock to `to`, forward or back.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = to;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// `from` plus `by`, at most the end of time.
pub fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// `from` minus `by`, at least the beginning of time.
pub fn earlier(from: Timestamp, by: Duration) -> Timestamp {
    from.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// How long ago `since` was; `None` when it lies in the future, which means that the clock stepped back.
pub fn elapsed(since: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(since)).ok()
}

/// What `work` comes to, or `None` if it takes longer than `limit` on the monotonic clock.
///
/// A timer costs more than most of what is limited here, which is done at once because its answer is remembered. So only who has
/// to wait gets one, and its room apart.
pub async fn within<T>(limit: Duration, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        Poll::Ready(done) => Some(done),
        Poll::Pending => Box::pin(tokio::time::timeout(limit, work)).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_done_at_once_has_always_time() {
        assert_eq!(within(Duration::ZERO, pin!(async { 1 })).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_to_wait_has_so_much_time_and_no_more() {
        let limit = Duration::from_secs(2);
        for (seconds, expected) in [(1, Some(())), (3, None)] {
            let started = tokio::time::Instant::now();
            assert_eq!(within(limit, pin!(tokio::time::sleep(Duration::from_secs(seconds)))).await, expected);
            assert_eq!(started.elapsed(), Duration::from_secs(seconds).min(limit));
        }
    }

    #[test]
    fn time_is_turned_by_hand() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(90));
        assert_eq!(elapsed(Timestamp::UNIX_EPOCH, clock.now()), Some(Duration::from_secs(90)));
    }

    #[test]
    fn the_future_has_not_elapsed() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(elapsed(later(now, Duration::from_secs(1)), now), None);
    }

    #[test]
    fn time_ends_instead_of_overflowing() {
        assert_eq!(later(Timestamp::MAX, Duration::MAX), Timestamp::MAX);
        assert_eq!(earlier(Timestamp::MIN, Duration::MAX), Timestamp::MIN);
    }
}
