//! The threads that answer.
//!
//! Each has a runtime of its own, and a connection stays with the thread it was given to. The threads of tokio's usual runtime
//! take work from each other, for which one wakes another at nearly every request; without that two processors answer a seventh
//! more requests about known triplets (`benches/README.md`).

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// No more threads than this: each answers tens of thousands of requests a second, and costs memory and three descriptors.
const MOST: usize = 8;

/// Their stacks, in octets. Where the system limits what a process may have (`RLIMIT_DATA`), the whole of each counts.
const STACK: usize = 1 << 20;

/// How long the end waits for a thread that is not done. What is left then ends with the process.
const PATIENCE: Duration = Duration::from_millis(500);

/// The runtime wakes itself up through a descriptor whenever a timer is set that falls due before all others. Requests that have to
/// wait set two. So there is always one that nearly always falls due before those, for a few wakings in vain.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Where connections are served.
#[derive(Clone)]
pub(super) struct Workers(Arc<[Worker]>);

struct Worker {
    runtime: Handle,
    thread: JoinHandle<()>,
}

/// The threads. They run until this is dropped.
pub(super) struct Running {
    endings: Vec<oneshot::Sender<()>>,
    /// Closed when the last of them has ended.
    ended: mpsc::Receiver<()>,
}

impl Workers {
    /// Starts a thread for each processor.
    pub(super) fn start() -> io::Result<(Self, Running)> {
        let (alive, ended) = mpsc::channel();
        let (mut workers, mut endings) = (Vec::new(), Vec::new());
        for number in 0..available_parallelism().map_or(1, usize::from).min(MOST) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (ending, end) = oneshot::channel::<()>();
            endings.push(ending);
            let (handle, alive) = (runtime.handle().clone(), alive.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{number}")).stack_size(STACK);
            let thread = thread.spawn(move || {
                runtime.block_on(until_ended(end));
                drop((runtime, alive));
            })?;
            workers.push(Worker { runtime: handle, thread });
        }
        Ok((Self(workers.into()), Running { endings, ended }))
    }

    /// Begins a task where there are the fewest, or here if no worker is left, of which one that a bug has ended is none.
    /// `begin` is called in the runtime in which the task is to run: sockets belong to the one in which they are made.
    pub(super) fn spawn<F>(&self, begin: impl FnOnce() -> io::Result<F>) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let alive = self.0.iter().filter(|worker| !worker.thread.is_finished());
        let chosen = alive.min_by_key(|worker| worker.runtime.metrics().num_alive_tasks());
        let _here = chosen.map(|worker| worker.runtime.enter());
        tokio::spawn(begin()?);
        Ok(())
    }

    /// Resolves when each of them has had a turn, which none that hangs ever has; answers whether all still run.
    pub(super) async fn respond(&self) -> bool {
        for worker in self.0.iter() {
            if worker.runtime.spawn(async {}).await.is_err() {
                return false;
            }
        }
        true
    }
}

async fn until_ended(mut end: oneshot::Receiver<()>) {
    while timeout(HEARTBEAT, &mut end).await.is_err() {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.endings.clear();
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_worker_that_hangs_is_noticed() {
        let (workers, _running) = Workers::start().unwrap();
        assert!(workers.respond().await);
        let ((begins, begun), (goes_on, hangs)) = (channel(), channel::<()>());
        let hang = async move {
            begins.send(()).unwrap();
            let _ = hangs.recv();
        };
        workers.spawn(|| Ok(hang)).unwrap();
        begun.recv().unwrap();
        assert!(timeout(Duration::from_millis(10), workers.respond()).await.is_err());
        drop(goes_on);
        assert!(workers.respond().await);
    }

    #[tokio::test]
    async fn a_worker_that_has_died_is_noticed_and_given_nothing_to_do() {
        let (workers, running) = Workers::start().unwrap();
        drop(running);
        assert!(!workers.respond().await);
        while !workers.0.iter().all(|worker| worker.thread.is_finished()) {
            std::thread::yield_now();
        }
        let (done, outcome) = oneshot::channel();
        workers.spawn(|| Ok(async { done.send(()).unwrap() })).unwrap();
        outcome.await.unwrap();
    }

    #[tokio::test]
    async fn work_is_spread_evenly() {
        let (workers, _running) = Workers::start().unwrap();
        for _ in 0..10 * workers.0.len() {
            workers.spawn(|| Ok(pending())).unwrap();
        }
        for worker in workers.0.iter() {
            assert_eq!(worker.runtime.metrics().num_alive_tasks(), 10);
        }
    }

    #[tokio::test]
    async fn nothing_is_left_of_them_at_the_end() {
        let (workers, running) = Workers::start().unwrap();
        let precious = Arc::new(());
        for _ in 0..10 {
            let held = Arc::clone(&precious);
            let hold = async move {
                pending::<()>().await;
                drop(held);
            };
            workers.spawn(|| Ok(hold)).unwrap();
        }
        drop(running);
        assert_eq!(Arc::strong_count(&precious), 1);
    }
}
