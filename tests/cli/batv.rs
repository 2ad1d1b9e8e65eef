//! `postward batv`, and keys in the policy file.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use crate::desk::Desk;

const POLICY: &str = "batv:\n  domains: [example.net]\n  keys:\n    - {id: 4, file: batv.key}\n";

/// A desk with a policy that names a key, and the key.
fn desk() -> Desk {
    let desk = Desk::with_policy(POLICY);
    desk.say("batv keygen batv.key").ok();
    desk
}

#[test]
fn what_is_signed_is_verified() {
    let desk = desk();
    for (address, core) in [
        ("alice@example.net", "alice@example.net"),
        ("Alice@Example.NET", "Alice@Example.NET"),
        ("john doe@example.net", "\"john doe\"@example.net"),
        ("\"john doe\"@example.net", "\"john doe\"@example.net"),
    ] {
        let signed = desk.run(["batv", "sign", address]).ok().out;
        assert!(signed.trim_start_matches('"').starts_with("prvs=4"), "{signed}");
        let verified = desk.run(["batv", "verify", signed.trim()]).ok().out;
        assert_eq!(verified, format!("signed for {core}: signed by us, and good today\n"));
        let json = desk.run(["batv", "verify", signed.trim(), "--format", "json"]).ok().json().remove(0);
        assert_eq!((json["verdict"].as_str(), json["result"].as_str()), (Some("signed"), Some(core)));
    }
}

#[test]
fn what_is_not_signed_is_said_with_the_reason() {
    let desk = desk();
    for (address, word, why) in [
        ("alice@example.org", "foreign", "its domain is none of batv.domains"),
        ("prvs=0785afa14d=alice@example.net", "tagged", "it begins like a signed address already"),
        ("@example.net", "malformed", "its local part is empty"),
        (&format!("{}@example.net", "a".repeat(49)), "too-long", "more than 64 octets"),
    ] {
        let said = desk.run(["batv", "sign", address]);
        assert_eq!((said.code, &*said.out), (1, ""), "{address}");
        assert!(
            said.err.starts_with(&format!("error: {address} is not signed: ")) && said.err.contains(why),
            "{said:?}"
        );
        let said = desk.run(["batv", "sign", address, "--format", "json"]);
        assert_eq!((said.code, said.json()[0]["verdict"].as_str()), (1, Some(word)), "{address}");
    }
    for (address, word) in [
        ("alice@example.net", "unsigned"),
        ("alice@example.org", "foreign"),
        ("prvs=4785afa14d=alice@example.net", "forged"),
    ] {
        let said = desk.run(["batv", "verify", address]);
        assert_eq!((said.code, said.out.split(':').next()), (1, Some(word)), "{address}");
    }
    assert_eq!(desk.run(["batv", "sign", ""]).code, 2);
}

#[test]
fn addresses_are_taken_as_logs_show_them_and_shown_as_they_cannot_harm() {
    let desk = desk();
    let signed = desk.run(["batv", "sign", "alice@example.net"]).ok().out;
    for address in ["<alice@example.net>", " alice@example.net", "alice@example.net\n"] {
        assert_eq!(desk.run(["batv", "sign", address]).ok().out, signed, "{address:?}");
    }
    desk.run(["batv", "verify", &format!("<{}>", signed.trim())]).ok();
    assert_eq!(desk.run(["batv", "sign", "<>"]).code, 2);
    let said = desk.run(["batv", "sign", "\u{1b}[2Ja\nb@example.net"]);
    assert!(said.err.starts_with("error: \\u{1b}[2Ja\\nb@example.net is not signed: "), "{said:?}");
}

