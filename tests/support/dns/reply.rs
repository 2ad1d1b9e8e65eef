//! How a question is answered, well or badly.

use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, Query as Asked, ResponseCode};
use hickory_resolver::proto::rr::Name;

use super::zone::{Found, fold};
use super::{Query, State, Transport};

/// What may happen to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It is answered as it should be.
    Answered,
    /// It is not answered.
    Ignored,
    /// The first time it comes it is lost.
    LostOnce,
    /// The answer takes its time.
    After(Duration),
    /// There is only an error code.
    Fails(ResponseCode),
    /// The answer is cut off over UDP. Over TCP it is complete.
    Truncated,
    /// The answer is cut off over UDP. Over TCP there is none.
    TruncatedAndIgnored,
    /// The answer is cut off, over TCP too.
    TruncatedAlways,
    /// A forged answer comes before the right one: to another question's id.
    WrongIdFirst,
    /// The answer has another question's id, and no right one follows.
    WrongId,
    /// The answer repeats another question.
    WrongQuestion,
    /// The answer is no DNS message beyond its header.
    Garbage,
    /// Of CNAMEs only the first is told, as an authoritative server does.
    OneAliasAtATime,
    /// That there is nothing is told without a SOA record.
    WithoutSoa,
    /// It is told whom to ask instead, as by a server that does not resolve names for others.
    Refers,
    /// Records of another name come with the answer.
    WithOthers,
}

/// The messages that are sent, if any, and when.
pub(super) fn to(state: &mut State, question: &[u8], transport: Transport) -> (Duration, Vec<Vec<u8>>) {
    let Ok(question) = Message::from_vec(question) else { return (Duration::ZERO, Vec::new()) };
    let Some(asked) = question.queries.first().cloned() else { return (Duration::ZERO, Vec::new()) };
    let query = Query { name: fold(&asked.name().to_ascii()), kind: asked.query_type().to_string(), transport };
    let is_first = !state.queries.contains(&query);
    let manner = state.manner(&query.name);
    state.queries.push(query);

    let good = answer(state, &question, &asked, manner);
    let delay = if let Manner::After(delay) = manner { delay } else { Duration::ZERO };
    let replies = match (manner, transport) {
        (Manner::Ignored, _) | (Manner::TruncatedAndIgnored, Transport::Tcp) => vec![],
        (Manner::LostOnce, _) if is_first => vec![],
        (Manner::Fails(code), _) => vec![octets(&failure(&question, &asked, code))],
        (Manner::Truncated | Manner::TruncatedAndIgnored, Transport::Udp) | (Manner::TruncatedAlways, _) => {
            vec![octets(&truncated(&good, 1))]
        }
        (Manner::WrongId, _) => vec![octets(&with_wrong_id(&good))],
        (Manner::WrongIdFirst, _) => vec![octets(&with_wrong_id(&good)), octets(&good)],
        (Manner::WrongQuestion, _) => vec![octets(&to_another_question(&good))],
        (Manner::Garbage, _) => vec![garbage(&good)],
        _ => vec![fitting(&good, transport, question.max_payload())],
    };
    (delay, replies)
}

impl State {
    fn manner(&self, name: &str) -> Manner {
        let fits = |top: &str| top.is_empty() || name == top || name.ends_with(&format!(".{top}"));
        let manner = self.manners.iter().rev().find(|(top, _)| fits(top));
        manner.map_or(Manner::Answered, |(_, manner)| *manner)
    }
}

fn answer(state: &State, question: &Message, asked: &Asked, manner: Manner) -> Message {
    let (code, mut records, is_empty) = match state.zone.find(asked.name(), asked.query_type()) {
        Found::Records(records) => (ResponseCode::NoError, records, false),
        Found::NoData(aliases) => (ResponseCode::NoError, aliases, true),
        Found::NoName(aliases) => (ResponseCode::NXDomain, aliases, true),
    };
    let is_alias = records.first().is_some_and(|record| record.record_type() != asked.query_type());
    let mut message = failure(question, asked, code);
    if manner == Manner::OneAliasAtATime && is_alias {
        records.truncate(1);
        message.metadata.response_code = ResponseCode::NoError;
    } else if manner == Manner::Refers {
        message.add_authority(state.zone.referral());
        return message;
    } else if is_empty && manner != Manner::WithoutSoa {
        message.add_authority(state.zone.authority());
    }
    if manner == Manner::WithOthers {
        let others = records.clone().into_iter().map(|mut record| {
            record.name = Name::from_ascii("another.example.").expect("a name");
            record
        });
        message.add_answers(others.collect::<Vec<_>>());
    }
    message.add_answers(records);
    message
}

fn failure(question: &Message, asked: &Asked, code: ResponseCode) -> Message {
    let mut message = Message::new(question.id, MessageType::Response, question.op_code);
    message.metadata.recursion_desired = question.recursion_desired;
    message.metadata.recursion_available = true;
    message.metadata.response_code = code;
    message.add_query(asked.clone());
    message
}

/// With the first `kept` of its records.
fn truncated(good: &Message, kept: usize) -> Message {
    let mut message = good.clone();
    message.answers.truncate(kept);
    message.metadata.truncation = true;
    message
}

fn with_wrong_id(good: &Message) -> Message {
    let mut message = good.clone();
    message.metadata.id = good.id.wrapping_add(1);
    message
}

fn to_another_question(good: &Message) -> Message {
    let mut message = good.clone();
    for query in &mut message.queries {
        query.set_name(Name::from_ascii("another.example.").expect("a name"));
    }
    message
}

/// Announces more than there is.
fn garbage(good: &Message) -> Vec<u8> {
    let mut octets = octets(good);
    octets.truncate(octets.len() - 3);
    octets.splice(6..8, [0xff, 0xff]);
    octets
}

/// Cut off where the asker could not take it (RFC 6891 section 7).
fn fitting(good: &Message, transport: Transport, most: u16) -> Vec<u8> {
    let complete = octets(good);
    if transport == Transport::Udp && complete.len() > most.into() { octets(&truncated(good, 0)) } else { complete }
}

fn octets(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a message that can be written")
}
