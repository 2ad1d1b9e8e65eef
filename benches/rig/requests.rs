//! What is asked: all attributes that a Postfix 3.7 sends at RCPT, in its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many triplets are asked about again and again.
pub(crate) const KNOWN: usize = 1000;

/// Clients with names below this one are asked about.
pub(crate) const DOMAIN: &str = "example.org";

/// Requests to be sent.
#[derive(Debug, Clone)]
pub(crate) enum Requests {
    /// About these, from the first again after the last, but each in a transaction of its own.
    Same(Arc<[Box<[u8]>]>),
    /// Always others, of which none was ever sent before.
    New,
}

impl Requests {
    /// About [`KNOWN`] triplets of a hundred clients.
    pub(crate) fn same() -> Self {
        let requests = (0..KNOWN).map(|number| {
            let client = number % 100 + 1;
            let (address, name) = (format!("192.0.2.{client}"), format!("mail{client}.{DOMAIN}"));
            request(&address, &name, &format!("alice.{}@{DOMAIN}", letters(number as u64)), number as u64)
        });
        Self::Same(requests.collect())
    }

    /// What one connection of several sends, one after the other.
    pub(crate) fn of_connection(&self, number: usize) -> impl FnMut() -> Box<[u8]> + use<> {
        let requests = self.clone();
        let mut position = number * 97;
        move || match &requests {
            Self::Same(requests) => {
                position += 1;
                in_a_transaction_of_its_own(requests[position % requests.len()].clone())
            }
            Self::New => next_new(),
        }
    }
}

/// Postfix repeats a request only when a connection broke, and then it is no second one.
fn in_a_transaction_of_its_own(mut request: Box<[u8]>) -> Box<[u8]> {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let mut serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let start = memchr::memmem::find(&request, INSTANCE.as_bytes()).unwrap() + INSTANCE.len();
    for octet in &mut request[start..start + 16] {
        *octet = b"0123456789abcdef"[(serial % 16) as usize];
        serial /= 16;
    }
    request
}

/// A sender and a network that nobody has heard of: 65,536 networks take turns.
fn next_new() -> Box<[u8]> {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let random = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let network = random >> 48;
    request(&format!("2001:db8:0:{network:x}::25"), "unknown", &format!("{}@{DOMAIN}", letters(random)), serial)
}

/// Numbers and hexadecimal words would be taken for marks that change from message to message.
fn letters(mut number: u64) -> String {
    let mut letters = String::new();
    for _ in 0..14 {
        letters.push(char::from(b'g' + (number % 20) as u8));
        number /= 20;
    }
    letters
}

/// What the unique number of a transaction follows.
const INSTANCE: &str = "instance=589f.6b00ee36.";

fn request(client: &str, name: &str, sender: &str, instance: u64) -> Box<[u8]> {
    let request = format!(
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address={client}\n\
         client_name={name}\nclient_port=49182\nreverse_client_name={name}\nserver_address=192.0.2.200\nserver_port=25\n\
         helo_name=mail.{DOMAIN}\nsender={sender}\nrecipient=bob@example.net\nrecipient_count=0\nqueue_id=\n\
         {INSTANCE}{instance:016x}.0\nsize=0\netrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\n\
         ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\n\
         encryption_cipher=\nencryption_keysize=0\npolicy_context=\n\n"
    );
    request.into_bytes().into()
}
