//! postward decides, for Postfix, whether a client may send from a sender to a recipient.
//!
//! Postfix asks about every recipient before a message is accepted (SMTPD_POLICY_README), and waits for the answer. So
//! everything here serves two ends: the answer comes within milliseconds, and no fault of postward's ever costs a mail.
//!
//! # The way of a request
//!
//! ```text
//! octets → protocol::Decoder → Request → exempt? → lists as they stand → Chain::decide → Decision
//!              for each step: check.find(context) → Finding{reason, evidence} → Consequence → go on | answer
//!              Decision{action, check, reason, trace} → one write "action=…\n\n"; journal, metrics, one log line
//! ```
//!
//! Where envelope senders are signed (BATV), Postfix also looks addresses up in two maps:
//!
//! ```text
//! octets → protocol::LookupDecoder → Lookup{map, key} → batv-sign | batv-verify by the keys in force → LookupReply
//! ```
//!
//! # The rooms
//!
//! Each imports only from those before it; `tests/house` holds that.
//!
//! | room | what it is for |
//! |---|---|
//! | [`clock`] [`text`] [`net`] [`mail`] | time as a parameter, strangers' text, networks, addresses: they import nothing |
//! | [`protocol`] | what Postfix says and hears |
//! | [`dns`] | whom we ask: what names and addresses have, and whether an answer was to be had |
//! | [`store`] | what we remember: traits in the words of those who ask, and the engine behind them |
//! | [`dns`] | what the DNS says, or that it could not be asked |
//! | [`spf`] | what a sender's domain says about a client (RFC 7208) |
//! | [`batv`] | what machines put into addresses, how to take it out again, and our own signature on ours |
//! | [`journal`] | what we decided: written down beside the answers, never in front of them |
//! | [`maillog`] | what Postfix itself wrote into its log |
//! | [`lists`] | whom we know: patterns, entries, the compiled snapshot, the files they come from |
//! | [`config`] | what a person writes, and everything that is wrong with it; it knows no check |
//! | [`checks`] | what is checked: one file for each check |
//! | [`moving`] | what other greylisting programs leave behind, for those who move over |
//! | [`chain`] | what decides: steps in order, consequences, observe mode, deadline, failing open, the log line |
//! | [`metrics`] | what was answered, in numbers that only grow |
//! | [`http`] | what is shown of all this: metrics, status, a page for people; it can change nothing |
//! | [`doctor`] | what is wrong with the way Postfix and postward are set up: settings in, findings out |
//! | [`daemon`] | what runs: listeners, workers, connections, the dialogues on them, reload, upkeep; what systemd gives and is told |
//! | [`cli`] | what a person types: one file for each command |
//!
//! # What always holds
//!
//! - Whatever breaks, the answer is DUNNO and a loud log line. `OK` is never sent: it would end Postfix's restrictions.
//! - A deferral is sent only after the attempt is committed; what cannot be remembered is not deferred.
//! - A check says what it found; the chain says what that means. Checks never touch sockets, clocks, SQL or each other.
//! - One request sees one world: one snapshot of the lists, one chain, one clock reading, whatever is reloaded meanwhile.
//! - Nobody waits for who only looks: metrics and pages are made of counters and a read-only handle of the store, a few at a time.
//! - Labels of metrics are words of this program or of the policy file, never a stranger's.
//! - Nobody waits for the journal: what cannot be written in time is dropped and counted.
//! - Nothing above [`store`] names an engine, but for the places where it is opened, and [`moving`], which reads files that other
//!   programs keep in the same one.
//! - No reply is better than a wrong one: malformed input is warned about and the connection closed.
//! - Nothing from the network is trusted: sizes are bounded, octets become text in one place ([`text`]), and no stranger's text
//!   reaches a reply or a log line uncleaned.
//! - A key is never shown, and a signature that it makes is compared in constant time.
//! - Wall-clock time is only ever compared, never waited for; timeouts run on the monotonic clock.

pub mod batv;
pub mod chain;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod dns;
pub mod doctor;
pub mod http;
pub mod journal;
pub mod lists;
pub mod mail;
pub mod maillog;
pub mod metrics;
pub mod moving;
pub mod net;
pub mod protocol;
pub mod spf;
pub mod store;
pub mod text;
