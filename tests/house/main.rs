//! The order of the house: what the compiler does not hold.
//!
//! Every rule is a function from files to complaints, so that it can be tried on made-up files as well as on ours. A
//! rule about a room that is not built yet has nothing to complain about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod checks;
mod container;
mod files;
mod imports;
mod layers;
mod package;
mod words;

use files::File;

/// Fails with all complaints at once.
#[track_caller]
fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "the house is not in order:\n  {}", complaints.join("\n  "));
}

#[test]
fn rooms_import_downward_only() {
    assert_none(layers::complaints(&files::below("src", "rs")));
}

#[test]
fn engines_are_named_in_the_store_and_where_it_is_opened() {
    assert_none(layers::complaints_about_engines(&files::below("src", "rs")));
}

#[test]
fn checks_are_registered_documented_and_tested() {
    let policy = files::read("policy.example.yaml").map(|file| file.text).unwrap_or_default();
    assert_none(checks::complaints(&files::below("src/checks", "rs"), &policy));
}

#[test]
fn main_is_short() {
    let lines = files::read("src/main.rs").map_or(0, |main| main.text.lines().count());
    assert!(lines < 30, "src/main.rs has {lines} lines: what it does belongs into src/cli");
}

#[test]
fn no_file_knows_where_it_was_written() {
    assert_none(words::complaints(&files::all()));
}

#[test]
fn what_contrib_has_is_in_the_package() {
    let manifest = files::read("Cargo.toml").map(|file| file.text).unwrap_or_default();
    assert_none(package::complaints(&files::directories_in("contrib"), &manifest, package::exists));
}

#[test]
fn containers_get_what_they_copy_and_nothing_large() {
    let text = |path: &str| files::read(path).map(|file| file.text).unwrap_or_default();
    let ignored = text("contrib/docker/Dockerfile.dockerignore");
    assert_none(container::complaints(&text("contrib/docker/Dockerfile"), &ignored, package::exists));
    let beside = |path: &str| package::exists(&format!("contrib/docker/{path}"));
    assert_none(container::complaints(&text("contrib/docker/postfix.Dockerfile"), "", beside));
    assert_none(container::complaints_about_context(&text(".gitignore"), &ignored));
}
