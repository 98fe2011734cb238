//! A batch as the records of one transaction.
//!
//! Invariant: offers, withheld offers and dead letters go to the partition of the event that caused them,
//! sessions to the changelog partition of the same number, facts to the one partition of the shop log, products to that of
//! their item in the catalogue.

use crate::config::KafkaConfig;
use crate::engine::facts::Fact;
use crate::engine::vocabulary::Arm;
use crate::event::Reject;
use crate::pipeline::{Batch, DEAD_LETTER_BYTES_MAX, KEY_BYTES_MAX, OfferOut, Processor};
use crate::state::{Header, encode_records, encode_session};

/// A topic that Offerstream writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Offers made.
    Offers,
    /// Offers kept back.
    Withheld,
    /// Dead letters.
    DeadLetters,
    /// The changelog of sessions.
    Sessions,
    /// The shop log.
    Shop,
    /// The shop's catalogue.
    Catalogue,
}

impl Target {
    /// The topic's name.
    #[must_use]
    pub fn topic(self, config: &KafkaConfig) -> &str {
        match self {
            Self::Offers => &config.offers_topic,
            Self::Withheld => &config.withheld_topic,
            Self::DeadLetters => &config.dlq_topic,
            Self::Sessions => &config.sessions_topic,
            Self::Shop => &config.shop_topic,
            Self::Catalogue => &config.catalogue_topic,
        }
    }
}

/// The partition of a record that goes where its key belongs: the catalogue's topic has partitions of its own.
pub const BY_KEY: i32 = -1;

/// A record to write.
#[derive(Debug)]
pub struct Outgoing {
    /// Where to.
    pub target: Target,
    /// The partition; `BY_KEY` where the key decides.
    pub partition: i32,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; none ends a session.
    pub payload: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
}

/// The records of a batch; `header` opens the shop log's.
#[must_use]
pub fn records_of(batch: &mut Batch, processor: &Processor, header: Header) -> Vec<Outgoing> {
    let mut records = Vec::with_capacity(batch.offers.len() + batch.sessions.len() + 1);
    records.extend(batch.offers.drain(..).map(offer));
    records.extend(batch.sessions.iter().map(|(partition, key)| {
        let session = processor.partitions().get(partition).and_then(|sessions| sessions.get(key));
        let key = Some(key.as_bytes().to_vec());
        Outgoing { target: Target::Sessions, partition: *partition, key, payload: session.map(encode_session), headers: Vec::new() }
    }));
    records.extend(batch.products.drain(..).map(|row| {
        let key = Some(row.item_id.as_bytes().to_vec());
        Outgoing { target: Target::Catalogue, partition: BY_KEY, key, payload: row.json, headers: Vec::new() }
    }));
    let mut facts = std::mem::take(&mut batch.facts);
    facts.extend(batch.totals.sorted().into_iter().map(|(key, delta)| Fact::Total(key.clone(), delta)));
    let shop = |payload| Outgoing { target: Target::Shop, partition: 0, key: None, payload: Some(payload), headers: Vec::new() };
    records.extend(encode_records(header, &facts).into_iter().map(shop));
    records
}

/// A record that can't be used, as a dead letter.
#[must_use]
pub fn dead_letter(topic: &str, partition: i32, offset: i64, key: Option<&[u8]>, payload: &[u8], reject: &Reject) -> Outgoing {
    let headers = vec![
        ("reason", reject.reason.as_str().to_owned()),
        ("detail", reject.detail.clone()),
        ("topic", topic.to_owned()),
        ("partition", partition.to_string()),
        ("offset", offset.to_string()),
        ("size", payload.len().to_string()),
    ];
    let payload = payload[..payload.len().min(DEAD_LETTER_BYTES_MAX)].to_vec();
    // Neither may make a record that its topic does not take: it would come again at every start.
    let key = key.map(|key| key[..key.len().min(KEY_BYTES_MAX)].to_vec());
    Outgoing { target: Target::DeadLetters, partition, key, payload: Some(payload), headers }
}

/// An offer, made or kept back.
#[must_use]
pub fn offer(offer: OfferOut) -> Outgoing {
    let target = if offer.arm == Arm::Holdout { Target::Withheld } else { Target::Offers };
    Outgoing { target, partition: offer.partition, key: offer.key, payload: Some(offer.json), headers: Vec::new() }
}
