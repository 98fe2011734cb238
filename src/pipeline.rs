//! The loop's heart, without Kafka: records in, one batch of everything a commit carries out.
//!
//! Invariant: each event of a record is applied, passed over as none that matters, or the reason why the record becomes a dead
//! letter; of several, one that can't be used takes no other along. Nothing leaves but through the batch, so that whoever
//! commits it commits all of it or nothing. `run`, `replay` and `demo` all go this way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalogue;
use crate::customer_key::CustomerKey;
use crate::engine::decay::Decay;
use crate::engine::facts::Fact;
use crate::engine::policy::Dropped;
use crate::engine::session::{Session, SessionKey, Sessions};
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::engine::totals::{TotalKey, Totals};
use crate::engine::vocabulary::{Arm, OfferKind};
use crate::engine::{Effects, Ended, apply_given, check, tick};
use crate::event::{
    self, Around, CatalogueRow, Decoded, EventKind, Headers, Id, ItemId, Part, Reading, Reject, RejectReason, ShopEvent, Timestamp,
};
use crate::offer_token::TokenKey;

/// The most of a payload that a dead letter keeps, in bytes.
pub const DEAD_LETTER_BYTES_MAX: usize = 64 * 1024;
/// The longest key of a record: it goes on with an offer or a dead letter, which their topics have to take.
pub const KEY_BYTES_MAX: usize = 4 * 1024;
/// An event may be this far ahead of its Kafka record.
const AHEAD_OF_RECORD_MS_MAX: i64 = 3_600_000;
/// An event of a file may be this far ahead of the newest one before it.
const AHEAD_OF_NEWEST_MS_MAX: i64 = 366 * 86_400_000;

/// A record to process.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The partition whose sessions it belongs to.
    pub partition: i32,
    /// Its key, which its offers are keyed with.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub payload: &'a [u8],
    /// The length it had before it was cut for being too large, where it was.
    pub payload_bytes: usize,
    /// Its own time in Kafka; `None` for a line of a file.
    pub record_time: Option<Timestamp>,
}

/// What tells how to read a record, beside the record itself.
#[derive(Clone, Copy, Default)]
pub struct Envelope<'a> {
    /// Its headers, where it has any.
    pub headers: Option<&'a dyn Headers>,
    /// The format of its topic.
    pub reading: Reading,
}

/// An offer on its way out.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferOut {
    /// The partition of the event that caused it.
    pub partition: i32,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The offer, as JSON.
    pub json: Vec<u8>,
    /// Made, or kept back.
    pub arm: Arm,
    /// The session it is for, where its id was told.
    pub session_id: Option<Id>,
    /// The time of the record that caused it, to measure by.
    pub record_time: Option<Timestamp>,
}

/// Everything that one commit carries, beside the offsets.
#[derive(Debug, Default)]
pub struct Batch {
    /// Offers, made and kept back, in the order of their causes.
    pub offers: Vec<OfferOut>,
    /// Sessions that changed.
    pub sessions: BTreeSet<(i32, SessionKey)>,
    /// What the shop is to learn, totals aside; empty where it is learned at once.
    pub facts: Vec<Fact>,
    /// Rows for the catalogue's topic; empty where they are taken in at once.
    pub products: Vec<CatalogueRow>,
    /// Totals that moved.
    pub totals: Totals,
    /// How many records it covers.
    pub records: u64,
}

/// What became of one trigger of the session that is asked about.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Where, when and how it ended.
    pub ended: Ended,
    /// What was offered.
    pub items: Vec<(ItemId, OfferKind)>,
    /// What was looked at and left out, with the rule that did it.
    pub dropped: Vec<Dropped>,
}

/// An event, its session with it, and the shop as it was when the event was answered: before it learns of it.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    /// The event, as the engine got it.
    pub event: &'a ShopEvent,
    /// The key of its session,
    pub key: &'a SessionKey,
    /// and the session, with the event in it.
    pub session: &'a Session,
    /// The shop without it.
    pub shop: &'a Shop,
    /// How the trigger ended, if it was one.
    pub ended: Option<Ended>,
}

