//! What goes into the Debian package.

use std::path::Path;

/// Directories of contrib/ that an installed postward has no use for.
const NOT_PACKED: [&str; 2] = ["debian", "docker"];

/// Directories of contrib/ that are neither packed nor said not to be, assets that are not there, and such as would make each
/// upgrade ask about a file that everybody changes.
pub(crate) fn complaints(contrib: &[String], manifest: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let asked_about = assets(manifest).filter(|(_, into)| into.starts_with("etc/"));
    let asked_about = asked_about.map(|(asset, _)| format!("Cargo.toml: the asset {asset} would be a conffile"));
    let assets: Vec<_> = assets(manifest).map(|(asset, _)| asset).collect();
    let packed = |directory: &str| assets.iter().any(|asset| asset.starts_with(&format!("contrib/{directory}/")));
    let forgotten = contrib.iter().filter(|name| !NOT_PACKED.contains(&name.as_str()) && !packed(name));
    let forgotten = forgotten.map(|name| format!("contrib/{name}: is not among the assets of the Debian package"));
    // What is in target/ is made when the package is.
    let lost = assets.iter().filter(|asset| !asset.starts_with("target/") && !exists(before_wildcard(asset)));
    let lost = lost.map(|asset| format!("Cargo.toml: the asset {asset} is not there"));
    forgotten.chain(lost).chain(asked_about).collect()
}

/// Whether there is such a file or directory in the project.
pub(crate) fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

/// `["README.md", "usr/share/doc/postward/", "644"],` → `README.md`, `usr/share/doc/postward/`
fn assets(manifest: &str) -> impl Iterator<Item = (&str, &str)> {
    let list = manifest.split_once("\nassets = [\n").map_or("", |(_, rest)| rest);
    let list = list.split_once("\n]").map_or("", |(list, _)| list);
    list.lines().filter_map(|line| {
        let mut quoted = line.split('"').skip(1).step_by(2);
        quoted.next().zip(quoted.next())
    })
}

/// `contrib/systemd/postward.*` → `contrib/systemd`
fn before_wildcard(asset: &str) -> &str {
    match (asset.contains('*'), asset.rsplit_once('/')) {
        (true, Some((directory, _))) => directory,
        _ => asset,
    }
}

#[test]
fn what_is_forgotten_or_lost_is_said() {
    let manifest = "[x]\nassets = [\n    [\"contrib/b/*\", \"usr/\", \"644\"],\n    [\"c\", \"etc/\", \"644\"],\n]\n";
    let contrib = ["a", "b", "docker"].map(str::to_owned);
    let expected = [
        "contrib/a: is not among the assets of the Debian package",
        "Cargo.toml: the asset c is not there",
        "Cargo.toml: the asset c would be a conffile",
    ];
    assert_eq!(complaints(&contrib, manifest, |path| path == "contrib/b"), expected);
}
