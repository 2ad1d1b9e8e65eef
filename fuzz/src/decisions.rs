//! A whole chain, and the DNS that it asks.
//!
//! Attributes of a request, an empty line, and records. `KEY` stands for a secret in those of the zone `KEY.names.example`.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use postward::chain::Policy;
use postward::lists::{Format, Snapshot, formats};
use postward::protocol::{Decoder, Request};

use super::world;

const KEY: &str = "0123456789abcdefghijklmnop";

/// All that can be on is on, and little of it ends the chain.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    world::policy(&format!(
        "authserv_id: mx.example.test
exempt: {{networks: [192.0.2.254], authenticated: false}}
chain:
- access
- helo: {{names: [mx.example.test], ours: suspect}}
- reverse_dns: {{missing: suspect}}
- dnsbl:
    lists:
    - {{zone: bl.example, weight: 3}}
    - {{zone: wl.example, weight: -2, answers: '127.0.[0..255].[2..3]'}}
    - {{zone: {KEY}.names.example, weight: 4, of: sender_domain}}
    - {{zone: helo.example, weight: 1, of: helo, selftest: none}}
- spf
- greylist: {{when: suspect, text: '{{seconds}} s'}}
"
    ))
});

/// So that the lists are believed.
const TEST_ENTRIES: &[u8] =
    b"2.0.0.127.bl.example A 127.0.0.2\n2.0.0.127.wl.example A 127.0.0.2\ntest.KEY.names.example A 127.0.0.2\n";

static LISTS: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let entries = "allow client=192.0.2.77\ndeny sender=denied.example text=\"No \\u{1b}[2J\\n{seconds} %s\"
        skip=spf,dnsbl recipient=skip@\nsuspect client=/dyn/\ndefer sender=<> recipient=example.com";
    let import = formats::read(entries.as_bytes(), Format::Entries, None, None).expect("they are entries");
    Arc::new(world::snapshot(import.rows))
});

/// Whatever is asked and whatever the DNS answers, the answer is well-formed and the same again, and no secret is in it.
pub fn look(octets: &[u8]) {
    let (attributes, records) = world::split_at_empty_line(octets);
    let Some(request) = request(attributes) else { return };
    let zones = world::zones(&with_key(&[TEST_ENTRIES, records].concat()));
    world::finish(async {
        let chain = world::chain(&POLICY, zones);
        chain.ready().await;
        let decision = world::decide(&chain, &request, &world::world(&LISTS)).await;
        assert!(is_in(&request) || !is_in(&decision), "{decision:?}");
    });
}

/// Who knows the secret may say it.
fn is_in(what: &impl Debug) -> bool {
    format!("{what:?}").to_lowercase().contains(KEY)
}

fn request(attributes: &[u8]) -> Option<Request> {
    let mut decoder = Decoder::default();
    decoder.input().extend([b"request=smtpd_access_policy\n", attributes, b"\n\n"].concat());
    decoder.next_request().ok().flatten()
}

/// The list itself knows its name, and nobody else.
fn with_key(records: &[u8]) -> Vec<u8> {
    let lines = world::lines(records).map(|line| match line.split(|octet| *octet == b' ').next() {
        Some(name) if name.ends_with(b"KEY.names.example") => replaced(line, b"KEY", KEY.as_bytes()),
        _ => line.to_vec(),
    });
    lines.collect::<Vec<_>>().join(&b'\n')
}

fn replaced(line: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    match line.windows(what.len()).position(|octets| octets == what) {
        Some(at) => [&line[..at], by, &replaced(&line[at + what.len()..], what, by)].concat(),
        None => line.to_vec(),
    }
}
