//! UEs that register at the gateway itself, and their proofs of who they are (RFC 7616, RFC 3310, RFC 4169).

use super::peers::{Peers, Ue};
use super::sip::{Draft, Sip};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use std::net::{Ipv4Addr, SocketAddr};

/// The realm of the first network's challenges.
pub const REALM: &str = "home1.net";
/// The domain of its NAIs (TS 23.003 13.2).
pub const DOMAIN: &str = "ims.mnc001.mcc262.3gppnetwork.org";

/// A UE with an address of its own.
#[derive(Clone, Debug)]
pub struct Phone {
    pub ue: Ue,
    pub number: u64,
    /// Where its datagrams come from.
    pub address: SocketAddr,
    /// Its own address, where a NAT has given it another one.
    pub behind: Option<SocketAddr>,
    pub rport: bool,
    pub contact: String,
    /// The parameters of its Contact.
    pub parameters: String,
    /// To and From.
    pub aor: String,
    /// The user name of its digests.
    pub user: String,
    pub call: String,
    pub sequence: u32,
    /// The octets that its REGISTERs are filled up to.
    pub octets: usize,
}

/// What a UE with a password knows.
pub fn password(number: u64) -> String {
    format!("secret of {number}")
}

/// MD5 of the parts with colons between them, in hexadecimal.
pub fn md5(parts: &[&[u8]]) -> String {
    super::ber::spell(&Md5::digest(parts.join(&b':')))
}

/// An authentication vector, as the home network makes one up for a subscriber and a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vector {
    pub rand: [u8; 16],
    pub autn: [u8; 16],
    pub xres: [u8; 8],
    pub ck: [u8; 16],
    pub ik: [u8; 16],
}

impl Vector {
    pub fn of(imsi: &str, time: u32) -> Self {
        let of = |what: &str| -> [u8; 16] { Md5::digest(format!("{what} {imsi} {time}")).into() };
        Self {
            rand: of("rand"),
            autn: of("autn"),
            xres: *of("res").first_chunk().unwrap(),
            ck: of("ck"),
            ik: of("ik"),
        }
    }

    /// The password that it stands for in an algorithm of digest.
    pub fn password(&self, algorithm: &str) -> Vec<u8> {
        match algorithm {
            "AKAv1-MD5" => self.xres.to_vec(),
            "AKAv2-MD5" => {
                let key = [&self.xres[..], &self.ik, &self.ck].concat();
                let mac = Hmac::<Md5>::new_from_slice(&key).unwrap();
                let digest = mac.chain_update(b"http-digest-akav2-password").finalize().into_bytes();
                STANDARD.encode(digest).into_bytes()
            }
            other => panic!("{other} takes no vector"),
        }
    }
}

/// A WWW-Authenticate header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub algorithm: String,
    pub stale: bool,
}

impl Challenge {
    /// Reads one, which must have the fields of RFC 7616 3.3 and nothing else.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let fields = text.strip_prefix("Digest ").expect("a digest challenge").split(',');
        let fields: Vec<(&str, &str)> = fields.map(|field| field.trim().split_once('=').unwrap()).collect();
        let of = |name: &str| {
            let found = fields.iter().find(|(found, _)| *found == name);
            found.map_or("", |(_, value)| value.trim_matches('"')).to_owned()
        };
        assert_eq!(of("qop"), "auth");
        assert!(
            fields.iter().all(|(name, _)| ["realm", "nonce", "algorithm", "qop", "stale"].contains(name)),
            "{text}"
        );
        let stale = of("stale") == "true";
        Self { realm: of("realm"), nonce: of("nonce"), algorithm: of("algorithm"), stale }
    }

    pub fn all(response: &Sip) -> Vec<Self> {
        response.all("WWW-Authenticate").into_iter().map(Self::parse).collect()
    }

    /// Authorization of who knows the password (RFC 7616 3.4), for a REGISTER to `uri`.
    pub fn authorization(&self, user: &str, password: &[u8], uri: &str) -> String {
        let Self { realm, nonce, algorithm, .. } = self;
        let ha1 = md5(&[user.as_bytes(), realm.as_bytes(), password]);
        let ha2 = md5(&[b"REGISTER", uri.as_bytes()]);
        let cnonce = "0a4f113b";
        let response =
            md5(&[ha1.as_bytes(), nonce.as_bytes(), b"00000001", cnonce.as_bytes(), b"auth", ha2.as_bytes()]);
        format!(
            "Digest username=\"{user}\",realm=\"{realm}\",nonce=\"{nonce}\",uri=\"{uri}\",response=\"{response}\",\
             algorithm={algorithm},qop=auth,nc=00000001,cnonce=\"{cnonce}\""
        )
    }

    /// What the challenge's nonce begins with, if it is AKA's: RAND and AUTN.
    pub fn rand_autn(&self) -> Vec<u8> {
        STANDARD.decode(&self.nonce).unwrap()[..32].to_vec()
    }
}

