//! Whether anybody answers at all.
//!
//! When the DNS is away, every lookup waits until its deadline, and so does every mail. After some lookups in a row without
//! any answer the circuit opens: nothing is looked up any more until a server answers again, and mail flows at full speed.
//!
//! Lookups alone do not open it. Whoever sends mail chooses the names that are looked up, and could name zones that never answer
//! until all checks are off. So the servers are asked first for what they know by heart, and only their silence counts.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many lookups in a row without an answer raise the doubt.
const DOUBTFUL: u32 = 5;

/// Opens and closes; remembers how often nobody answered.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All is well, but for so many lookups in a row.
    Closed { unanswered: u32 },
    /// Somebody finds out whether the servers are there.
    Doubted,
    /// They are not.
    Open,
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { unanswered: 0 }
    }
}

impl Circuit {
    /// Lookups are vain at the moment.
    pub(super) fn is_open(&self) -> bool {
        *self.state() == State::Open
    }

    /// A server answered, whatever it said. Tells whether the circuit was open.
    pub(super) fn answered(&self) -> bool {
        std::mem::take(&mut *self.state()) == State::Open
    }

    /// A lookup ended without an answer. Tells whether it is time to find out whether the servers are there; who is told
    /// has to do it.
    pub(super) fn unanswered(&self) -> bool {
        let mut state = self.state();
        let State::Closed { unanswered } = *state else { return false };
        let doubted = unanswered + 1 >= DOUBTFUL;
        *state = if doubted { State::Doubted } else { State::Closed { unanswered: unanswered + 1 } };
        doubted
    }

    /// The servers are not there. Tells whether that is to be believed: not if one has answered meanwhile.
    pub(super) fn nobody_is_there(&self) -> Verdict {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Verdict::Refuted,
            State::Doubted => {
                *state = State::Open;
                Verdict::Opened
            }
            State::Open => Verdict::StillOpen,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of the doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A server has answered meanwhile.
    Refuted,
    /// The circuit is open now.
    Opened,
    /// It was open already.
    StillOpen,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lookups_in_a_row_raise_the_doubt() {
        let circuit = Circuit::default();
        for _ in 0..3 {
            assert!((1..DOUBTFUL).all(|_| !circuit.unanswered()));
            assert!(!circuit.answered());
        }
        assert_eq!((1..=2 * DOUBTFUL).filter(|_| circuit.unanswered()).count(), 1, "one is told to find out");
        assert!(!circuit.is_open(), "a doubt is no proof");
    }

    #[test]
    fn an_answer_closes_the_circuit() {
        let circuit = Circuit::default();
        for _ in 0..DOUBTFUL {
            circuit.unanswered();
        }
        assert_eq!(circuit.nobody_is_there(), Verdict::Opened);
        assert_eq!(circuit.nobody_is_there(), Verdict::StillOpen);
        assert!(circuit.is_open());
        assert!(circuit.answered());
        assert!(!circuit.is_open());
        assert_eq!(circuit.nobody_is_there(), Verdict::Refuted);
        assert!(!circuit.is_open(), "an old suspicion does not count");
    }
}
