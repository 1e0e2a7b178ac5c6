//! The file of subscribers of a network: what a third-party REGISTER may not tell (8.7).
//!
//! One subscriber a line: IMSI, MSISDN and public identities, separated by commas, the identities by spaces; what is
//! unknown stays empty. Among the identities may stand the access that the user prefers, as in `access=ims,direct`
//! (G-6). Lines that begin with `#` and empty lines don't count.

use super::authentication::Credentials;
use super::config::{Access, Config, ConfigError, Network};
use crate::ident::{Digits, Identity, Imsi, Msisdn};
use ahash::AHashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::path::Path;

/// What the file says about one subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// The IMSI, if it is given.
    pub imsi: Option<Imsi>,
    /// The MSISDN, if it is given.
    pub msisdn: Option<Msisdn>,
}

/// The subscribers of one network's file, by each of their identities.
#[derive(Default, Debug)]
pub struct NetworkSubscribers {
    known: Vec<Known>,
    access_orders: AHashMap<Digits, Vec<Access>>,
    credentials: Credentials,
    by_imsi: AHashMap<Digits, u32>,
    by_msisdn: AHashMap<Digits, u32>,
    by_identity: AHashMap<Identity, u32>,
}

/// The subscriber files of all networks.
#[derive(Default, Debug)]
pub struct Subscribers(Vec<NetworkSubscribers>);

impl Subscribers {
    /// Reads the files that the configuration names: subscribers, and passwords.
    pub fn load(config: &Config) -> Result<Self, Vec<ConfigError>> {
        let mut errors = vec![];
        let networks = config.networks.iter().map(|network| {
            let mut subscribers =
                match network.subscribers.as_ref().map(|file| (file, std::fs::read_to_string(file))) {
                    None => NetworkSubscribers::default(),
                    Some((file, Ok(text))) => NetworkSubscribers::parse(network, file, &text, &mut errors),
                    Some((file, Err(error))) => {
                        let what = format!("cannot be read: {error}");
                        let remedy = format!("correct subscribers of network {:?}", network.name);
                        errors.push(ConfigError::of_file(file, what, remedy));
                        NetworkSubscribers::default()
                    }
                };
            if let Some(file) = network.direct.as_ref().and_then(|direct| direct.credentials.as_ref()) {
                let realm = network.realms.first().map_or("", String::as_str);
                match Credentials::load(file, realm) {
                    Ok(credentials) => subscribers.credentials = credentials,
                    Err(wrong) => errors.extend(wrong),
                }
            }
            subscribers
        });
        let subscribers = Self(networks.collect());
        if errors.is_empty() { Ok(subscribers) } else { Err(errors) }
    }

    /// The passwords of the network at this place in the configuration, which are left to the caller.
    pub(super) fn take_credentials(&mut self, network: u16) -> Credentials {
        self.0
            .get_mut(usize::from(network))
            .map(|it| core::mem::take(&mut it.credentials))
            .unwrap_or_default()
    }

    /// Those of the network at this place in the configuration.
    #[must_use]
    pub fn of(&self, network: u16) -> Option<&NetworkSubscribers> {
        self.0.get(usize::from(network))
    }
}

/// More errors than this in one file are not told.
const ERRORS: usize = 20;

