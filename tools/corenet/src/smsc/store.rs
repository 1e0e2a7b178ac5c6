//! Where the service centre's messages survive its process: a table in a file, or in memory where none is configured.

use super::queue::{Change, MessageId, ShortMessage};
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableTable, TableDefinition};
use std::path::Path;

/// Messages by their ids, as JSON.
const MESSAGES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("messages");

/// The messages that the service centre has accepted and not ended.
pub struct Store(Database);

impl Store {
    /// Opens or creates the file; without one it is in memory. Gives what is in it.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn open(file: Option<&Path>) -> Result<(Self, Vec<(MessageId, ShortMessage)>), String> {
        let opened = match file {
            Some(file) => Database::create(file),
            None => Database::builder().create_with_backend(InMemoryBackend::new()),
        };
        let wrong = |error: redb::Error| {
            let name = file.map_or("in memory".into(), |file| file.display().to_string());
            format!("smsc.store: {name}: {error}; name a file of its own that can be written")
        };
        let store = Self(opened.map_err(|error| wrong(error.into()))?);
        let messages = store.read().map_err(wrong)?;
        Ok((store, messages))
    }

    fn read(&self) -> Result<Vec<(MessageId, ShortMessage)>, redb::Error> {
        let transaction = self.0.begin_write()?;
        let mut messages = vec![];
        {
            let table = transaction.open_table(MESSAGES)?;
            for row in table.iter()? {
                let (id, octets) = row?;
                let message = serde_json::from_slice(octets.value());
                let message = message.map_err(|error| redb::Error::Corrupted(error.to_string()))?;
                messages.push((MessageId(id.value()), message));
            }
        }
        transaction.commit()?;
        Ok(messages)
    }

    /// Makes the changes. Afterwards they are in the file, whatever becomes of the process.
    ///
    /// # Errors
    /// None of them is made.
    pub fn apply(&self, changes: &[Change]) -> Result<(), String> {
        self.write(changes).map_err(|error| format!("smsc.store: {error}"))
    }

    fn write(&self, changes: &[Change]) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(MESSAGES)?;
            for change in changes {
                match change {
                    Change::Put(MessageId(id), message) => {
                        let octets = serde_json::to_vec(message);
                        let octets = octets.map_err(|error| redb::Error::Corrupted(error.to_string()))?;
                        table.insert(id, &octets[..])?;
                    }
                    Change::Remove(MessageId(id)) => {
                        table.remove(id)?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tpdu: &[u8]) -> ShortMessage {
        let recipient = "491711000001".parse().unwrap();
        ShortMessage { network: 1, recipient, tpdu: tpdu.into(), expires: 7, report: None }
    }

    #[test]
    fn what_was_stored_is_there_after_a_crash() {
        let file = std::env::temp_dir().join(format!("corenet-store-{}.redb", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let (store, messages) = Store::open(Some(&file)).unwrap();
        assert!(messages.is_empty());
        let put = |id, octet| Change::Put(MessageId(id), message(&[octet]));
        store.apply(&[put(1, 4), put(2, 5), Change::Remove(MessageId(1))]).unwrap();
        assert!(Store::open(Some(&file)).is_err(), "it is somebody's already");
        // A process that is killed closes nothing: what is on the disk now is what is left.
        let copy = file.with_extension("copy");
        std::fs::copy(&file, &copy).unwrap();
        let (_, messages) = Store::open(Some(&copy)).unwrap();
        assert_eq!(messages, [(MessageId(2), message(&[5]))]);
        drop(store);
        std::fs::write(&copy, b"something else").unwrap();
        assert!(Store::open(Some(&copy)).err().unwrap().contains("smsc.store"));
        for file in [file, copy] {
            std::fs::remove_file(file).unwrap();
        }
    }

    #[test]
    fn without_a_file_it_is_in_memory() {
        let (store, _) = Store::open(None).unwrap();
        store.apply(&[Change::Put(MessageId(3), message(&[1]))]).unwrap();
        assert_eq!(store.read().unwrap().len(), 1);
    }
}
