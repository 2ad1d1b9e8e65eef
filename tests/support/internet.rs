//! A small Internet: every kind of client once, two lists, and a policy with the whole chain that asks about them.

use super::DnsServer;

/// Postfix's own name, by which nobody else may greet.
pub(crate) const OURS: &str = "mx.example.test";

/// All is as it should be: its name leads back to it.
pub(crate) const CLEAN: (&str, &str) = ("192.0.2.10", "mail.example.org");
/// It has no name.
pub(crate) const NAMELESS: &str = "192.0.2.20";
/// Its name leads to another.
pub(crate) const STRAY: &str = "192.0.2.30";
/// It is on the blocklist.
pub(crate) const LISTED: (&str, &str) = ("192.0.2.40", "listed.example.org");
/// It is on the allow list.
pub(crate) const ALLOWED: (&str, &str) = ("192.0.2.50", "allowed.example.org");

/// Says by SPF that nobody writes in its name.
pub(crate) const STRICT: &str = "a@strict.example";
/// Says by SPF that two networks do.
pub(crate) const POOLED: &str = "a@pool.example";
/// A machine in each; the second is a hoster's.
pub(crate) const POOL: [(&str, &str); 2] =
    [("198.51.100.10", "out1.pool.example"), ("203.0.113.10", "mx7.hoster.example")];

/// Two machines of one organisation, and two lines of its customers.
pub(crate) const ORGANISATION: [(&str, &str); 2] =
    [("198.51.100.20", "mail1.provider.example"), ("203.0.113.20", "mail2.provider.example")];
pub(crate) const LINES: [(&str, &str); 2] =
    [("198.51.100.77", "dyn-198-51-100-77.provider.example"), ("203.0.113.77", "dyn-203-0-113-77.provider.example")];

/// What a listed client is told.
pub(crate) const WHY_LISTED: &str = "192.0.2.40 is listed by bl.example: Spam seen, see https://bl.example/192.0.2.40";
/// What STRICT's domain says of CLEAN.
pub(crate) const WHY_FORGED: &str = "strict.example explains: 192.0.2.10 may not write for strict.example";

const ZONES: &str = "
    client.example.net     A    192.0.2.200
    192.0.2.10             PTR  mail.example.org
    mail.example.org       A    192.0.2.10
    192.0.2.30             PTR  stray.example.org
    stray.example.org      A    192.0.2.99
    192.0.2.40             PTR  listed.example.org
    listed.example.org     A    192.0.2.40
    192.0.2.50             PTR  allowed.example.org
    allowed.example.org    A    192.0.2.50
    198.51.100.10          PTR  out1.pool.example
    out1.pool.example      A    198.51.100.10
    203.0.113.10           PTR  mx7.hoster.example
    mx7.hoster.example     A    203.0.113.10
    198.51.100.20          PTR  mail1.provider.example
    mail1.provider.example A    198.51.100.20
    203.0.113.20           PTR  mail2.provider.example
    mail2.provider.example A    203.0.113.20
    198.51.100.77          PTR  dyn-198-51-100-77.provider.example
    dyn-198-51-100-77.provider.example A 198.51.100.77
    203.0.113.77           PTR  dyn-203-0-113-77.provider.example
    dyn-203-0-113-77.provider.example  A 203.0.113.77

    2.0.0.127.bl.example   A    127.0.0.2
    40.2.0.192.bl.example  A    127.0.0.2
    40.2.0.192.bl.example  TXT  Spam seen, see https://bl.example/192.0.2.40
    2.0.0.127.wl.example   A    127.0.0.2
    50.2.0.192.wl.example  A    127.0.9.3

    pool.example           TXT  v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all
    strict.example         TXT  v=spf1 -all exp=why.strict.example
    why.strict.example     TXT  %{i} may not write for %{d}
";

/// A DNS server that knows them all.
pub(crate) fn internet() -> DnsServer {
    let server = DnsServer::start();
    server.add(ZONES);
    server
}

/// The default chain with the two lists and our name, asking `dns`. `greylist` are options of greylisting, as in `{when: suspect}`.
pub(crate) fn whole_chain(dns: &DnsServer, greylist: &str) -> String {
    format!(
        "dns: {{servers: [\"{}\"], timeout: 500ms}}\n\
         deadline: 2s\n\
         chain:\n\
         - access\n\
         - helo: {{names: [{OURS}]}}\n\
         - reverse_dns\n\
         - dnsbl:\n    lists:\n    \
         - {{zone: bl.example, weight: 3}}\n    \
         - {{zone: wl.example, weight: -2, answers: \"127.0.[0..255].[2..3]\"}}\n\
         - spf\n\
         - greylist: {greylist}\n",
        dns.address()
    )
}
