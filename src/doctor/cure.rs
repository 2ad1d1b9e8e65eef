//! Commands that set Postfix right. Values are taken as they are written, so that `$name`s stay.

use super::Site;
use super::postfix::{Place, PolicyUse};
use super::site::Relation;
use super::wiring::missing_before;
use crate::config::Endpoint;

/// A socket below the queue directory is found with and without chroot.
const SOCKET: &str = "postward/policy.sock";

impl Site {
    /// The command that gives a setting this value.
    pub(crate) fn set(&self, place: &Place, value: &str) -> String {
        let directory = self.directory_option();
        match &place.service {
            // postconf takes no blanks there.
            Some(service) => match without_blanks(value) {
                Some(value) => format!("postconf {directory}-P {}", quoted(&format!("{place}={value}"))),
                None => format!("in master.cf, below {service}: -o {{ {} = {value} }}", place.parameter),
            },
            None => format!("postconf {directory}-e {}", quoted(&format!("{place} = {value}"))),
        }
    }

    /// What postconf has to be told to find the configuration, with a blank after it.
    pub(crate) fn directory_option(&self) -> String {
        let directory = self.postfix.directory().map(|directory| quoted(&directory.to_string_lossy()));
        directory.map(|directory| format!("-c {directory} ")).unwrap_or_default()
    }

    /// How postward is to be asked, where it is not asked yet.
    pub(crate) fn question(&self) -> String {
        let endpoint = self.policy.config.listen.first().map(|listen| self.as_postfix_sees(listen));
        let options = [("timeout", self.recommended_timeout()), ("default_action", "DUNNO".to_owned())];
        braced(&endpoint.unwrap_or_default(), &options)
    }

    /// The command that sets a list right in which postward is asked: restrictions that have to come before, and the
    /// options. All findings about one question have the same cure, so that one does not undo the other.
    pub(crate) fn rewired(&self, policy: &PolicyUse<'_>) -> String {
        let written = self.postfix.written(&policy.place());
        let list = if written.contains(&policy.argument) { written } else { policy.view.get(policy.list) };
        let (before, after) = list.split_once(&policy.argument).unwrap_or((list, ""));
        let (before, asking) = before.split_at_checked(question(before)).unwrap_or((before, ""));
        let missing: String = missing_before(policy).iter().map(|name| format!("{name}, ")).collect();
        let argument = braced(&self.right_endpoint(policy), &self.right_options(policy));
        self.set(&policy.place(), &format!("{before}{missing}{asking}{argument}{after}"))
    }

    fn right_endpoint(&self, policy: &PolicyUse<'_>) -> String {
        match self.relation(policy) {
            Relation::HiddenByChroot => format!("unix:{SOCKET}"),
            _ => policy.endpoint.clone(),
        }
    }

    /// What postward has to listen at so that chrooted services find it.
    pub(crate) fn socket_in_queue(&self) -> String {
        format!("unix:{}/{SOCKET}", self.postfix.get("queue_directory"))
    }

    /// A socket below the queue directory is told from there.
    fn as_postfix_sees(&self, listen: &Endpoint) -> String {
        let queue = format!("unix:{}/", self.postfix.get("queue_directory"));
        let listen = listen.to_string();
        listen.strip_prefix(&queue).map_or_else(|| listen.clone(), |path| format!("unix:{path}"))
    }
}

/// Where the words begin that ask, at the end of what stands before a policy service.
fn question(before: &str) -> usize {
    let trimmed = before.trim_end();
    let asking = trimmed.strip_suffix("check_policy_service").unwrap_or(trimmed).trim_end();
    let begin =
        asking.strip_suffix("warn_if_reject").map_or_else(|| trimmed.strip_suffix("check_policy_service"), Some);
    begin.map_or(before.len(), str::len)
}

/// `{ inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO }`
fn braced(endpoint: &str, options: &[(&str, String)]) -> String {
    let option = |(name, value): &(&str, String)| match value.contains(char::is_whitespace) {
        true => format!(", {{ {name} = {value} }}"),
        false => format!(", {name}={value}"),
    };
    format!("{{ {endpoint}{} }}", options.iter().map(option).collect::<String>())
}

/// A list with commas in place of blanks. `None` where a blank is part of a value.
fn without_blanks(list: &str) -> Option<String> {
    let separators = |c: char| c == ',' || c.is_ascii_whitespace();
    let squeezed = list.split(separators).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(",");
    let has_values = squeezed.contains("={") || squeezed.contains(",=,");
    (!has_values).then(|| squeezed.replace("{,", "{").replace(",}", "}"))
}

/// One word for the shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
