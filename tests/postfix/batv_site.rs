//! A site that signs what leaves, wired as contrib/postfix says: one host, and a gateway for the servers behind it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::instance::Postfix;
use crate::layout::{Addition, fill_in, with_policy};
use crate::sink::{Received, Sink};
use crate::smtp::{Client, Session};
use crate::support::{Endpoint, NO_DNS, Postward, Transport, eventually, free_port};

const MAIN_CF: &str = include_str!("../../contrib/postfix/batv.main.cf.snippet");
const MASTER_CF: &str = include_str!("../../contrib/postfix/batv.master.cf.snippet");
const GUARD: &str = include_str!("../../contrib/postfix/batv-guard");

/// Mail of this domain stays here, and optout.example.test signs nothing; mail of the other goes to the server behind.
pub(crate) const DOMAINS: [&str; 2] = ["example.test", "inner.example.test"];

/// Everything that leaves, and everything for the server behind, goes to the sink. A test may make more mistakes than a client.
const MORE_MAIN_CF: &str = "
relayhost = SINK
relay_domains = inner.example.test
relay_recipient_maps = inline:{ { erin@inner.example.test = here } }
relay_transport = smtp:SINK
smtpd_soft_error_limit = 2000
smtpd_hard_error_limit = 2000
";

const SECRET: &str = "a secret that only this test knows";

/// A running site. Its maps are served over both transports; the snippets name one of them.
pub(crate) struct Site {
    pub(crate) postward: Postward,
    pub(crate) postfix: Postfix,
    pub(crate) world: Sink,
    maps: [Endpoint; 2],
    submission: SocketAddr,
    gateway: SocketAddr,
}

impl Site {
    /// `bounce` is what the policy says about that check.
    pub(crate) fn open(bounce: &str) -> Self {
        let mut postward = Postward::install(Transport::Inet, "");
        let maps = [Endpoint::Inet(free_port()), Endpoint::Unix(postward.dir().join("maps.sock"))];
        postward.set_policy(&policy(&maps, bounce));
        let key = postward.dir().join("batv.key");
        fs::write(&key, SECRET).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        postward.serve_by(postward.command(["serve", "--log-level", "debug"]));
        let (world, submission, gateway) = (Sink::open(), free_port(), free_port());
        let addition = Addition {
            main_cf: main_cf(postward.endpoint(), &maps[0], world.address),
            master_cf: master_cf(&maps[0], submission, gateway),
            files: vec![("batv-guard", guard())],
        };
        let postfix = Postfix::start_with(postward.endpoint(), &addition);
        // Master binds one service after the other.
        let all_listen = || [submission, gateway].into_iter().all(|address| Endpoint::Inet(address).answers());
        eventually("submission and gateway listen", all_listen);
        Self { postward, postfix, world, maps, submission, gateway }
    }

    /// Says something else about bounces, and puts it in force.
    pub(crate) fn change(&self, bounce: &str) {
        let before = self.postward.log().matches("is in force").count();
        self.postward.set_policy(&policy(&self.maps, bounce));
        self.postward.reload();
        eventually("the policy is in force", || self.postward.log().matches("is in force").count() > before);
    }

    /// A session of a user of ours.
    pub(crate) fn submission(&self) -> Session {
        Session::local(self.submission)
    }

    /// A session of a server behind.
    pub(crate) fn server_behind(&self) -> Session {
        Session::local(self.gateway)
    }

    /// A session of somebody else's mail server.
    pub(crate) fn stranger(&self) -> Session {
        self.postfix.session(&Client::at("192.0.2.10"))
    }

    /// A message to somebody elsewhere as it arrives there.
    pub(crate) fn sent(&self, session: &mut Session, sender: &str) -> Received {
        static SUBJECTS: AtomicU32 = AtomicU32::new(0);
        let subject = format!("message {}", SUBJECTS.fetch_add(1, Ordering::Relaxed));
        assert_eq!(session.attempt(sender, "dave@elsewhere.example"), "250 2.1.5 Ok");
        let reply = session.text(&letter(sender, &subject));
        assert!(reply.starts_with("250 "), "{reply}\n{}{}", self.postfix.log(), self.postward.log());
        self.world.message(&subject)
    }

    /// The address from which mail of a user of ours is sent today.
    pub(crate) fn tagged(&self, sender: &str) -> String {
        self.sent(&mut self.submission(), sender).sender
    }

    /// What is answered to a message from a stranger, by RCPT or by the first command that does not go well.
    pub(crate) fn answer(&self, sender: &str, recipient: &str) -> String {
        self.stranger().attempt(sender, recipient)
    }

    /// Where the maps are served.
    pub(crate) fn maps(&self) -> &[Endpoint] {
        &self.maps
    }

    /// How many lookups there were.
    pub(crate) fn lookups(&self) -> usize {
        self.postward.log().matches("looked up").count()
    }
}

/// A message that says from whom it is where the reader sees it.
pub(crate) fn letter(from: &str, subject: &str) -> String {
    format!("From: <{from}>\r\nReply-To: <{from}>\r\nTo: dave@elsewhere.example\r\nSubject: {subject}\r\n\r\nHello.")
}

fn policy([inet, unix]: &[Endpoint; 2], bounce: &str) -> String {
    let domains = DOMAINS.join(", ");
    format!(
        "{NO_DNS}batv: {{domains: [{domains}], keys: [{{id: 0, file: batv.key}}], socketmap: [\"{inet}\", \"{unix}\"]}}\n\
         chain: [access, {{bounce: {bounce}}}]\n"
    )
}

fn main_cf(policy: &Endpoint, maps: &Endpoint, sink: SocketAddr) -> String {
    let wiring = fill_in(MAIN_CF, "/etc/postfix/batv-guard", "DIR/etc/batv-guard");
    let sink = format!("[{}]:{}", sink.ip(), sink.port());
    with_policy(&with_maps(&wiring, maps), policy) + &MORE_MAIN_CF.replace("SINK", &sink)
}

fn master_cf(maps: &Endpoint, submission: SocketAddr, gateway: SocketAddr) -> String {
    let services = fill_in(MASTER_CF, "submission inet", &format!("{submission} inet"));
    with_maps(&fill_in(&services, "192.0.2.1:10025 inet", &format!("{gateway} inet")), maps)
}

fn with_maps(snippet: &str, maps: &Endpoint) -> String {
    fill_in(snippet, "inet:127.0.0.1:10041", &maps.to_string())
}

fn guard() -> String {
    let [first, second] = DOMAINS.map(|domain| domain.replace('.', "\\."));
    fill_in(&fill_in(GUARD, "example\\.org", &first), "example\\.net", &second)
}
