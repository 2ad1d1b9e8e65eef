use proptest::prelude::*;

use super::{AddressPattern, ClientPattern};

fn client(text: &str) -> Result<String, String> {
    text.parse::<ClientPattern>().map(|pattern| pattern.to_string()).map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<String, String> {
    text.parse::<AddressPattern>().map(|pattern| pattern.to_string()).map_err(|error| error.to_string())
}

#[test]
fn clients_have_one_spelling() {
    for (text, canonical) in [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("Mail.Example.ORG.", "mail.example.org"),
        (".Example.org", ".example.org"),
        ("org", "org"),
        ("mail_1.example.org", "mail_1.example.org"),
        ("müller.example", "müller.example"),
        (r"/^MX\d+\.example\.org$/", r"/^MX\d+\.example\.org$/"),
        ("/a b/", "/a b/"),
        ("/a/b/", "/a/b/"),
    ] {
        assert_eq!(client(text).as_deref(), Ok(canonical), "{text}");
    }
}

#[test]
fn addresses_have_one_spelling() {
    for (text, canonical) in [
        ("<>", "<>"),
        ("Alice@Example.ORG", "alice@example.org"),
        ("alice@example.org.", "alice@example.org"),
        ("alice@[192.0.2.1]", "alice@[192.0.2.1]"),
        ("alice+ext=x@example.org", "alice+ext=x@example.org"),
        ("o'hara*@example.org", "o'hara*@example.org"),
        ("Postmaster@", "postmaster@"),
        ("dot.@", "dot.@"),
        ("Example.org.", "example.org"),
        (".example.org", ".example.org"),
        (r"/^VERP-\d+@/", r"/^VERP-\d+@/"),
    ] {
        assert_eq!(address(text).as_deref(), Ok(canonical), "{text}");
    }
}

#[test]
fn a_wrong_client_is_told_what_to_write() {
    for (text, part) in [
        ("", "empty"),
        ("192.0.2.1/24", "was 192.0.2.0/24 meant"),
        ("192.0.2", "write 192.0.2.0/24"),
        ("192.0.2.", "write 192.0.2.0/24"),
        ("192.0.*", "write 192.0.0.0/16"),
        ("192.0.2.256", "not a network"),
        ("192.0.2.0/33", "not a network"),
        ("1.2.3.4.5", "not a network"),
        ("2001:db8:::1", "not a network"),
        ("[2001:db8::1]", "write 2001:db8::1"),
        ("https://example.org/", "URL"),
        ("*.example.org", "write `.example.org`"),
        ("alice@example.org", "mail address"),
        ("mail example.org", "blank"),
        ("\u{202e}example.org", "`\\u{202e}example.org`"),
        ("unknown", "matches nobody"),
        ("a..example.org", "empty"),
        ("..", "not a network"),
        ("example.org..", "empty"),
        ("host.123", "number"),
        ("mail*.example.org", "`*`"),
        ("/^mail", "end with a slash"),
        ("/^mail/i", "without flags"),
        ("//", "nothing stands between"),
        ("/(/", "unclosed group"),
        ("/(?=a)/", "look-around"),
        (r"/(\w{1000}){100}/", "1 MiB"),
    ] {
        let error = client(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_wrong_address_is_told_what_to_write() {
    for (text, part) in [
        ("", "<>"),
        ("@example.org", "write `example.org`"),
        ("*@example.org", "write `example.org`"),
        ("user@*", "write `user@`"),
        ("user@@example.org", "more than one `@`"),
        ("@", "no address"),
        ("<alice@example.org>", "write `alice@example.org`"),
        ("*.example.org", "write `.example.org`"),
        ("user@.example.org", "/regex/"),
        ("user@*.example.org", "/regex/"),
        ("john doe@example.org", "blank"),
        ("alice@exam ple.org", "blank"),
        ("alice@a..example.org", "empty"),
        ("192.0.2.1", "clients"),
        ("alice@example.org,bob@example.org", "more than one `@`"),
        ("/[/", "unclosed"),
    ] {
        let error = address(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn what_is_too_long_is_no_pattern() {
    assert!(client(&format!("{}.org", "a".repeat(300))).is_err());
    assert!(address(&format!("{}@example.org", "a".repeat(5000))).is_err());
    assert!(address(&format!("/{}/", "a".repeat(5000))).is_err());
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(text in r"[.A-Za-z0-9ÄßΣ@:/_+=*\[\]<>-]{1,20}|/[^\n]{1,20}/|\PC{0,20}") {
        if let Ok(pattern) = text.parse::<ClientPattern>() {
            prop_assert_eq!(pattern.to_string().parse::<ClientPattern>(), Ok(pattern));
        }
        if let Ok(pattern) = text.parse::<AddressPattern>() {
            prop_assert_eq!(pattern.to_string().parse::<AddressPattern>(), Ok(pattern));
        }
    }

    #[test]
    fn every_network_is_read_again(bits: u32, length in 0_u8..=32) {
        let network = ipnet::IpNet::new(std::net::Ipv4Addr::from(bits).into(), length).unwrap().trunc();
        let pattern = ClientPattern::Network(network);
        prop_assert_eq!(pattern.to_string().parse::<ClientPattern>(), Ok(pattern));
    }
}