/// When the shop learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learning {
    /// After every event, from memory: `replay`, `demo`.
    AtOnce,
    /// From the shop log, once committed: `run`.
    FromLog,
}

/// Applies records to the sessions of the partitions it owns.
#[derive(Debug)]
pub struct Processor {
    settings: Arc<Settings>,
    shop: Arc<Shop>,
    learning: Learning,
    partitions: BTreeMap<i32, Sessions>,
    first: Option<Timestamp>,
    newest: Option<Timestamp>,
    batch: Batch,
    explain: Option<String>,
    trail: Vec<Explained>,
    customer_key: Option<CustomerKey>,
    token_key: TokenKey,
}

impl Processor {
    /// A processor that owns no partition yet.
    #[must_use]
    pub fn new(settings: Arc<Settings>, shop: Arc<Shop>, learning: Learning) -> Self {
        Self {
            settings,
            shop,
            learning,
            partitions: BTreeMap::new(),
            first: None,
            newest: None,
            batch: Batch::default(),
            explain: None,
            trail: Vec::new(),
            customer_key: None,
            token_key: TokenKey::derived(&[]),
        }
    }

    /// Hashes customers' ids on their way in, where there is a key.
    #[must_use]
    pub fn with_customer_key(self, customer_key: Option<CustomerKey>) -> Self {
        Self { customer_key, ..self }
    }

    /// Opens tokens of offers with this key.
    #[must_use]
    pub fn with_token_key(self, token_key: TokenKey) -> Self {
        Self { token_key, ..self }
    }

    /// Keeps what becomes of the triggers of one session, named by any id that names it; for as long as the
    /// processor lives.
    pub fn explain(&mut self, session: String) {
        self.explain = Some(session);
    }

    /// What became of the triggers of the session that is asked about.
    #[must_use]
    pub fn trail(&self) -> &[Explained] {
        &self.trail
    }

    fn is_explained(&self, partition: i32, key: &SessionKey) -> bool {
        let Some(asked) = self.explain.as_deref() else { return false };
        let hidden = self.customer_key.as_ref().map(|key| key.hash(asked));
        self.is_of(asked, partition, key) || hidden.is_some_and(|hidden| self.is_of(&hidden, partition, key))
    }

    fn is_of(&self, asked: &str, partition: i32, key: &SessionKey) -> bool {
        let session = self.partitions.get(&partition).and_then(|sessions| sessions.get(key));
        key == asked || key.split_once(':').is_some_and(|(_, id)| id == asked) || session.is_some_and(|session| session.goes_by(asked))
    }

    /// Processes one record, whose format is found out.
    ///
    /// # Errors
    /// Why the record, or something in it, can't be used; it is counted, and the caller keeps it as a dead letter.
    pub fn process(&mut self, record: &Record<'_>) -> Result<(), Reject> {
        self.process_in(record, Envelope::default())
    }

