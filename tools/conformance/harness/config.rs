//! The configuration of the gateway under test.

use super::hlr::HLR;
use super::peers::Ue;
use super::phone::REALM;
use super::wire::GATEWAY_MAC;
use std::path::Path;
use std::process;

/// What differs between tests.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub associations: usize,
    pub mt_report_ms: u32,
    pub map_forward_ms: u32,
    /// How the gateway appears to the SMSC of the first network: "msc" or "sgsn".
    pub node: &'static str,
    /// The first network's form of R1, and when the HLR is told.
    pub r1: &'static str,
    pub r1_order: &'static str,
    /// What is done about somebody of it who is not here when something comes for him. The HLR would be told within a second,
    /// in the middle of whatever a test does next.
    pub ghosts: &'static str,
    /// How UEs of the first network that register at the gateway itself authenticate: "aka", "digest", "none"; "" if
    /// there are none.
    pub direct: &'static str,
    /// The algorithms offered with "aka", as in the file.
    pub aka: &'static str,
    /// The S-CSCFs of the first network.
    pub scscf: &'static str,
    /// Further keys of the first network.
    pub network: &'static str,
    /// Further keys of its direct access.
    pub access: &'static str,
    pub guard_s: u32,
    pub r1_answer_ms: u32,
    pub r1_repair_s: u32,
    pub map_registration_ms: u32,
    pub nonce_s: u32,
    pub t1_ms: u32,
    /// Further sections.
    pub sections: &'static str,
}

