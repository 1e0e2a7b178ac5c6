//! The configuration of the gateway under test.

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
}

impl Default for Options {
    fn default() -> Self {
        Self { associations: 1, mt_report_ms: 40_000, map_forward_ms: 90_000, node: "msc" }
    }
}

/// The configuration of the gateway under test.
pub fn configuration(place: &Path, options: Options) -> String {
    let Options { associations, mt_report_ms, map_forward_ms, node } = options;
    let mac = |at: usize| GATEWAY_MAC[at].map(|octet| format!("{octet:02x}")).join(":");
    let device = |at: usize, name: &str| {
        let socket = place.join(format!("{name}.sock"));
        format!(
            "net_memif{at},role=client,id=0,socket-abstract=no,socket={},bsize=2048,rsize=10",
            socket.display()
        )
    };
    let sg = |at: usize| {
        format!(
            "[[association]]\nname = \"sg{at}\"\nrole = \"client\"\nlocal = [\"10.7.0.1\"]\nremote = [\"10.9.0.1{at}\"]\n\
             worker = {}\nrouting_contexts = [100]\ntraffic_mode = \"loadshare\"\n",
            at - 1
        )
    };
    let names = (1..=associations).map(|at| format!("\"sg{at}\"")).collect::<Vec<_>>().join(", ");
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
[[port]]
name = "ims"
device = "{ims}"
mac = "{ims_mac}"
addresses = ["10.0.0.1/24"]
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
prefix = "0.0.0.0/0"
gateway = "10.7.0.254"
port = "ss7"
[sip]
listen = ["10.0.0.1:5060"]
uri = "sip:ipsmgw.home1.net"
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
gateway_title = "491710999001"
node = "{node}"
service_centres = ["49171076"]
scscf = [{{ uri = "sip:scscf1.home1.net", address = "10.1.0.5:5060" }}]
r1 = "preconfigured"
subscribers = "home1.csv"
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
[timers]
mt_report_ms = {mt_report_ms}
map_forward_ms = {map_forward_ms}
[ss7]
point_code = "2.100.3"
{sgs}
[[destination]]
point_code = "2.100.4"
associations = [{names}]
[[title]]
prefix = ""
point_code = "2.100.4"
[admin]
socket = "{admin}"
[log]
format = "text"
"#,
        pid = process::id(),
        ims = device(0, "ims"),
        ss7 = device(1, "ss7"),
        ims_mac = mac(0),
        ss7_mac = mac(1),
        sgs = (1..=associations).map(sg).collect::<String>(),
        admin = place.join("admin.sock").display(),
    )
}

/// A subscriber that no registration tells of: the file of the first network.
pub const SUBSCRIBERS: &str = "262019999999999,491709999999,sip:filed@home1.net\n";
