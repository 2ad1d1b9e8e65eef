//! Records and zones made at random, evaluated by another implementation: pyspf 2.0.14.
//!
//! `differential.py` says how to make `differential.jsonl` anew. A case that differs then is either a fault of ours, or
//! goes to [`DEVIATIONS`] with what RFC 7208 says about it.

use postward::dns::zones::Zones;
use serde::Deserialize;

use super::check;

const VECTORS: &str = include_str!("differential.jsonl");

/// As many as there are.
const CASES: usize = 400;

/// Where pyspf does something else.
struct Deviation {
    /// What, and what the RFC says.
    why: &'static str,
    /// The cases, with our results and explanations.
    cases: &'static [(u32, &'static str, Option<&'static str>)],
}

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        why: "4.6.4: names of the client are its owner's, not the domain's, yet pyspf counts those that lead \
              nowhere as void lookups of the domain",
        cases: &[
            (19, "fail", None),
            (111, "fail", Some("is not for unknown is not for 0")),
            (137, "softfail", None),
            (163, "neutral", None),
            (194, "neutral", None),
            (314, "fail", None),
        ],
    },
    Deviation {
        why: "4.6.4: an alias of a name without data is one void lookup; pyspf counts two",
        cases: &[(70, "neutral", None)],
    },
    Deviation {
        why: "5.4: pyspf asks about every exchanger, even if the first matches; a void lookup is thus one more",
        cases: &[(352, "pass", None)],
    },
    Deviation {
        why: "5.5: a name of the client that fails to resolve is skipped; pyspf answers temperror",
        cases: &[(44, "pass", None)],
    },
    Deviation {
        why: "5.2: an include of itself is only evaluated, and hits a limit, if nothing matches before; to pyspf it is \
              an error of syntax",
        cases: &[(133, "neutral", None), (247, "fail", None), (369, "neutral", None)],
    },
    Deviation {
        why: "4.6.1: names of modifiers are case insensitive; to pyspf `Redirect` is unknown",
        cases: &[(39, "permerror", None)],
    },
    Deviation {
        why: "4.3: a missing local part is \"postmaster\"; pyspf has it empty in %{s}",
        cases: &[
            (309, "fail", Some("org.example unknown postmaster%40example.org 192.0.2.1")),
            (316, "fail", Some("192.0.2.2 0 postmaster%40b")),
        ],
    },
];

#[derive(Deserialize)]
struct Case {
    id: u32,
    ip: String,
    helo: String,
    sender: String,
    zones: Vec<String>,
    result: String,
    explanation: Option<String>,
}

#[test]
fn another_implementation_comes_to_the_same_results_but_where_the_rfc_says_otherwise() {
    let cases: Vec<Case> = VECTORS.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), CASES);
    let wrong: Vec<_> = cases.iter().filter_map(mistake).collect();
    assert!(wrong.is_empty(), "{} differ:\n  {}", wrong.len(), wrong.join("\n  "));
}

fn mistake(case: &Case) -> Option<String> {
    let zones: Zones = case.zones.join("\n").parse().unwrap();
    let found = check(&zones, &case.ip, &case.helo, &case.sender);
    let result = (found.result.as_str(), found.explanation.as_deref());
    let theirs = (case.result.as_str(), case.explanation.as_deref());
    let (expected, why) = deviation(case.id).unwrap_or((theirs, ""));
    assert!(why.is_empty() || expected != theirs, "{} does not deviate: {why}", case.id);
    (result != expected).then(|| format!("{}: {result:?}, not {expected:?}: {found:?} {why}", case.id))
}

type Expected = (&'static str, Option<&'static str>);

fn deviation(id: u32) -> Option<(Expected, &'static str)> {
    let all = DEVIATIONS.iter().flat_map(|deviation| deviation.cases.iter().map(|case| (case, deviation.why)));
    all.into_iter()
        .find(|((number, ..), _)| *number == id)
        .map(|((_, result, explanation), why)| ((*result, *explanation), why))
}
