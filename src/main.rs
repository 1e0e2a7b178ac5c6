//! Start-up of the gateway, and its command line.

use clap::{Parser, Subcommand};
use ipsmgw::control::admin::{self, Filter, Subject};
use ipsmgw::control::config::{Admin, Config, ConfigError, NumberType};
use ipsmgw::control::{self, numbering, start, try_route};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The slow path allocates; workers don't.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An IP Short Message Gateway: SMS between IMS and SS7.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Run {
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration: print every error with its remedy, or every warning and what there is room for.
    Check {
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Show what a running gateway does.
    Show {
        /// What to show.
        subject: Subject,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// The gateway's admin socket.
        #[arg(long, value_name = "PATH", default_value_os_t = Admin::default().socket)]
        socket: PathBuf,
        #[command(flatten)]
        part: Part,
    },
    /// Why a subscriber is reached, or is not: whether it is registered and how, what the HLR knows, its last messages.
    Why(Person),
    /// End a subscriber's registration, as if the guard timer had: the HLR is told, and so is a UE that registered here itself.
    Deregister(Person),
    /// Compare all registrations with what HLRs know, from now on and at a pace, and repair what differs; print how that stands.
    Audit {
        /// Only print how it stands.
        #[arg(long)]
        look: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// The gateway's admin socket.
        #[arg(long, value_name = "PATH", default_value_os_t = Admin::default().socket)]
        socket: PathBuf,
    },
    /// Take a subsystem of a running gateway out of service, or back in.
    Subsystem {
        /// Its number.
        #[arg(value_parser = clap::value_parser!(u8).range(2..=254))]
        ssn: u8,
        /// Which of the two.
        state: Service,
        /// The gateway's admin socket.
        #[arg(long, value_name = "PATH", default_value_os_t = Admin::default().socket)]
        socket: PathBuf,
    },
    /// Try out a decision of a configuration, without a network.
    Try {
        #[command(subcommand)]
        what: Try,
    },
}

/// Which subscribers are shown.
#[derive(clap::Args)]
struct Part {
    #[command(flatten)]
    filter: Filter,
    /// With subscribers: how many are listed at most, up to 1,000; 0: only their number and the digest.
    #[arg(long, default_value_t = LISTED, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    limit: u32,
    /// With subscribers: the place to go on from, as the list before said.
    #[arg(long, value_name = "PLACE")]
    after: Option<u32>,
    /// With subscribers: show numbers whole. Each question is recorded, and whether they were.
    #[arg(long)]
    unmasked: bool,
}

impl Part {
    fn is_given(&self) -> bool {
        let Self { filter, limit, after, unmasked } = self;
        *filter != Filter::default() || *limit != LISTED || after.is_some() || *unmasked
    }
}

/// Whom a command is about.
#[derive(clap::Args)]
struct Person {
    /// The MSISDN, international, with or without "+".
    number: String,
    /// NUMBER is an IMSI.
    #[arg(long)]
    imsi: bool,
    /// Show numbers and identities whole. Each question is recorded, and whether they were.
    #[arg(long)]
    unmasked: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// The gateway's admin socket.
    #[arg(long, value_name = "PATH", default_value_os_t = Admin::default().socket)]
    socket: PathBuf,
}

impl Person {
    fn asked(&self) -> admin::Person {
        let number = Some(self.number.clone());
        let (msisdn, imsi) = if self.imsi { (None, number) } else { (number, None) };
        admin::Person { msisdn, imsi, unmasked: self.unmasked }
    }
}

/// Whether a subsystem takes messages.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Service {
    /// It does.
    In,
    /// It does not.
    Out,
}

#[derive(Subcommand)]
enum Try {
    /// Where a called global title is sent, and why: each step of the translation.
    Gt {
        /// The title's digits, with or without a "+".
        title: String,
        /// Translation type.
        #[arg(long, default_value_t = 0)]
        tt: u8,
        /// Numbering plan (1: E.164).
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=15))]
        np: u8,
        /// Nature of address (4: international).
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=127))]
        nai: u8,
        /// The subsystem that is called.
        #[arg(long, default_value_t = 8)]
        ssn: u8,
        /// Signalling link selection, by which destinations and associations share.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=15))]
        sls: u8,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// The admin socket of a gateway that runs with it: points are as it sees them. Without: all are available.
        #[arg(long, value_name = "PATH")]
        socket: Option<PathBuf>,
    },
    /// Which international number a service centre's number stands for that a user sends to, and in which form it goes out.
    Number {
        /// The number; with a "+" it is international.
        number: String,
        /// Its type, as a phone tells it.
        #[arg(long = "type", value_enum, default_value_t = NumberType::Unknown)]
        kind: NumberType,
        /// Its numbering plan (1: E.164).
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=15))]
        plan: u8,
        /// The network whose user it is. Without: the first.
        #[arg(long)]
        network: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// The configuration (TOML).
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Subscribers that are listed unless another number is given.
const LISTED: u32 = 20;
/// Exit code for a configuration that is wrong.
const WRONG_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => match control::read(&config) {
            Ok((config, subscribers)) => match start::run(config, subscribers) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&error),
            },
            Err(errors) => refused(&errors),
        },
        Command::Check { config } => match control::read(&config) {
            Ok((checked, _)) => {
                for warning in &checked.warnings {
                    eprintln!("warning: {warning}");
                }
                let mut text = format!("{}: correct; there is room for\n", config.display());
                for (what, room) in checked.sizes() {
                    text += &format!("{room:>12} {}\n", what.replace('_', " "));
                }
                print(&text)
            }
            Err(errors) => refused(&errors),
        },
        Command::Show { subject: Subject::Subscribers, json, socket, part } => {
            show_subscribers(part, json, &socket)
        }
        Command::Show { part, .. } if part.is_given() => {
            wrong("filters, --limit, --after and --unmasked are for `show subscribers`")
        }
        Command::Show { subject, json, socket, .. } => show(subject, json, &socket),
        Command::Why(person) => {
            let asked = block_on(admin::why(&person.socket, &person.asked()));
            answered(asked, person.json, admin::why_report, |answer| answer["why"]["found"] == true)
        }
        Command::Deregister(person) => {
            let asked = block_on(admin::deregister(&person.socket, &person.asked()));
            let is_done = |answer: &serde_json::Value| answer["deregister"]["outcome"] == "done";
            answered(asked, person.json, admin::deregistered, is_done)
        }
        Command::Audit { look, json, socket } => {
            let asked = block_on(admin::compare(&socket, &admin::Comparison { begin: !look }));
            let is_well = |answer: &serde_json::Value| {
                look || answer["audit"]["begun"] == true || answer["audit"]["state"]["running"] == true
            };
            answered(asked, json, admin::compared, is_well)
        }
        Command::Subsystem { ssn, state, socket } => {
            let asked = block_on(admin::set_subsystem(&socket, ssn, state == Service::In));
            match asked {
                Ok(answer) => print(&format!("{answer:#}\n")),
                Err(error) => failed(&*error),
            }
        }
        Command::Try { what } => try_out(what),
    }
}

