//! What is to become of each message of the archives: a row each, with the RFC's section and words beside the verdict. The
//! verdicts are those over UDP, from an S-CSCF; `docs/decisions/0026` says where the RFCs leave a choice.

#![allow(dead_code)] // two tests include this table, and each uses its part

/// What a message gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// A final response with this status.
    Status(u16),
    /// Nothing: it is dropped and counted.
    Drop,
    /// There is no such twin.
    None,
}

/// What becomes of it on a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    /// It is a message, and what follows it another.
    Whole,
    /// Two of them, where UDP has one and noise.
    Two,
    /// Its Content-Length is too small, and what is left of its body is taken for another.
    Short,
    /// More is waited for.
    Waits,
    /// Where it ends can't be told: the connection closes.
    Closes,
}

/// One message of the archives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// The file.
    pub(crate) file: &'static str,
    /// The RFC's section.
    pub(crate) section: &'static str,
    /// The RFC's words about what an element does.
    pub(crate) words: &'static str,
    /// Whether the parser takes it.
    pub(crate) parses: bool,
    /// What it gets.
    pub(crate) verdict: Verdict,
    /// What its twins get: the MESSAGE of a registered UE that carries a short message, and the REGISTER of a known one.
    pub(crate) message: Verdict,
    /// As above.
    pub(crate) register: Verdict,
    /// On a stream.
    pub(crate) stream: Stream,
}

const fn case(
    file: &'static str,
    section: &'static str,
    words: &'static str,
    parses: bool,
    [verdict, message, register]: [u16; 3],
) -> Case {
    const fn verdict_of(status: u16) -> Verdict {
        match status {
            0 => Verdict::Drop,
            1 => Verdict::None,
            status => Verdict::Status(status),
        }
    }
    Case {
        file,
        section,
        words,
        parses,
        verdict: verdict_of(verdict),
        message: verdict_of(message),
        register: verdict_of(register),
        stream: Stream::Whole,
    }
}

const fn on_stream(case: Case, stream: Stream) -> Case {
    Case { stream, ..case }
}

