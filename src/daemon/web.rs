//! The door for people and monitors, apart from Postfix's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use super::ended;
use super::listener::Listener;
use super::observer::Observer;
use super::registry::Registry;
use super::service::Service;
use crate::config::{Config, Endpoint};
use crate::http::{Hosts, Site, converse};
use crate::store::sqlite::Sqlite;

/// How many connections are open at a time; more wait in the system's queue.
const MOST: usize = 16;

/// How long to wait after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(200);

/// What is shown through this endpoint.
pub(super) fn site(
    endpoint: &Endpoint,
    config: &Config,
    service: &Arc<Service>,
    store: &Arc<Sqlite>,
    registry: &Registry,
) -> Arc<Site> {
    let hosts = match endpoint {
        Endpoint::Inet(address) if !config.http_allow_remote => Hosts::Local(*address),
        _ => Hosts::All,
    };
    let listen = config.listen.iter().map(Endpoint::to_string).collect();
    let observer = Arc::new(Observer::new(service, store.clone(), registry, listen));
    Arc::new(Site::new(observer, service.metrics().clone(), Arc::new(store.to_look_at()), hosts))
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
