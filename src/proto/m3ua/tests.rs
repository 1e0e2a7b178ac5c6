//! Tests of M3UA: octets, the state machine against itself, and its answers to what it shouldn't get.

use super::build::{self, DataHeader};
use super::keys::Keys;
use super::*;
use crate::base::{Malformed, Time};
use crate::codec::Prepend;
use crate::ident::PointCode;
use core::time::Duration;
use std::collections::VecDeque;

mod contexts;
mod destinations;
mod ipsp;
mod keys;
mod machine;
mod malformed;
mod octets;
mod server;
mod ttcn_asp;
mod ttcn_sgp;
mod walk;

pub(super) const GOLDEN_UDT: &str = "098103\
    0e190b12080012049471016700000b1208001204947101990910\
    6562634804000000016b1e281c060700118605010101a011600f80020780a1090607040000010015036c3ba1390201010201\
    2e3031840791947101670000820791947110325476041311\
    050c919471907856340000a705c8329bfd06040862021132547698f0";

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|c| c.is_ascii_hexdigit())
        .map(|c| (c as char).to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(super) fn header() -> DataHeader {
    DataHeader {
        network_appearance: None,
        routing_context: Some(100),
        opc: PointCode(1234),
        dpc: PointCode(5678),
        si: 3,
        ni: 2,
        mp: 0,
        sls: 5,
    }
}

pub(super) fn data_message(header: &DataHeader, payload: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 600];
    let mut writer = Prepend::new(&mut buffer);
    let mark = build::data_padding(&mut writer);
    writer.bytes(payload);
    build::data(&mut writer, mark, header).unwrap().to_vec()
}

/// A management message with these parameters, in order.
pub(super) fn message(kind: Kind, parameters: &[(u16, &[u8])]) -> Vec<u8> {
    let mut buffer = [0; 4400];
    let mut writer = Prepend::new(&mut buffer);
    for &(tag, value) in parameters.iter().rev() {
        build::parameter(&mut writer, tag, value);
    }
    build::message(&mut writer, kind).unwrap().to_vec()
}

/// What a machine has sent: kind, and parameters by tag.
pub(super) fn kind(bytes: &[u8]) -> Kind {
    Message::parse(bytes).unwrap().kind().unwrap()
}

pub(super) fn word(bytes: &[u8], tag: u16) -> Option<u32> {
    Message::parse(bytes).unwrap().parameters.word(tag).unwrap()
}

/// One machine, with what it has sent.
pub(super) struct Node {
    pub(super) asp: Asp,
    /// Its application servers, as SGP, where it is not one of several of a gateway.
    pub(super) servers: Servers,
    pub(super) is_one_of_several: bool,
    pub(super) sent: VecDeque<(u16, Vec<u8>)>,
    pub(super) delivered: Vec<Vec<u8>>,
    /// A message about routing keys, for the application servers to answer.
    asked: Option<Vec<u8>>,
    pub(super) changes: Vec<AspState>,
    pub(super) timeouts: Vec<Timeout>,
}

impl Node {
    pub(super) fn new(config: AspConfig) -> Self {
        Self {
            servers: Servers::new([(0, &config)].into_iter(), &[]),
            is_one_of_several: false,
            asp: Asp::new(config),
            sent: VecDeque::new(),
            delivered: Vec::new(),
            asked: None,
            changes: Vec::new(),
            timeouts: Vec::new(),
        }
    }

    pub(super) fn up(&mut self, now: Time) {
        let sent = &mut self.sent;
        self.asp.association_up(now, 4, &mut |stream, bytes| sent.push_back((stream, bytes.to_vec())));
        self.tend(now, true);
    }

    pub(super) fn down(&mut self, now: Time) {
        self.asp.association_down(now);
        self.asp.assert_invariants();
        self.tend(now, true);
    }

    /// As the stack does after every event.
    pub(super) fn tend(&mut self, now: Time, failed: bool) {
        let mut told = Vec::new();
        self.servers.observe(now, 0, &self.asp, failed, &mut |it| told.push(it));
        self.servers.handle_timeout(now, &mut |it| told.push(it), &mut |_| ());
        for Told { context, status, asp_identifier, .. } in told {
            self.tell(status, context, asp_identifier);
        }
        self.servers.govern(0, &mut self.asp);
        self.servers.assert_invariants();
        self.asp.assert_invariants();
    }

