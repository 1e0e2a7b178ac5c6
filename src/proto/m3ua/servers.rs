//! The application servers of a signalling gateway, over all of a worker's associations with ASPs, and the routing keys
//! by which ASPs join them while running (RFC 4666 4.4).

use super::asp::{Asp, AspConfig, AspState, Role};
use super::keys::{self, DeregStatus, Keys, RegStatus, RoutingKey};
use super::server::{Choice, Notice, Server, ServerConfig, ServerState};
use super::{Status, TrafficMode};
use crate::base::Time;
use crate::ident::PointCode;

/// A NTFY for the ASP of one association.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// The association.
    pub association: u16,
    /// About which application server.
    pub context: Option<u32>,
    /// What it says.
    pub status: Status,
    /// The identifier of the ASP that it is about.
    pub asp_identifier: Option<u32>,
}

#[derive(Debug)]
struct Entry {
    server: Server,
    appearance: Option<u32>,
    /// The associations of its ASPs, in the order of its members; `VACANT` where one has left.
    associations: Vec<u16>,
    /// The members that are configured; the others have registered and may leave.
    fixed: u32,
    /// The key that an ASP has registered and nobody has provisioned.
    dynamic: Option<(PointCode, u16)>,
}

const VACANT: u16 = u16::MAX;

/// The most application servers that ASPs make by registration.
const DYNAMIC_MAX: usize = 64;
/// The most results in one REG RSP or DEREG RSP.
const RESULTS_MAX: usize = 32;

/// A routing key that ASPs may register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Provision {
    /// The routing context of its application server.
    pub context: u32,
    /// The destination.
    pub point_code: PointCode,
    /// Service indicators, one bit each; all if there is none.
    pub services: u16,
}

impl Entry {
    fn new(server: Server, appearance: Option<u32>) -> Self {
        Self { server, appearance, associations: Vec::new(), fixed: 0, dynamic: None }
    }

    fn context(&self) -> Option<u32> {
        self.server.config().routing_context
    }

    /// One ASP more, in the place of one that has left if there is one.
    fn join(&mut self, association: u16, fixed: bool) -> bool {
        let at = match self.member(VACANT) {
            Some(member) => usize::from(member),
            None if self.server.add_member().is_some() => {
                self.associations.push(VACANT);
                self.associations.len() - 1
            }
            None => return false,
        };
        if let Some(slot) = self.associations.get_mut(at) {
            *slot = association;
        }
        self.fixed |= u32::from(fixed) << at;
        true
    }

    /// Nobody is there, and nothing is pending.
    fn is_deserted(&self) -> bool {
        self.associations.iter().all(|&association| association == VACANT)
            && self.server.state() == ServerState::Down
    }

    fn member(&self, association: u16) -> Option<u8> {
        self.associations.iter().position(|&known| known == association).map(|at| at as u8)
    }
}

/// The application servers of a signalling gateway. Associations that name the same routing context in the same network
/// are ASPs of one.
#[derive(Debug, Default)]
pub struct Servers {
    entries: Vec<Entry>,
    configs: Vec<ServerConfig>,
    provisions: Vec<Provision>,
    /// The first routing context of those that are made for keys that aren't provisioned.
    dynamic: Option<u32>,
}

impl Servers {
    /// The application servers of these associations, by their numbers, as `configs` say of their routing contexts;
    /// of others, as is usual.
    #[must_use]
    pub fn new<'a>(
        associations: impl Iterator<Item = (u16, &'a AspConfig)>,
        configs: &[ServerConfig],
    ) -> Self {
        let mut these = Self { configs: configs.to_vec(), ..Self::default() };
        for (association, config) in associations.filter(|(_, config)| config.role == Role::Sgp) {
            let named = config.routing_contexts.iter().map(|&context| Some(context));
            let nameless = (config.routing_contexts.is_empty() && !config.registration).then_some(None);
            for context in named.chain(nameless) {
                these.join(association, context, config);
            }
        }
        these
    }

    /// Lets ASPs whose associations allow it register these keys, and with `dynamic` any other too: those get routing
    /// contexts from that number on.
    pub fn provision(&mut self, provisions: Vec<Provision>, dynamic: Option<u32>) {
        self.provisions = provisions;
        self.dynamic = dynamic;
    }

