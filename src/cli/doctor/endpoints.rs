//! Is somebody there where Postfix asks, and is it who it should be?

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::show::Looked;
use crate::doctor::Site;
use crate::doctor::postfix::Target;
use crate::text::{from_octets, printable};

/// Whoever is well answers these questions at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most octets of an answer that are read.
const MOST_ANSWER: u64 = 512;

/// What to say to somebody, and how the answer begins of one who understands.
struct Exchange {
    service: &'static str,
    question: &'static [u8],
    answer: &'static [u8],
    end: u8,
}

/// About nobody: a new connection, of which no check has anything to say.
const POLICY: Exchange = Exchange {
    service: "policy service",
    question:
        b"request=smtpd_access_policy\nprotocol_state=CONNECT\nclient_address=127.0.0.1\nclient_name=localhost\n\n",
    answer: b"action=",
    end: b'\n',
};

/// About an address without a tag (socketmap_table(5)).
const MAP: Exchange = Exchange {
    service: "socketmap with batv-verify",
    question: b"30:batv-verify nobody@example.org,",
    answer: b"9:NOTFOUND ",
    end: b',',
};

/// What came of asking, by target.
type Answers = BTreeMap<Target, Result<(), String>>;

/// Asks every policy service once that is to be postward.
pub(super) async fn ask_policy(site: &Site, looked: &mut Looked) -> Answers {
    ask(site.postward_targets(), &POLICY, looked).await
}

/// Asks every map once that postward is to serve.
pub(super) async fn ask_maps(site: &Site, looked: &mut Looked) -> Answers {
    ask(site.map_targets(), &MAP, looked).await
}

async fn ask(targets: BTreeSet<Target>, exchange: &Exchange, looked: &mut Looked) -> Answers {
    let mut answers = BTreeMap::new();
    for target in targets {
        let answer = timeout(PATIENCE, connect_and_ask(&target, exchange)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        let told = if answer.is_ok() { "answers" } else { "does not answer" };
        looked.at("asked", format!("{target} {told}"));
        answers.insert(target, answer);
    }
    answers
}

async fn connect_and_ask(target: &Target, exchange: &Exchange) -> Result<(), String> {
    let answer = match target {
        Target::Unix(path) => converse(UnixStream::connect(path).await, exchange).await,
        Target::Inet(host, port) => match port.parse::<u16>() {
            Ok(port) => converse(TcpStream::connect((host.as_str(), port)).await, exchange).await,
            Err(_) => return Ok(()), // a name of /etc/services, which is not ours to look up
        },
        Target::Nowhere(_) => return Err("it is no endpoint: write inet:HOST:PORT or unix:PATH".to_owned()),
    };
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.starts_with(exchange.answer) {
        true => Ok(()),
        false if answer.is_empty() => Err("it hangs up without an answer".to_owned()),
        false => {
            let answer = from_octets(&answer).into_owned();
            Err(format!("what answers there is no {}: {}", exchange.service, printable(answer.trim_end(), 60)))
        }
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: io::Result<S>,
    exchange: &Exchange,
) -> io::Result<Vec<u8>> {
    let mut stream = stream?;
    stream.write_all(exchange.question).await?;
    let mut answer = Vec::new();
    let mut bounded = (&mut stream).take(MOST_ANSWER);
    while !answer.ends_with(&[exchange.end]) && bounded.read_buf(&mut answer).await? > 0 {}
    Ok(answer)
}