    pub(super) fn tell(&mut self, status: Status, context: Option<u32>, asp_identifier: Option<u32>) {
        let sent = &mut self.sent;
        self.asp.tell(status, context, asp_identifier, &mut |stream, bytes| {
            sent.push_back((stream, bytes.to_vec()));
        });
    }

    pub(super) fn poll(&self) -> Time {
        self.asp.poll_timeout().min(self.servers.poll_timeout())
    }

    pub(super) fn stop(&mut self, now: Time) {
        let sent = &mut self.sent;
        self.asp.stop(now, &mut |stream, bytes| sent.push_back((stream, bytes.to_vec())));
        self.tend(now, false);
    }

    pub(super) fn start(&mut self, now: Time) {
        let sent = &mut self.sent;
        self.asp.start(now, &mut |stream, bytes| sent.push_back((stream, bytes.to_vec())));
    }

    pub(super) fn input(&mut self, now: Time, stream: u16, bytes: &[u8]) -> Result<(), Malformed> {
        let sent = &mut self.sent;
        let input = self
            .asp
            .handle_input(now, stream, bytes, &mut |at, answer| sent.push_back((at, answer.to_vec())));
        self.asp.assert_invariants();
        let input = input.map(|input| match input {
            Input::Data(data) => {
                self.delivered.push(data.payload.to_vec());
                None
            }
            Input::Changed(state) => Some(state),
            Input::Registration(_) | Input::Deregistration(_) => {
                self.asked = Some(bytes.to_vec());
                None
            }
            _ => None,
        });
        if !self.is_one_of_several {
            let mut servers = core::mem::take(&mut self.servers);
            self.answer_keys(0, &mut servers);
            self.servers = servers;
            self.tend(now, false);
        }
        self.changes.extend(input?);
        Ok(())
    }

    /// As the stack does with what an ASP asks of application servers.
    pub(super) fn answer_keys(&mut self, number: u16, servers: &mut Servers) {
        let Some(bytes) = self.asked.take() else { return };
        let parameters = Message::parse(&bytes).unwrap().parameters;
        let sent = &mut self.sent;
        let mut send = |stream: u16, bytes: &[u8]| sent.push_back((stream, bytes.to_vec()));
        match parameters.find(tag::ROUTING_CONTEXT) {
            Some(contexts) => servers.deregister(&mut self.asp, contexts, &mut send),
            None => servers.register(number, &mut self.asp, Keys::parse(parameters).unwrap(), &mut send),
        }
    }

    pub(super) fn timeout(&mut self, now: Time) {
        let sent = &mut self.sent;
        let outcome =
            self.asp.handle_timeout(now, &mut |stream, bytes| sent.push_back((stream, bytes.to_vec())));
        self.timeouts.extend(outcome);
        self.tend(now, false);
    }

    /// The kinds of what was sent since last asked.
    pub(super) fn kinds(&mut self) -> Vec<Kind> {
        self.sent.drain(..).map(|(_, bytes)| kind(&bytes)).collect()
    }

    pub(super) fn pop(&mut self) -> Vec<u8> {
        self.sent.pop_front().expect("nothing was sent").1
    }
}

/// Delivers until both are silent; everything that passed, by sender (0 or 1).
pub(super) fn exchange(now: Time, a: &mut Node, b: &mut Node) -> Vec<(u8, Kind)> {
    let mut passed = Vec::new();
    for _ in 0..1000 {
        if let Some((stream, bytes)) = a.sent.pop_front() {
            passed.push((0, kind(&bytes)));
            b.input(now, stream, &bytes).unwrap();
        } else if let Some((stream, bytes)) = b.sent.pop_front() {
            passed.push((1, kind(&bytes)));
            a.input(now, stream, &bytes).unwrap();
        } else {
            return passed;
        }
    }
    panic!("two machines talk without end: {passed:?}");
}

pub(super) fn seconds(count: u64) -> Time {
    Time::ZERO + Duration::from_secs(count)
}
