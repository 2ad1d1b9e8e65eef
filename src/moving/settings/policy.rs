//! The policy file, line by line.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::options::{Given, GivenOption, Known};
use super::usual_directory;
use crate::config::Period;
use crate::text::printable;

/// postgrey's lists, if it is told of no others.
const CLIENTS: &str = "/etc/postgrey/whitelist_clients";
const RECIPIENTS: &str = "/etc/postgrey/whitelist_recipients";

/// With its path in full, so that commands find what the service uses.
const DATABASE: &str = "database: /var/lib/postward/postward.db\n";

/// Nobody could pass who had to wait for longer than the default `retry_window`; in seconds.
const LONGEST_DELAY: u64 = 86_400;

/// A hundred years, in seconds.
const LONGEST_WINDOW: u64 = 36_500 * 86_400;

/// What postgrey does with its options, in postward's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The policy file.
    pub policy: String,
    /// Where postgrey's database is.
    pub database: PathBuf,
}

/// A policy file that is being written.
struct Writing<'a> {
    given: &'a Given,
    /// What could not be translated, and why.
    dropped: Vec<String>,
}

pub(super) fn write(given: &Given, is_there: impl Fn(&str) -> bool) -> Translation {
    let mut writing = Writing { given, dropped: Vec::new() };
    let lists = writing.lists(is_there);
    let greylist = writing.greylist();
    writing.note_dropped();
    let database = given.value(Known::DbDir).map_or_else(usual_directory, PathBuf::from);
    Translation { policy: writing.finish(&[DATABASE.to_owned(), lists, greylist]), database }
}