#[test]
fn a_credential_of_systemd_is_a_key() {
    let desk = desk();
    let key = desk.path("batv.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o440)).unwrap();
    if chown(&key, Some(0), Some(0)).is_err() {
        return; // only root can make files as systemd does
    }
    let sign = |credentials: &Path| {
        let mut command = desk.command(["batv", "sign", "alice@example.net"]);
        command.env("CREDENTIALS_DIRECTORY", credentials).output().unwrap().status.code()
    };
    let directory = key.parent().unwrap();
    assert_eq!(sign(directory), Some(0));
    assert_eq!(sign(directory.parent().unwrap()), Some(78), "another directory's");
    for (mode, group) in [(0o440, 1), (0o460, 0), (0o444, 0), (0o450, 0)] {
        chown(&key, None, Some(group)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(sign(directory), Some(78), "{mode:o} of group {group}");
    }
}

#[test]
fn a_new_key_is_for_its_owner_and_overwrites_nothing() {
    let desk = desk();
    let file = desk.path("batv.key");
    let before = fs::read_to_string(&file).unwrap();
    assert_eq!((before.len(), fs::metadata(&file).unwrap().mode() & 0o7777), (45, 0o600), "32 octets as base64");
    let said = desk.say("batv keygen batv.key");
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("error: batv.key is there already, and stays as it is\nhint: keys are never"),
        "{said:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(desk.say("batv keygen nowhere/batv.key").code, 69);
}

#[test]
fn a_key_that_others_may_read_is_a_mistake() {
    let desk = desk();
    let file = desk.path("batv.key");
    let complaint = || {
        let said = desk.say("config check");
        assert_eq!(said.code, 78, "{said:?}");
        said.err
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let error = complaint();
    assert!(error.contains("policy.yaml:4:21: batv.keys[0].file: "), "{error}");
    assert!(error.contains("(mode 0640)") && error.contains("    hint: chmod 600 "), "{error}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    if chown(&file, Some(12345), None).is_ok() {
        desk.say("config check").ok(); // by root, who may ask about the key of the daemon's user
    }
    fs::remove_file(&file).unwrap();
    let error = complaint();
    assert!(error.contains("batv.keys[0].file: cannot read ") && error.contains("(running as "), "{error}");
    assert!(error.contains("hint: `postward batv keygen "), "{error}");
}

#[test]
fn who_looks_after_lists_or_looks_back_needs_no_key() {
    let desk = Desk::with_policy(POLICY);
    desk.say("list add deny --client 192.0.2.1").ok();
    assert_eq!(desk.entries().len(), 1);
    for command in ["greylist show", "journal", "report"] {
        assert_eq!(desk.say(command).code, 0, "{command}");
    }
    assert_eq!(desk.say("check client_address=192.0.2.1 recipient=alice@example.net").code, 78, "who judges does");
}

#[test]
fn a_short_key_is_warned_of() {
    let desk = desk();
    fs::write(desk.path("batv.key"), "too short\n").unwrap();
    let said = desk.say("config check").ok();
    assert!(said.err.contains("a key of 9 octets can be guessed from a tag: use 16 or more"), "{said:?}");
    assert!(!said.err.contains("too short"), "{said:?}");
}

#[test]
fn all_mistakes_about_signing_are_told_at_once() {
    let desk = Desk::with_policy(
        "listen: [\"inet:127.0.0.1:10040\"]\nbatv:\n  domains: [a@example.net, example..net]\n  keys: [{id: 12, file: a}, {file: b}, {id: 1, fiel: c}]\n  \
         lifetime: 12h\n  socketmap: [\"inet:127.0.0.1:10040\", /run/x]\n  domain: x\n",
    );
    let said = desk.say("config check");
    assert_eq!(said.code, 78);
    for expected in [
        "policy.yaml:3:13: batv.domains[0]: `a@example.net` is an address: name its domain, example.net",
        "batv.domains[1]: `example..net` is no domain",
        "batv.keys[0].id: `12` is no number of a key",
        "batv.keys[1]: `id` is missing",
        "batv.keys[2]: `file` is missing",
        "batv.keys[2].fiel: unknown option\n    hint: did you mean `file`?",
        "batv.lifetime: must be between 1d and 365d",
        "batv.socketmap[1]: `/run/x` is no endpoint",
        "batv.domain: unknown option\n    hint: did you mean `domains`?",
    ] {
        assert!(said.err.contains(expected), "{expected}\nis not in\n{}", said.err);
    }
    for (batv, expected) in [
        (
            "{domains: [example.net]}",
            "batv.domains: there is no key to sign with in batv.keys\n    hint: `postward batv",
        ),
        ("{domains: [example.net, EXAMPLE.net], keys: [{id: 0, file: k}]}", "batv.domains: names example.net twice"),
        ("{keys: [{id: 0, file: k}, {id: 0, file: k}]}", "batv.keys: two keys have the id 0"),
        ("{lifetime: 366d}", "batv.lifetime: must be between"),
        (
            "{socketmap: [\"inet:127.0.0.1:10040\"]}",
            "batv.socketmap: inet:127.0.0.1:10040 is named twice, here or in `listen`",
        ),
    ] {
        let desk = Desk::with_policy(&format!("batv: {batv}\n"));
        desk.say("batv keygen k").ok();
        let said = desk.say("config check");
        assert!(said.err.contains(expected), "{expected}\nis not in\n{}", said.err);
    }
}

#[test]
fn keys_are_named_in_full_and_never_shown() {
    let desk = desk();
    let shown = desk.say("config show --format json").ok().json().remove(0);
    let file = desk.path("batv.key");
    assert_eq!(shown["batv"]["keys"][0]["id"], 4);
    assert_eq!(shown["batv"]["keys"][0]["file"].as_str(), file.to_str());
    assert!(!shown.to_string().contains(fs::read_to_string(&file).unwrap().trim()));
}
