//! What `postward doctor` says of a real Postfix: nothing of a healthy one, and of a broken one what is broken.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::batv_site::Site;
use crate::instance::Postfix;
use crate::support::internet::{internet, whole_chain};
use crate::support::{GREYLIST, Postward, Tools, Transport};

/// A Postfix and a postward that run, and a copy of Postfix's configuration to break.
struct Clinic {
    postward: Postward,
    postfix: Postfix,
    copy: TempDir,
}

/// How a command ended, and what it said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Clinic {
    /// The private instance, which is wired as contrib/postfix has it, with the one thing set right that Postfix's
    /// defaults have wrong.
    fn open() -> Self {
        let postward = Postward::start(Transport::Inet);
        let postfix = Postfix::start(postward.endpoint());
        Self::of(postward, postfix)
    }

    fn of(postward: Postward, postfix: Postfix) -> Self {
        let mut clinic = Self { postward, postfix, copy: tempfile::tempdir().unwrap() };
        clinic.restore();
        clinic
    }

    fn restore(&mut self) {
        self.copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(self.postfix.configuration()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), self.copy.path().join(entry.file_name())).unwrap();
        }
        self.postconf("-e", "smtpd_discard_ehlo_keywords = silent-discard, dsn");
    }

    /// The service of the instance.
    fn service(&self) -> String {
        format!("{}/inet", self.postfix.address())
    }

    /// Changes the copy as an administrator does.
    fn postconf(&self, option: &str, setting: &str) {
        let mut postconf = Command::new(Tools::find().get("usr/sbin/postconf"));
        postconf.arg("-c").arg(self.copy.path()).args([option, setting]);
        self.change(&mut postconf);
    }

    /// Does what a cure says.
    fn paste(&self, cure: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", cure]).env("PATH", path());
        self.change(&mut shell);
    }

    fn change(&self, command: &mut Command) {
        let output = command.env("LD_LIBRARY_PATH", Tools::find().library_path()).output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        // postmap pauses for two seconds after a change of main.cf.
        let main_cf = fs::File::open(self.copy.path().join("main.cf")).unwrap();
        main_cf.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }

    fn examine(&self, directory: &Path, format: &str) -> Said {
        let directory = directory.to_str().unwrap();
        let mut doctor = self.postward.command(["doctor", "--format", format, "--postfix-config", directory]);
        doctor.env("PATH", path()).env("LD_LIBRARY_PATH", Tools::find().library_path());
        let output = doctor.output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|octets| String::from_utf8(octets).unwrap());
        Said { code: output.status.code(), out, err }
    }

    /// The findings about the copy.
    fn findings(&self) -> Vec<Value> {
        let said = self.examine(self.copy.path(), "json");
        let findings: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let has_problem = findings.iter().any(|finding| finding["weight"] == "problem");
        assert_eq!(said.code, Some(i32::from(has_problem)), "{said:?}");
        assert_eq!(said.err, "");
        findings
    }
}

/// Where Postfix's commands are.
fn path() -> String {
    let tools = Tools::find();
    format!("{}:/usr/bin:/bin", tools.get("usr/sbin").display())
}

fn ids(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["id"].as_str().unwrap()).collect()
}

/// What is wrong, and how it is done, by which option of postconf. Capitals stand for what a test fills in.
const BROKEN: [(&str, &str, &str); 26] = [
    ("policy-not-asked", "-e", "LIST = permit_mynetworks, reject_unauth_destination"),
    ("policy-before-recipient-check", "-e", "LIST = reject_unauth_destination, ASK"),
    ("policy-before-relay-check", "-e", "smtpd_relay_restrictions =\nLIST = reject_unlisted_recipient, ASK"),
    (
        "policy-option-unknown",
        "-e",
        "LIST = CHECKED, check_policy_service { ENDPOINT, timeout=10s, default_action=DUNNO, retry_dealy=1s }",
    ),
    ("policy-no-default-action", "-e", "LIST = CHECKED, check_policy_service { ENDPOINT, timeout=10s }"),
    (
        "policy-timeout-short",
        "-e",
        "LIST = CHECKED, check_policy_service { ENDPOINT, timeout=5s, default_action=DUNNO }",
    ),
    ("policy-timeout-long", "-e", "LIST = CHECKED, check_policy_service { ENDPOINT, default_action=DUNNO }"),
    ("policy-tried-once", "-e", "smtpd_policy_service_try_limit = 1"),
    (
        "policy-default-action-permits",
        "-P",
        "SERVICE/LIST=CHECKED,check_policy_service,{ENDPOINT,timeout=10s,default_action=OK}",
    ),
    ("submission-asks-policy", "-M", "submission/inet=submission inet n - n - - smtpd"),
    ("unknown-recipients-taken", "-e", "smtpd_reject_unlisted_recipient = no\nLIST = reject_unauth_destination, ASK"),
    ("local-recipients-unknown", "-e", "mydestination = local.example.test"),
    ("luser-relay-remote", "-e", "mydestination = local.example.test\nluser_relay = $user@elsewhere.example"),
    ("relay-recipients-unknown", "-e", "relay_domains = relay.example.test"),
    ("recipients-wildcard", "-e", "relay_domains = relay.example.test\nrelay_recipient_maps = static:all"),
    (
        "recipients-wildcard",
        "-e",
        "relay_domains = relay.example.test\nrelay_recipient_maps = regexp:{ {/@relay/ x} }, inline:{ { \
         a@relay.example.test = x } }",
    ),
    ("mailbox-recipients-unknown", "-e", "virtual_mailbox_maps ="),
    (
        "alias-wildcard",
        "-e",
        "virtual_alias_domains = alias.example.test\nvirtual_alias_maps = inline:{ { @alias.example.test = \
         @elsewhere.example } }",
    ),
    ("backup-mx-unchecked", "-e", "smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination"),
    ("success-reports", "-e", "smtpd_discard_ehlo_keywords ="),
    ("soft-bounce", "-e", "soft_bounce = yes"),
    ("delay-warnings", "-e", "delay_warning_time = 4h"),
    ("filter-after-queue", "-e", "content_filter = filter:[127.0.0.1]:10024"),
    ("callouts-to-senders", "-e", "smtpd_sender_restrictions = reject_unverified_sender"),
    ("old-mail-bounced", "-e", "maximal_queue_lifetime = 2w"),
    ("delivery-after-queue", "-e", "virtual_transport = lmtp:unix:private/dovecot-lmtp"),
];

