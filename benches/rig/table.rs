//! Figures of rounds, put together.

use std::time::Duration;

use super::load::Round;

/// What several rounds of one server say together.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    rounds: Vec<Round>,
    cpu: Duration,
}

impl Figures {
    /// Adds a round in which the server used so much processor time.
    pub(crate) fn add(&mut self, round: Round, cpu: Duration) {
        self.rounds.push(round);
        self.cpu += cpu;
    }

    /// The median of a figure over all rounds.
    pub(crate) fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure))
    }

    /// Requests in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.median(Round::rate)
    }

    /// The median of what so many replies did not take longer than, in microseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        self.median(|round| round.quantile(share).as_secs_f64() * 1e6)
    }

    /// Processor time of the server for one request, in microseconds.
    pub(crate) fn cpu_per_request(&self) -> f64 {
        let requests: usize = self.rounds.iter().map(Round::requests).sum();
        self.cpu.as_secs_f64() * 1e6 / requests as f64
    }

    /// The median of the ratios to rounds that alternated with these.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(ours, theirs)| ours.rate() / theirs.rate()))
    }
}

/// Prints a figure, and what is claimed of it.
pub(crate) fn print_claim(what: &str, figure: f64, unit: &str, claim: &str) {
    println!("{what:58} {figure:10.2} {unit:4} {claim}");
}

/// The median.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