fn show(subject: Subject, json: bool, socket: &Path) -> ExitCode {
    match block_on(admin::ask(socket, subject)) {
        Ok(answer) if json => print(&format!("{answer:#}\n")),
        Ok(answer) => print(&admin::table(subject, &answer)),
        Err(error) => failed(&*error),
    }
}

/// Their number, the first time, and a part of the list.
fn show_subscribers(part: Part, json: bool, socket: &Path) -> ExitCode {
    let Part { filter, limit, after, unmasked } = part;
    let asked = block_on(async {
        let counts = match after {
            None => Some(admin::ask(socket, Subject::Subscribers).await?),
            Some(_) => None,
        };
        let asked = admin::List { filter, after: after.unwrap_or(0), limit, unmasked };
        let list = if limit > 0 { Some(admin::list(socket, &asked).await?) } else { None };
        Ok(admin::merged(counts, list))
    });
    answered(asked, json, admin::listed, |_| true)
}

/// Prints an answer; it is a failure unless it is as it should be.
fn answered(
    asked: Result<serde_json::Value, Box<dyn std::error::Error>>,
    json: bool,
    report: impl Fn(&serde_json::Value) -> String,
    is_well: impl Fn(&serde_json::Value) -> bool,
) -> ExitCode {
    match asked {
        Ok(answer) => {
            let printed = print(&if json { format!("{answer:#}\n") } else { report(&answer) });
            if is_well(&answer) { printed } else { ExitCode::FAILURE }
        }
        Err(error) => failed(&*error),
    }
}

fn block_on<T>(
    asked: impl Future<Output = Result<T, admin::AskError>>,
) -> Result<T, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(asked)?)
}

fn try_out(what: Try) -> ExitCode {
    let (tried, json) = match what {
        Try::Gt { title, tt, np, nai, ssn, sls, json, config, socket } => {
            let Some(digits) = try_route::digits(&title) else {
                return wrong(&format!("{title} is no title; give up to 30 digits"));
            };
            let config = match Config::load(&config) {
                Ok(config) => config,
                Err(errors) => return refused(&errors),
            };
            let asked =
                try_route::Title { digits, translation_type: tt, numbering_plan: np, nature: nai, ssn };
            let seen = match socket.map(|socket| block_on(admin::ask(&socket, Subject::Destinations))) {
                None => try_route::Seen::default(),
                Some(Ok(answer)) => try_route::Seen::from_json(&answer),
                Some(Err(error)) => return failed(&*error),
            };
            (try_route::gt(&config, &asked, sls, &seen), json)
        }
        Try::Number { number, kind, plan, network, json, config } => {
            let Some(parsed) = numbering::number(&number, kind, plan) else {
                return wrong(&format!("{number} is no number; give 1 to 30 digits"));
            };
            let config = match Config::load(&config) {
                Ok(config) => config,
                Err(errors) => return refused(&errors),
            };
            match numbering::try_number(&config, network.as_deref(), parsed) {
                Ok(tried) => (tried, json),
                Err(what) => return wrong(&what),
            }
        }
    };
    let printed = print(&if json { format!("{:#}\n", tried.to_json()) } else { tried.to_string() });
    if tried.leads_somewhere() { printed } else { ExitCode::FAILURE }
}

/// Prints to standard output; a reader that has gone away is no error.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn wrong(what: &str) -> ExitCode {
    eprintln!("ipsmgw: {what}");
    ExitCode::from(WRONG_CONFIGURATION)
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("ipsmgw: {error}");
    ExitCode::FAILURE
}

fn refused(errors: &[ConfigError]) -> ExitCode {
    for error in errors {
        eprintln!("{error}");
    }
    ExitCode::from(WRONG_CONFIGURATION)
}
