//! The door for people and monitors, apart from Postfix's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use super::ended;
use super::listener::Listener;
use super::observer::Observer;
use super::service::Service;
use crate::config::Endpoint;
use crate::http::{Hosts, Site, converse};
use crate::store::sqlite::Sqlite;

/// How many connections are open at a time; more wait in the system's queue.
const MOST: usize = 16;

/// How long to wait after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(200);

/// What is shown through this endpoint.
pub(super) fn site(
    endpoint: &Endpoint,
    allow_remote: bool,
    observer: Observer,
    service: &Service,
    store: &Sqlite,
) -> Arc<Site> {
    let hosts = match endpoint {
        Endpoint::Inet(address) if !allow_remote => Hosts::Local(*address),
        _ => Hosts::All,
    };
    Arc::new(Site::new(Arc::new(observer), service.metrics().clone(), Arc::new(store.to_look_at()), hosts))
}

/// Accepts connections until the daemon ends.
pub(super) async fn accept(listener: Arc<Listener>, site: Arc<Site>, mut ending: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MOST));
    let serving = async {
        while let Ok(place) = places.clone().acquire_owned().await {
            let Ok(stream) = listener.next().await else {
                sleep(PAUSE).await; // Postfix's connections go first: none is closed for this one
                continue;
            };
            let site = site.clone();
            tokio::spawn(async move {
                converse(stream, site).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = serving => {}
        () = ended(&mut ending) => {}
    }
}
