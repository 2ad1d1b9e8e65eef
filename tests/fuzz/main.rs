//! What a fuzzer looks for (`fuzz/run`), looked at without one: its seeds, and some of what is like them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]
#![allow(clippy::indexing_slicing, reason = "a test says what is wrong by panicking")]
#![allow(unreachable_pub, reason = "the targets are a library to the fuzzer")]

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};

/// So many octets that are like a seed are tried for each.
const LIKE_EACH: u64 = 20;

#[test]
fn what_must_always_hold_holds_for_the_seeds_and_what_is_like_them() {
    for (target, look) in fuzz::TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (number, seed) in (1..).zip(&seeds) {
            look(seed);
            let mut chance = Chance(number);
            for _ in 0..LIKE_EACH {
                look(&chance.changed(seed, &seeds));
            }
        }
    }
}

#[test]
fn no_octets_are_looked_at_like_any_others() {
    for (_, look) in fuzz::TARGETS {
        look(b"");
        look(b"\n\n\n\xff\0");
    }
}

/// As `fuzz/run` has them.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = files(&root.join("fuzz/seeds").join(target));
    match target {
        "requests" => files.extend(self::files(&root.join("tests/streams"))),
        "policy" => files.push(root.join("policy.example.yaml")),
        _ => {}
    }
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// In the order of their names; none where there is no such directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Always the same, so that what fails fails again (xorshift, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end as u64 + 1)).unwrap()
    }

    /// The octets with a piece of another seed in the place of a piece, or with one octet turned into any other.
    fn changed(&mut self, octets: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let start = self.below(octets.len());
        let end = start + self.below((octets.len() - start).min(40));
        if self.below(1) == 0 {
            let any = u8::try_from(self.below(255)).unwrap();
            return [&octets[..start], &[any], &octets[end.min(start + 1)..]].concat();
        }
        let other = &others[self.below(others.len() - 1)];
        let from = self.below(other.len());
        let to = from + self.below((other.len() - from).min(40));
        [&octets[..start], &other[from..to], &octets[end..]].concat()
    }
}
