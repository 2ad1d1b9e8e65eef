//! What postward needs: its database, the DNS, lists that can be believed.

use super::{Area, Rule, Site, Symptom, Weight};
use crate::config::{Config, Endpoint};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "listen-overruled",
        area: Area::Postward,
        weight: Weight::Notice,
        what: "postward listens elsewhere than the policy file says",
        why: "systemd opens the sockets (postward.socket), and then `listen` does not count",
        look: overruled,
    },
    Rule {
        id: "database-unusable",
        area: Area::Postward,
        weight: Weight::Problem,
        what: "the database cannot be used",
        why: "nothing can be remembered: nobody is greylisted, and access lists do not count",
        look: database,
    },
    Rule {
        id: "dns-unanswered",
        area: Area::Postward,
        weight: Weight::Problem,
        what: "the DNS cannot be asked",
        why: "checks that ask it find nothing, and each waits for it: mail flows, slowly and unchecked",
        look: dns,
    },
    Rule {
        id: "blocklist-unusable",
        area: Area::Postward,
        weight: Weight::Problem,
        what: "a blocklist cannot be believed",
        why: "postward leaves it out until it recovers: it refuses nobody",
        look: blocklists,
    },
    Rule {
        id: "source-unreadable",
        area: Area::Postward,
        weight: Weight::Problem,
        what: "a source of access lists cannot be read",
        why: "its last good entries stay in force, and grow old",
        look: sources,
    },
    Rule {
        id: "batv-key-unusable",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "a BATV key cannot be used",
        why: "the daemon does not start with it, or keeps its old policy",
        look: unusable_keys,
    },
    Rule {
        id: "batv-key-weak",
        area: Area::Batv,
        weight: Weight::Notice,
        what: "a BATV key is easy to guess",
        why: "whoever has a tagged address can try keys until one fits, and then make tags",
        look: weak_keys,
    },
];

/// What stands in the policy file by default says nothing.
fn overruled(site: &Site) -> Vec<Symptom> {
    let listed = |endpoints: &[Endpoint]| endpoints.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(", ");
    let opened = &site.policy.config.listen;
    let written = site.facts.overruled.iter();
    let symptom = |written: &Vec<Endpoint>| Symptom {
        setting: format!("listen: {}", listed(written)),
        value: format!("{}, opened by systemd", listed(opened)),
        cure: "take `listen` out of the policy file, or say by `systemctl edit postward.socket` where to listen"
            .to_owned(),
    };
    written.filter(|written| *written != opened && **written != Config::default().listen).map(symptom).collect()
}

fn database(site: &Site) -> Vec<Symptom> {
    let symptom = |why: &String| Symptom {
        setting: format!("database: {}", site.policy.config.database.display()),
        value: why.clone(),
        cure:
            "see that the daemon's user may write the file and its directory; `postward config show` tells which it is"
                .to_owned(),
    };
    site.facts.database.iter().map(symptom).collect()
}

fn dns(site: &Site) -> Vec<Symptom> {
    let servers: Vec<_> = site.policy.config.dns.servers.iter().map(ToString::to_string).collect();
    let symptom = |why: &String| Symptom {
        setting: match servers.is_empty() {
            true => "dns: servers: [] (resolv.conf)".to_owned(),
            false => format!("dns: servers: [{}]", servers.join(", ")),
        },
        value: why.clone(),
        cure:
            "run a resolver on this host: apt install unbound, and in the policy file dns: {servers: [\"127.0.0.1\"]}"
                .to_owned(),
    };
    site.facts.dns.iter().map(symptom).collect()
}

fn blocklists(site: &Site) -> Vec<Symptom> {
    let symptom = |(zone, why): &(String, String)| Symptom {
        setting: format!("dnsbl: {zone}"),
        value: why.clone(),
        cure: "ask it by a resolver of your own (apt install unbound), or take it out of the policy file".to_owned(),
    };
    site.facts.blocklists.iter().map(symptom).collect()
}

fn sources(site: &Site) -> Vec<Symptom> {
    let symptom = |(file, why): &(String, String)| {
        Symptom {
        setting: format!("lists: sources: {file}"),
        value: why.clone(),
        cure: "put it in its place, readable for the daemon's user, or name its new one in the policy file; then `postward list refresh`"
            .to_owned(),
    }
    };
    site.facts.sources.iter().map(symptom).collect()
}

fn unusable_keys(site: &Site) -> Vec<Symptom> {
    let symptom = |(file, why): &(String, String)| Symptom {
        setting: format!("batv: keys: {file}"),
        value: why.clone(),
        cure: format!("`postward batv keygen {file}` makes one where there is none; or chmod 600 {file}"),
    };
    site.facts.unusable_keys.iter().map(symptom).collect()
}

fn weak_keys(site: &Site) -> Vec<Symptom> {
    let symptom = |(file, why): &(String, String)| Symptom {
        setting: format!("batv: keys: {file}"),
        value: why.clone(),
        cure:
            "`postward batv keygen FILE` makes a strong one: name it first in batv.keys, and take this out after a week"
                .to_owned(),
    };
    site.facts.weak_keys.iter().map(symptom).collect()
}
