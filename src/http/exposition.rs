//! The status in the words of Prometheus (OpenMetrics 1.0).

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Metric, Registry, Unit};

use super::status::{ListsStatus, SourceStatus, Status, StoreStatus, ZoneStatus};
use crate::clock::Timestamp;
use crate::metrics::Metrics;

/// The media type of what [`expose`] answers.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Names and values that are the administrator's or ours.
type Labels = Vec<(&'static str, String)>;

/// What is measured: the numbers of [`Metrics`], and how everything is at the moment.
pub(super) fn expose(metrics: &Metrics, status: &Status) -> String {
    let mut registry = Registry::with_prefix("postward");
    metrics.register(&mut registry);
    add_daemon(&mut registry, status);
    add_store(&mut registry, &status.store);
    add_lists(&mut registry, &status.lists);
    add_zones(&mut registry, &status.zones);
    let lookups = status
        .lookups
        .iter()
        .map(|lookup| (vec![("type", lookup.kind.clone()), ("outcome", lookup.outcome.clone())], lookup.number));
    registry.register("dns_lookups", "Lookups in the DNS, memory included", counters(lookups));
    let mut text = String::new();
    let _ = encode(&mut text, &registry); // a String takes everything
    text
}

fn add_daemon(registry: &mut Registry, status: &Status) {
    let build = std::iter::once((vec![("version", status.version.clone())], 1));
    registry.register("build_info", "The version of postward", gauges(build));
    let help = "When the daemon was started";
    registry.register_with_unit("start_time", help, Unit::Seconds, ConstGauge::new(status.started.as_second()));
    gauge(
        registry,
        "ready",
        "Whether lists are read and the database is usable",
        u64::from(status.not_ready.is_none()),
    );
    gauge(registry, "connections", "Connections that are open", status.connections);
    gauge(registry, "journal_waiting", "Decisions that wait to be written down", status.journal.waiting);
    let help = "Decisions that could not be written down in time";
    registry.register("journal_dropped", help, ConstCounter::new(status.journal.dropped));
}

fn add_store(registry: &mut Registry, store: &StoreStatus) {
    gauge(registry, "store_up", "Whether the database is usable", u64::from(store.outage.is_none()));
    gauge(registry, "store_waiting", "Changes that wait to be committed", store.waiting);
    registry.register("store_commits", "Transactions", ConstCounter::new(store.commits));
    registry.register("store_changes", "Changes that were committed", ConstCounter::new(store.changes));
    let help = "How long transactions took together";
    registry.register_with_unit("store_commit", help, Unit::Seconds, ConstCounter::new(store.commit_seconds));
    let (help, slowest) = ("How long the longest transaction took", ConstGauge::new(store.slowest_commit_seconds));
    registry.register_with_unit("store_commit_slowest", help, Unit::Seconds, slowest);
    for (name, help, number) in [
        ("greylist_waiting", "Triplets that wait", store.waiting_triplets),
        ("journal_records", "Decisions in the journal", store.journal_records),
        ("store_size_bytes", "The size of the database", store.octets),
    ] {
        if let Some(number) = number {
            gauge(registry, name, help, number);
        }
    }
}

fn add_lists(registry: &mut Registry, lists: &ListsStatus) {
    gauge(registry, "list_generation", "Which state of the lists is in force", lists.generation.unwrap_or_default());
    gauge(registry, "list_entries", "Entries that count", lists.entries);
    gauge(registry, "list_entries_rejected", "Entries that cannot be understood", lists.rejected);
    let named = |name: &String| vec![("source", name.clone())];
    let of = |number: fn(&SourceStatus) -> Option<i64>| {
        gauges(lists.sources.iter().filter_map(move |source| Some((named(&source.name), number(source)?))))
    };
    let entries = of(|source| source.read.map(|_| integer(source.entries)));
    registry.register("list_source_entries", "Entries of a source", entries);
    registry.register(
        "list_source_up",
        "Whether a source could be read",
        of(|source| Some(i64::from(source.error.is_none()))),
    );
    let help = "When a source was read last";
    let read = of(|source| source.read.map(Timestamp::as_second));
    registry.register_with_unit("list_source_read_time", help, Unit::Seconds, read);
}

/// Two zones may look the same once their keys are hidden: a number tells them apart.
fn add_zones(registry: &mut Registry, zones: &[ZoneStatus]) {
    let named = |place: usize, zone: &ZoneStatus| vec![("zone", zone.zone.clone()), ("place", place.to_string())];
    let up = zones.iter().enumerate().map(|(place, zone)| (named(place, zone), i64::from(zone.standing == "good")));
    registry.register("zone_up", "Whether a blocklist counts", gauges(up));
    let answers = zones.iter().enumerate().flat_map(|(place, zone)| {
        [("listed", zone.listed), ("not_listed", zone.not_listed), ("error", zone.errors)].map(|(answer, number)| {
            let mut labels = named(place, zone);
            labels.push(("answer", answer.to_owned()));
            (labels, number)
        })
    });
    registry.register("zone_answers", "What a blocklist said", counters(answers));
}

fn gauge(registry: &mut Registry, name: &str, help: &str, number: u64) {
    registry.register(name, help, ConstGauge::new(integer(number)));
}

fn gauges(samples: impl Iterator<Item = (Labels, i64)>) -> impl Metric {
    let family: Family<Labels, Gauge> = Family::default();
    for (labels, number) in samples {
        family.get_or_create(&labels).set(number);
    }
    family
}

fn counters(samples: impl Iterator<Item = (Labels, u64)>) -> impl Metric {
    let family: Family<Labels, Counter> = Family::default();
    for (labels, number) in samples {
        family.get_or_create(&labels).inc_by(number);
    }
    family
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chain::{Decision, Mode, TraceStep};
    use crate::checks::{Consequence, Reason};
    use crate::http::LookupStatus;
    use crate::protocol::Action;

    const ALERTS: &str = include_str!("../../contrib/prometheus/alerts.yaml");
    const BOARD: &str = include_str!("../../contrib/grafana/postward.json");

    /// A daemon of which everything can be told.
    fn everything() -> String {
        let some = Some(1);
        let status = Status {
            store: StoreStatus {
                octets: some,
                waiting_triplets: some,
                journal_records: some,
                ..StoreStatus::default()
            },
            lists: ListsStatus {
                sources: vec![SourceStatus { read: Some(Timestamp::UNIX_EPOCH), ..SourceStatus::default() }],
                ..ListsStatus::default()
            },
            zones: vec![ZoneStatus::default()],
            lookups: vec![LookupStatus { kind: "A".to_owned(), outcome: "found".to_owned(), number: 1 }],
            ..Status::default()
        };
        let metrics = Metrics::default();
        metrics.count(&observed());
        expose(&metrics, &status)
    }

    fn observed() -> Decision {
        let step = TraceStep {
            check: "spf",
            mode: Mode::Observe,
            reason: Some(Reason::SpfFail),
            consequence: Some(Consequence::Reject),
            evidence: String::new(),
            elapsed_us: 1,
        };
        let elapsed = std::time::Duration::from_millis(1);
        Decision { action: Action::Dunno, check: None, reason: None, trace: vec![step], thread: None, elapsed }
    }

    /// The words that begin as our metrics do.
    fn names(text: &str) -> BTreeSet<&str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("postward_")).collect()
    }

    #[test]
    fn alerts_and_board_ask_for_what_there_is() {
        let exposed = everything();
        let suffixes = ["", "_total", "_bucket"];
        let exists = |name: &str| {
            let family = |suffix: &&str| name.strip_suffix(*suffix);
            suffixes.iter().filter_map(family).any(|family| exposed.contains(&format!("# TYPE {family} ")))
        };
        for (file, text, least) in [("alerts.yaml", ALERTS, 7), ("postward.json", BOARD, 15)] {
            let names = names(text);
            assert!(names.len() >= least, "{file}: {names:?}");
            let missing: Vec<_> = names.into_iter().filter(|name| !exists(name)).collect();
            assert!(missing.is_empty(), "{file} asks for {missing:?}, which is not in\n{exposed}");
        }
    }

    #[test]
    fn alerts_and_board_can_be_read() {
        let alerts: serde_yaml::Value = serde_yaml::from_str(ALERTS).unwrap();
        let rules = alerts["groups"][0]["rules"].as_sequence().unwrap();
        assert!(rules.iter().all(|rule| rule["alert"].is_string() && rule["expr"].is_string()));
        let board: serde_json::Value = serde_json::from_str(BOARD).unwrap();
        assert!(board["panels"].as_array().unwrap().iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    }

    #[test]
    fn zones_that_look_the_same_are_told_apart() {
        let zone = ZoneStatus { zone: "….example.org".to_owned(), ..ZoneStatus::default() };
        let status = Status { zones: vec![zone.clone(), zone], ..Status::default() };
        let text = expose(&Metrics::default(), &status);
        assert_eq!(text.matches("postward_zone_up{").count(), 2, "{text}");
    }
}
