//! Start-up of the gateway, and its command line.

use clap::{Parser, Subcommand};
use ipsmgw::control::admin::{self, Subject};
use ipsmgw::control::config::{Admin, ConfigError};
use ipsmgw::control::{self, start};
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
    },
}

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
        Command::Show { subject, json, socket } => show(subject, json, &socket),
    }
}

fn show(subject: Subject, json: bool, socket: &Path) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(admin::ask(socket, subject)) {
        Ok(answer) if json => print(&format!("{answer:#}\n")),
        Ok(answer) => print(&admin::table(subject, &answer)),
        Err(error) => failed(&error),
    }
}

/// Prints to standard output; a reader that has gone away is no error.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
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
