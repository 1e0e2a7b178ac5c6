//! The core network in a box, as a program.

use clap::{Parser, Subcommand, ValueEnum};
use corenet::config::{Line, Network};
use corenet::hlr::Hlr;
use corenet::ledger::{Ledger, compare};
use corenet::traffic::Until;
use corenet::{Config, direct};
use ipsmgw::control::admin;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// HLR, SMSC, S-CSCF and UEs for an IP-SM-GW to talk to. It sends messages both ways and checks what arrives.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the configured traffic. Exits with 0 if everything went as configured, with 1 if not.
    Run {
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// Print one JSON object instead of a table.
        #[arg(long)]
        json: bool,
        /// Write that object to a file too, when the traffic has ended.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Create this file when the ports are up and the gateway may start.
        #[arg(long, value_name = "FILE")]
        ready: Option<PathBuf>,
        /// When the traffic has ended, wait for the gateway to close its associations.
        #[arg(long)]
        stay: bool,
        /// Write the nodes' ledgers into this directory at the end, for `corenet ledger`.
        #[arg(long, value_name = "DIRECTORY")]
        ledgers: Option<PathBuf>,
    },
    /// Run the nodes without traffic of their own, until a signal: they answer whoever comes.
    Serve {
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// Create this file when the ports are up.
        #[arg(long, value_name = "FILE")]
        ready: Option<PathBuf>,
        /// Write the nodes' ledgers into this directory at the end, for `corenet ledger`.
        #[arg(long, value_name = "DIRECTORY")]
        ledgers: Option<PathBuf>,
    },
    /// Show what the nodes of a running core network say (`[api]`).
    Show {
        /// What.
        #[arg(value_enum)]
        subject: Subject,
        /// The address that its API listens at.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
        api: SocketAddr,
    },
    /// Compare what nodes say they sent, took and delivered. Exits with 1 if a message was lost, came twice, changed, or was
    /// with somebody else.
    Ledger {
        /// The ledgers of all nodes, of one run or several.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check a configuration.
    Check {
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print a network's subscribers, as the gateway's subscriber file has them.
    Subscribers {
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// The network's name.
        network: String,
    },
    /// Print the passwords of a network's UEs with direct access, hashed, as the gateway's credential file has them.
    Credentials {
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// The network's name.
        network: String,
    },
}

/// Exit code for a configuration that is wrong.
const WRONG_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    match &command {
        Command::Ledger { files } => return ledger(files),
        Command::Show { subject, api } => return show(*subject, *api),
        _ => {}
    }
    let (Command::Run { config: file, .. }
    | Command::Serve { config: file, .. }
    | Command::Check { config: file }
    | Command::Subscribers { config: file, .. }
    | Command::Credentials { config: file, .. }) = &command
    else {
        return ExitCode::SUCCESS;
    };
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(what) => return refused(&what),
    };
    match command {
        Command::Run { json, report, ready, stay, ledgers, .. } => {
            let until = if stay { Until::GatewayLeft } else { Until::End };
            run(&config, Output { json, report, ready, ledgers }, until)
        }
        Command::Serve { ready, ledgers, .. } => {
            run(&config, Output { json: false, report: None, ready, ledgers }, Until::Stopped)
        }
        Command::Check { config: file } => {
            match corenet::Node::new(&config).and_then(|_| Hlr::with_subscribers(&config)) {
                Ok(_) => print(&format!("{}: correct\n", file.display())),
                Err(what) => refused(&what),
            }
        }
        Command::Ledger { .. } | Command::Show { .. } => ExitCode::SUCCESS,
        Command::Subscribers { network, .. } => list(&config, &network, |_, line| line.to_string()),
        Command::Credentials { network, .. } => {
            list(&config, &network, |network, line| direct::credential(network, line, config.seed))
        }
    }
}

/// What can be shown.
#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    /// Counters of every node, and how full it is.
    Nodes,
    /// How the nodes misbehave.
    Models,
    /// What all ledgers say together.
    Ledger,
}