/// The same for a site that signs.
const WRONGLY_SIGNED: [(&str, &str, &str); 12] = [
    (
        "batv-signs-strangers",
        "-e",
        "sender_canonical_maps = socketmap:MAPS:batv-sign\nsender_canonical_classes = envelope_sender",
    ),
    ("batv-signs-headers", "-P", "cleanup-sign/unix/sender_canonical_classes=envelope_sender,header_sender"),
    ("batv-rewrites-to", "-e", "recipient_canonical_classes = envelope_recipient, header_recipient"),
    ("batv-verify-unguarded", "-e", "recipient_canonical_maps = socketmap:MAPS:batv-verify"),
    (
        "batv-guard-misses-domain",
        "-e",
        "recipient_canonical_maps = pipemap:{ inline:{ { a = b } }, socketmap:MAPS:batv-verify }",
    ),
    ("batv-not-verified", "-e", "recipient_canonical_maps ="),
    ("batv-tag-stays", "-e", "receive_override_options = no_address_mappings"),
    ("batv-domain-foreign", "-e", "relay_domains ="),
    (
        "batv-submission-unsigned",
        "-M",
        "submission/inet=submission inet n - n - - smtpd -o \
         smtpd_recipient_restrictions=permit_sasl_authenticated,reject",
    ),
    ("batv-pickup-unsigned", "-P", "pickup/unix/cleanup_service_name=cleanup"),
    ("batv-bounces-not-asked", "-e", "smtpd_data_restrictions ="),
    ("batv-map-not-served", "-P", "cleanup-sign/unix/sender_canonical_maps=socketmap:inet:127.0.0.1:1:batv-sign"),
];

impl Clinic {
    /// Breaks the copy, sees that exactly this is named, and pastes the cure if it consists of commands.
    fn try_out(&mut self, id: &str, option: &str, settings: &str) {
        for setting in settings.lines() {
            self.postconf(option, &self.fill_in(setting));
        }
        let findings = self.findings();
        let mut found = ids(&findings);
        found.dedup(); // for each domain
        assert_eq!(found, [id], "{settings}: {findings:#?}\n{}", self.examine(self.copy.path(), "table").out);
        let cure = findings.first().unwrap()["cure"].as_str().unwrap();
        if cure.lines().all(|line| line.starts_with("postconf ")) {
            self.paste(cure);
            assert_eq!(self.findings(), [Value::Null; 0], "{id} after {cure}");
        }
        self.restore();
    }

    fn fill_in(&self, setting: &str) -> String {
        let endpoint = self.postward.endpoint().to_string();
        let ask = format!("check_policy_service {{ {endpoint}, timeout=10s, default_action=DUNNO }}");
        let policy = fs::read_to_string(self.postward.policy_file()).unwrap();
        let maps = policy.split_once("socketmap: [\"").and_then(|(_, rest)| rest.split_once('"'));
        setting
            .replace("ENDPOINT", &endpoint)
            .replace("SERVICE", &self.service())
            .replace("LIST", "smtpd_recipient_restrictions")
            .replace("CHECKED", "reject_unauth_destination,reject_unlisted_recipient")
            .replace("ASK", &ask)
            .replace("MAPS", maps.map_or("", |(maps, _)| maps))
    }
}

