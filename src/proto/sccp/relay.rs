//! What a point with a translation function does with messages that are for others (Q.714 2.3, 2.4): their titles are
//! translated, and they go on as they came.

use super::connectionless::{Sccp, is_used_up};
use super::view::{self, Input};
use super::{Cause, Kind, Route, States, build};
use crate::base::Time;
use crate::codec::Prepend;
use crate::ident::{PointCode, SccpAddress};

/// What became of a message at such a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relayed {
    /// It is not for others: [`Sccp::handle_input`] says what it is.
    NotForOthers,
    /// The message, translated, goes on to this point.
    On(PointCode),
    /// It can't: the service message that returns it goes to this point.
    Back(PointCode),
    /// Nothing more; counted.
    Nothing,
}

impl Sccp {
    /// Takes a message that came from `opc` with this signalling link selection, and writes what is to be sent instead of it
    /// into `w`, an empty writer. Segments go on one by one.
    pub fn relay(
        &mut self,
        now: Time,
        opc: PointCode,
        selection: u8,
        bytes: &[u8],
        states: &impl States,
        w: &mut Prepend<'_>,
    ) -> Relayed {
        let Ok(input) = view::parse(bytes) else { return Relayed::NotForOthers };
        let (kind, called, calling) = match &input {
            Input::Unitdata(unitdata) => (unitdata.kind, &unitdata.called, &unitdata.calling),
            Input::Service(service) => (service.kind, &service.called, &service.calling),
        };
        if !matches!(self.routes.route(called), Route::Remote(..)) {
            return Relayed::NotForOthers;
        }
        let failed = match self.routes.resolve(called, selection, states, &mut |_| ()) {
            Route::Remote(..) if has_no_hop_left(&input, bytes) => {
                self.counts.hop_counter += 1;
                Cause::HOP_COUNTER_VIOLATION
            }
            Route::Remote(to, onward) => {
                let translated = !called.route_on_ssn;
                let calling = whole_calling(calling, opc);
                if pass_on(w, bytes, kind, translated, &onward, calling.as_ref()) {
                    self.counts.relayed += 1;
                    return Relayed::On(to.point_code);
                }
                w.clear();
                self.counts.too_long += 1;
                Cause::LOCAL_PROCESSING
            }
            Route::NoTranslation(cause) => {
                *self.counts.of_route(cause) += 1;
                cause
            }
            // With all states as they are it may lead to a subsystem of ours, which the first target is not.
            Route::Local(_) => return Relayed::NotForOthers,
        };
        self.return_relayed(now, opc, bytes, failed, w).map_or(Relayed::Nothing, Relayed::Back)
    }

    /// Writes the service message that returns a message for another which can't go on, and gives the point that it goes to. A
    /// service message is not answered (Q.714 4.2).
    pub fn return_relayed(
        &mut self,
        now: Time,
        opc: PointCode,
        bytes: &[u8],
        cause: Cause,
        w: &mut Prepend<'_>,
    ) -> Option<PointCode> {
        let Ok(Input::Unitdata(unitdata)) = view::parse(bytes) else { return None };
        self.return_unitdata(now, opc, &unitdata, cause, w)
    }
}

/// Whether a message may not be translated once more. That of a service message counts too.
fn has_no_hop_left(input: &Input<'_>, bytes: &[u8]) -> bool {
    match input {
        Input::Unitdata(unitdata) => is_used_up(unitdata),
        Input::Service(service) if service.kind == Kind::Udt => false,
        Input::Service(service) => {
            bytes.get(2).is_none_or(|left| *left <= u8::from(!service.called.route_on_ssn))
        }
    }
}

/// An answer to a subsystem number alone would find its way only from the next point (Q.714 2.7.5): it is told where the
/// message came from.
fn whole_calling(calling: &SccpAddress, opc: PointCode) -> Option<SccpAddress> {
    let is_whole = !calling.route_on_ssn || calling.point_code.is_some() || calling.ssn.is_none();
    (!is_whole).then_some(SccpAddress { point_code: Some(opc), ..*calling })
}

/// Writes the message that goes on; whether it fits its form.
fn pass_on(
    w: &mut Prepend<'_>,
    bytes: &[u8],
    kind: Kind,
    translated: bool,
    called: &SccpAddress,
    calling: Option<&SccpAddress>,
) -> bool {
    let Some(passed) = view::passed(bytes, kind) else { return false };
    let hop_counter = passed.hop_counter.map(|left| left.saturating_sub(u8::from(translated)));
    build::onward(w, &passed, hop_counter, called, calling).is_ok() && !w.overflowed()
}
