//! What is told of what the lists said: to the refused, to those who look for the reason, and in a header.

use std::fmt::Write as _;

use super::Heard;
use super::hearing::Hearing;
use super::options::Of;
use crate::dns::blocklist::{Item, Said};
use crate::protocol::property_value;

/// What the administrator says of the list that counts most, or the list itself.
pub(super) async fn refusal(heard: &[Heard<'_>]) -> String {
    let listed = heard.iter().filter(|heard| matches!(heard.said, Said::Listed(_)));
    let Some(Heard { list, item, .. }) = listed.max_by_key(|heard| heard.list.options.weight) else {
        return String::new();
    };
    let item_shown = match item {
        Item::Address(address) => address.to_string(),
        Item::Name(name) => (*name).to_owned(),
    };
    if !list.options.text.is_empty() {
        return list.options.text.clone();
    }
    let blocked = format!("{item_shown} is listed by {}", list.list.shown());
    match list.list.explanation(*item).await {
        Some(explanation) => format!("{blocked}: {explanation}"),
        None => blocked,
    }
}

/// What one list says takes mostly less: `, `, ` listed (127.0.0.2)`.
const ROOM: usize = 24;

/// `weight 1: a.example +1 listed (127.0.0.2), b.example -2 not listed, 1 not waited for`
pub(super) fn evidence(hearing: &Hearing<'_>) -> String {
    let (heard, unheard) = (hearing.heard(), hearing.unheard());
    if heard.is_empty() && unheard == 0 {
        return "no lists".to_owned();
    }
    let mut text = String::with_capacity(heard.iter().map(|heard| heard.list.label.len() + ROOM).sum::<usize>() + ROOM);
    let _ = write!(text, "weight {}: ", hearing.range().sum);
    for (position, Heard { list, said, .. }) in heard.iter().enumerate() {
        text.push_str(if position == 0 { "" } else { ", " });
        text.push_str(&list.label);
        let _ = write!(text, " {said}");
    }
    if unheard > 0 {
        let _ = write!(text, "{}{unheard} not waited for", if heard.is_empty() { "" } else { ", " });
    }
    text
}

/// What allow lists say (RFC 8904), if any was asked and answered.
pub(super) fn dnswl(heard: &[Heard<'_>]) -> Option<String> {
    let mut answered = heard
        .iter()
        .filter(|heard| heard.list.options.weight < 0 && heard.list.options.of == Of::Client)
        .filter(|heard| matches!(heard.said, Said::Listed(_) | Said::NotListed))
        .peekable();
    answered.peek()?;
    let pass = answered.find_map(|heard| match &heard.said {
        Said::Listed(answers) => Some((heard, answers)),
        _ => None,
    });
    Some(match pass {
        Some((heard, answers)) => {
            // Several in one value, separated by commas (RFC 8904 section 2).
            let answers: Vec<_> = answers.iter().map(ToString::to_string).collect();
            let ip = property_value(&answers.join(","));
            format!("dnswl=pass dns.zone={} policy.ip={ip}", property_value(heard.list.list.shown()))
        }
        None => "dnswl=none".to_owned(),
    })
}
