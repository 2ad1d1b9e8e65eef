//! How it went over some time, as a picture.

use std::fmt::Display;

use crate::http::html::Html;
use crate::journal::summary::{Slice, Totals};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 120.0;
/// Room for times below.
const BELOW: f64 = 18.0;

/// Columns of what passed, was deferred and was rejected, one for each slice. `label` writes the beginning of a slice.
pub(super) fn timeline(name: &str, slices: &[Slice], label: &str) -> Html {
    let most = slices.iter().map(|slice| slice.totals.asked).max().unwrap_or_default().max(1);
    let step = WIDTH / number(slices.len().max(1) as u64);
    let column = |(place, slice): (usize, &Slice)| column(slice, number(place as u64) * step, step, most);
    let every = slices.len().div_ceil(4).max(1);
    let times = slices.iter().enumerate().step_by(every);
    let times = times.map(|(place, slice)| {
        let x = rounded(number(place as u64) * step);
        let attributes: [(&str, &dyn Display); 2] = [("x", &x), ("y", &(HEIGHT + BELOW - 4.0))];
        Html::element("text", &attributes, &Html::text(slice.begin.strftime(label)))
    });
    let base: [(&str, &dyn Display); 4] = [("x1", &0), ("y1", &HEIGHT), ("x2", &WIDTH), ("y2", &HEIGHT)];
    let parts: Html = slices
        .iter()
        .enumerate()
        .map(column)
        .chain([Html::element("line", &base, &Html::default())])
        .chain(times)
        .collect();
    let view = format!("0 0 {WIDTH} {}", HEIGHT + BELOW);
    Html::element("svg", &[("viewBox", &view), ("role", &"img"), ("aria-label", &name)], &parts)
}

fn column(slice: &Slice, x: f64, step: f64, most: u64) -> Html {
    let Totals { rejected, deferred, passed, .. } = slice.totals;
    let told = format!("from {}: {passed} passed, {deferred} deferred, {rejected} rejected", slice.begin);
    let mut column = Html::element("title", &[], &Html::text(told));
    let (x, width, mut y) = (rounded(x + 1.0), rounded((step - 2.0).max(1.0)), HEIGHT);
    for (class, part) in [("passed", passed), ("deferred", deferred), ("rejected", rejected)] {
        // What happened at all is seen.
        let height = if part == 0 { 0.0 } else { (number(part) / number(most) * (HEIGHT - 6.0)).max(1.0) };
        y = (y - height).max(0.0);
        let (top, height) = (rounded(y), rounded(height));
        let attributes: [(&str, &dyn Display); 5] =
            [("class", &class), ("x", &x), ("y", &top), ("width", &width), ("height", &height)];
        if part > 0 {
            column.push(&Html::element("rect", &attributes, &Html::default()));
        }
    }
    Html::element("g", &[], &column)
}

fn rounded(number: f64) -> String {
    format!("{number:.1}")
}

#[expect(clippy::cast_precision_loss, reason = "for a picture")]
fn number(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn every_slice_is_a_column_within_the_picture() {
        let slice = |asked, rejected, deferred| Slice {
            begin: Timestamp::UNIX_EPOCH,
            totals: Totals { asked, rejected, deferred, passed: asked - rejected - deferred },
        };
        let slices = [slice(0, 0, 0), slice(10_000, 9999, 1), slice(1, 0, 0)];
        let svg = timeline("The <last> hour", &slices, "%H:%M").to_string();
        assert_eq!(svg.matches("<g>").count(), 3);
        assert_eq!(svg.matches("<rect").count(), 3, "nothing is no column: {svg}");
        assert!(svg.contains("aria-label=\"The &lt;last&gt; hour\"") && !svg.contains("-1"), "{svg}");
        assert!(timeline("nothing", &[], "%H").to_string().starts_with("<svg"));
    }
}
