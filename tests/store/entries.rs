//! The contract of access lists' tables, for every engine.

use postward::store::{Added, Entries, EntryRecord, SourceChange};

use crate::support::*;

/// Runs every rule through the engine.
macro_rules! contract {
    ($module:ident, $engine:path) => {
        mod $module {
            use crate::entries as contract;
            use crate::support::EntriesEngine as _;
            contract::contract!(@rules $engine:
                rows_come_back_as_they_went,
                ids_are_never_given_twice,
                the_same_patterns_are_one_row,
                a_missing_pattern_is_no_empty_one,
                sources_have_rows_of_their_own,
                what_changes_nothing_keeps_the_generation,
                every_change_moves_the_generation,
                many_are_added_in_one_go,
                the_last_of_several_counts,
                removing_tells_what_was_there,
                a_source_is_made_what_it_is,
                other_rows_are_none_of_a_sources_business,
                dropped_sources_lose_their_rows,
                expired_rows_go,
                a_long_table_comes_in_batches_of_one_moment,
            );
        }
    };
    (@rules $engine:path: $($rule:ident,)*) => {
        $(#[tokio::test]
        async fn $rule() {
            let engine = <$engine>::fresh();
            contract::$rule(engine.entries()).await;
        })*
    };
}
pub(crate) use contract;

fn deny(sender: &str) -> EntryRecord {
    EntryRecord { sender: Some(sender.to_owned()), action: "deny".to_owned(), ..EntryRecord::default() }
}

fn allow(sender: &str) -> EntryRecord {
    EntryRecord { action: "allow".to_owned(), ..deny(sender) }
}

fn of_source(source: &str, row: EntryRecord) -> EntryRecord {
    EntryRecord { source: Some(source.to_owned()), ..row }
}

async fn all(entries: &dyn Entries) -> Vec<EntryRecord> {
    let mut receiver = entries.entries();
    let mut rows = Vec::new();
    loop {
        let batch = receiver.recv().await.unwrap().unwrap(); // an empty batch comes last
        if batch.is_empty() {
            return rows;
        }
        rows.extend(batch);
    }
}

/// Sender and action of all rows, in the order of their ids.
async fn told(entries: &dyn Entries) -> Vec<(String, String)> {
    all(entries).await.into_iter().map(|row| (row.sender.unwrap_or_default(), row.action)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(sender, action)| ((*sender).to_owned(), (*action).to_owned())).collect()
}

