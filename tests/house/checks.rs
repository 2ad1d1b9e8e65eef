//! A check is one file, one line in the registry, one step in the example policy, and a test.

use super::File;
use super::imports::code;

/// What is missing for each file in `src/checks`.
pub(crate) fn complaints(files: &[File], policy: &str) -> Vec<String> {
    let registry = files.iter().find(|file| file.path == "src/checks/mod.rs").map(|file| registry(&file.text));
    let registry = registry.unwrap_or_default();
    files
        .iter()
        .filter_map(|file| Some((file, name(&file.path)?)))
        .flat_map(|(file, name)| complaints_about(file, name, &registry, policy))
        .collect()
}

fn complaints_about(file: &File, name: &str, registry: &str, policy: &str) -> Vec<String> {
    let missing = [
        (!is_registered(name, registry), "is not in the registry of src/checks/mod.rs"),
        (!is_in_chain(name, policy), "is not in the chain of policy.example.yaml"),
        (!file.text.contains("#[cfg(test)]"), "has no test"),
    ];
    missing.iter().filter(|(is, _)| *is).map(|(_, what)| format!("{}: {what}", file.path)).collect()
}

/// `src/checks/greylist.rs` and `src/checks/greylist/mod.rs` → `greylist`; no checks of their own: what they share, their tests, what lies deeper.
fn name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("src/checks/")?.strip_suffix(".rs")?;
    let name = name.strip_suffix("/mod").unwrap_or(name);
    (!["mod", "tests"].contains(&name) && !name.contains('/')).then_some(name)
}

/// What stands between the brackets of the registry, which is the array of `Registration`s.
fn registry(text: &str) -> String {
    let code = code(text);
    let array = code.split_once("REGISTRY").and_then(|(_, rest)| rest.split_once('='));
    array.and_then(|(_, rest)| rest.split_once("];")).map_or_else(String::new, |(array, _)| array.to_owned())
}

fn is_registered(name: &str, registry: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    registry.split(|c| !is_part(c)).any(|word| word == name)
}

/// `- access`, `- helo: {…}`.
fn is_in_chain(name: &str, policy: &str) -> bool {
    let chain = policy.split_once("\nchain:").map_or("", |(_, chain)| chain);
    chain.lines().filter_map(|line| line.trim_start().strip_prefix("- ")).any(|step| {
        let end = step.find([':', ' ', '#']).unwrap_or(step.len());
        step.get(..end) == Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "listen: []\nchain:\n  - access   # first\n  - helo_name: {ours: reject}\n  # - spf\n";

    fn house(registry: &str, check: File) -> Vec<String> {
        let registry = format!("pub mod helo;\n/// All.\npub const REGISTRY: &[Registration] = &[{registry}];\n");
        complaints(&[File::new("src/checks/mod.rs", &registry), check], POLICY)
    }

    #[test]
    fn a_check_that_is_complete_is_fine() {
        let tested = "#[cfg(test)]\nmod tests {}\n";
        assert_eq!(house("access::REGISTRATION", File::new("src/checks/access.rs", tested)), [""; 0]);
        let registry = "\n    access::REGISTRATION,\n    helo_name::REGISTRATION,\n";
        assert_eq!(house(registry, File::new("src/checks/helo_name/mod.rs", tested)), [""; 0]);
        assert_eq!(house("", File::new("src/checks/helo_name/names.rs", "")), [""; 0], "a part of a check is none");
        assert_eq!(complaints(&[], ""), [""; 0]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let complaints = house("helo_name::REGISTRATION", File::new("src/checks/helo.rs", "pub struct Helo;"));
        assert_eq!(
            complaints,
            [
                "src/checks/helo.rs: is not in the registry of src/checks/mod.rs",
                "src/checks/helo.rs: is not in the chain of policy.example.yaml",
                "src/checks/helo.rs: has no test",
            ]
        );
        let commented_out = house("spf::REGISTRATION", File::new("src/checks/spf.rs", "#[cfg(test)]"));
        assert_eq!(commented_out, ["src/checks/spf.rs: is not in the chain of policy.example.yaml"]);
    }
}