/// RFC 4475. A method that we don't have is 405 where the RFC speaks of INVITE, BYE and methods of its own.
#[rustfmt::skip]
pub(crate) const RFC_4475: &[Case] = &[
    // The topmost Via has a branch of RFC 2543: 400, unless the peer is known to be that old.
    case("wsinv.dat", "3.1.1.1", "All elements should treat this as a well-formed request.", true, [400, 202, 200]),
    case("intmeth.dat", "3.1.1.2", "The Request-URI contains unusual, but legal, characters.", true, [405, 202, 200]),
    case("esc01.dat", "3.1.1.3", "A parser must accept this as a well-formed message.", true, [405, 202, 200]),
    // Two contacts are to stay, which we refuse.
    case("escnull.dat", "3.1.1.4", "parsers must accept this message ... so as to not prematurely shorten the username", true, [403, 202, 403]),
    case("esc02.dat", "3.1.1.5", "The request method is unknown. It is NOT equivalent to REGISTER.", true, [405, 202, 403]),
    case("lwsdisp.dat", "3.1.1.6", "Elements should accept this request as well formed.", true, [200, 202, 200]),
    // Longer than a packet: it comes in fragments. Its topmost Via has no branch; its Contact is longer than what a binding
    // has room for.
    case("longreq.dat", "3.1.1.7", "This well-formed request contains header fields with many values and values that are very long.", true, [400, 202, 400]),
    on_stream(case("dblreq.dat", "3.1.1.8", "handle the REGISTER request normally and ignore the extra bits", true, [403, 202, 200]), Stream::Two),
    case("semiuri.dat", "3.1.1.9", "Receiving elements will accept this as a well-formed message.", true, [200, 202, 200]),
    case("transports.dat", "3.1.1.10", "Parsers must accept this message as well formed.", true, [200, 202, 200]),
    case("mpart01.dat", "3.1.1.11", "Parsers must accept this message as well formed, even if the application ... does not support multipart/signed.", true, [415, 202, 200]),
    case("unreason.dat", "3.1.1.12", "This response is well formed. A parser must accept this message.", true, [0, 1, 1]),
    case("noreason.dat", "3.1.1.13", "This well-formed response contains no reason phrase. A parser must accept this message.", true, [0, 1, 1]),
    case("badinv01.dat", "3.1.2.1", "An element receiving this request should respond with a 400 Bad Request error.", false, [400, 400, 400]),
    on_stream(case("clerr.dat", "3.1.2.2", "When sent over UDP ..., the receiving element should respond with a 400 Bad Request error.", false, [400, 400, 400]), Stream::Waits),
    on_stream(case("ncl.dat", "3.1.2.3", "should respond with an error ... over TCP, the framing error is not recoverable, and the connection should be closed", false, [400, 400, 400]), Stream::Closes),
    case("scalar02.dat", "3.1.2.4", "should respond with a 400 Bad Request due to the CSeq error", false, [400, 400, 400]),
    case("scalarlg.dat", "3.1.2.5", "An element receiving this response will simply discard it.", false, [0, 1, 1]),
    case("quotbal.dat", "3.1.2.6", "An element receiving this request should return a 400 Bad Request error.", false, [400, 400, 400]),
    case("ltgtruri.dat", "3.1.2.7", "It is reasonable always to reject a request with this error with a 400 Bad Request.", false, [400, 400, 400]),
    case("lwsruri.dat", "3.1.2.8", "An element receiving this request should respond with a 400 Bad Request.", false, [400, 400, 400]),
    case("lwsstart.dat", "3.1.2.9", "It is acceptable to reject this request as malformed.", false, [400, 400, 400]),
    case("trws.dat", "3.1.2.10", "It is acceptable to reject this request as malformed.", false, [400, 400, 400]),
    case("escruri.dat", "3.1.2.11", "It is acceptable for an element to reject this request with a 400 Bad Request.", false, [400, 400, 400]),
    case("baddate.dat", "3.1.2.12", "An element wishing to be liberal ... could ignore this value altogether", true, [405, 202, 200]),
    case("regbadct.dat", "3.1.2.13", "It is reasonable for an element receiving this request to respond with a 400 Bad Request.", false, [400, 400, 400]),
    case("badaspec.dat", "3.1.2.14", "It is reasonable to reject this request with a 400 Bad Request response.", false, [400, 400, 400]),
    // In the archive it has no empty line; its twins have, and get what a liberal element gives.
    on_stream(case("baddn.dat", "3.1.2.15", "An element may attempt to be liberal in what it receives and infer the missing quotes.", false, [400, 202, 200]), Stream::Waits),
    case("badvers.dat", "3.1.2.16", "The element should respond to the request with a 505 Version Not Supported error.", false, [505, 505, 505]),
    case("mismatch01.dat", "3.1.2.17", "Any element receiving this request will respond with a 400 Bad Request.", false, [400, 400, 400]),
    case("mismatch02.dat", "3.1.2.18", "should respond with a 501 Not Implemented. A 400 Bad Request is also acceptable", false, [400, 400, 400]),
    case("bigcode.dat", "3.1.2.19", "An element receiving this response should simply drop it.", false, [0, 1, 1]),
    case("badbranch.dat", "3.2.1", "could reject the request with a 400 Response (preferably statelessly ...)", true, [400, 400, 400]),
    case("insuf.dat", "3.3.1", "Ideally, it will respond with a 400 Bad Request error.", false, [400, 400, 400]),
    case("unkscm.dat", "3.3.2", "will reject it with a 416 Unsupported URI Scheme response", true, [416, 416, 416]),
    case("novelsc.dat", "3.3.3", "it is appropriate to treat it as unknown and return a 416", true, [416, 416, 416]),
    case("unksm2.dat", "3.3.4", "A registrar would reject this request with a 400 Bad Request response, since the To: header field is required to contain a SIP or SIPS URI as an AOR.", true, [400, 202, 400]),
    case("bext01.dat", "3.3.5", "will respond with a 420 Bad Extension response, containing an Unsupported header field listing these features", true, [420, 420, 420]),
    // As REGISTER: its user has registered already.
    case("invut.dat", "3.3.6", "An endpoint receiving this request would reject it with a 415 Unsupported Media Type error.", true, [405, 415, 200]),
    // An S-CSCF's REGISTER has a Contact, and this has none: 400.
    case("regaut01.dat", "3.3.7", "A registrar that does not care about challenge-response authentication will simply ignore the Authorization header field", true, [400, 202, 200]),
    case("multi01.dat", "3.3.8", "An element receiving this request would respond with a 400 Bad Request error.", false, [400, 400, 400]),
    on_stream(case("mcl01.dat", "3.3.9", "should respond with an error ... over TCP, the framing error is not recoverable", false, [400, 400, 400]), Stream::Closes),
    case("bcast.dat", "3.3.10", "an endpoint receiving this message should simply discard it", true, [0, 1, 1]),
    // A MESSAGE or REGISTER ends here as well; 483 is what we give (RFC 3261 16.3 has proxies give it).
    case("zeromf.dat", "3.3.11", "An endpoint should process the request as if the Max-Forwards field value were still positive.", true, [200, 483, 483]),
    case("cparam01.dat", "3.3.12", "must be interpreted as a contact-param and not a url-param. This REGISTER should succeed.", true, [403, 202, 200]),
    case("cparam02.dat", "3.3.13", "The register should succeed, and a subsequent retrieval ... must include \"unknownparam\" as a url-parameter.", true, [403, 202, 200]),
    case("regescrt.dat", "3.3.14", "The register should succeed, and a subsequent retrieval ... must include the escaped Route header", true, [403, 202, 200]),
    case("sdp01.dat", "3.3.15", "could respond with a 406 Not Acceptable", true, [405, 202, 200]),
    on_stream(case("inv2543.dat", "3.4.1", "should be accepted by RFC 3261 elements that want to maintain backwards compatibility", true, [400, 400, 400]), Stream::Closes),
    // In the archive alone.
    case("test.dat", "none", "unchecked: no section names it", false, [0, 1, 1]),
];