impl Phone {
    /// One with a password; the subscriber file has it if its number is among those.
    pub fn new(number: u64) -> Self {
        let ue = Ue::home1(number);
        let address = SocketAddr::new(Ipv4Addr::from(0x0a01_1000 + number as u32).into(), 5060);
        Self {
            contact: format!("sip:user{number}@{address}"),
            parameters: String::new(),
            aor: ue.impu.clone(),
            user: format!("user{number}"),
            call: format!("phone-{number}@{}", address.ip()),
            sequence: 0,
            octets: 1000,
            behind: None,
            rport: true,
            number,
            address,
            ue,
        }
    }

    /// One with a SIM: it has only the identities that follow from its IMSI (TS 23.003 13.3, 13.4B).
    pub fn with_sim(number: u64) -> Self {
        let phone = Self::new(number);
        let nai = format!("{}@{DOMAIN}", phone.ue.imsi);
        Self { aor: format!("sip:{nai}"), user: nai, ..phone }
    }

    pub fn at(self, address: SocketAddr) -> Self {
        Self { contact: format!("sip:user{}@{address}", self.number), address, ..self }
    }

    /// Who knows its password answers a challenge.
    pub fn proof(&self, challenge: &Challenge) -> String {
        challenge.authorization(&self.user, password(self.number).as_bytes(), URI)
    }
}

/// Where REGISTERs go.
pub const URI: &str = "sip:home1.net";

impl Peers {
    /// A UE's next REGISTER, without credentials.
    pub fn phone_register(&mut self, phone: &mut Phone, expires: u32) -> Draft {
        phone.sequence += 1;
        let contact = match phone.contact.as_str() {
            "*" => "*".to_owned(),
            uri => format!("<{uri}>{}", phone.parameters),
        };
        let tag = self.mint();
        let mut draft = self.draft(0, "REGISTER", URI).but("Call-ID", phone.call.clone());
        (draft.source, draft.sent_by, draft.rport) = (phone.address, phone.behind, phone.rport);
        draft
            .with("From", format!("<{}>;tag=phone{tag}", phone.aor))
            .with("To", format!("<{}>", phone.aor))
            .with("CSeq", format!("{} REGISTER", phone.sequence))
            .with("Contact", contact)
            .with("Expires", expires.to_string())
            .with("P-Access-Network-Info", "IEEE-802.11")
            .filled(phone.octets)
    }

    /// A UE that has registered sends a MESSAGE with an RP message.
    pub fn phone_message(&mut self, phone: &Phone, uri: &str, body: &[u8]) -> Draft {
        let mut draft = self.message(&phone.ue, uri, body).without("P-Asserted-Identity");
        (draft.source, draft.sent_by, draft.rport) = (phone.address, phone.behind, phone.rport);
        draft
    }

    /// Registers with a password, or renews the registration, to the final answer.
    #[track_caller]
    pub fn phone_registers(&mut self, phone: &mut Phone, expires: u32) -> Sip {
        let first = self.phone_register(phone, expires);
        let challenged = self.transact(&first);
        assert_eq!(challenged.status(), 401, "{challenged:#?}");
        let proof = phone.proof(&Challenge::parse(challenged.header("WWW-Authenticate")));
        let second = self.phone_register(phone, expires).with("Authorization", proof);
        self.transact(&second)
    }
}

impl Draft {
    /// With a header more that makes it this long, if it is shorter.
    #[must_use]
    pub fn filled(self, octets: usize) -> Self {
        const AGENT: &str = "User-Agent: \r\n";
        match octets.checked_sub(self.octets().len() + AGENT.len()) {
            Some(missing) => self.with("User-Agent", "x".repeat(missing)),
            None => self,
        }
    }
}
