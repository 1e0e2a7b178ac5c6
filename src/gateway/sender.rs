//! Who sends a MESSAGE, and over which of a subscriber's bindings he is reached (REQUIREMENTS G-2, G-6).

use super::Gateway;
use crate::base::Time;
use crate::ident::{Identity, Msisdn, Number};
use crate::stack::Message;
use crate::subscriber::{AccessKind, Binding, Record, Subscriber, SubscriberId};

/// The sender of a MESSAGE, as far as it can be trusted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// The served network that answers for him: its S-CSCF asserts who he is, or he registered in it here.
    pub(super) network: u16,
    /// How he reaches us.
    pub(super) access: AccessKind,
    /// Who he is, if he is in the table.
    pub(super) subscriber: Option<SubscriberId>,
    /// What a request to him is addressed to: the identity that the core asserts, or his contact.
    pub(super) identity: Option<Identity>,
}

/// 8.9 step 3: an S-CSCF's MESSAGE is from whom it asserts. 8.3 step 3: a UE's is from whoever registered from its
/// address and port, whatever the message says. Anybody else is nobody.
pub(super) fn find(gateway: &Gateway, now: Time, message: &Message<'_>) -> Option<Sender> {
    if let Some(network) = gateway.network_of(&message.request) {
        let found = message.asserted.iter().flatten().find_map(|identity| {
            let exact = gateway.subscribers.by_identity(identity.as_bytes());
            Some((exact.or_else(|| by_wildcard(gateway, identity))?.id(), *identity))
        });
        let found = found.or_else(|| {
            let mut numbers = message.asserted_numbers();
            numbers.find_map(|(identity, number)| Some((by_number(gateway, network, number)?.id(), identity)))
        });
        let (subscriber, identity) = found.unzip();
        return Some(Sender { network, access: AccessKind::Ims, subscriber, identity });
    }
    let subscriber = gateway.subscribers.by_address(message.request.source)?;
    let at = subscriber.record().binding_from(message.request.source)?;
    let binding = subscriber.record().binding(at).filter(|_| subscriber.expiry(at) > now)?;
    // An address is a datagram's and a stream's at the same time; only who opened the stream can send by it.
    if binding.connection != message.request.connection {
        return None;
    }
    Some(Sender {
        network: binding.network,
        access: AccessKind::Direct,
        subscriber: Some(subscriber.id()),
        identity: Some(binding.contact),
    })
}

/// The subscriber whose number it is, in whatever form the core asserts it: the identity of a number is the number (RFC 3261
/// 19.1.6, RFC 3966 5).
fn by_number(gateway: &Gateway, network: u16, number: Number) -> Option<Subscriber<'_>> {
    let key = gateway.networks.get(usize::from(network))?.numbering.key(number)?;
    gateway.subscribers.by_msisdn(Msisdn::new(key)?)
}

/// The subscriber one of whose wildcarded identities stands for this one (TS 23.003 13.4A).
fn by_wildcard<'g>(gateway: &'g Gateway, identity: &Identity) -> Option<Subscriber<'g>> {
    let mut meant = gateway.wildcards.iter().filter(|wildcard| wildcard.matches(identity));
    meant.find_map(|it| gateway.subscribers.by_identity(it.identity().as_bytes()))
}

/// 8.5: who was sent a message and is nobody's any more, because he de-registered before his delivery report came. It is
/// taken: the UE has the message, and would have it twice otherwise. Nobody else can name it, since In-Reply-To repeats
/// a Call-ID that only he was sent, and nobody is believed but from where he was sent it.
pub(super) fn reporting(gateway: &Gateway, message: &Message<'_>) -> Option<Sender> {
    let (worker, key) = message.in_reply_to?;
    let sent = gateway.mt.get(key).filter(|_| worker == gateway.config.worker)?;
    let network = sent.sent_from(message.request.source)?;
    Some(Sender { network, access: AccessKind::Direct, subscriber: None, identity: None })
}

impl Sender {
    /// The binding that he sends over, with its index, if it is registered; no network's core may speak for another's
    /// subscribers.
    pub(super) fn binding(&self, now: Time, subscriber: &Subscriber<'_>) -> Option<(usize, Binding)> {
        let is_it = |binding: &Binding| {
            binding.network == self.network
                && binding.access == self.access
                && (self.access == AccessKind::Ims || Some(binding.contact) == self.identity)
        };
        subscriber.registered(now).find(|(_, binding)| is_it(binding))
    }
}

/// Whether a status tells of the flow to a device rather than what the device says: nobody answers there, or nobody keeps it any
/// more (RFC 5626 7).
pub(super) const fn is_of_flow(status: u16) -> bool {
    matches!(status, 408 | 430)
}

/// The bindings over which something was tried, by their names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried {
    names: [u64; Record::BINDINGS],
    /// The device of each that has several flows (RFC 5626), and whether it has answered by this one.
    devices: [(u64, bool); Record::BINDINGS],
    len: u8,
}

impl Tried {
    /// Adds one.
    pub(super) fn add(&mut self, binding: &Binding) {
        if let Some(place) = self.names.get_mut(usize::from(self.len)) {
            *place = binding.registration;
            if let Some(device) = self.devices.get_mut(usize::from(self.len)) {
                *device = (binding.device, false);
            }
            self.len += 1;
        }
    }

    /// The device that was tried last has given its answer: by another flow it would give the same (RFC 5626 7).
    pub(super) fn answered(&mut self) {
        let last = usize::from(self.len).checked_sub(1).and_then(|at| self.devices.get_mut(at));
        if let Some((_, answered)) = last {
            *answered = true;
        }
    }

    fn has_answered(&self, binding: &Binding) -> bool {
        binding.device != 0 && self.devices.contains(&(binding.device, true))
    }

    fn has(&self, binding: &Binding) -> bool {
        self.names.iter().take(self.len.into()).any(|name| *name == binding.registration)
    }

    /// The preferred binding among those that were not tried yet: a record has them in the order of preference.
    pub(super) fn next(&self, now: Time, subscriber: &Subscriber<'_>) -> Option<Binding> {
        subscriber
            .registered(now)
            .map(|(_, binding)| binding)
            .find(|binding| !self.has(binding) && !self.has_answered(binding))
    }
}