#[test]
fn each_misconfiguration_of_a_healthy_postfix_is_named_and_its_cure_can_be_pasted() {
    let mut clinic = Clinic::open();
    assert_eq!(clinic.findings(), [Value::Null; 0]);
    for (id, option, settings) in BROKEN {
        clinic.try_out(id, option, settings);
    }
}

#[test]
fn a_site_that_signs_as_it_should_is_healthy_and_whatever_is_done_otherwise_is_named() {
    let site = Site::open("{at: data}");
    let mut clinic = Clinic::of(site.postward, site.postfix);
    assert_eq!(clinic.findings(), [Value::Null; 0]);
    for (id, option, settings) in WRONGLY_SIGNED {
        clinic.try_out(id, option, settings);
    }
    let key = clinic.postward.dir().join("batv.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(ids(&clinic.findings()), ["batv-key-unusable"]);
    // Root asks, the key is the daemon's: its owner is as right as he can be, and everybody may still read it.
    chown(&key, Some(12345), None).unwrap();
    assert_eq!(ids(&clinic.findings()), ["batv-key-unusable"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(clinic.findings(), [Value::Null; 0]);
    clinic.postward.stop();
    assert_eq!(ids(&clinic.findings()), ["policy-unreachable", "batv-map-unreachable"]);
}

#[test]
fn a_healthy_set_up_gets_a_short_answer() {
    let clinic = Clinic::open();
    let said = clinic.examine(clinic.copy.path(), "table");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.out.lines().count() < 8 && said.out.ends_with("\nhealthy: nothing is wrong\n"), "{}", said.out);
    for seen in [&format!("{} for strangers", clinic.service()), &format!("{} answers", clinic.postward.endpoint())] {
        assert!(said.out.contains(seen), "{seen}: {}", said.out);
    }
}

#[test]
fn stock_settings_offer_success_reports_to_strangers() {
    let clinic = Clinic::open();
    let said = clinic.examine(&clinic.postfix.configuration(), "table");
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("[success-reports]") && said.out.contains("\n1 problem, 0 notices;"), "{}", said.out);
}

#[test]
fn a_daemon_that_is_down_is_told_from_one_that_is_somebody_else() {
    let mut clinic = Clinic::open();
    clinic.postward.stop();
    let findings = clinic.findings();
    assert_eq!(ids(&findings), ["policy-unreachable"]);
    assert!(findings[0]["value"].as_str().unwrap().contains("refused"), "{findings:?}");
    // Postfix itself listens there, and greets.
    clinic.postward.set_policy(&GREYLIST.replace("chain", "deadline: 7s\nchain"));
    let greeting = clinic.postfix.address();
    let policy = fs::read_to_string(clinic.postward.policy_file()).unwrap();
    let postward = clinic.postward.endpoint().to_string();
    fs::write(clinic.postward.policy_file(), policy.replace(&postward, &format!("inet:{greeting}"))).unwrap();
    let list = clinic.fill_in("LIST = CHECKED, ASK");
    clinic.postconf("-e", &list.replace(&postward, &format!("inet:{greeting}")));
    let findings = clinic.findings();
    assert_eq!(ids(&findings), ["policy-unreachable"]);
    assert!(findings[0]["value"].as_str().unwrap().contains("no policy service: 220 mx.example.test"), "{findings:?}");
}

#[test]
fn without_postfix_or_its_configuration_there_is_nothing_to_look_at() {
    let clinic = Clinic::open();
    let said = clinic.examine(Path::new("/no/such/directory"), "table");
    assert_eq!((said.code, said.out.as_str()), (Some(69), ""));
    assert!(said.err.contains("postconf: open /no/such/directory/main.cf: No such file or directory"), "{}", said.err);
}

#[test]
fn what_postward_itself_needs_is_looked_at() {
    let dns = internet();
    let chain = whole_chain(&dns, "{}");
    let mut postward = Postward::install(Transport::Inet, &chain);
    postward.serve();
    let postfix = Postfix::start(postward.endpoint());
    let mut clinic = Clinic::of(postward, postfix);
    assert_eq!(clinic.findings(), [Value::Null; 0]);
    let source = "lists: {sources: [{name: drop, file: drop.txt, format: cidr, action: deny}]}";
    clinic.postward.set_policy(&format!("{}{source}\n", chain.replace("zone: bl.example", "zone: dead.example")));
    clinic.postward.move_database("broken.db");
    fs::write(clinic.postward.database(), "This is no database.").unwrap();
    let findings = clinic.findings();
    assert_eq!(ids(&findings), ["database-unusable", "blocklist-unusable", "source-unreadable"]);
    let value = |at: usize| findings.get(at).unwrap()["value"].as_str().unwrap();
    assert!(value(0).contains("no SQLite database") || value(0).contains("not a database"), "{}", value(0));
    assert!(value(1).contains("does not list its test entry"), "{}", value(1));
    assert!(value(2).contains("No such file"), "{}", value(2));
    drop(dns);
    assert_eq!(ids(&clinic.findings()), ["database-unusable", "dns-unanswered", "source-unreadable"]);
}
