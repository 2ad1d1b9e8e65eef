//! A reader of what Prometheus is told, strict where Prometheus is (OpenMetrics 1.0).

use std::collections::{HashMap, HashSet};

/// Each series, as it is written, and its value.
pub(crate) type Samples = HashMap<String, f64>;

/// Reads an exposition, or tells what is wrong with it.
pub(crate) fn samples(text: &str) -> Result<Samples, String> {
    let text = text.strip_suffix("# EOF\n").ok_or("it does not end in `# EOF`")?;
    let (mut families, mut samples) = (HashSet::new(), Samples::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("TYPE"), Some(name), Some("counter" | "gauge" | "histogram")) => {
                    families.insert(name.to_owned());
                }
                (Some("HELP" | "UNIT"), Some(_), Some(_)) => {}
                _ => return Err(format!("no comment that is known: {line}")),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').ok_or_else(|| format!("no sample: {line}"))?;
        let value: f64 = value.parse().map_err(|_| format!("no number: {line}"))?;
        let name = series.split('{').next().unwrap_or_default();
        let suffixes = ["", "_total", "_count", "_sum", "_bucket"];
        let of_family = |suffix: &str| name.strip_suffix(suffix).is_some_and(|name| families.contains(name));
        if !name.starts_with("postward_") || !suffixes.into_iter().any(of_family) {
            return Err(format!("of no family: {line}"));
        }
        if samples.insert(series.to_owned(), value).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    Ok(samples)
}
