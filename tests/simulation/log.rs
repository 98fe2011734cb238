//! A partition's log: records and markers, each with an offset of its own; what is stable; compaction.
//!
//! From the protocol: a transaction's records are there at once for who reads uncommitted ones. A marker ends the
//! transaction on this partition and takes an offset. Readers of committed records see nothing past the first
//! record of an open transaction, which is the last stable offset.

use std::collections::BTreeMap;

/// A producer: its number, and which of its incarnations.
pub type Producer = (u64, u16);

/// Whether a record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its transaction is open, by the producer of that number.
    Open(u64),
    Committed,
    Aborted,
}

/// What is written.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, String>,
    pub time_ms: i64,
}

/// One partition.
#[derive(Debug, Default)]
pub struct Log {
    /// By offset; markers are not kept, but take one.
    records: BTreeMap<i64, (Fate, Record)>,
    end: i64,
    /// The newest incarnation seen of each producer.
    epochs: BTreeMap<u64, u16>,
}

/// What a reader of committed records comes to.
pub enum Read<'a> {
    Record(i64, &'a Record),
    /// All that is stable is read; this is where to go on.
    End(i64),
}

impl Log {
    /// Writes a record outside any transaction.
    pub fn append(&mut self, record: Record) -> i64 {
        self.put(Fate::Committed, record)
    }

    /// Writes a record of a transaction; refused of a producer that has a newer incarnation.
    pub fn append_open(&mut self, (id, epoch): Producer, record: Record) -> bool {
        if self.epochs.get(&id).is_some_and(|known| *known > epoch) {
            return false;
        }
        self.epochs.insert(id, epoch);
        self.put(Fate::Open(id), record);
        true
    }

    /// Ends a producer's transaction here.
    pub fn append_marker(&mut self, (id, epoch): Producer, is_commit: bool) {
        let fate = if is_commit { Fate::Committed } else { Fate::Aborted };
        for (known, _) in self.records.values_mut().filter(|(known, _)| *known == Fate::Open(id)) {
            *known = fate;
        }
        self.epochs.insert(id, epoch);
        self.end += 1;
    }

    /// Where the next record goes.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The last stable offset.
    pub fn stable_end(&self) -> i64 {
        let open = self.records.iter().find(|(_, (fate, _))| matches!(fate, Fate::Open(_)));
        open.map_or(self.end, |(offset, _)| *offset)
    }

    /// The first committed record from an offset on.
    pub fn read(&self, from: i64) -> Read<'_> {
        let stable = self.stable_end();
        if from >= stable {
            return Read::End(from);
        }
        let committed = self.records.range(from..stable).find(|(_, (fate, _))| *fate == Fate::Committed);
        committed.map_or(Read::End(stable), |(offset, (_, record))| Read::Record(*offset, record))
    }

    /// All committed records.
    pub fn committed(&self) -> impl Iterator<Item = (i64, &Record)> {
        self.records.iter().filter(|(_, (fate, _))| *fate == Fate::Committed).map(|(offset, (_, record))| (*offset, record))
    }

    /// Keeps, of what is stable, only the newest record of each key; what was aborted goes.
    pub fn compact(&mut self) {
        let stable = self.stable_end();
        let newest: BTreeMap<Option<Vec<u8>>, i64> =
            self.committed().take_while(|(at, _)| *at < stable).map(|(at, r)| (r.key.clone(), at)).collect();
        self.records
            .retain(|offset, (fate, record)| *offset >= stable || *fate == Fate::Committed && newest.get(&record.key) == Some(offset));
    }

    /// Lets records that end a key go, of those that are its newest.
    pub fn drop_tombstones(&mut self) {
        self.compact();
        let stable = self.stable_end();
        self.records.retain(|offset, (_, record)| *offset >= stable || record.value.is_some());
    }

    fn put(&mut self, fate: Fate, record: Record) -> i64 {
        self.records.insert(self.end, (fate, record));
        self.end += 1;
        self.end - 1
    }
}
