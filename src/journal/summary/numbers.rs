//! What was counted, added up.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::clock::Timestamp;
use crate::journal::slot_of;
use crate::store::{Count, Tally, Verdict};

/// The most slices of a timeline.
const SLICES: i64 = 48;

/// How long a slice may be, in seconds.
const STEPS: [i64; 7] = [600, 1800, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400];

/// How many recipients were asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// All of them.
    pub asked: u64,
    /// Refused for good.
    pub rejected: u64,
    /// To be tried again later.
    pub deferred: u64,
    /// Let through.
    pub passed: u64,
}

/// What one check did for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// The check; `none` where none had anything to say.
    pub check: String,
    /// Its reason.
    pub reason: String,
    /// What it meant: `pass`, `defer` or `reject`.
    pub verdict: &'static str,
    /// For how many recipients.
    pub number: u64,
    /// Of all that were asked about.
    pub percent: f64,
}

/// What an observed check would have done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WouldHave {
    /// The check.
    pub check: String,
    /// Its reason.
    pub reason: String,
    /// What it would have meant: `pass` (a mark only), `defer` or `reject`.
    pub verdict: &'static str,
    /// For how many recipients it found that.
    pub number: u64,
    /// How many of these were let through, and would not have been.
    pub changed: u64,
    /// The changed ones of all that were asked about.
    pub percent: f64,
}

/// A part of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// When it begins.
    pub begin: Timestamp,
    /// What was decided in it.
    #[serde(flatten)]
    pub totals: Totals,
}

/// How long a check took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckTime {
    /// The check.
    pub check: String,
    /// How often it was asked.
    pub asked: u64,
    /// In microseconds, on average.
    pub mean_us: u64,
    /// 95 of 100 took less than this.
    pub p95_us: u64,
    /// All took less than this.
    pub longest_us: u64,
}

impl Totals {
    fn add(&mut self, verdict: Verdict, number: u64) {
        self.asked += number;
        *match verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::Defer => &mut self.deferred,
            Verdict::Reject => &mut self.rejected,
        } += number;
    }
}

fn enforced(tally: &Tally) -> impl Iterator<Item = (&Count, u64)> {
    tally.counts.iter().filter(|(count, _)| !count.observed).map(|(count, number)| (count, *number))
}

pub(super) fn totals(tally: &Tally) -> Totals {
    let mut totals = Totals::default();
    enforced(tally).for_each(|(count, number)| totals.add(count.verdict, number));
    totals
}

pub(super) fn measures(tally: &Tally) -> Vec<Measure> {
    let mut sums: HashMap<_, u64> = HashMap::new();
    for (count, number) in enforced(tally) {
        *sums.entry((&*count.check, &*count.reason, count.verdict)).or_default() += number;
    }
    let asked = totals(tally).asked;
    let measure = |((check, reason, verdict), number): ((&str, &str, Verdict), u64)| Measure {
        check: check.to_owned(),
        reason: reason.to_owned(),
        verdict: verdict.as_str(),
        number,
        percent: percent(number, asked),
    };
    let mut measures: Vec<_> = sums.into_iter().map(measure).collect();
    measures.sort_by(|one, other| (other.number, &one.reason).cmp(&(one.number, &other.reason)));
    measures
}

pub(super) fn would_have(tally: &Tally) -> Vec<WouldHave> {
    let mut sums: HashMap<_, (u64, u64)> = HashMap::new();
    for (count, number) in tally.counts.iter().filter(|(count, _)| count.observed) {
        let (all, changed) = sums.entry((&*count.check, &*count.reason, count.verdict)).or_default();
        *all += number;
        *changed += if count.passed && count.verdict != Verdict::Pass { *number } else { 0 };
    }
    let asked = totals(tally).asked;
    let row = |((check, reason, verdict), (number, changed)): ((&str, &str, Verdict), (u64, u64))| WouldHave {
        check: check.to_owned(),
        reason: reason.to_owned(),
        verdict: verdict.as_str(),
        number,
        changed,
        percent: percent(changed, asked),
    };
    let mut rows: Vec<_> = sums.into_iter().map(row).collect();
    rows.sort_by(|one, other| {
        (other.changed, other.number, &one.reason).cmp(&(one.changed, one.number, &other.reason))
    });
    rows
}

/// As few slices as a chart has room for; also those in which nothing happened.
pub(super) fn timeline(tally: &Tally, since: Timestamp, until: Timestamp) -> Vec<Slice> {
    let span = until.as_second().saturating_sub(since.as_second()).max(1);
    let step = STEPS.into_iter().find(|step| span / step <= SLICES).unwrap_or(span / SLICES);
    let begin = |time: Timestamp| time.as_second().div_euclid(step).saturating_mul(step);
    let mut slices = BTreeMap::new();
    let mut time = begin(slot_of(since));
    while time < until.as_second() {
        slices.insert(time, Totals::default());
        time = time.saturating_add(step);
    }
    for (count, number) in enforced(tally) {
        if let Some(totals) = slices.get_mut(&begin(count.slot)) {
            totals.add(count.verdict, number);
        }
    }
    let slice = |(begin, totals)| Slice { begin: Timestamp::from_second(begin).unwrap_or(Timestamp::MIN), totals };
    slices.into_iter().map(slice).collect()
}

pub(super) fn check_times(tally: &Tally) -> Vec<CheckTime> {
    let mut checks: HashMap<&str, (BTreeMap<u8, u64>, u64)> = HashMap::new();
    for (timing, number, total) in &tally.timings {
        let (magnitudes, sum) = checks.entry(&timing.check).or_default();
        *magnitudes.entry(timing.magnitude).or_default() += number;
        *sum = sum.saturating_add(*total);
    }
    let mut times: Vec<_> = checks
        .into_iter()
        .map(|(check, (magnitudes, sum))| {
            let asked = magnitudes.values().sum::<u64>().max(1);
            let below = |share: u64| bound(&magnitudes, asked.saturating_mul(share).div_ceil(100));
            let (mean_us, p95_us, longest_us) = (sum / asked, below(95), below(100));
            CheckTime { check: check.to_owned(), asked, mean_us, p95_us, longest_us }
        })
        .collect();
    times.sort_by(|one, other| (other.mean_us, &one.check).cmp(&(one.mean_us, &other.check)));
    times
}

/// Below what so many stay.
fn bound(magnitudes: &BTreeMap<u8, u64>, wanted: u64) -> u64 {
    let mut seen = 0;
    let reached = magnitudes.iter().find(|(_, number)| {
        seen += **number;
        seen >= wanted
    });
    reached.map_or(0, |(magnitude, _)| 1_u64.checked_shl(u32::from(*magnitude)).unwrap_or(u64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "for people, to a tenth")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1000.0 / whole as f64).round() / 10.0 }
}
