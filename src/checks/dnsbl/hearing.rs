//! What the lists say, until that decides.

use std::net::IpAddr;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::options::DnsblOptions;
use super::{Heard, List};
use crate::dns::blocklist::{Item, Said};

/// What the lists have said so far.
pub(super) struct Hearing<'a> {
    options: &'a DnsblOptions,
    /// How many lists there are to hear.
    lists: usize,
    heard: Vec<Heard<'a>>,
    range: Range,
}

impl<'a> Hearing<'a> {
    /// Hears these lists about these items, for a mail from `client`. What is known already may decide: then nobody else is asked.
    pub(super) async fn of(options: &'a DnsblOptions, asked: Vec<(&'a List, Item<'a>)>, client: IpAddr) -> Self {
        let range = Range::of(asked.iter().map(|(list, _)| list.options.weight));
        let mut hearing = Self { options, lists: asked.len(), heard: Vec::with_capacity(asked.len()), range };
        let mut waiting = Vec::new();
        for (list, item) in asked {
            if hearing.is_over() {
                return hearing;
            }
            let mut answer = list.list.ask(item, client).map(move |said| Heard { list, item, said });
            match (&mut answer).now_or_never() {
                Some(heard) => hearing.take(heard),
                None => waiting.push(answer),
            }
        }
        if !waiting.is_empty() {
            hearing.wait_for(waiting.into_iter().collect()).await;
        }
        hearing
    }

    /// Who was heard, in the order of their answers.
    pub(super) fn heard(&self) -> &[Heard<'a>] {
        &self.heard
    }

    /// How many were not waited for.
    pub(super) fn unheard(&self) -> usize {
        self.lists.saturating_sub(self.heard.len())
    }

    /// What is known of the weight.
    pub(super) fn range(&self) -> Range {
        self.range
    }

    async fn wait_for(&mut self, mut answers: FuturesUnordered<impl Future<Output = Heard<'a>>>) {
        while !self.is_over()
            && let Some(heard) = answers.next().await
        {
            self.take(heard);
        }
    }

    fn take(&mut self, heard: Heard<'a>) {
        let weight = heard.list.options.weight;
        match &heard.said {
            Said::Error(_) => self.range.fail(weight),
            said => self.range.settle(weight, matches!(said, Said::Listed(_))),
        }
        self.heard.push(heard);
    }

    /// Whether all are heard, or what the others say makes no difference.
    fn is_over(&self) -> bool {
        self.range.is_decided(self.options)
    }
}

/// The weight so far, and what those lists that have not answered could still make of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) sum: i32,
    pub(super) least: i32,
    pub(super) most: i32,
    /// The weight of the allow lists that could not be asked.
    pub(super) failed: i32,
}

impl Range {
    pub(super) fn of(weights: impl Iterator<Item = i32>) -> Self {
        weights.fold(Self { sum: 0, least: 0, most: 0, failed: 0 }, |range, weight| Self {
            least: range.least.saturating_add(weight.min(0)),
            most: range.most.saturating_add(weight.max(0)),
            ..range
        })
    }

    /// A list has answered: its weight counts, or does not any more.
    pub(super) fn settle(&mut self, weight: i32, is_listed: bool) {
        let counted = if is_listed { weight } else { 0 };
        self.sum = self.sum.saturating_add(counted);
        self.least = self.least.saturating_add(counted - weight.min(0));
        self.most = self.most.saturating_add(counted - weight.max(0));
    }

    /// A list could not be asked: it counts for nothing.
    pub(super) fn fail(&mut self, weight: i32) {
        self.settle(weight, false);
        self.failed = self.failed.saturating_add(weight.min(0));
    }

    pub(super) fn is_decided(self, options: &DnsblOptions) -> bool {
        options.reason(self.least, self.failed) == options.reason(self.most, self.failed)
    }
}
