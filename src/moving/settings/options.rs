//! postgrey's command line (postgrey(8), versions up to 1.37), read as Perl's Getopt::Long reads it for postgrey.

/// An option that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenOption {
    pub(super) option: Known,
    /// Empty if there is none.
    pub(super) value: String,
}

/// What was given, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Given {
    pub(super) options: Vec<GivenOption>,
    /// Words that postgrey would not have understood.
    pub(super) unknown: Vec<String>,
}

/// An option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Delay,
    MaxAge,
    RetryWindow,
    LookupBySubnet,
    LookupByHost,
    Ipv4Cidr,
    Ipv6Cidr,
    AutoWhitelistClients,
    WhitelistClients,
    WhitelistRecipients,
    GreylistText,
    DbDir,
    /// One that has no counterpart: its name, and why.
    Dropped(&'static str, &'static str),
}

/// Whether a value follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// `--name=value`, or `--name value` unless that looks like the next option.
    Perhaps,
}

use Known::Dropped;
use Takes::{Nothing, Perhaps, Value};

const LISTEN: &str = "postward listens at an endpoint of its own, so that Postfix can ask both until postgrey goes";
const SERVICE: &str = "the service manager's business; postward runs in the foreground";
const LOG: &str = "postward logs to stderr, which goes to the journal; --log-format json makes it one object a line";
const ONE_HEADER: &str = "the header is `X-Greylist: delayed N seconds by postward-VERSION at HOST; DATE`, or with \
                          `authserv_id` a part of Authentication-Results";

/// All of them, by their names.
const OPTIONS: &[(&[&str], Takes, Known)] = &[
    (&["inet", "i"], Value, Dropped("inet", LISTEN)),
    (&["unix", "u"], Value, Dropped("unix", LISTEN)),
    (&["socketmode"], Value, Dropped("socketmode", LISTEN)),
    (&["delay"], Value, Known::Delay),
    (&["max-age"], Value, Known::MaxAge),
    (&["retry-window"], Value, Known::RetryWindow),
    (&["lookup-by-subnet"], Nothing, Known::LookupBySubnet),
    (&["lookup-by-host"], Nothing, Known::LookupByHost),
    (&["ipv4cidr"], Value, Known::Ipv4Cidr),
    (&["ipv6cidr"], Value, Known::Ipv6Cidr),
    (&["auto-whitelist-clients"], Perhaps, Known::AutoWhitelistClients),
    (&["whitelist-clients"], Value, Known::WhitelistClients),
    (&["whitelist-recipients"], Value, Known::WhitelistRecipients),
    (&["greylist-text"], Value, Known::GreylistText),
    (&["dbdir"], Value, Known::DbDir),
    (
        &["greylist-action"],
        Value,
        Dropped(
            "greylist-action",
            "postward answers DEFER_IF_PERMIT 4.7.1, so that what a later restriction refuses is refused",
        ),
    ),
    (
        &["privacy"],
        Nothing,
        Dropped("privacy", "addresses are kept as they are, in a file that only its owner and group can read"),
    ),
    (&["x-greylist-header"], Value, Dropped("x-greylist-header", ONE_HEADER)),
    (&["hostname"], Value, Dropped("hostname", ONE_HEADER)),
    (
        &["exim"],
        Nothing,
        Dropped("exim", "Postfix asks many questions on one connection, and whoever asks may close it after any"),
    ),
    (
        &["listen-queue-size"],
        Value,
        Dropped("listen-queue-size", "the kernel decides (net.core.somaxconn); postward accepts at once"),
    ),
    (&["daemonize", "d"], Nothing, Dropped("daemonize", SERVICE)),
    (&["pidfile"], Value, Dropped("pidfile", SERVICE)),
    (&["user"], Value, Dropped("user", SERVICE)),
    (&["group"], Value, Dropped("group", SERVICE)),
    (&["verbose", "v"], Nothing, Dropped("verbose", LOG)),
    (&["quiet", "q"], Nothing, Dropped("quiet", LOG)),
    (&["syslogfacility", "syslog-facility", "facility"], Value, Dropped("syslog-facility", LOG)),
    (&["noaction", "no-action", "n"], Nothing, Dropped("noaction", "postgrey does not start with it")),
    (&["help", "h"], Nothing, Dropped("help", "postgrey does not start with it")),
    (&["man"], Nothing, Dropped("man", "postgrey does not start with it")),
    (&["version"], Nothing, Dropped("version", "postgrey does not start with it")),
];

impl Given {
    /// Options come first (POSIX): what stands behind a word that is none was never looked at.
    pub(super) fn parse(words: &[String]) -> Self {
        let mut given = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            let Some(name) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
                given.unknown.push(word.clone());
                break;
            };
            let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            let Some((_, takes, option)) = OPTIONS.iter().find(|(names, ..)| names.contains(&name)) else {
                given.unknown.push(word.clone());
                continue;
            };
            let next = words.clone().next();
            let follows = match takes {
                Nothing => false,
                Value => value.is_none(),
                Perhaps => value.is_none() && next.is_some_and(|next| !next.starts_with('-')),
            };
            let value = if follows { words.next().map(String::as_str) } else { value };
            given.options.push(GivenOption { option: *option, value: value.unwrap_or_default().to_owned() });
        }
        given
    }

    /// The value of an option, the last of several.
    pub(super) fn value(&self, option: Known) -> Option<&str> {
        self.values(option).last()
    }

    /// All values of an option.
    pub(super) fn values(&self, option: Known) -> impl Iterator<Item = &str> {
        self.options.iter().filter(move |given| given.option == option).map(|given| given.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Given {
        Given::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_as_perl_does() {
        for (line, option, value) in [
            ("--dbdir=/srv/pg", Known::DbDir, Some("/srv/pg")),
            ("-dbdir /srv/pg", Known::DbDir, Some("/srv/pg")),
            ("-i 10023 --delay=60", Known::Delay, Some("60")),
            ("-inet=10023 --delay 60", Known::Delay, Some("60")),
            ("--delay=60 --delay=90", Known::Delay, Some("90")),
            ("--auto-whitelist-clients", Known::AutoWhitelistClients, Some("")),
            ("--auto-whitelist-clients --delay=60", Known::AutoWhitelistClients, Some("")),
            ("--auto-whitelist-clients 3", Known::AutoWhitelistClients, Some("3")),
            ("--auto-whitelist-clients=0", Known::AutoWhitelistClients, Some("0")),
            ("stray --delay=60", Known::Delay, None),
            ("-- --delay=60", Known::Delay, None),
        ] {
            assert_eq!(parse(line).value(option), value, "{line}");
        }
        assert_eq!(parse("--dely=60 --inet=1").unknown, ["--dely=60"]);
        assert_eq!(parse("stray --inet=1").unknown, ["stray"]);
    }

    #[test]
    fn every_option_has_its_own_name() {
        let mut names: Vec<_> = OPTIONS.iter().flat_map(|(names, ..)| names.iter()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