async fn new_id(entries: &dyn Entries, row: EntryRecord) -> i64 {
    match entries.add_entry(row, false).await.unwrap() {
        Added::New(id) => id,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn rows_come_back_as_they_went(entries: &dyn Entries) {
    let full = EntryRecord {
        id: 0,
        client: Some("192.0.2.0/24".into()),
        sender: Some("<>".into()),
        recipient: Some("größe@example.net".into()),
        action: "skip=greylist,spf".into(),
        text: Some("not today".into()),
        comment: Some("asked for by bob".into()),
        expires: Some(at(DAY)),
        source: Some("partners".into()),
    };
    let bare = EntryRecord { client: Some("example.org".into()), action: "allow".into(), ..EntryRecord::default() };
    let ids = [new_id(entries, full.clone()).await, new_id(entries, bare.clone()).await];
    assert_eq!(all(entries).await, [EntryRecord { id: ids[0], ..full }, EntryRecord { id: ids[1], ..bare }]);
}

pub(crate) async fn ids_are_never_given_twice(entries: &dyn Entries) {
    let first = new_id(entries, deny("a")).await;
    entries.remove_entries(vec![first]).await.unwrap();
    assert!(new_id(entries, deny("a")).await > first);
}

pub(crate) async fn the_same_patterns_are_one_row(entries: &dyn Entries) {
    let id = new_id(entries, deny("a")).await;
    assert_eq!(entries.add_entry(allow("a"), false).await, Ok(Added::Exists(id)));
    assert_eq!(told(entries).await, pairs(&[("a", "deny")]));
    assert_eq!(entries.add_entry(allow("a"), true).await, Ok(Added::Replaced(id)));
    assert_eq!(told(entries).await, pairs(&[("a", "allow")]));
}

pub(crate) async fn a_missing_pattern_is_no_empty_one(entries: &dyn Entries) {
    let a = |pattern: Option<&str>| EntryRecord { client: pattern.map(str::to_owned), ..deny("a") };
    for row in [a(None), a(Some("")), a(Some("0"))] {
        new_id(entries, row).await;
    }
    assert!(matches!(entries.add_entry(a(None), false).await, Ok(Added::Exists(_))));
}

pub(crate) async fn sources_have_rows_of_their_own(entries: &dyn Entries) {
    for row in [deny("a"), of_source("x", deny("a")), of_source("y", deny("a"))] {
        new_id(entries, row).await;
    }
    assert_eq!(all(entries).await.len(), 3);
}

pub(crate) async fn what_changes_nothing_keeps_the_generation(entries: &dyn Entries) {
    new_id(entries, deny("a")).await;
    entries.replace_source("x".into(), vec![deny("b")]).await.unwrap();
    let before = entries.generation().await.unwrap();
    entries.add_entry(allow("a"), false).await.unwrap();
    entries.add_entry(deny("a"), true).await.unwrap();
    entries.add_entries(vec![deny("a")]).await.unwrap();
    entries.add_entries(vec![]).await.unwrap();
    entries.replace_source("x".into(), vec![deny("b")]).await.unwrap();
    entries.remove_entries(vec![4711]).await.unwrap();
    entries.remove_expired(at(0)).await.unwrap();
    entries.keep_sources(vec!["x".into()]).await.unwrap();
    assert_eq!(entries.generation().await.unwrap(), before);
}

pub(crate) async fn every_change_moves_the_generation(entries: &dyn Entries) {
    let mut last = entries.generation().await.unwrap();
    let mut moved = async |what: &str| {
        let now = entries.generation().await.unwrap();
        assert!(now > last, "{what}");
        last = now;
    };
    let id = new_id(entries, deny("a")).await;
    moved("add").await;
    entries.add_entry(allow("a"), true).await.unwrap();
    moved("replace").await;
    entries.add_entries(vec![deny("b"), deny("c")]).await.unwrap();
    moved("add many").await;
    entries.remove_entries(vec![id]).await.unwrap();
    moved("remove").await;
    entries.replace_source("x".into(), vec![deny("b")]).await.unwrap();
    moved("source").await;
    entries.replace_source("x".into(), vec![allow("b")]).await.unwrap();
    moved("changed row of a source").await;
    entries.keep_sources(vec![]).await.unwrap();
    moved("dropped source").await;
}

pub(crate) async fn many_are_added_in_one_go(entries: &dyn Entries) {
    new_id(entries, deny("kept")).await;
    new_id(entries, deny("changed")).await;
    let change = entries.add_entries(vec![deny("first"), deny("kept"), allow("changed"), deny("last")]).await;
    assert_eq!(change, Ok(SourceChange { added: 3, removed: 1, kept: 1 }));
    let expected = [("kept", "deny"), ("changed", "allow"), ("first", "deny"), ("last", "deny")];
    assert_eq!(told(entries).await, pairs(&expected));
}

pub(crate) async fn the_last_of_several_counts(entries: &dyn Entries) {
    entries.add_entries(vec![deny("a"), allow("a")]).await.unwrap();
    entries.replace_source("x".into(), vec![deny("b"), allow("b")]).await.unwrap();
    assert_eq!(told(entries).await, pairs(&[("a", "allow"), ("b", "allow")]));
}

pub(crate) async fn removing_tells_what_was_there(entries: &dyn Entries) {
    let (a, b) = (new_id(entries, deny("a")).await, new_id(entries, deny("b")).await);
    assert_eq!(entries.remove_entries(vec![b, 4711, b, a]).await, Ok(vec![b, a]));
    assert!(all(entries).await.is_empty());
}

pub(crate) async fn a_source_is_made_what_it_is(entries: &dyn Entries) {
    let change = entries.replace_source("x".into(), vec![deny("a"), deny("b"), deny("c")]).await;
    assert_eq!(change, Ok(SourceChange { added: 3, removed: 0, kept: 0 }));
    let before = all(entries).await;
    let change = entries.replace_source("x".into(), vec![deny("d"), allow("b"), deny("a")]).await;
    assert_eq!(change, Ok(SourceChange { added: 2, removed: 2, kept: 1 }));
    let after = all(entries).await;
    assert_eq!(told(entries).await, pairs(&[("a", "deny"), ("b", "allow"), ("d", "deny")]));
    assert_eq!((after[0].id, after[1].id), (before[0].id, before[1].id), "rows that stay keep their ids");
    assert!(after.iter().all(|row| row.source.as_deref() == Some("x")));
}

pub(crate) async fn other_rows_are_none_of_a_sources_business(entries: &dyn Entries) {
    new_id(entries, deny("a")).await;
    new_id(entries, of_source("y", deny("a"))).await;
    let before = all(entries).await;
    entries.replace_source("x".into(), vec![allow("a")]).await.unwrap();
    entries.replace_source("x".into(), vec![]).await.unwrap();
    assert_eq!(all(entries).await, before);
}

pub(crate) async fn dropped_sources_lose_their_rows(entries: &dyn Entries) {
    for row in [deny("hand"), of_source("imported", deny("once"))] {
        new_id(entries, row).await;
    }
    for (source, row) in [("x", deny("a")), ("y", deny("b")), ("z", deny("c"))] {
        entries.replace_source(source.into(), vec![row]).await.unwrap();
    }
    assert_eq!(entries.keep_sources(vec!["y".into(), "unknown".into()]).await, Ok(2));
    assert_eq!(told(entries).await, pairs(&[("hand", "deny"), ("once", "deny"), ("b", "deny")]));
    assert_eq!(entries.keep_sources(vec![]).await, Ok(1));
    assert_eq!(told(entries).await, pairs(&[("hand", "deny"), ("once", "deny")]));
}

pub(crate) async fn expired_rows_go(entries: &dyn Entries) {
    for (sender, expires) in [("never", None), ("soon", Some(at(10))), ("later", Some(at(20)))] {
        new_id(entries, EntryRecord { expires, ..deny(sender) }).await;
    }
    assert_eq!(entries.remove_expired(at(10)).await, Ok(0));
    assert_eq!(entries.remove_expired(at(11)).await, Ok(1));
    assert_eq!(told(entries).await, pairs(&[("never", "deny"), ("later", "deny")]));
}

pub(crate) async fn a_long_table_comes_in_batches_of_one_moment(entries: &dyn Entries) {
    const MANY: usize = 10_000;
    let rows = (0..MANY).map(|number| deny(&format!("{number:05}"))).collect();
    entries.replace_source("x".into(), rows).await.unwrap();
    let mut receiver = entries.entries();
    let mut seen = receiver.recv().await.unwrap().unwrap();
    entries.replace_source("x".into(), vec![]).await.unwrap();
    while let Some(batch) = receiver.recv().await {
        seen.extend(batch.unwrap());
    }
    assert_eq!(seen.len(), MANY);
    assert!(seen.is_sorted_by_key(|row| row.id));
    drop(entries.entries());
    assert!(all(entries).await.is_empty());
}
