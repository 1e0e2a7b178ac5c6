//! The API of the program, with its ports at nothing.
#![cfg(feature = "dpdk")]
#![allow(clippy::disallowed_methods)] // a real process is what is tested here

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// How long the program may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program, serving.
struct Box {
    process: Child,
    directory: PathBuf,
    api: String,
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

/// The demo's core network, its ports at nothing and its numbers its own.
fn serve(name: &str) -> Box {
    let name = format!("corenet-api-{}-{name}", std::process::id());
    let directory = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&directory).unwrap();
    // A port that was free a moment ago.
    let api = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/corenet.toml");
    let text = std::fs::read_to_string(demo).unwrap();
    let devices = text.lines().map(|line| match line {
        line if line.contains("net_memif0") => "device = \"net_null0\"".to_owned(),
        line if line.contains("net_memif1") => "device = \"net_null1\"".to_owned(),
        line if line.starts_with("file_prefix") => format!("file_prefix = \"{name}\""),
        line if line.starts_with("queues") => "queues = 1".to_owned(),
        line => line.to_owned(),
    });
    let text = devices.collect::<Vec<_>>().join("\n") + &format!("\n[api]\nlisten = \"{api}\"\n");
    std::fs::write(directory.join("corenet.toml"), text).unwrap();
    let process = Command::new(env!("CARGO_BIN_EXE_corenet"))
        .args(["serve", "-c", "corenet.toml", "--ready", "ready", "--ledgers", "."])
        .current_dir(&directory)
        .env("XDG_RUNTIME_DIR", &directory)
        .spawn()
        .unwrap();
    let mut serving = Box { process, directory, api };
    until("a box that is ready", || {
        assert!(serving.process.try_wait().unwrap().is_none(), "it has ended");
        serving.directory.join("ready").exists()
    });
    serving
}

impl Box {
    /// Status and body of the answer to a request.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.api).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: corenet\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn show(&self, subject: &str) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_corenet"));
        program.args(["show", subject, "--api", &self.api]).output().unwrap()
    }
}

#[test]
fn nodes_are_shown_and_their_models_changed() {
    let serving = serve("models");
    let nodes = serving.get("/v1/nodes");
    for node in ["ues", "smsc", "hlr", "msc1", "sgsn1"] {
        assert!(nodes[node]["counts"].is_object(), "{node}: {nodes}");
    }
    assert_eq!(nodes["msc1"]["fill"]["mobiles"], 240);
    assert_eq!(nodes["hlr"]["waiting"]["alerts"], 0);
    let model = json!({ "errors": { "subscriberBusyForMT-SMS": 0.5 }, "delay_ms": 20 });
    let (status, body) = serving.ask("PUT", "/v1/models/msc1", &model.to_string());
    assert_eq!(status, 200, "{body}");
    let models = serving.get("/v1/models");
    assert_eq!(models["msc1"]["errors"]["subscriberBusyForMT-SMS"], 0.5);
    assert_eq!((&models["msc1"]["delay_ms"], &models["sgsn1"]["delay_ms"]), (&json!(20), &json!(0)));
    let of_hlr = json!({ "purgeMS": { "silent": 1.0 } });
    assert_eq!(serving.ask("PUT", "/v1/models/hlr", &of_hlr.to_string()).0, 200);
    assert_eq!(serving.get("/v1/models")["hlr"]["purgeMS"]["silent"], 1.0);
    for (node, wrong) in [
        ("msc9", json!({})),
        ("smsc", json!({ "silent": 2.0 })),
        ("smsc", json!({ "errors": { "tired": 1.0 } })),
        ("hlr", json!({ "sendSms": {} })),
    ] {
        let (status, body) = serving.ask("PUT", &format!("/v1/models/{node}"), &wrong.to_string());
        assert_eq!(status, 400, "{node}, {wrong}: {body}");
    }
    let shown = serving.show("models");
    assert!(shown.status.success());
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown, serving.get("/v1/models"));
}

#[test]
fn messages_and_acts_come_from_outside_and_the_ledger_tells_of_them() {
    let mut serving = serve("messages");
    assert_eq!(serving.ask("POST", "/v1/messages", r#"{"to": "491711000001"}"#).0, 200);
    for wrong in [r#"{"to": "491719999999"}"#, r#"{"to": "x"}"#, r#"{"whom": "491711000001"}"#] {
        assert_eq!(serving.ask("POST", "/v1/messages", wrong).0, 400, "{wrong}");
    }
    assert_eq!(serving.get("/v1/ledger")["open"], 1);
    assert_eq!(serving.get("/v1/nodes")["smsc"]["fill"]["queue"], 1);
    assert_eq!(serving.ask("POST", "/v1/ues/491711000001", r#"{"act": "submit"}"#).0, 200);
    assert_eq!(serving.get("/v1/ledger")["sent"], 2);
    assert_eq!(serving.ask("POST", "/v1/ues/1234567", r#"{"act": "submit"}"#).0, 400);
    assert_eq!(serving.ask("POST", "/v1/ues/491711000001", r#"{"act": "dance"}"#).0, 400);
    // Every shell has it; not every system has a program of this name.
    let kill = format!("kill -s TERM {}", serving.process.id());
    let ended = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(ended.success());
    assert!(serving.process.wait().unwrap().success());
    let ledger = std::fs::read_to_string(serving.directory.join("smsc.jsonl")).unwrap();
    assert!(ledger.contains(r#""mobile":"491711000001","outcome":"open""#), "{ledger}");
    let nobody = serving.show("nodes");
    assert!(!nobody.status.success());
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("--api"));
}
