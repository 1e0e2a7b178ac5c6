//! The ends of messages as the control thread keeps them for operators: a bounded ring from each worker, which drops and
//! counts when it is full. What a message says is not among them.

use super::cause::Failure;
use super::charging::End;
use super::{Gateway, GatewayCounts};
use crate::base::{Producer, Time};
use crate::ident::Imsi;

/// The end of a message of a subscriber's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// When.
    pub at: Time,
    /// Whose.
    pub imsi: Imsi,
    /// Which way it went, and how it ended.
    pub end: End,
}

impl Gateway {
    /// The same gateway, which tells the ends of messages by this ring.
    #[must_use]
    pub fn with_endings(self, endings: Producer<Ending>) -> Self {
        Self { endings: Some(endings), ..self }
    }

    /// A message is over, or was refused at once.
    pub(super) fn note(&mut self, at: Time, imsi: Option<Imsi>, end: End) {
        let (Some(endings), Some(imsi)) = (&mut self.endings, imsi) else { return };
        tell(endings, &mut self.counts, Ending { at, imsi, end });
    }

    /// A message for a UE was refused before it was tried: to somebody who is not registered, or who has too many already.
    pub(super) fn note_refused(&mut self, at: Time, imsi: Option<Imsi>, failure: Failure) {
        // Whom nobody here knows is of no interest, and strangers could push others out.
        if failure != Failure::UnidentifiedSubscriber {
            self.note(at, imsi, End::Delivered(Some(failure)));
        }
    }
}

/// Neither waits nor allocates: what finds no room is counted.
fn tell(endings: &mut Producer<Ending>, counts: &mut GatewayCounts, ending: Ending) {
    counts.endings_dropped += u64::from(endings.push(ending).is_err());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ring;

    #[test]
    fn what_finds_no_room_is_counted_and_the_oldest_are_there() {
        let (mut endings, mut control) = ring(4);
        let mut counts = GatewayCounts::default();
        let imsi = "262011234567890".parse().unwrap();
        for at in 1..=6 {
            let end = End::Delivered(Some(Failure::Busy));
            tell(&mut endings, &mut counts, Ending { at: Time::from_millis(at), imsi, end });
        }
        assert_eq!(counts.endings_dropped, 2);
        let told: Vec<Time> = core::iter::from_fn(|| control.pop()).map(|it| it.at).collect();
        assert_eq!(told, [1, 2, 3, 4].map(Time::from_millis));
    }
}
