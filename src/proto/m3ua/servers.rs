//! The application servers of a signalling gateway, over all of a worker's associations with ASPs.

use super::Status;
use super::asp::{Asp, AspConfig, AspState, Role};
use super::server::{Choice, Notice, Server, ServerConfig};
use crate::base::Time;

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
    /// The associations of its ASPs, in the order of its members.
    associations: Vec<u16>,
}

impl Entry {
    fn member(&self, association: u16) -> Option<u8> {
        self.associations.iter().position(|&known| known == association).map(|at| at as u8)
    }
}

/// The application servers of a signalling gateway. Associations that name the same routing context in the same network
/// are ASPs of one.
#[derive(Debug, Default)]
pub struct Servers {
    entries: Vec<Entry>,
}

impl Servers {
    /// The application servers of these associations, by their numbers, as `configs` say of their routing contexts;
    /// of others, as is usual.
    #[must_use]
    pub fn new<'a>(
        associations: impl Iterator<Item = (u16, &'a AspConfig)>,
        configs: &[ServerConfig],
    ) -> Self {
        let mut these = Self::default();
        for (association, config) in associations.filter(|(_, config)| config.role == Role::Sgp) {
            let named = config.routing_contexts.iter().map(|&context| Some(context));
            let nameless = config.routing_contexts.is_empty().then_some(None);
            for context in named.chain(nameless) {
                these.join(association, context, config, configs);
            }
        }
        these
    }

    fn join(&mut self, association: u16, context: Option<u32>, config: &AspConfig, configs: &[ServerConfig]) {
        // Without a name it is the only one of its association, and of no other.
        let same = |entry: &&mut Entry| {
            context.is_some()
                && entry.server.config().routing_context == context
                && entry.appearance == config.network_appearance
        };
        if let Some(entry) = self.entries.iter_mut().find(same) {
            if entry.server.add_member().is_some() {
                entry.associations.push(association);
            }
            return;
        }
        let usual = ServerConfig { mode: config.traffic_mode, ..ServerConfig::new(context) };
        let server =
            configs.iter().find(|config| config.routing_context == context).copied().unwrap_or(usual);
        let server = ServerConfig { mode: server.mode.or(config.traffic_mode), ..server };
        self.entries.push(Entry {
            server: Server::new(server, 1),
            appearance: config.network_appearance,
            associations: vec![association],
        });
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
            let context = entry.server.config().routing_context;
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
            }
        }
    }

    /// Tells an ASP's machine which traffic modes its application servers take from now on.
    pub fn govern(&self, association: u16, asp: &mut Asp) {
        for entry in &self.entries {
            if entry.member(association).is_some() {
                asp.require_mode(entry.server.config().routing_context, entry.server.required_mode());
            }
        }
    }

    /// Ends every T(r) that is due.
    pub fn handle_timeout(&mut self, now: Time, tell: &mut dyn FnMut(Told)) {
        for entry in &mut self.entries {
            let context = entry.server.config().routing_context;
            let associations = &entry.associations;
            entry.server.handle_timeout(now, &mut |notice| spread(notice, context, associations, tell));
        }
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
            .find(|entry| {
                entry.server.config().routing_context == context && entry.member(association).is_some()
            })
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
        let entry = self.entries.iter_mut().find(|entry| {
            entry.server.config().routing_context == context && entry.member(association).is_some()
        })?;
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
