//! What goes into the containers.

/// Where they are built.
const DIRECTORY: &str = "contrib/docker";

/// What COPY is to take and is not there, or is kept from the builder.
pub(crate) fn complaints(dockerfile: &str, ignored: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let (lost, kept): (Vec<_>, Vec<_>) = copied(dockerfile).partition(|path| !exists(path));
    let lost = lost.into_iter().map(|path| format!("{DIRECTORY}: {path} is to be copied, and is not there"));
    let kept = kept.into_iter().filter(|path| patterns(ignored).any(|pattern| path.starts_with(pattern)));
    lost.chain(kept.map(|path| format!("{DIRECTORY}: {path} is to be copied, and is ignored"))).collect()
}

/// What git ignores and the builder does not: a build's output is gigabytes, and a database tells of people.
pub(crate) fn complaints_about_context(gitignore: &str, ignored: &str) -> Vec<String> {
    let kept_from_git = patterns(gitignore).chain([".git"]);
    let missing = kept_from_git.filter(|pattern| !patterns(ignored).any(|known| known == *pattern));
    missing.map(|pattern| format!("{DIRECTORY}/Dockerfile.dockerignore: lacks {pattern}")).collect()
}

/// What is copied from the context. What one stage takes from another is not.
fn copied(dockerfile: &str) -> impl Iterator<Item = &str> {
    let copies = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
    copies.filter(|arguments| !arguments.starts_with("--from=")).flat_map(|arguments| {
        let sources = arguments.rsplit_once(' ').map_or("", |(sources, _)| sources);
        sources.split_whitespace()
    })
}

/// `/target` → `target`
fn patterns(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.trim_start_matches('/'))
}

#[test]
fn what_is_lost_or_ignored_is_said() {
    let dockerfile = "FROM x AS build\nCOPY . .\nFROM y\nCOPY --from=build /a /b\nCOPY a target/b /c\nCOPY d /d\n";
    let expected = [
        "contrib/docker: a is to be copied, and is not there",
        "contrib/docker: target/b is to be copied, and is ignored",
    ];
    assert_eq!(complaints(dockerfile, "# why\ntarget\n", |path| path != "a"), expected);
}

#[test]
fn what_the_builder_need_not_see_is_said() {
    let expected = ["contrib/docker/Dockerfile.dockerignore: lacks x.db*"];
    assert_eq!(complaints_about_context("/target\n/x.db*\n", ".git\ntarget\n"), expected);
}