impl Options {
    /// As the gateway has them by itself, for the most part.
    pub const DEFAULT: Self = Self {
        associations: 1,
        mt_report_ms: 40_000,
        map_forward_ms: 90_000,
        node: "msc",
        r1: "preconfigured",
        r1_order: "before_200",
        ghosts: "count",
        direct: "",
        aka: r#"["AKAv2-MD5", "AKAv1-MD5"]"#,
        scscf: r#"[{ uri = "sip:scscf1.home1.net", address = "10.1.0.5:5060" }, { uri = "sip:scscf2.home1.net", address = "[fd11::5]:5060" }]"#,
        network: "",
        access: "",
        guard_s: 600,
        r1_answer_ms: 2_000,
        r1_repair_s: 60,
        map_registration_ms: 20_000,
        nonce_s: 30,
        t1_ms: 500,
        sections: "",
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The configuration of the gateway under test.
pub fn configuration(place: &Path, options: Options) -> String {
    let sections = options.sections.to_owned();
    [process(place), ports(place, options), networks(options), timers(options), signalling(options), sections]
        .concat()
}

/// The gateway's process: its sizes, its memory, and how it is looked at.
fn process(place: &Path) -> String {
    format!(
        r#"
[node]
name = "gw1"
workers = 2
[capacity]
dialogues = 4096
client_transactions = 4096
server_transactions = 32768
pending_requests = 1024
mo = 2048
mt = 2048
subscribers = 4096
identities = 16384
frames = 2048
[eal]
memory_mb = 128
file_prefix = "ipsmgw-gw-{pid}"
extra = ["--no-telemetry"]
[admin]
socket = "{admin}"
[log]
format = "text"
messages_per_second = 100
"#,
        pid = process::id(),
        admin = place.join("admin.sock").display(),
    )
}

/// The two links, the ways from them, and SIP.
fn ports(place: &Path, options: Options) -> String {
    let mac = |at: usize| GATEWAY_MAC[at].map(|octet| format!("{octet:02x}")).join(":");
    let device = |at: usize, name: &str| {
        let socket = place.join(format!("{name}.sock"));
        format!(
            "net_memif{at},role=client,id=0,socket-abstract=no,socket={},bsize=2048,rsize=10",
            socket.display()
        )
    };
    format!(
        r#"
[[port]]
name = "ims"
device = "{ims}"
mac = "{ims_mac}"
addresses = ["10.0.0.1/24", "fd10::1/64"]
[[port]]
name = "ss7"
device = "{ss7}"
mac = "{ss7_mac}"
addresses = ["10.7.0.1/24"]
[[route]]
prefix = "10.1.0.0/16"
gateway = "10.0.0.254"
port = "ims"
[[route]]
prefix = "fd11::/16"
gateway = "fd10::fe"
port = "ims"
[[route]]
prefix = "0.0.0.0/0"
gateway = "10.7.0.254"
port = "ss7"
[sip]
listen = ["10.0.0.1:5060", "[fd10::1]:5060"]
uri = "sip:ipsmgw.home1.net"
t1_ms = {t1_ms}
"#,
        ims = device(0, "ims"),
        ss7 = device(1, "ss7"),
        ims_mac = mac(0),
        ss7_mac = mac(1),
        t1_ms = options.t1_ms,
    )
}

/// The two served networks.
fn networks(options: Options) -> String {
    let Options { node, r1, r1_order, ghosts, scscf, network, .. } = options;
    format!(
        r#"
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
gateway_title = "491710999001"
node = "{node}"
service_centres = ["49171076"]
scscf = {scscf}
realms = ["home1.net"]
r1 = "{r1}"
r1_order = "{r1_order}"
ghosts = "{ghosts}"
hlr = [{{ title = "{HLR}" }}]
subscribers = "home1.csv"
{network}
{direct}
[[network]]
name = "home2"
mcc = "234"
mnc = "015"
gateway_title = "447000000001"
node = "sgsn"
scscf = [{{ uri = "sip:scscf1.home2.net", address = "10.1.0.6:5060" }}]
gateway_uri = "sip:ipsmgw.home2.net"
r1 = "preconfigured"
report_answer = 202
report_unmatched = "488"
"#,
        direct = direct_access(options),
    )
}

fn timers(options: Options) -> String {
    let Options { mt_report_ms, map_forward_ms, guard_s, .. } = options;
    let Options { r1_answer_ms, r1_repair_s, map_registration_ms, nonce_s, .. } = options;
    format!(
        r#"
[timers]
mt_report_ms = {mt_report_ms}
map_forward_ms = {map_forward_ms}
guard_s = {guard_s}
r1_answer_ms = {r1_answer_ms}
r1_repair_s = {r1_repair_s}
map_registration_ms = {map_registration_ms}
nonce_s = {nonce_s}
"#
    )
}

/// The SS7 side, with an association for each signalling gateway.
fn signalling(options: Options) -> String {
    let sg = |at: usize| {
        format!(
            "[[association]]\nname = \"sg{at}\"\nrole = \"client\"\nlocal = [\"10.7.0.1\"]\nremote = [\"10.9.0.1{at}\"]\n\
             worker = {}\nrouting_contexts = [100]\ntraffic_mode = \"loadshare\"\n",
            at - 1
        )
    };
    let names = (1..=options.associations).map(|at| format!("\"sg{at}\"")).collect::<Vec<_>>().join(", ");
    format!(
        r#"
[ss7]
point_code = "2.100.3"
{sgs}
[[destination]]
point_code = "2.100.4"
associations = [{names}]
[[title]]
prefix = ""
point_code = "2.100.4"
"#,
        sgs = (1..=options.associations).map(sg).collect::<String>(),
    )
}

fn direct_access(options: Options) -> String {
    let Options { direct, aka, access, .. } = options;
    let more = match direct {
        "" => return String::new(),
        "aka" => format!("aka = {aka}"),
        "digest" => "credentials = \"home1.htdigest\"".into(),
        _ => String::new(),
    };
    format!("[network.direct]\nauthentication = \"{direct}\"\n{more}\n{access}\n")
}

/// Subscribers that no registration tells of, the file of the first network: one, and those of [`filed`].
pub fn subscribers() -> String {
    let line = |number: u64| {
        let Ue { imsi, msisdn, impu, .. } = Ue::home1(number);
        format!("{imsi},{msisdn},{impu}\n")
    };
    let ims_first = |number: u64| line(number).replace("\n", " access=ims,direct\n");
    "262019999999999,491709999999,sip:filed@home1.net\n".to_owned()
        + &FILED.map(line).collect::<String>()
        + &ims_first(IMS_FIRST)
}

/// Numbers of UEs that the subscriber file has.
pub const FILED: std::ops::Range<u64> = 1000..1100;
/// The number of one whose file says that he wants his messages over IMS first.
pub const IMS_FIRST: u64 = 1100;

/// Who has a password: those of the subscriber file, by the user part of their public identities.
pub fn credentials() -> String {
    let line = |number: u64| {
        let user = format!("user{number}");
        let ha1 = super::phone::md5(&[
            user.as_bytes(),
            REALM.as_bytes(),
            super::phone::password(number).as_bytes(),
        ]);
        format!("{user}:{REALM}:{ha1}\n")
    };
    FILED.chain([IMS_FIRST]).map(line).collect()
}
