//! Connections that do nothing, as those of most smtpd processes.

use super::load::{self, Connection, Target};
use super::requests::Requests;

/// Opens so many; each asks once.
pub(crate) fn open(target: &Target, count: usize) -> Vec<Connection> {
    let mut next = Requests::same().of_connection(0);
    let open = |_| {
        let mut connection = load::connect(target).unwrap();
        load::ask_once(&mut connection, &next()).unwrap();
        connection
    };
    (0..count).map(open).collect()
}
