//! A list that dies, as the mail of a whole morning meets it. Nothing is asked over the wire: the clock is turned.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postward::chain::{Chain, Decision, Policy, World};
use postward::checks::{Parts, Reason};
use postward::clock::Timestamp;
use postward::config::Draft;
use postward::dns::zones::Zones;
use postward::dns::{Dns, Exchanger, Records, known};
use postward::lists::Snapshot;
use postward::protocol::{Attribute, Attributes, Request};
use postward::store::{Greylist, Rehearsal};
use tokio::time::{Instant, sleep};

const POLICY: &str = "chain: [dnsbl: {lists: [{zone: bl.example, weight: 3}]}]";
const ZONES: &str = "2.0.0.127.bl.example A 127.0.0.2\n 1.113.0.203.bl.example A 127.0.0.2";
const LISTED: [u8; 4] = [203, 0, 113, 1];

/// The DNS, in which a list may begin to list everything.
struct Changing {
    zones: Zones,
    lists_everything: AtomicBool,
}

impl Dns for Changing {
    fn a(&self, name: &str) -> Records<'_, Ipv4Addr> {
        match self.lists_everything.load(Ordering::Relaxed) {
            true => known(Ok(vec![Ipv4Addr::new(127, 0, 0, 2)])),
            false => self.zones.a(name),
        }
    }

    fn aaaa(&self, name: &str) -> Records<'_, Ipv6Addr> {
        self.zones.aaaa(name)
    }

    fn mx(&self, name: &str) -> Records<'_, Exchanger> {
        self.zones.mx(name)
    }

    fn txt(&self, name: &str) -> Records<'_, Vec<u8>> {
        self.zones.txt(name)
    }

    fn ptr(&self, address: IpAddr) -> Records<'_, String> {
        self.zones.ptr(address)
    }
}

/// A chain that asks the list, and the list.
async fn chain() -> (Chain, Arc<Changing>) {
    let draft = Draft::parse("policy.yaml".as_ref(), POLICY.to_owned()).unwrap();
    let dns = Arc::new(Changing { zones: ZONES.parse().unwrap(), lists_everything: AtomicBool::new(false) });
    let greylist = Arc::new(Rehearsal::<dyn Greylist>::without_memory());
    let policy = Policy::from_draft(draft).unwrap();
    let chain = policy.chain(&Parts { greylist, dns: dns.clone(), tagging: policy.tagging.clone() });
    chain.ready().await;
    (chain, dns)
}

async fn ask(chain: &Chain, client: [u8; 4]) -> Decision {
    let mut attributes = Attributes::default();
    for (attribute, value) in [
        (Attribute::Request, "smtpd_access_policy"),
        (Attribute::ProtocolState, "RCPT"),
        (Attribute::ClientAddress, &IpAddr::from(client).to_string()),
        (Attribute::Recipient, "bob@example.net"),
    ] {
        attributes.set_first(attribute, value.to_owned().into());
    }
    let world = World { lists: &Snapshot::default(), now: Timestamp::UNIX_EPOCH, clock_is_sure: true };
    chain.decide(&Request::from_attributes(&attributes).unwrap(), &world).await
}

#[tokio::test(start_paused = true)]
async fn a_list_that_begins_to_list_everything_refuses_for_half_a_minute_at_most() {
    let (chain, dns) = chain().await;
    assert_eq!(ask(&chain, LISTED).await.reason, Some(Reason::DnsblListed));
    assert!(ask(&chain, [198, 51, 100, 1]).await.action.passes());
    sleep(Duration::from_secs(300)).await;

    dns.lists_everything.store(true, Ordering::Relaxed);
    let start = Instant::now();
    let mut refused = 0;
    for second in 1..=200 {
        let decision = ask(&chain, [198, 51, second, 1]).await;
        if decision.action.passes() {
            assert!(start.elapsed() > Duration::from_secs(20), "{:?}", decision.trace); // before, it is a bad day
            assert!(decision.trace[0].evidence.contains("bl.example +3 out (it lists what no list may list"));
            break;
        }
        refused += 1;
        sleep(Duration::from_secs(1)).await;
    }
    assert!(refused < 50, "20 to become suspicious, and 30 s: {refused}");
    assert!(ask(&chain, LISTED).await.action.passes(), "who is really listed has the good of it");

    dns.lists_everything.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(ask(&chain, LISTED).await.reason, Some(Reason::DnsblListed), "it counts again");
    assert!(ask(&chain, [198, 51, 100, 1]).await.action.passes());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_begins_to_list_everything_in_the_night_is_out_before_anybody_writes() {
    let (chain, dns) = chain().await;
    dns.lists_everything.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(700)).await;
    assert!(ask(&chain, [198, 51, 100, 1]).await.action.passes());
}

#[tokio::test(start_paused = true)]
async fn one_botnet_in_one_network_is_no_reason_to_doubt_a_list() {
    let (chain, dns) = chain().await;
    sleep(Duration::from_secs(300)).await;
    let asked = dns.zones.asked().len();
    for host in 0..100 {
        assert_eq!(ask(&chain, LISTED).await.reason, Some(Reason::DnsblListed), "{host}");
        sleep(Duration::from_secs(1)).await;
    }
    let probes = dns.zones.asked()[asked..].iter().filter(|question| question.starts_with("A postward-")).count();
    assert_eq!(probes, 0);
}
