//! The subscribers of a network, from its file or made from prefixes.

use super::Network;
use ipsmgw::ident::{Digits, Imsi, Msisdn};

/// A subscriber as it is configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The IMSI.
    pub imsi: Imsi,
    /// The number.
    pub msisdn: Msisdn,
    /// Public user identities, the one that registers first.
    pub identities: Vec<String>,
}

impl Network {
    /// Its subscribers, from the file or made from the prefixes.
    ///
    /// # Errors
    /// Says what is wrong with the file, or which key is missing.
    pub fn lines(&self) -> Result<Vec<Line>, String> {
        if let Some(file) = &self.subscribers_file {
            let text =
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
            return lines
                .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
                .map(|(at, line)| self.read(line).map_err(|what| format!("{}:{at}: {what}", file.display())))
                .collect();
        }
        let (Some(count), Some(imsi), Some(msisdn)) =
            (self.subscribers, self.imsi_prefix, self.msisdn_prefix)
        else {
            return Err(format!(
                "network {}: no subscribers; give subscribers, imsi_prefix and msisdn_prefix, or subscribers_file",
                self.name
            ));
        };
        (1..=count).map(|number| self.generate(imsi, msisdn, number)).collect()
    }

    fn generate(&self, imsi: Digits, msisdn: Digits, number: u32) -> Result<Line, String> {
        let wrong = |what: &str| format!("network {}: {what}", self.name);
        let width = 15usize.saturating_sub(imsi.len());
        let imsi = format!("{imsi}{number:0width$}").parse().map_err(wrong)?;
        let msisdn: Msisdn = format!("{msisdn}{number:06}").parse().map_err(wrong)?;
        Ok(Line { imsi, msisdn, identities: vec![format!("sip:+{msisdn}@{}", self.realm)] })
    }

    fn read(&self, line: &str) -> Result<Line, String> {
        let mut fields = line.splitn(3, ',').map(str::trim);
        let mut field = || fields.next().ok_or("has fewer than three fields; write imsi,msisdn,identities");
        let imsi = field()?.parse()?;
        let number = field()?;
        let msisdn: Msisdn = number.strip_prefix('+').unwrap_or(number).parse()?;
        let mut identities: Vec<String> = field()?.split_ascii_whitespace().map(str::to_owned).collect();
        if identities.is_empty() {
            identities.push(format!("sip:+{msisdn}@{}", self.realm));
        }
        Ok(Line { imsi, msisdn, identities })
    }
}

impl core::fmt::Display for Line {
    /// As the gateway's subscriber file has it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{},{},{}", self.imsi, self.msisdn, self.identities.join(" "))
    }
}