/// RFC 5118.
#[rustfmt::skip]
pub(crate) const RFC_5118: &[Case] = &[
    case("ipv6-good", "4.1", "well-formatted according to the grammar", true, [403, 202, 200]),
    case("ipv6-bad", "4.2", "should respond with a 400 Bad Request error", false, [400, 400, 400]),
    case("port-ambiguous", "4.3", "From a parsing perspective, the request below is well-formed.", true, [403, 202, 200]),
    case("port-unambiguous", "4.4", "This REGISTER request is well formatted per the grammar", true, [403, 202, 200]),
    case("via-received-param-with-delim", "4.5", "robust implementations must nonetheless be able to parse the topmost Via header field and continue processing", true, [405, 202, 200]),
    case("via-received-param-no-delim", "4.5", "This request is valid according to the grammar", true, [200, 202, 200]),
    // In the archive Content-Length is 268, and the body, with its line ends, has 251: it is cut short over UDP.
    on_stream(case("ipv6-in-sdp", "4.6", "This request below is valid and well-formed", false, [400, 202, 200]), Stream::Waits),
    case("mult-ip-in-header", "4.7", "The request below is valid and well-formed", true, [405, 202, 200]),
    on_stream(case("mult-ip-in-sdp", "4.8", "The request below is valid and well-formed", true, [405, 202, 200]), Stream::Short),
    on_stream(case("ipv4-mapped-ipv6", "4.9", "The message below is well-formed", true, [405, 202, 200]), Stream::Short),
    case("ipv6-bug-abnf-3-colons", "4.10", "may exhibit robustness by successfully parsing the IPv6 reference", true, [200, 202, 200]),
    case("ipv6-correct-abnf-2-colons", "4.10", "The next message has the correct syntax for the IPv6 reference", true, [200, 202, 200]),
];

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    RFC_4475.iter().chain(RFC_5118)
}

/// Where the archives stand.
pub(crate) fn place() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/conformance/corpus")
}

impl Case {
    /// Its octets on the wire: those of the archive, but for RFC 5118's, whose line feeds become line ends, and whose
    /// last line gets its empty one where it has none.
    pub(crate) fn wire(&self) -> Vec<u8> {
        if self.file.ends_with(".dat") {
            return std::fs::read(place().join("rfc4475").join(self.file)).expect("a file of the archive");
        }
        let text = std::fs::read(place().join("rfc5118").join(self.file)).expect("a file of the archive");
        let mut wire = vec![];
        for octet in text {
            if octet == b'\n' {
                wire.push(b'\r');
            }
            wire.push(octet);
        }
        if !wire.windows(4).any(|four| four == b"\r\n\r\n") {
            wire.extend(b"\r\n");
        }
        wire
    }
}