    fn join(&mut self, association: u16, context: Option<u32>, config: &AspConfig) {
        // Without a name it is the only one of its association, and of no other.
        let same = |entry: &Entry| {
            context.is_some() && entry.context() == context && entry.appearance == config.network_appearance
        };
        let at = self.entries.iter().position(same).unwrap_or_else(|| {
            let server = self.usual(context, config.traffic_mode);
            self.entries.push(Entry::new(server, config.network_appearance));
            self.entries.len() - 1
        });
        if let Some(entry) = self.entries.get_mut(at) {
            entry.join(association, true);
        }
    }

    /// An application server as it is configured, without ASPs.
    fn usual(&self, context: Option<u32>, mode: Option<TrafficMode>) -> Server {
        let configured = self.configs.iter().find(|config| config.routing_context == context).copied();
        let config = configured.unwrap_or(ServerConfig::new(context));
        Server::new(ServerConfig { mode: config.mode.or(mode), ..config }, 0)
    }

    /// Looks what has become of an ASP, after anything that its machine or its association has gone through; `failed`:
    /// the association was lost. What the ASPs are to be told goes to `tell`: see [`Asp::tell`]. Afterwards
    /// [`Servers::govern`] is due for every ASP.
    pub fn observe(
        &mut self,
        now: Time,
        association: u16,
        asp: &Asp,
        failed: bool,
        tell: &mut dyn FnMut(Told),
    ) {
        for entry in &mut self.entries {
            let Some(member) = entry.member(association) else { continue };
            let context = entry.context();
            let state = asp.member_state(context);
            if let Some(mode) = asp.asked_mode(context).filter(|_| state == AspState::Active) {
                entry.server.adopt(mode);
            }
            let associations = &entry.associations;
            let mut each = |notice| spread(notice, context, associations, tell);
            if failed && state == AspState::Down {
                entry.server.on_failure(now, member, &mut each);
            } else {
                entry.server.on_member(now, member, state, &mut each);
            }
            if state != AspState::Down {
                entry.server.identify(member, asp.peer_identifier());
            } else if entry.fixed >> member & 1 == 0
                && let Some(slot) = entry.associations.get_mut(usize::from(member))
            {
                *slot = VACANT;
            }
        }
    }

    /// Answers the registration of keys by the ASP of an association. [`Servers::observe`] is due afterwards.
    pub fn register(
        &mut self,
        association: u16,
        asp: &mut Asp,
        keys: Keys<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let mut results = [(0, RegStatus::Unknown, 0); RESULTS_MAX];
        let mut count = 0;
        for key in keys {
            let result = match key {
                Err((local, status)) => (local, status, 0),
                Ok(key) => match self.register_one(association, asp, &key) {
                    Ok((status, context)) => (key.local, status, context),
                    Err(status) => (key.local, status, 0),
                },
            };
            if let Some(slot) = results.get_mut(count) {
                *slot = result;
                count += 1;
            }
            if count == RESULTS_MAX {
                asp.answer_registration(&results, send);
                count = 0;
            }
        }
        if let Some(results @ [_, ..]) = results.get(..count) {
            asp.answer_registration(results, send);
        }
    }

    fn register_one(
        &mut self,
        association: u16,
        asp: &mut Asp,
        key: &RoutingKey,
    ) -> Result<(RegStatus, u32), RegStatus> {
        let appearance = asp.network_appearance();
        if key.appearance.is_some() && appearance.is_some() && key.appearance != appearance {
            return Err(RegStatus::InvalidAppearance);
        }
        let context = self.context_of(key, appearance)?;
        if asp.has_registered(context) {
            return Ok((RegStatus::AlreadyRegistered, context));
        }
        let at = self.entry_of(context, key, appearance);
        let entry = self.entries.get_mut(at).ok_or(RegStatus::Unknown)?;
        if entry.server.accepts(key.mode.map(|mode| mode as u32)).is_err() {
            return Err(RegStatus::UnsupportedMode);
        }
        if !asp.add_context(context) {
            return Err(RegStatus::Resources);
        }
        if entry.member(association).is_none() && !entry.join(association, false) {
            asp.remove_context(context);
            return Err(RegStatus::Resources);
        }
        asp.require_mode(Some(context), entry.server.required_mode());
        Ok((RegStatus::Registered, context))
    }