impl Writing<'_> {
    /// postgrey's lists are files that its administrator edits: they are followed.
    fn lists(&mut self, is_there: impl Fn(&str) -> bool) -> String {
        let clients = self.files(Known::WhitelistClients, CLIENTS, &is_there);
        let recipients = self.files(Known::WhitelistRecipients, RECIPIENTS, &is_there);
        let sources = |files: Vec<String>, format: &'static str| {
            files.into_iter().enumerate().map(move |(index, file)| {
                let name = if index == 0 { format.to_owned() } else { format!("{format}-{}", index + 1) };
                let file = quoted(&file);
                format!("    - {{name: {name}, file: {file}, format: {format}, action: skip=greylist}}\n")
            })
        };
        let sources: String =
            sources(clients, "postgrey-clients").chain(sources(recipients, "postgrey-recipients")).collect();
        format!(
            "# postgrey's own lists. They are read again every `refresh`, so they can be edited as before.\n# `apt purge postgrey` deletes them: move them elsewhere before, and name them there.\nlists:\n  sources:\n{sources}"
        )
    }

    fn files(&self, option: Known, usual: &str, is_there: &impl Fn(&str) -> bool) -> Vec<String> {
        let given: Vec<_> = self.given.values(option).map(str::to_owned).collect();
        if !given.is_empty() {
            return given;
        }
        let local = format!("{usual}.local");
        std::iter::once(usual.to_owned()).chain(is_there(&local).then_some(local)).collect()
    }

    fn greylist(&mut self) -> String {
        let options = [
            Some("# mode: observe  # changes no answer, and tells what it would have done: to try it beside postgrey".to_owned()),
            Some("# postgrey knows clients by their networks alone. By default postward tells who they are by SPF and reverse\n      \
                  # DNS first, so that a provider's whole pool is one client: leave this line out to have that.\n      \
                  identity: [network]".to_owned()),
            self.number(Known::Delay, "delay", 1..=LONGEST_DELAY).map(|delay| format!("delay: {}", Period::seconds(delay))),
            self.retry_window().map(|window| format!("retry_window: {window}")),
            self.number(Known::MaxAge, "max-age", 1..=36_500).map(|days| format!("max_age: {}", Period::days(days))),
            self.prefix(Known::Ipv4Cidr, "ipv4cidr", 32).map(|length| format!("ipv4_prefix: {length}")),
            self.prefix(Known::Ipv6Cidr, "ipv6cidr", 128).map(|length| format!("ipv6_prefix: {length}")),
            self.allow_client_after().map(|passes| format!("allow_client_after: {passes}")),
            self.text().map(|text| format!("text: {}", quoted(&text))),
        ];
        let options: String = options.into_iter().flatten().map(|option| format!("      {option}\n")).collect();
        format!(
            "# What postgrey does, and nothing else: see policy.example.yaml for the other checks.\nchain:\n  - access\n  - greylist:\n{options}"
        )
    }

    /// The number that an option says; 0 is to Perl as if it were not there.
    fn number(&mut self, option: Known, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.given.value(option)?.to_owned();
        match text.parse() {
            Ok(0) => None,
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                self.drop(&format!("--{name}={text}"), &format!("no number from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    /// Days, or hours with an `h` behind them. Not longer than the delay, nobody could pass.
    fn retry_window(&mut self) -> Option<Period> {
        let text = self.given.value(Known::RetryWindow)?.to_owned();
        let hours =
            text.strip_suffix(['h', 'H']).map(|hours| hours.parse().map(|hours: u64| hours.saturating_mul(3600)));
        let seconds = hours.unwrap_or_else(|| text.parse().map(|days: u64| days.saturating_mul(86_400)));
        let delay = self.given.value(Known::Delay).and_then(|delay| delay.parse().ok());
        let delay = delay.filter(|delay| (1..=LONGEST_DELAY).contains(delay));
        match seconds {
            Ok(seconds) if (delay.unwrap_or(300) + 1..=LONGEST_WINDOW).contains(&seconds) => {
                Some(Period::seconds(seconds))
            }
            _ => {
                self.drop(
                    &format!("--retry-window={text}"),
                    "no number of days, or of hours with an h, that is longer than the delay",
                );
                None
            }
        }
    }

    /// By host, every address is a network of its own.
    fn prefix(&mut self, option: Known, name: &str, longest: u64) -> Option<u64> {
        match self.given.value(Known::LookupByHost) {
            Some(_) => Some(longest),
            None => self.number(option, name, 1..=longest),
        }
    }

    fn allow_client_after(&mut self) -> Option<u32> {
        let text = self.given.value(Known::AutoWhitelistClients).filter(|text| !text.is_empty())?.to_owned();
        text.parse().map_err(|_| self.drop(&format!("--auto-whitelist-clients={text}"), "no number of passes")).ok()
    }

    /// `%s` are the seconds left.
    fn text(&mut self) -> Option<String> {
        let text = self.given.value(Known::GreylistText).filter(|text| !text.is_empty())?.to_owned();
        if text.contains(['{', '}']) || text.contains("%r") {
            let why = "postward knows one placeholder, {seconds}, and no domain of the recipient: write a `text`";
            self.drop(&format!("--greylist-text={text}"), why);
            return None;
        }
        Some(text.replace("%s", "{seconds}"))
    }

    fn note_dropped(&mut self) {
        let given = self.given;
        for GivenOption { option, value } in &given.options {
            if let Known::Dropped(name, why) = option {
                let value = if value.is_empty() { String::new() } else { format!("={value}") };
                self.drop(&format!("--{name}{value}"), why);
            }
        }
        for word in &given.unknown {
            self.drop(word, "postgrey has no such option");
        }
    }

    fn drop(&mut self, what: &str, why: &str) {
        self.dropped.push(format!("#   {}\n#     {why}\n", printable(what, 200)));
    }

    fn finish(self, sections: &[String]) -> String {
        let mut file = "# What postgrey did, as a policy of postward. What is not here is as by default: see policy.example.yaml.\n".to_owned();
        if !self.dropped.is_empty() {
            file.push_str("#\n# Not translated:\n");
            file.extend(self.dropped);
        }
        for section in sections {
            file.push('\n');
            file.push_str(section);
        }
        file
    }
}

/// A string of JSON is one of YAML (YAML 1.2 section 1.3).
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
