//! Whole logs through the pipeline: bytes, lines, events, offers and facts, with what `run` does beside what `replay`
//! does. No line makes it panic; both ways offer the same and count the same.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use offerstream::dump;
use offerstream::engine::facts::Fact;
use offerstream::engine::settings::Settings;
use offerstream::engine::shop::Shop;
use offerstream::engine::totals::TotalKey;
use offerstream::pipeline::{Learning, OfferOut, Processor, Record};
use offerstream::state::{Header, ShopRecord, decode_session, encode_records, encode_session};

/// A log is not looked at further than this.
const LINES_MAX: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let settings = Arc::new(settings());
    let (mut replayed, mut streamed) = (Side::new(&settings, Learning::AtOnce), Side::new(&settings, Learning::FromLog));
    for line in bytes.split(|byte| *byte == b'\n').take(LINES_MAX) {
        let json = event_of(line);
        let (one, other) = (replayed.take(&json), streamed.take(&json));
        assert_eq!(one, other);
    }
    assert_eq!(replayed.counts(), streamed.counts());
    assert_eq!(replayed.shop.totals().sorted(), streamed.shop.totals().sorted());
});

struct Side {
    learning: Learning,
    shop: Arc<Shop>,
    processor: Processor,
    commits: u64,
}

impl Side {
    fn new(settings: &Arc<Settings>, learning: Learning) -> Self {
        let shop = Arc::new(Shop::new(&settings.limits));
        let processor = Processor::new(Arc::clone(settings), Arc::clone(&shop), learning);
        Self { learning, shop, processor, commits: 0 }
    }

    /// Takes one line as a commit of its own, the state through its record formats.
    fn take(&mut self, payload: &[u8]) -> (bool, Vec<OfferOut>) {
        let record = Record { partition: 0, key: None, payload, payload_bytes: payload.len(), record_time: None };
        let is_taken = self.processor.process(&record).is_ok();
        let decay = self.processor.decay();
        let mut batch = self.processor.take_batch();
        self.commits += 1;
        let header = Header { incarnation: 1, commit: self.commits, decay };
        let totals = batch.totals.drain_sorted().into_iter().map(|(key, delta)| Fact::Total(key, delta));
        batch.facts.extend(totals);
        if !batch.facts.is_empty() && self.learning == Learning::FromLog {
            for bytes in encode_records(header, &batch.facts) {
                let read = ShopRecord::decode(&bytes).unwrap();
                if let Some(decay) = read.header.decay {
                    self.shop.set_decay(decay);
                }
                read.facts.iter().for_each(|fact| self.shop.fold(fact));
            }
        }
        for offer in &batch.offers {
            let offer: serde_json::Value = serde_json::from_slice(&offer.json).unwrap();
            assert!((1..=3).contains(&offer["items"].as_array().unwrap().len()), "{offer}");
        }
        for (partition, key) in &batch.sessions {
            let Some(session) = self.processor.partitions()[partition].get(key) else { continue };
            assert_eq!(decode_session(&encode_session(session)).as_ref(), Ok(session));
        }
        (is_taken, batch.offers)
    }

    fn counts(&self) -> String {
        assert!(self.shop.totals().get(&TotalKey::Orders) >= 0);
        let mut dump = Vec::new();
        dump::counts(&self.shop, &mut dump).unwrap();
        String::from_utf8(dump).unwrap()
    }
}

/// Settings under which little is enough for an offer.
fn settings() -> Settings {
    let mut settings = Settings::default();
    for placement in offerstream::engine::vocabulary::Placement::ALL {
        let policy = settings.placements.get_mut(*placement);
        (policy.enabled, policy.baskets_together_min, policy.popular_baskets_min) = (true, 1, 1);
    }
    settings.evidence_baskets_min = 1;
    settings.limits.items = 20;
    settings.limits.customers = 3;
    settings.limits.orders_per_session = 4;
    settings
}

/// A line that is JSON stands for itself; of any other each byte chooses a part of an event, so that changing a byte makes
/// another event more often than no event at all.
fn event_of(line: &[u8]) -> Vec<u8> {
    if line.first().is_none_or(|first| *first == b'{') {
        return line.to_vec();
    }
    let at = |index: usize| usize::from(line.get(index).copied().unwrap_or_default());
    let kinds = [
        "product_viewed", "cart_add", "cart_remove", "checkout", "purchase", "refund", "order_cancelled", "offer_shown", "offer_clicked",
        "offer_dismissed", "customer_erased",
    ];
    let items: Vec<_> = (6..line.len().min(20)).map(|index| item(at(index))).collect();
    let minutes = at(1) * 7 + at(2) * 1_440;
    let (day, minute) = (minutes / 1_440, minutes % 1_440);
    let ts = format!("2026-{:02}-{:02}T{:02}:{:02}:00Z", day / 28 % 12 + 1, day % 28 + 1, minute / 60, minute % 60);
    let mut event = serde_json::json!({"type": kinds[at(0) % kinds.len()], "ts": ts, "session_id": format!("s{}", at(3) % 4)});
    event["order_id"] = format!("o{}", at(4) % 4).into();
    if at(4) & 16 != 0 {
        event["customer_id"] = format!("c{}", at(5) % 3).into();
    }
    if at(4) & 32 != 0 {
        event["cart_id"] = format!("k{}", at(5) % 3).into();
    }
    if at(4) & 64 != 0 {
        event["tax"] = at(5).into();
        event["discount"] = at(3).into();
    }
    event["offer_id"] = format!("{:032x}", at(5)).into();
    event["item_id"] = items.first().map_or_else(|| "i".into(), |first| first["item_id"].clone());
    event["price"] = (at(6) % 50).into();
    if items.len() > 1 {
        event["items"] = items.into();
    }
    event.to_string().into_bytes()
}

fn item(byte: usize) -> serde_json::Value {
    let mut item = serde_json::json!({"item_id": format!("i{}", byte % 8), "price": byte % 50, "category": format!("c{}", byte % 3)});
    if byte & 8 != 0 {
        item["quantity"] = (f64::from(byte as u8) / 8.0).max(0.125).into();
    }
    item
}