/// Asks a core network that runs.
fn show(subject: Subject, api: SocketAddr) -> ExitCode {
    let path = match subject {
        Subject::Nodes => "/v1/nodes",
        Subject::Models => "/v1/models",
        Subject::Ledger => "/v1/ledger",
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let asked = async { admin::fetch(tokio::net::TcpStream::connect(api).await?, path).await };
    match runtime.block_on(asked) {
        Ok(answer) => print(&format!("{answer:#}\n")),
        Err(error) => {
            failed(&format!("{api}: {error}; does it run, with [api]? Name its address with --api"))
        }
    }
}

/// Compares ledgers.
fn ledger(files: &[PathBuf]) -> ExitCode {
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
        text.and_then(|text| Ledger::read(&text)).map_err(|what| format!("{}: {what}", file.display()))
    };
    let ledgers = match files.iter().map(read).collect::<Result<Vec<_>, _>>() {
        Ok(ledgers) => ledgers,
        Err(what) => return refused(&what),
    };
    let comparison = compare(&ledgers);
    print(&comparison.text());
    if comparison.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a line for each subscriber of a network.
fn list(config: &Config, name: &str, text: impl Fn(&Network, &Line) -> String) -> ExitCode {
    let network = config.networks.iter().find(|network| network.name == name);
    let network = network.ok_or_else(|| format!("there is no network {name:?} in the configuration"));
    let lines = network.and_then(|network| Ok((network, network.lines()?)));
    match lines {
        Ok((network, lines)) => {
            print(&lines.iter().map(|line| text(network, line) + "\n").collect::<String>())
        }
        Err(what) => refused(&what),
    }
}

/// Where a run's outcome goes.
#[cfg_attr(not(feature = "dpdk"), expect(dead_code, reason = "nothing runs without ports"))]
struct Output {
    json: bool,
    report: Option<PathBuf>,
    ready: Option<PathBuf>,
    ledgers: Option<PathBuf>,
}

#[cfg(feature = "dpdk")]
fn run(config: &Config, output: Output, until: Until) -> ExitCode {
    use corenet::run::Core;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        if let Err(error) = signal_hook::flag::register(signal, stop.clone()) {
            return failed(&format!("no signals: {error}"));
        }
    }
    let mut core = match Core::open(config) {
        Ok(core) => core,
        Err(what) => return failed(&what),
    };
    let pcap = config.capture.file.as_ref().map(|file| file.display().to_string());
    let mut told = progress::Told::new(output, pcap);
    if let Err(what) = core.run(&stop, until, &mut told) {
        return failed(&what);
    }
    told.ledgers(&core.nodes());
    if told.failure.is_none() && (until == Until::Stopped || core.is_as_configured()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Without DPDK there are no ports to run on.
#[cfg(not(feature = "dpdk"))]
fn run(_config: &Config, _output: Output, _until: Until) -> ExitCode {
    failed("this build has no ports; build it with the feature `dpdk`")
}

#[cfg(feature = "dpdk")]
mod progress {
    //! What people and programs are told while it runs.

    use super::{Output, failed, print};
    use corenet::nodes::Nodes;
    use corenet::report::Report;
    use corenet::run::Observer;
    use corenet::scenario::Phase;
    use std::io::{IsTerminal, Write};
    use std::path::Path;

    pub(crate) struct Told {
        output: Output,
        pcap: Option<String>,
        on_terminal: bool,
        shown: String,
        /// What could not be written.
        pub(crate) failure: Option<String>,
    }

    impl Told {
        pub(crate) fn new(output: Output, pcap: Option<String>) -> Self {
            let on_terminal = std::io::stderr().is_terminal();
            Self { output, pcap, on_terminal, shown: String::new(), failure: None }
        }

        fn write(&mut self, file: &Path, text: &str) {
            // Whoever waits for it must find it whole.
            let new = file.with_extension("new");
            if let Err(error) = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)) {
                let what = format!("{}: {error}", file.display());
                failed(&what);
                self.failure = Some(what);
            }
        }
    }

    impl Told {
        /// Writes the ledgers, a file for each node.
        pub(crate) fn ledgers(&mut self, nodes: &Nodes<'_>) {
            let Some(directory) = self.output.ledgers.clone() else { return };
            for (name, ledger) in nodes.ledgers() {
                self.write(&directory.join(format!("{name}.jsonl")), &ledger.lines());
            }
        }
    }

    impl Observer for Told {
        fn ready(&mut self) {
            if let Some(file) = self.output.ready.clone() {
                self.write(&file, "");
            }
        }

        fn progress(&mut self, _phase: Phase, nodes: &Nodes<'_>) {
            let flow =
                |flow: &corenet::traffic::Flow| format!("{} {}/{}", flow.name, flow.ended(), flow.asked);
            let text = nodes.flows().map(flow).collect::<Vec<_>>().join("   ");
            if self.on_terminal && text != self.shown {
                eprint!("\r{text}\x1b[K");
                let _ = std::io::stderr().flush();
                self.shown = text;
            }
        }

        fn finished(&mut self, nodes: &Nodes<'_>, remarks: &str) {
            self.progress(Phase::Finished, nodes);
            if self.on_terminal {
                eprintln!();
            }
            eprint!("{}{remarks}", nodes.surprises());
            let report = Report::new(nodes.flows(), self.pcap.clone());
            let _ = match self.output.json {
                true => print(&format!("{}\n", report.json())),
                false => print(&report.table()),
            };
            if let Some(file) = self.output.report.clone() {
                self.write(&file, &format!("{}\n", report.json()));
            }
        }
    }
}

/// Prints to standard output; a reader that has gone away is no error.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn failed(what: &str) -> ExitCode {
    eprintln!("corenet: {what}");
    ExitCode::FAILURE
}

fn refused(what: &str) -> ExitCode {
    eprintln!("corenet: {what}");
    ExitCode::from(WRONG_CONFIGURATION)
}
