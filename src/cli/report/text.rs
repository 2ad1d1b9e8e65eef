//! A report for the terminal.

use super::sections::{Row, Section, Share};
use crate::cli::Failure;
use crate::cli::output::{columns, line};

/// The most characters of a bar.
const BAR: f64 = 30.0;

pub(super) fn write(title: &str, sections: &[Section]) -> Result<(), Failure> {
    line(title)?;
    if sections.is_empty() {
        line("\nnothing was asked in this time")?;
    }
    for section in sections {
        line(&format!("\n{}", section.title.to_uppercase()))?;
        if !section.note.is_empty() {
            line(&section.note)?;
        }
        let header: Vec<String> = section.header.iter().map(|name| name.to_uppercase()).collect();
        columns(&header, section.rows.iter().map(row))?;
    }
    Ok(())
}

fn row(row: &Row) -> Vec<String> {
    let mut cells = row.cells.clone();
    cells.extend(row.share.map(bar));
    cells
}

/// Something is never nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 30")]
fn bar(share: Share) -> String {
    let length = (share.part.clamp(0.0, 1.0) * BAR).round() as usize;
    let length = if share.part > 0.0 { length.max(1) } else { 0 };
    "█".repeat(length)
}
