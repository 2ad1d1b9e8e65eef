//! How it went over the time, as a picture.

use std::fmt::Write as _;

use super::html::escaped;
use super::sections::Kind;
use crate::clock::Timestamp;
use crate::journal::summary::Slice;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 180.0;
/// Room for the scale on the left, and for times below.
const LEFT: f64 = 48.0;
const BELOW: f64 = 20.0;

/// Stacked columns, one for each slice; nothing if nothing happened.
pub(super) fn timeline(slices: &[Slice]) -> String {
    let most = slices.iter().map(|slice| slice.totals.asked).max().unwrap_or_default();
    if most == 0 {
        return String::new();
    }
    let step = (WIDTH - LEFT) / number(slices.len() as u64);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"Recipients over time: rejected, deferred, passed\">\n\
         <line x1=\"{LEFT}\" y1=\"{HEIGHT}\" x2=\"{WIDTH}\" y2=\"{HEIGHT}\"/>\n\
         <text x=\"0\" y=\"12\">{most}</text><text x=\"0\" y=\"{HEIGHT}\">0</text>\n",
        HEIGHT + BELOW
    );
    for (index, slice) in slices.iter().enumerate() {
        let x = LEFT + number(index as u64) * step;
        svg.push_str(&column(slice, x, step, most));
        if index % slices.len().div_ceil(8).max(1) == 0 {
            let label = slice.begin.strftime("%d %b %H:%M").to_string();
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\">{}</text>", HEIGHT + BELOW - 5.0, escaped(&label));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn column(slice: &Slice, x: f64, step: f64, most: u64) -> String {
    let totals = slice.totals;
    let parts = [(totals.passed, Kind::Passed), (totals.deferred, Kind::Deferred), (totals.rejected, Kind::Rejected)];
    let mut svg = format!("<g><title>{}</title>", escaped(&told(slice.begin, slice)));
    let mut y = HEIGHT;
    for (part, kind) in parts.into_iter().filter(|(part, _)| *part > 0) {
        let height = number(part) / number(most) * (HEIGHT - 4.0);
        y -= height;
        let (width, class) = ((step - 2.0).max(1.0), kind.as_str());
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }
    svg.push_str("</g>\n");
    svg
}

fn told(begin: Timestamp, slice: &Slice) -> String {
    let totals = slice.totals;
    format!("{begin}: {} rejected, {} deferred, {} passed", totals.rejected, totals.deferred, totals.passed)
}

#[expect(clippy::cast_precision_loss, reason = "for a picture")]
fn number(number: u64) -> f64 {
    number as f64
}
