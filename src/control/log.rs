//! The log on standard error: JSON or text, one record a line.
//!
//! Numbers and identities reach it only through their `Debug`, which masks them; TPDUs never do.

use super::config::{Log, LogFormat, LogLevel};
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log; whatever is logged before is lost. Only the first call in a process counts.
pub fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let levels = levels(level);
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(Lines(io::stderr));
    // An error means that a log has been started already.
    let _ = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).finish().with(levels).try_init(),
        LogFormat::Text => builder.finish().with(levels).try_init(),
    };
}

/// Who has asked about whom is told whatever the level.
fn levels(level: LevelFilter) -> Targets {
    Targets::new().with_default(level).with_target(super::admin::AUDIT, LevelFilter::TRACE)
}

/// Makes writers that keep a record on one line.
struct Lines<M>(M);

impl<'a, W: Write, M: Fn() -> W + 'a> MakeWriter<'a> for Lines<M> {
    type Writer = Line<W>;
    fn make_writer(&'a self) -> Line<W> {
        Line((self.0)())
    }
}

/// Escapes control characters, so that what strangers sent can't forge records or drive a terminal.
struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    /// Called once for each record, which ends with a line feed.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = String::with_capacity(text.len() + 1);
        for c in text.chars() {
            match c.is_control() {
                true => line.extend(c.escape_default()),
                false => line.push(c),
            }
        }
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ident::{Identity, Imsi, Msisdn};

    /// What is logged meanwhile.
    pub(in super::super) fn logged(format: LogFormat, record: impl FnOnce()) -> String {
        let (read, write) = io::pipe().unwrap();
        let writer = Lines(move || write.try_clone().unwrap());
        let builder = tracing_subscriber::fmt().with_ansi(false).with_writer(writer);
        match format {
            LogFormat::Json => {
                tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), record)
            }
            LogFormat::Text => tracing::subscriber::with_default(builder.finish(), record),
        }
        io::read_to_string(read).unwrap()
    }

    #[test]
    fn a_record_stays_on_its_line_in_both_formats() {
        for format in [LogFormat::Json, LogFormat::Text] {
            let text = logged(format, || {
                tracing::info!(uri = %"sip:a\r\n2026 ERROR forged\u{1b}[2J\u{9b}", "a\nb");
            });
            assert_eq!(text.lines().count(), 1, "{text:?}");
            assert!(!text.trim_end().contains(char::is_control), "{text:?}");
        }
    }

    #[test]
    fn who_has_asked_about_whom_is_told_whatever_the_level() {
        let levels = levels(LevelFilter::ERROR);
        assert!(levels.would_enable("audit", &tracing::Level::INFO));
        assert!(!levels.would_enable("ipsmgw::control", &tracing::Level::WARN));
        assert!(levels.would_enable("ipsmgw::control", &tracing::Level::ERROR));
    }

    #[test]
    fn numbers_and_identities_are_masked_by_their_types() {
        let imsi: Imsi = "262011234567890".parse().unwrap();
        let msisdn: Msisdn = "491711234567".parse().unwrap();
        let identity = Identity::new(b"sip:+491711234567@home1.net").unwrap();
        let text = logged(LogFormat::Json, || tracing::info!(?imsi, ?msisdn, ?identity, "registered"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["imsi"], "************890");
        assert_eq!(json["message"], "registered");
        assert!(!text.contains("1234567"), "{text}");
    }
}
