//! The sockets that systemd has opened for the service, by which `listen` in its policy file does not count.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::POLICY_FILES;
use crate::config::Endpoint;
use crate::text::from_octets;

/// systemd answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where Postfix comes to, if the socket unit is in force for this policy file (`contrib/systemd`).
pub(super) async fn opened_by_systemd(policy_file: &Path) -> Option<Vec<Endpoint>> {
    if policy_file != Path::new(POLICY_FILES[0]) {
        return None; // that of a daemon which was started otherwise
    }
    let mut command = Command::new("systemctl");
    command.args(["show", "--property=ActiveState", "--property=Listen", "postward.socket"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let shown = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    listening(&from_octets(&shown.stdout))
}

/// A line for each socket, such as `Listen=127.0.0.1:10040 (Stream)`.
fn listening(shown: &str) -> Option<Vec<Endpoint>> {
    let endpoint = |line: &str| {
        let socket = line.strip_prefix("Listen=")?.strip_suffix(" (Stream)")?;
        let kind = if socket.starts_with('/') { "unix" } else { "inet" };
        format!("{kind}:{socket}").parse().ok()
    };
    let is_active = shown.lines().any(|line| line == "ActiveState=active");
    let endpoints: Vec<_> = shown.lines().filter_map(endpoint).collect();
    (is_active && !endpoints.is_empty()).then_some(endpoints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_shows_is_understood() {
        for (shown, expected) in [
            (
                "Listen=127.0.0.1:10040 (Stream)\nListen=/run/postward/policy.sock (Stream)\n\
                 Listen=[::]:10041 (Stream)\nActiveState=active\n",
                Some(vec!["inet:127.0.0.1:10040", "unix:/run/postward/policy.sock", "inet:[::]:10041"]),
            ),
            ("Listen=127.0.0.1:10040 (Stream)\nActiveState=inactive\n", None),
            ("ActiveState=active\n", None),
            ("ActiveState=inactive\n", None), // of a unit that there is not
            ("Listen=nonsense (Stream)\nListen=127.0.0.1:1 (Datagram)\nActiveState=active\n", None),
            ("", None),
        ] {
            let told = listening(shown).map(|all| all.iter().map(Endpoint::to_string).collect::<Vec<_>>());
            assert_eq!(told, expected.map(|all| all.iter().map(ToString::to_string).collect()), "{shown}");
        }
    }

    #[tokio::test]
    async fn another_policy_file_is_that_of_another_daemon() {
        assert_eq!(opened_by_systemd(Path::new("policy.yaml")).await, None);
    }
}