impl NetworkSubscribers {
    fn parse(network: &Network, file: &Path, text: &str, errors: &mut Vec<ConfigError>) -> Self {
        let mut subscribers = Self::default();
        let mut found = 0;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err((key, what, remedy)) = subscribers.add(network, line) {
                errors.push(ConfigError { file: file.into(), line: at + 1, key: key.into(), what, remedy });
                found += 1;
            }
            if found == ERRORS {
                errors.push(ConfigError::of_file(file, "has more errors", "correct these first"));
                break;
            }
        }
        subscribers
    }

    fn add(&mut self, network: &Network, line: &str) -> Result<(), (&'static str, String, String)> {
        let mut fields = line.splitn(3, ',').map(str::trim);
        let (Some(imsi), Some(msisdn), Some(identities)) = (fields.next(), fields.next(), fields.next())
        else {
            let remedy = "write imsi,msisdn,identities; leave empty what is unknown";
            return Err(("line", "has fewer than three fields".into(), remedy.into()));
        };
        let number = |text: &str| text.strip_prefix('+').unwrap_or(text).to_owned();
        let imsi: Option<Imsi> = match imsi {
            "" => None,
            text => Some(text.parse().map_err(|what: &str| ("imsi", what.to_owned(), "correct it".into()))?),
        };
        let msisdn: Option<Msisdn> = match number(msisdn).as_str() {
            "" => None,
            text => {
                Some(text.parse().map_err(|what: &str| ("msisdn", what.to_owned(), "correct it".into()))?)
            }
        };
        if let Some(imsi) = imsi.filter(|&imsi| !belongs(network, imsi)) {
            let remedy = format!("correct it, or imsi_prefixes of network {:?}", network.name);
            return Err(("imsi", format!("{imsi:?} is of another network"), remedy));
        }
        if imsi.is_none() && msisdn.is_none() {
            return Err(("line", "has neither IMSI nor MSISDN".into(), "give at least one".into()));
        }
        let number = self.known.len() as u32;
        let twice = |key| (key, "is given on an earlier line".into(), "give each once".into());
        if let Some(imsi) = imsi {
            insert(&mut self.by_imsi, imsi.digits(), number).ok_or_else(|| twice("imsi"))?;
        }
        if let Some(msisdn) = msisdn {
            insert(&mut self.by_msisdn, msisdn.digits(), number).ok_or_else(|| twice("msisdn"))?;
        }
        for text in identities.split_ascii_whitespace() {
            if let Some(order) = text.strip_prefix("access=") {
                let wrong = || {
                    (
                        "access",
                        "is no order".to_owned(),
                        "write access=ims,direct or access=direct,ims".to_owned(),
                    )
                };
                let order = order.split(',').map(|name| match name {
                    "ims" => Some(Access::Ims),
                    "direct" => Some(Access::Direct),
                    _ => None,
                });
                let order = order.collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
                let imsi =
                    imsi.ok_or_else(|| ("access", "needs an IMSI".to_owned(), "give it".to_owned()))?;
                self.access_orders.insert(imsi.digits(), order);
                continue;
            }
            let uri = ["sip:", "sips:", "tel:"].iter().any(|scheme| text.starts_with(scheme));
            let identity = Identity::new(text.as_bytes()).filter(|_| uri).ok_or_else(|| {
                let remedy = "write SIP or tel URIs of at most 127 octets, separated by spaces";
                ("identities", "one is no URI".to_owned(), remedy.to_owned())
            })?;
            insert(&mut self.by_identity, identity, number).ok_or_else(|| twice("identities"))?;
        }
        self.known.push(Known { imsi, msisdn });
        Ok(())
    }

    fn get(&self, number: Option<&u32>) -> Option<Known> {
        self.known.get(*number? as usize).copied()
    }

    /// Which access a user prefers, the first most, if he has said so.
    #[must_use]
    pub fn access_order(&self, imsi: Imsi) -> Option<&[Access]> {
        self.access_orders.get(&imsi.digits()).map(Vec::as_slice)
    }

    /// By public user identity.
    #[must_use]
    pub fn by_identity(&self, identity: &Identity) -> Option<Known> {
        self.get(self.by_identity.get(identity))
    }

    /// By IMSI.
    #[must_use]
    pub fn by_imsi(&self, imsi: Imsi) -> Option<Known> {
        self.get(self.by_imsi.get(&imsi.digits()))
    }

    /// By MSISDN.
    #[must_use]
    pub fn by_msisdn(&self, msisdn: Msisdn) -> Option<Known> {
        self.get(self.by_msisdn.get(&msisdn.digits()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// Whether an IMSI is one of the network's.
pub(super) fn belongs(network: &Network, imsi: Imsi) -> bool {
    network.imsi_prefixes.iter().any(|&prefix| imsi.digits().starts_with(prefix))
}

fn insert<K: Hash + Eq>(map: &mut AHashMap<K, u32>, key: K, number: u32) -> Option<()> {
    match map.entry(key) {
        Entry::Occupied(_) => None,
        Entry::Vacant(place) => {
            place.insert(number);
            Some(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str) -> Config {
        let example = include_str!("../../docs/operating/examples/gateway.toml");
        let example = example.replace("\"home1.csv\"", &format!("{file:?}"));
        Config::parse(Path::new("docs/operating/examples/gateway.toml"), &example).unwrap()
    }

    fn parse(text: &str) -> (NetworkSubscribers, Vec<String>) {
        let mut errors = vec![];
        let network = &config("home1.csv").networks[0];
        let subscribers = NetworkSubscribers::parse(network, Path::new("s.csv"), text, &mut errors);
        (subscribers, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_example_file_is_found_beside_the_configuration() {
        let subscribers = Subscribers::load(&config("home1.csv")).unwrap();
        let home1 = subscribers.of(0).unwrap();
        let alice = home1.by_identity(&Identity::new(b"sip:alice@home1.net").unwrap()).unwrap();
        assert_eq!(alice.imsi.unwrap().to_string(), "262010000000001");
        assert_eq!(home1.by_imsi(alice.imsi.unwrap()), Some(alice));
        assert_eq!(home1.by_msisdn("491710000001".parse().unwrap()), Some(alice));
        assert_eq!((home1.len(), subscribers.of(1).unwrap().is_empty()), (2, true));
        assert!(subscribers.of(2).is_none());
    }

    #[test]
    fn fields_may_be_empty_and_numbers_have_a_plus() {
        let (subscribers, errors) = parse("262011,,\n\n# none\n ,+491712 , sip:a,b@c tel:+491712\r\n");
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(subscribers.by_imsi("262011".parse().unwrap()).unwrap().msisdn, None);
        let known = subscribers.by_identity(&Identity::new(b"sip:a,b@c").unwrap()).unwrap();
        assert_eq!(known.msisdn.unwrap().to_string(), "491712");
    }

    #[test]
    fn errors_name_the_line_and_the_field() {
        let text = "26201000001\n1234,,\n,12x,\n999990000000001,491719,\n,,sip:a@b\n,491711,alice\n,491712,\n,491712,\n";
        let (_, errors) = parse(text);
        let begin: Vec<_> =
            errors.iter().map(|error| error.split(": ").take(2).collect::<Vec<_>>().join(":")).collect();
        assert_eq!(
            begin,
            [
                "s.csv:1:line",
                "s.csv:2:imsi",
                "s.csv:3:msisdn",
                "s.csv:4:imsi",
                "s.csv:5:line",
                "s.csv:6:identities",
                "s.csv:8:msisdn"
            ]
        );
        assert!(!errors.concat().contains("999990000000001"), "masked");
        assert_eq!(parse(&"x\n".repeat(100)).1.len(), 21);
    }

    #[test]
    fn a_missing_file_is_named() {
        let errors = Subscribers::load(&config("none.csv")).unwrap_err();
        assert!(errors[0].to_string().contains("none.csv: cannot be read"), "{}", errors[0]);
    }
}
