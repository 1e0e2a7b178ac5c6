//! SIP as S-CSCF and UE write and read it, by hand.

use std::net::SocketAddr;

/// A SIP message from the gateway.
#[derive(Clone)]
pub struct Sip {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Every octet.
    pub raw: Vec<u8>,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// The round of polling that brought it.
    pub round: u64,
    /// The queue that it came by: the worker that sent it.
    pub queue: usize,
}

impl std::fmt::Debug for Sip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = self.raw.len() - self.body.len();
        let Self { round, queue, destination, .. } = self;
        write!(f, "[round {round}, queue {queue}, to {destination}] ")?;
        write!(f, "{}{}", String::from_utf8_lossy(&self.raw[..head]), super::ber::spell(&self.body))
    }
}

impl Sip {
    pub fn parse(raw: &[u8], source: SocketAddr, destination: SocketAddr) -> Self {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").expect("an end of the headers");
        let head = String::from_utf8_lossy(&raw[..end]);
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("no header: {line}")))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        let body = raw[end + 4..].to_vec();
        let sip = Self { start, headers, body, raw: raw.to_vec(), source, destination, round: 0, queue: 0 };
        let length = sip.find("Content-Length").map(|length| length.parse().unwrap());
        // A datagram's end is the body's (RFC 3261 18.3); requests and full answers say its length all the same.
        let short = sip.status() == 401 && sip.body.is_empty();
        assert!(length == Some(sip.body.len()) || short && length.is_none(), "Content-Length: {sip:?}");
        sip
    }

    /// The only header of this name.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {self:#?}");
        all[0]
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(found, _): &&(String, String)| found.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    pub fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/2.0 ")
    }

    /// A response's status.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// A request's method and Request-URI.
    pub fn request(&self) -> (&str, &str) {
        let mut words = self.start.split(' ');
        let request = (words.next().unwrap(), words.next().unwrap());
        assert_eq!(words.next(), Some("SIP/2.0"));
        request
    }

    /// A parameter of a header's value, as in `;tag=`.
    #[track_caller]
    pub fn parameter(&self, header: &str, name: &str) -> &str {
        self.find_parameter(header, name).unwrap_or_else(|| panic!("no {name} in {header} of {self:#?}"))
    }

    pub fn find_parameter(&self, header: &str, name: &str) -> Option<&str> {
        let after = self.find(header)?.split(';').skip(1);
        after.filter_map(|one| one.split_once('=')).find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub fn branch(&self) -> &str {
        self.parameter("Via", "branch")
    }

    /// A response to this request as a UE behind the S-CSCF gives it.
    pub fn response(&self, status: &str, extra: &str) -> Vec<u8> {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            let kept = ["via", "from", "call-id", "cseq"].contains(&name.to_lowercase().as_str());
            if kept {
                text += &format!("{name}: {value}\r\n");
            } else if name.eq_ignore_ascii_case("to") {
                let tag = format!(";tag=ue-{}", self.branch().len());
                let tag = if value.contains(";tag=") { "" } else { &tag };
                text += &format!("{name}: {value}{tag}\r\n");
            }
        }
        (text + extra + "Content-Length: 0\r\n\r\n").into_bytes()
    }
}

/// A request to the gateway.
#[derive(Clone, Debug)]
pub struct Draft {
    pub method: &'static str,
    pub uri: String,
    /// In the order in which they are written, beside Via, Content-Length and the empty line.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub branch: String,
    pub source: SocketAddr,
    /// The address in Via, where it is another one than the source (NAT).
    pub sent_by: Option<SocketAddr>,
    /// Whether it asks for the response where it came from (RFC 3581).
    pub rport: bool,
}

impl Draft {
    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Takes headers away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| *found != name);
        self
    }

    /// Changes a header, or adds it.
    #[must_use]
    pub fn but(self, name: &'static str, value: impl Into<String>) -> Self {
        self.without(name).with(name, value)
    }

    pub fn value(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    pub fn octets(&self) -> Vec<u8> {
        let Self { method, uri, branch, .. } = self;
        let (sent_by, rport) = (self.sent_by.unwrap_or(self.source), if self.rport { ";rport" } else { "" });
        let mut text =
            format!("{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {sent_by};branch={branch}{rport}\r\n");
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        [text.as_bytes(), &self.body].concat()
    }
}