    /// As [`Self::process`], of a record with headers, or of a topic of one format.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn process_in(&mut self, record: &Record<'_>, envelope: Envelope<'_>) -> Result<(), Reject> {
        self.process_after(record, envelope, |_, _| {})
    }

    /// As [`Self::process_in`]; `before` hears each event's time once it is known, before anything has changed for it.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn process_after(
        &mut self,
        record: &Record<'_>,
        envelope: Envelope<'_>,
        mut before: impl FnMut(&Self, Timestamp),
    ) -> Result<(), Reject> {
        self.process_with(record, envelope, &mut before, &mut |_| {})
    }

    /// As [`Self::process_in`]; `applied` sees each event once its session has it, before the shop learns of it: what the
    /// engine itself decided by.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn process_observed(
        &mut self,
        record: &Record<'_>,
        envelope: Envelope<'_>,
        mut applied: impl FnMut(&Applied<'_>),
    ) -> Result<(), Reject> {
        self.process_with(record, envelope, &mut |_, _| {}, &mut applied)
    }

    fn process_with(
        &mut self,
        record: &Record<'_>,
        envelope: Envelope<'_>,
        before: &mut impl FnMut(&Self, Timestamp),
        applied: &mut impl FnMut(&Applied<'_>),
    ) -> Result<(), Reject> {
        self.batch.records += 1;
        let done = match read(record, envelope) {
            Err(reject) => Err(reject),
            Ok(Decoded::One(event)) => self.take_event(event, record, before, applied),
            Ok(Decoded::Several(parts)) => self.take_parts(parts, record, before, applied),
        };
        if let Err(reject) = &done {
            self.learn_total(TotalKey::Rejected(reject.reason), 1);
        }
        done
    }

    /// Takes each part that can be used; the error names the first that can't.
    fn take_parts(
        &mut self,
        parts: Vec<Part>,
        record: &Record<'_>,
        before: &mut impl FnMut(&Self, Timestamp),
        applied: &mut impl FnMut(&Applied<'_>),
    ) -> Result<(), Reject> {
        let (count, mut bad) = (parts.len(), Vec::new());
        for (place, part) in parts.into_iter().enumerate() {
            match part {
                Part::Event(event) => {
                    let named = |reject: Reject| Reject { detail: format!("event {} of {count}: {}", place + 1, reject.detail), ..reject };
                    bad.extend(self.take_event(event, record, before, applied).err().map(named));
                }
                Part::Product(row) => bad.extend(self.take_product(row).err()),
                Part::PassedOver => self.learn_total(TotalKey::PassedOver, 1),
                Part::Bad(reject) => bad.push(reject),
            }
        }
        let others = bad.len().saturating_sub(1);
        match bad.into_iter().next() {
            None => Ok(()),
            Some(first) if others == 0 => Err(first),
            Some(first) => Err(Reject { detail: format!("{}; {others} more of this record can't be used", first.detail), ..first }),
        }
    }

    /// A row of the catalogue goes to its topic, where every instance reads it, or at once where there is no topic.
    fn take_product(&mut self, row: CatalogueRow) -> Result<(), Reject> {
        let read = catalogue::from_record(Some(row.item_id.as_bytes()), row.json.as_deref());
        let read = read.map_err(|bad| Reject::new(RejectReason::BadField, bad.detail))?;
        match (self.learning, read.product) {
            (Learning::FromLog, _) => self.batch.products.push(row),
            (Learning::AtOnce, Some(product)) => _ = self.shop.catalogue.give(read.item, product),
            (Learning::AtOnce, None) => self.shop.catalogue.withdraw(&read.item),
        }
        Ok(())
    }

    /// The sessions of a partition, made if there are none.
    pub fn sessions_mut(&mut self, partition: i32) -> &mut Sessions {
        let settings = &self.settings;
        self.partitions.entry(partition).or_insert_with(|| Sessions::new(settings))
    }

    /// The newest time a partition's events have come to; `None` where there are no sessions.
    #[must_use]
    pub fn newest_of(&self, partition: i32) -> Option<Timestamp> {
        self.partitions.get(&partition).filter(|sessions| !sessions.is_empty()).map(Sessions::newest)
    }

    /// The sessions of all partitions.
    #[must_use]
    pub fn partitions(&self) -> &BTreeMap<i32, Sessions> {
        &self.partitions
    }

    /// Gives all partitions up, and with them whatever was not taken for a commit.
    pub fn forget_partitions(&mut self) {
        self.partitions.clear();
        self.batch = Batch::default();
    }

    /// The batch so far.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Takes the offers out of the batch, where they leave one by one.
    pub fn drain_offers(&mut self) -> std::vec::Drain<'_, OfferOut> {
        self.batch.offers.drain(..)
    }

    /// Takes the offers that shoppers are to see out of the batch, where these do not wait for its commit.
    pub fn take_offers_made(&mut self) -> Vec<OfferOut> {
        self.batch.offers.extract_if(.., |offer| offer.arm != Arm::Holdout).collect()
    }

    /// Takes customers who were erased out of all sessions; one atomic load a partition where nobody was. Returns how many
    /// sessions changed.
    pub fn scrub(&mut self) -> usize {
        let partitions: Vec<i32> = self.partitions.keys().copied().collect();
        partitions.into_iter().map(|partition| self.scrub_partition(partition)).sum()
    }

    fn scrub_partition(&mut self, partition: i32) -> usize {
        let Some(sessions) = self.partitions.get_mut(&partition) else { return 0 };
        let scrubbed = sessions.scrub(&self.shop.erased);
        let count = scrubbed.len();
        for (key, scrubbed) in scrubbed {
            self.batch.sessions.insert((partition, key));
            for (customer, erasure) in scrubbed.told_since {
                self.learn(Fact::Erased { customer, erasure });
            }
        }
        count
    }

    /// Takes the batch for a commit; sessions that are over end with it, and those nearest to it that find no room.
    pub fn take_batch(&mut self) -> Batch {
        self.scrub();
        for (partition, key) in &self.batch.sessions {
            if let Some(sessions) = self.partitions.get_mut(partition) {
                sessions.measure(key);
            }
        }
        // Sessions are of this process alone, so each of its partitions has an equal part of what it may take.
        let bytes_max = self.settings.limits.sessions_bytes().map(|bytes| bytes / self.partitions.len().max(1));
        for (partition, sessions) in &mut self.partitions {
            let gone = sessions.sweep_within(bytes_max);
            self.batch.sessions.extend(gone.into_iter().map(|key| (*partition, key)));
        }
        std::mem::take(&mut self.batch)
    }

    /// The decay to write into the next record of the shop log; `None` before the first event.
    #[must_use]
    pub fn decay(&self) -> Option<Decay> {
        let start = || self.first.map(|first| Decay::starting(first, self.settings.ranking.half_life.0));
        let decay = self.shop.decay().or_else(start)?;
        Some(self.newest.map_or(decay, |newest| decay.moved_for(newest)))
    }

    fn take_event(
        &mut self,
        mut event: ShopEvent,
        record: &Record<'_>,
        before: &mut impl FnMut(&Self, Timestamp),
        applied: &mut impl FnMut(&Applied<'_>),
    ) -> Result<(), Reject> {
        let key = self.hide_customer(&mut event, record.key);
        self.check_time(&event, record.record_time)?;
        self.leave_out_erased(&mut event)?;
        let given = self.token_key.given(&event)?;
        let partition = record.partition;
        self.scrub_partition(partition);
        let (settings, shop) = (Arc::clone(&self.settings), Arc::clone(&self.shop));
        // A record that is rejected moves neither the clock, nor any timer, nor where decay is measured from.
        check(&settings, self.sessions_mut(partition), &event)?;
        before(self, event.ts);
        // A shopper's clock that is ahead does not let everybody's time pass.
        self.tick(partition, record.record_time.map_or(event.ts, |time| event.ts.min(time)));
        let effects = apply_given(&settings, self.sessions_mut(partition), &event, given.as_ref(), &shop)?;
        if let Some(session) = self.sessions_mut(partition).get_mut(&effects.session) {
            applied(&Applied { event: &event, key: &effects.session, session, shop: &shop, ended: effects.ended });
        }
        self.first.get_or_insert(event.ts);
        self.newest = self.newest.max(Some(event.ts));
        self.take_effects(partition, key, record.record_time, effects);
        Ok(())
    }

    /// Lets the time of a partition come as far as `until`: what is due by then is offered now. Returns how many
    /// timers fired.
    pub fn tick(&mut self, partition: i32, until: Timestamp) -> usize {
        self.scrub_partition(partition);
        let (settings, shop) = (Arc::clone(&self.settings), Arc::clone(&self.shop));
        let mut fired = 0;
        while let Some(effects) = tick(&settings, self.sessions_mut(partition), until, &shop) {
            fired += 1;
            // No record caused it; a session's key is its first id, which the bus keys its records by.
            let key = effects.session.split_once(':').map(|(_, id)| id.as_bytes().to_vec());
            self.take_effects(partition, key, None, effects);
        }
        fired
    }

    fn take_effects(&mut self, partition: i32, key: Option<Vec<u8>>, record_time: Option<Timestamp>, effects: Effects) {
        if let Some(ended) = effects.ended.filter(|_| self.is_explained(partition, &effects.session)) {
            let items = effects.offer.iter().flat_map(|offer| offer.items.iter()).map(|item| (item.item_id.clone(), item.kind));
            self.trail.push(Explained { ended, items: items.collect(), dropped: effects.dropped });
        }
        self.batch.sessions.insert((partition, effects.session));
        if let Some(offer) = effects.offer {
            // An offer is plain data: writing it into memory has no way to fail.
            let json = serde_json::to_vec(&offer).unwrap_or_default();
            self.batch.offers.push(OfferOut { partition, key, json, arm: offer.arm, session_id: offer.session_id, record_time });
        }
        if let (Learning::AtOnce, Some(decay)) = (self.learning, self.decay()) {
            // As the head of a record does before its facts.
            self.shop.set_decay(decay);
        }
        effects.facts.into_iter().for_each(|fact| self.learn(fact));
    }

    /// Puts a hash in the place of the customer's id, where there is a key for that. Returns the key of offers: the record's,
    /// unless that is the id.
    fn hide_customer(&self, event: &mut ShopEvent, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let hidden = self.customer_key.as_ref().and_then(|customer_key| customer_key.hide(event));
        match (hidden, &event.customer_id) {
            (Some(customer), Some(hash)) if key == Some(customer.as_bytes()) => Some(hash.as_bytes().to_vec()),
            _ => key.map(<[u8]>::to_vec),
        }
    }

    /// What a customer did before being erased is nobody's, however late it is heard; where nothing else says whose session
    /// it belongs to, it can't be used.
    fn leave_out_erased(&self, event: &mut ShopEvent) -> Result<(), Reject> {
        let Some(customer) = &event.customer_id else { return Ok(()) };
        if event.kind == EventKind::CustomerErased || !self.shop.erased.covers(customer, event.ts) {
            return Ok(());
        }
        let others = [&event.session_id, &event.cart_id, &event.order_id];
        if others.into_iter().flatten().next().is_none_or(|first| first == customer) {
            let detail = format!("ts is {}, before the customer of this event was erased, and no other id tells the session", event.ts);
            return Err(Reject::new(RejectReason::CustomerErased, detail));
        }
        event.customer_id = None;
        Ok(())
    }

    fn check_time(&self, event: &ShopEvent, record_time: Option<Timestamp>) -> Result<(), Reject> {
        let (from, ahead_ms_max, what) = match (record_time, self.newest) {
            (Some(time), _) => (time, AHEAD_OF_RECORD_MS_MAX, "1 h ahead of its record's time"),
            (None, Some(newest)) => (newest, AHEAD_OF_NEWEST_MS_MAX, "366 days ahead of the newest event before it"),
            (None, None) => return Ok(()),
        };
        if event.ts.0 - from.0 <= ahead_ms_max {
            return Ok(());
        }
        Err(Reject::new(RejectReason::FutureTime, format!("ts is {}, more than {what}, {from}", event.ts)))
    }

    fn learn_total(&mut self, key: TotalKey, delta: i128) {
        self.learn(Fact::Total(key, delta));
    }

    fn learn(&mut self, fact: Fact) {
        if self.learning == Learning::AtOnce {
            self.shop.fold(&fact);
        }
        match fact {
            Fact::Total(key, delta) => self.batch.totals.add(key, delta),
            fact if self.learning == Learning::FromLog => self.batch.facts.push(fact),
            _ => {}
        }
    }
}

/// What a record holds.
fn read(record: &Record<'_>, envelope: Envelope<'_>) -> Result<Decoded, Reject> {
    if record.payload_bytes > event::EVENT_BYTES_MAX {
        let detail = format!("the record has {} bytes; {} are allowed", record.payload_bytes, event::EVENT_BYTES_MAX);
        return Err(Reject::new(RejectReason::TooLarge, detail));
    }
    if let Some(bytes) = record.key.map(<[u8]>::len).filter(|bytes| *bytes > KEY_BYTES_MAX) {
        let detail = format!("the record's key has {bytes} bytes; {KEY_BYTES_MAX} are allowed");
        return Err(Reject::new(RejectReason::TooLarge, detail));
    }
    let around = Around::of(envelope.headers, record.key, record.record_time);
    event::read(record.payload, &around, envelope.reading)
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "pipeline_erasure_tests.rs"]
mod erasure_tests;