    /// The routing context of a key: a provisioned one, that of an equal key, or a new one.
    fn context_of(&self, key: &RoutingKey, appearance: Option<u32>) -> Result<u32, RegStatus> {
        let dynamic = || self.entries.iter().filter(|entry| entry.appearance == appearance);
        let known =
            self.provisions.iter().map(|it| (it.context, it.point_code, it.services)).chain(
                dynamic().filter_map(|it| it.dynamic.map(|of| (it.context().unwrap_or(0), of.0, of.1))),
            );
        let mut same = known.clone().filter(|it| it.1 == key.point_code);
        if let Some(asked) = key.context {
            // A key whose context is named is one that is to change.
            let mut named = known.filter(|it| it.0 == asked);
            let (_, point_code, services) = named.next().ok_or(RegStatus::NotProvisioned)?;
            let unchanged = (point_code, services) == (key.point_code, key.services);
            return if unchanged { Ok(asked) } else { Err(RegStatus::ChangeRefused) };
        }
        if let Some(it) = same.clone().find(|it| it.2 == key.services) {
            return Ok(it.0);
        }
        let overlaps = |services: u16| services == 0 || key.services == 0 || services & key.services != 0;
        if same.any(|it| overlaps(it.2)) {
            return Err(RegStatus::NoUniqueRouting);
        }
        let first = self.dynamic.ok_or(RegStatus::Denied)?;
        let made = self.entries.iter().filter(|entry| entry.dynamic.is_some());
        if made.clone().count() >= DYNAMIC_MAX {
            let deserted = made.clone().find(|entry| entry.is_deserted()).ok_or(RegStatus::Resources)?;
            return deserted.context().ok_or(RegStatus::Resources);
        }
        let taken = |context: u32| {
            self.entries.iter().any(|entry| entry.context() == Some(context))
                || self.provisions.iter().any(|it| it.context == context)
        };
        (first..=u32::MAX).find(|&context| !taken(context)).ok_or(RegStatus::Resources)
    }

    /// The application server of a routing context; a new one if there is none, or if it is of another key and deserted.
    fn entry_of(&mut self, context: u32, key: &RoutingKey, appearance: Option<u32>) -> usize {
        let provisioned = self.provisions.iter().any(|it| it.context == context);
        let dynamic = (!provisioned).then_some((key.point_code, key.services));
        let known = self
            .entries
            .iter()
            .position(|entry| entry.context() == Some(context) && entry.appearance == appearance);
        let at = known.unwrap_or(self.entries.len());
        let is_other = |entry: &Entry| entry.dynamic != dynamic && entry.is_deserted();
        if self.entries.get(at).is_none_or(is_other) {
            let mut fresh = Entry::new(self.usual(Some(context), key.mode), appearance);
            fresh.dynamic = dynamic;
            match self.entries.get_mut(at) {
                Some(entry) => *entry = fresh,
                None => self.entries.push(fresh),
            }
        }
        at
    }

    /// Answers the giving up of routing contexts by an ASP. [`Servers::observe`] is due afterwards.
    pub fn deregister(&mut self, asp: &mut Asp, contexts: &[u8], send: &mut dyn FnMut(u16, &[u8])) {
        let mut results = [(0, DeregStatus::Unknown); RESULTS_MAX];
        let mut count = 0;
        for context in keys::given_up(contexts).into_iter().flatten() {
            if let Some(slot) = results.get_mut(count) {
                *slot = (context, self.deregister_one(asp, context));
                count += 1;
            }
            if count == RESULTS_MAX {
                asp.answer_deregistration(&results, send);
                count = 0;
            }
        }
        if let Some(results @ [_, ..]) = results.get(..count) {
            asp.answer_deregistration(results, send);
        }
    }

    fn deregister_one(&self, asp: &mut Asp, context: u32) -> DeregStatus {
        let known = self.entries.iter().any(|entry| entry.context() == Some(context))
            || self.provisions.iter().any(|it| it.context == context);
        if !known {
            DeregStatus::InvalidContext
        } else if !asp.has_registered(context) {
            DeregStatus::NotRegistered
        } else if asp.member_state(Some(context)) == AspState::Active {
            DeregStatus::Active
        } else {
            asp.remove_context(context);
            DeregStatus::Deregistered
        }
    }

    /// Tells an ASP's machine which traffic modes its application servers take from now on, and which identifiers other ASPs
    /// of theirs have.
    pub fn govern(&self, association: u16, asp: &mut Asp) {
        for entry in self.of(association) {
            asp.require_mode(entry.context(), entry.server.required_mode());
        }
        let of = self.of(association).filter_map(|entry| Some((entry, entry.member(association)?)));
        asp.refuse_identifiers(of.flat_map(|(entry, member)| entry.server.identifiers_beside(member)));
    }

    /// Ends every T(r) that is due; messages that were held until then go to `discarded`.
    pub fn handle_timeout(
        &mut self,
        now: Time,
        tell: &mut dyn FnMut(Told),
        discarded: &mut dyn FnMut(&[u8]),
    ) {
        for entry in &mut self.entries {
            let context = entry.context();
            let associations = &entry.associations;
            let tell = &mut |notice| spread(notice, context, associations, tell);
            entry.server.handle_timeout(now, tell, discarded);
        }
    }

