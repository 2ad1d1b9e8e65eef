//! The test suite of openspf.org for RFC 7208, release 2014.04, as pyspf 2.0.14 has it (`rfc7208-tests.LICENSE`).
//!
//! It was made for implementations of RFC 4408, too, which looked for records of a type SPF. A name that has such
//! records and no TXT means them as TXT ("auto-magic duplication", says its head).

use std::collections::BTreeMap;

use postward::dns::Exchanger;
use postward::dns::zones::{Data, Zones};
use serde::Deserialize;
use serde_yaml::Value;

use super::check;

const SUITE: &str = include_str!("rfc7208-tests.yml");

/// As many as there are: none is left out.
const CASES: usize = 203;

#[derive(Deserialize)]
struct Scenario {
    description: String,
    tests: BTreeMap<String, Case>,
    zonedata: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
struct Case {
    helo: String,
    host: String,
    mailfrom: String,
    result: Results,
    explanation: Option<String>,
}

/// What the RFC leaves open has several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Results {
    One(String),
    AnyOf(Vec<String>),
}

#[test]
fn every_case_of_the_public_suite_is_right() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for document in serde_yaml::Deserializer::from_str(SUITE) {
        let scenario = Scenario::deserialize(document).unwrap();
        let zones = zones(&scenario.zonedata);
        for (name, case) in &scenario.tests {
            count += 1;
            wrong.extend(mistake(&zones, case).map(|mistake| format!("{}: {name}: {mistake}", scenario.description)));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
    assert_eq!(count, CASES);
}

fn mistake(zones: &Zones, case: &Case) -> Option<String> {
    let found = check(zones, &case.host, &case.helo, &case.mailfrom);
    let result = found.result.to_string();
    let expected = match &case.result {
        Results::One(expected) => std::slice::from_ref(expected),
        Results::AnyOf(expected) => expected,
    };
    if !expected.contains(&result) {
        return Some(format!("{result}, not {expected:?}: {found:?}"));
    }
    // DEFAULT is what an implementation says by itself; ours says nothing then.
    let explanation = found.explanation.as_deref().unwrap_or("DEFAULT");
    let is_right = case.explanation.as_deref().is_none_or(|expected| expected == explanation);
    (!is_right).then(|| format!("explains {explanation:?}, not {:?}", case.explanation))
}

fn zones(names: &BTreeMap<String, Vec<Value>>) -> Zones {
    let mut zones = Zones::default();
    for (name, records) in names {
        let has_txt = records.iter().any(|record| record.get("TXT").is_some());
        for record in records {
            data(record, has_txt).into_iter().for_each(|data| zones.add(name, data));
        }
    }
    zones
}

/// One record: `TIMEOUT`, or a map from a type to data. `TXT: NONE` says that there is none.
fn data(record: &Value, has_txt: bool) -> Option<Data> {
    let Some((kind, value)) = record.as_mapping().and_then(|map| map.iter().next()) else {
        assert_eq!(record.as_str(), Some("TIMEOUT"));
        return Some(Data::Timeout);
    };
    let text = || value.as_str().unwrap().to_owned();
    match kind.as_str().unwrap() {
        "A" => Some(Data::A(text().parse().unwrap())),
        "AAAA" => Some(Data::Aaaa(text().parse().unwrap())),
        "PTR" => Some(Data::Ptr(text())),
        "CNAME" => Some(Data::Cname(text())),
        "MX" => Some(Data::Mx(exchanger(value))),
        "SPF" if has_txt => None,
        "TXT" if value.as_str() == Some("NONE") => None,
        "TXT" | "SPF" => Some(Data::Txt(strings(value))),
        kind => panic!("what is {kind}?"),
    }
}

fn exchanger(value: &Value) -> Exchanger {
    let (preference, name) = (value.get(0).unwrap().as_u64().unwrap(), value.get(1).unwrap().as_str().unwrap());
    Exchanger { preference: preference.try_into().unwrap(), name: name.to_owned() }
}

/// One string, or several that are put together (RFC 7208 section 3.3).
fn strings(value: &Value) -> Vec<u8> {
    let strings = value.as_sequence().map_or(std::slice::from_ref(value), Vec::as_slice);
    strings.iter().map(|string| string.as_str().unwrap()).collect::<String>().into_bytes()
}