    /// Gives what was held for application servers that are active again, in order.
    pub fn release(&mut self, each: &mut dyn FnMut(&[u8])) {
        for entry in &mut self.entries {
            entry.server.release(each);
        }
    }

    fn of(&self, association: u16) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.member(association).is_some())
    }

    /// What an association has to do with traffic: the best state of the application servers that its ASP serves.
    #[must_use]
    pub fn state(&self, association: u16) -> ServerState {
        let rank = |state: &ServerState| match state {
            ServerState::Active => 3,
            ServerState::Pending => 2,
            ServerState::Inactive => 1,
            ServerState::Down => 0,
        };
        self.of(association).map(|entry| entry.server.state()).max_by_key(rank).unwrap_or(ServerState::Down)
    }

    /// The routing context of the application server that takes messages for a point by an association: the one whose key
    /// names that point, or else one without a key, rather active than not. `None`: there is none.
    #[must_use]
    pub fn context_to(&self, association: u16, destination: PointCode) -> Option<Option<u32>> {
        let rank = |entry: &&Entry| {
            let context = entry.context();
            let provisioned = self.provisions.iter().filter(|it| Some(it.context) == context);
            let keys = provisioned.map(|it| it.point_code).chain(entry.dynamic.map(|(point, _)| point));
            let named = keys.clone().any(|point| point == destination);
            let nameless = keys.count() == 0;
            (named || nameless).then_some((named, entry.server.state() == ServerState::Active))
        };
        let of = self.of(association).filter_map(|entry| Some((rank(&entry)?, entry.context())));
        // Of equal ones the first.
        of.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, context)| context)
    }

    /// When [`Servers::handle_timeout`] is due; `Time::NEVER` when no T(r) runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.entries.iter().map(|entry| entry.server.poll_timeout()).fold(Time::NEVER, Time::min)
    }

    /// The application servers, with the associations of their ASPs in the order of their members.
    pub fn each(&self) -> impl Iterator<Item = (&Server, &[u16])> {
        self.entries.iter().map(|entry| (&entry.server, &entry.associations[..]))
    }

    /// The application server of a routing context that an association serves, to send by.
    pub fn server_mut(&mut self, association: u16, context: Option<u32>) -> Option<&mut Server> {
        self.entries
            .iter_mut()
            .find(|entry| entry.context() == context && entry.member(association).is_some())
            .map(|entry| &mut entry.server)
    }

    /// Where a message for the application server that an association serves goes: `each` gets the associations and
    /// the correlation identifier. `None`: there is no such application server.
    pub fn choose(
        &mut self,
        association: u16,
        context: Option<u32>,
        selection: u8,
        each: &mut dyn FnMut(u16, Option<u32>),
    ) -> Option<Choice> {
        let entry = self
            .entries
            .iter_mut()
            .find(|entry| entry.context() == context && entry.member(association).is_some())?;
        let choice = entry.server.choose(selection);
        let (members, correlation) = match choice {
            Choice::One(member) => (1u32.wrapping_shl(member.into()), None),
            Choice::All(members, correlation) => (members, correlation),
            Choice::Hold | Choice::Nobody => (0, None),
        };
        for (at, &association) in entry.associations.iter().enumerate() {
            if members >> at & 1 == 1 {
                each(association, correlation);
            }
        }
        Some(choice)
    }

    /// Whether what goes to an application server by this association goes to another active ASP of it too (broadcast).
    #[must_use]
    pub fn has_copies(&self, association: u16, context: Option<u32>) -> bool {
        self.of(association).filter(|entry| entry.context() == context).any(|entry| {
            let others = |member: u8| entry.server.active() & !1u32.wrapping_shl(member.into());
            entry.server.mode() == Some(TrafficMode::Broadcast)
                && entry.member(association).is_some_and(|member| others(member) != 0)
        })
    }

    /// Panics if the state contradicts itself.
    pub fn assert_invariants(&self) {
        for entry in &self.entries {
            entry.server.assert_invariants();
        }
    }
}

fn spread(notice: Notice, context: Option<u32>, associations: &[u16], tell: &mut dyn FnMut(Told)) {
    for (at, &association) in associations.iter().enumerate() {
        if notice.members >> at & 1 == 1 {
            let Notice { status, asp_identifier, .. } = notice;
            tell(Told { association, context, status, asp_identifier });
        }
    }
}
