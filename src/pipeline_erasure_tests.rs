//! What `customer_erased` leaves behind, read as anybody could read it: the newest values of the changelog, offers, dumps.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::dump;
use crate::engine::vocabulary::Placement;
use crate::event::Id;
use crate::state::{decode_session, encode_session};

/// 2026-03-02, a Monday.
const START: Timestamp = Timestamp(1_772_409_600_000);
const PARTITIONS: usize = 3;

/// One instance with its changelog; the shop hears of facts so many commits later.
struct Instance {
    processor: Processor,
    shop: Arc<Shop>,
    settings: Arc<Settings>,
    learning: Learning,
    delay: usize,
    log: VecDeque<Vec<Fact>>,
    changelog: BTreeMap<(i32, SessionKey), Option<Vec<u8>>>,
    offers: Vec<OfferOut>,
}

impl Instance {
    fn new(learning: Learning, delay: usize) -> Self {
        let mut settings = Settings::default();
        for placement in Placement::ALL {
            let policy = settings.placements.get_mut(*placement);
            (policy.enabled, policy.baskets_together_min, policy.popular_baskets_min) = (true, 1, 1);
        }
        settings.rules.session_max = 0;
        settings.evidence_baskets_min = 1;
        let settings = Arc::new(settings);
        let shop = Arc::new(Shop::new(&settings.limits));
        let processor = Processor::new(Arc::clone(&settings), Arc::clone(&shop), learning);
        let (log, changelog, offers) = (VecDeque::new(), BTreeMap::new(), Vec::new());
        Self { processor, shop, settings, learning, delay, log, changelog, offers }
    }

    fn take(&mut self, partition: usize, json: &str) -> Result<(), RejectReason> {
        let payload = json.as_bytes();
        let record = Record { partition: partition as i32, key: Some(b"key"), payload, payload_bytes: payload.len(), record_time: None };
        let done = self.processor.process(&record).map_err(|reject| reject.reason);
        self.commit();
        done
    }

    fn commit(&mut self) {
        let decay = self.processor.decay();
        let mut batch = self.processor.take_batch();
        for (partition, key) in batch.sessions {
            let session = self.processor.partitions().get(&partition).and_then(|sessions| sessions.get(&key));
            self.changelog.insert((partition, key), session.map(encode_session));
        }
        self.offers.append(&mut batch.offers);
        if self.learning == Learning::FromLog {
            self.log.push_back(batch.facts);
            while self.log.len() > self.delay {
                let facts = self.log.pop_front().unwrap_or_default();
                decay.into_iter().for_each(|decay| self.shop.set_decay(decay));
                facts.iter().for_each(|fact| self.shop.fold(fact));
            }
        }
    }

    /// Killed, and started again by what is committed: shop and sessions from their logs.
    fn restart(&mut self) {
        self.processor = Processor::new(Arc::clone(&self.settings), Arc::clone(&self.shop), self.learning);
        for ((partition, key), value) in &self.changelog {
            if let Some(value) = value {
                self.processor.sessions_mut(*partition).restore(key.clone(), decode_session(value).unwrap());
            }
        }
    }

    /// Until everybody has heard of everything.
    fn settle(&mut self) {
        for _ in 0..=2 * self.delay + 2 {
            self.commit();
        }
    }

    /// Where an id is still to be read.
    fn traces(&self, id: &str) -> Vec<String> {
        let has = |bytes: &[u8]| bytes.windows(id.len()).any(|window| window == id.as_bytes());
        let mut found = Vec::new();
        for ((partition, key), value) in &self.changelog {
            if value.as_ref().is_some_and(|value| has(value) || key.contains(id)) {
                found.push(format!("changelog {partition} {key}"));
            }
        }
        for (partition, sessions) in self.processor.partitions() {
            let mut text = Vec::new();
            dump::sessions(*partition, sessions, &mut text).unwrap();
            found.extend(has(&text).then(|| format!("dump of {partition}")));
        }
        let id = Id::from(id);
        found.extend(self.shop.customers.with(&id, |_| "history".to_owned()));
        found.extend(self.shop.offered.knows(&id).then(|| "offered".to_owned()));
        found
    }

    fn figures(&self) -> (String, Vec<(TotalKey, i128)>) {
        let mut counts = Vec::new();
        dump::counts(&self.shop, &mut counts).unwrap();
        let totals = self.shop.totals().sorted().into_iter().map(|(key, sum)| (key.clone(), sum)).collect();
        (String::from_utf8(counts).unwrap(), totals)
    }
}

fn customer(number: usize) -> String {
    format!("customer-{number}-of-the-shop")
}

/// An event, as a few small numbers choose it.
#[derive(Clone, Debug)]
struct Drawn {
    kind: usize,
    session: usize,
    customer: Option<usize>,
    item: usize,
    late_ms: i64,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let customer = prop_oneof![2 => Just(None), 3 => (0..3_usize).prop_map(Some)];
    (0..8_usize, 0..6_usize, customer, 0..4_usize, prop_oneof![4 => Just(0_i64), 1 => 0..600_000_i64])
        .prop_map(|(kind, session, customer, item, late_ms)| Drawn { kind, session, customer, item, late_ms })
}

/// The event's partition and JSON: sessions 4 and 5 are told by the customer's id alone, where there is one.
fn json_of(at: usize, drawn: &Drawn) -> (usize, String) {
    let kinds = ["product_viewed", "cart_add", "cart_add", "cart_remove", "checkout", "purchase", "offer_dismissed", "product_viewed"];
    let ts = START.plus_ms(at as i64 * 120_000 - drawn.late_ms);
    let mut fields = format!(r#""type":"{}","ts":"{ts}","item_id":"item-{}","price":{}"#, kinds[drawn.kind], drawn.item, drawn.item + 5);
    if drawn.kind == 5 {
        fields +=
            &format!(r#","order_id":"o-{at}","items":[{{"item_id":"item-{}","price":5}},{{"item_id":"item-9","price":2}}]"#, drawn.item);
    }
    if drawn.kind == 6 {
        fields += r#","offer_id":"0123456789abcdef0123456789abcdef""#;
    }
    let known = drawn.customer.map(customer);
    if let Some(known) = &known {
        fields += &format!(r#","customer_id":"{known}""#);
    }
    if drawn.session < 4 || known.is_none() {
        fields += &format!(r#","session_id":"s-{}""#, drawn.session);
    }
    (drawn.session % PARTITIONS, format!("{{{fields}}}"))
}

fn erase(at: usize, number: usize) -> String {
    format!(r#"{{"type":"customer_erased","ts":"{}","customer_id":"{}"}}"#, START.plus_ms(at as i64 * 120_000), customer(number))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Customer 0 is erased and does not come back; what they did is heard late, too.
    #[test]
    fn an_erased_id_is_nowhere_once_everybody_has_heard(
        before in proptest::collection::vec(drawn(), 1..40),
        after in proptest::collection::vec(drawn(), 0..20),
        delay in 0..4_usize,
        killed in any::<bool>(),
        where_heard in 0..PARTITIONS,
    ) {
        let learning = if delay == 0 { Learning::AtOnce } else { Learning::FromLog };
        let mut instance = Instance::new(learning, delay);
        for (at, drawn) in before.iter().enumerate() {
            let (partition, json) = json_of(at, drawn);
            let _ = instance.take(partition, &json);
        }
        let at = before.len();
        prop_assert_eq!(instance.take(where_heard, &erase(at, 0)), Ok(()));
        if killed {
            // The erasure is committed; nobody came to scrub any session.
            let facts: Vec<Vec<Fact>> = instance.log.drain(..).collect();
            facts.iter().flatten().for_each(|fact| instance.shop.fold(fact));
            instance.restart();
        }
        for (n, drawn) in after.iter().enumerate() {
            // Who comes after: others, anonymous ones, and what customer 0 did before.
            let is_late = drawn.customer == Some(0);
            let (partition, json) = json_of(if is_late { at / 2 } else { at + 1 + n }, drawn);
            let _ = instance.take(partition, &json);
        }
        instance.settle();
        prop_assert_eq!(instance.traces(&customer(0)), Vec::<String>::new());
        instance.offers.clear();
        instance.processor.tick(0, START.plus_ms(40 * 86_400_000));
        instance.processor.tick(1, START.plus_ms(40 * 86_400_000));
        instance.commit();
        let named = instance.offers.iter().filter(|offer| String::from_utf8_lossy(&offer.json).contains(&customer(0)));
        prop_assert_eq!(named.count(), 0);
    }

    /// Whatever was counted before is the same after, but for the event itself.
    #[test]
    fn an_erasure_changes_no_figure(before in proptest::collection::vec(drawn(), 1..40), delay in 0..3_usize) {
        let learning = if delay == 0 { Learning::AtOnce } else { Learning::FromLog };
        let mut instance = Instance::new(learning, delay);
        for (at, drawn) in before.iter().enumerate() {
            let (partition, json) = json_of(at, drawn);
            let _ = instance.take(partition, &json);
        }
        // What is due by then is due without the erasure, too.
        for partition in 0..PARTITIONS {
            instance.processor.tick(partition as i32, START.plus_ms(before.len() as i64 * 120_000));
        }
        instance.settle();
        let (counts, mut totals) = instance.figures();
        instance.take(0, &erase(before.len(), 0)).unwrap();
        instance.settle();
        totals.retain(|(key, _)| !matches!(key, TotalKey::Events(_)));
        let (counts_after, mut totals_after) = instance.figures();
        totals_after.retain(|(key, _)| !matches!(key, TotalKey::Events(_)));
        prop_assert_eq!((counts, totals), (counts_after, totals_after));
    }
}

#[test]
fn a_customer_who_comes_back_is_a_new_one() {
    let mut instance = Instance::new(Learning::AtOnce, 0);
    let purchase = |at: i64, session: &str, order: &str| {
        let ts = START.plus_ms(at);
        format!(
            r#"{{"type":"purchase","ts":"{ts}","session_id":"{session}","customer_id":"c","order_id":"{order}","items":[{{"item_id":"a"}}]}}"#
        )
    };
    let erased = format!(r#"{{"type":"customer_erased","ts":"{}","customer_id":"c"}}"#, START.plus_ms(5));
    for (partition, json) in [(0, purchase(1, "s", "o1")), (1, erased), (2, purchase(9, "t", "o2"))] {
        assert_eq!(instance.take(partition, &json), Ok(()));
    }
    assert_eq!(instance.shop.customers.with("c", |history| history.baskets), Some(1));
    // What came before, and is called off or heard only now, is not this customer's.
    let cancelled = format!(r#"{{"type":"order_cancelled","ts":"{}","session_id":"s","order_id":"o1"}}"#, START.plus_ms(10));
    assert_eq!(instance.take(0, &cancelled), Ok(()));
    assert_eq!(instance.take(1, &purchase(3, "u", "o3")), Ok(()));
    assert_eq!(instance.shop.customers.with("c", |history| history.baskets), Some(1));
    let known: Vec<_> = instance.processor.partitions().values().flat_map(|sessions| sessions.sorted()).collect();
    let known: Vec<_> = known.into_iter().map(|(key, session)| (key.as_str(), session.customer.as_deref())).collect();
    assert_eq!(known, [("s:s", None), ("s:u", None), ("s:t", Some("c"))]);
}

#[test]
fn an_event_of_before_the_erasure_with_no_other_id_is_refused_without_the_id() {
    let mut instance = Instance::new(Learning::AtOnce, 0);
    let json = |kind: &str, at: i64| format!(r#"{{"type":"{kind}","ts":"{}","customer_id":"c","item_id":"a"}}"#, START.plus_ms(at));
    assert_eq!(instance.take(0, &json("customer_erased", 5)), Ok(()));
    assert_eq!(instance.take(0, &json("cart_add", 5)), Err(RejectReason::CustomerErased));
    assert_eq!(instance.take(0, &json("cart_add", 6)), Ok(()));
    assert_eq!(instance.take(0, &json("customer_erased", 3)), Ok(()), "told twice");
    assert_eq!(instance.traces("nobody"), Vec::<String>::new());
}

#[test]
fn with_a_key_no_topic_has_the_id() {
    let key = CustomerKey::new(b"0123456789abcdef").unwrap();
    let hash = key.hash(&customer(1));
    for learning in [Learning::AtOnce, Learning::FromLog] {
        let mut instance = Instance::new(learning, 0);
        let processor = Processor::new(Arc::clone(&instance.settings), Arc::clone(&instance.shop), learning);
        instance.processor = processor.with_customer_key(Some(key.clone()));
        let mut facts = Vec::new();
        for (n, item) in ["a", "b", "a", "b"].into_iter().enumerate() {
            let ts = START.plus_ms(n as i64);
            let id = customer(1);
            let lines = r#"[{"item_id":"a"},{"item_id":"b"}]"#;
            let fields = match n {
                0 => format!(r#""type":"purchase","session_id":"s","customer_id":"{id}","order_id":"o1","items":{lines}"#),
                1 => format!(r#""type":"purchase","customer_id":"{id}","order_id":"o2","items":{lines}"#),
                _ => format!(r#""type":"cart_add","customer_id":"{id}","item_id":"{item}""#),
            };
            let json = format!(r#"{{{fields},"ts":"{ts}"}}"#);
            let record = Record { partition: 0, key: Some(id.as_bytes()), payload: json.as_bytes(), payload_bytes: 1, record_time: None };
            instance.processor.process(&record).unwrap();
            facts.extend(instance.processor.batch().facts.clone());
            instance.commit();
        }
        assert_eq!(instance.traces(&customer(1)), Vec::<String>::new());
        assert!(!instance.traces(&hash).is_empty() && instance.changelog.keys().any(|(_, key)| *key == format!("u:{hash}")));
        assert!(!format!("{facts:?}").contains(&customer(1)));
        let last = instance.offers.last().unwrap();
        assert_eq!(last.key.as_deref(), Some(hash.as_bytes()), "the offer's key");
        let text = String::from_utf8_lossy(&last.json);
        assert!(text.contains(&format!(r#""customer_id":"{hash}""#)) && !text.contains(&customer(1)), "{text}");
    }
}

#[test]
fn an_order_placed_before_anybody_heard_of_the_erasure_loses_the_name_that_the_session_had() {
    let mut instance = Instance::new(Learning::FromLog, 1);
    let of_session_3 = |kind, customer| Drawn { kind, session: 3, customer, item: 0, late_ms: 0 };
    let (partition, json) = json_of(0, &of_session_3(0, Some(0)));
    instance.take(partition, &json).unwrap();
    instance.take(0, &erase(1, 0)).unwrap();
    let (partition, json) = json_of(2, &of_session_3(5, None));
    instance.take(partition, &json).unwrap();
    instance.settle();
    assert_eq!(instance.traces(&customer(0)), Vec::<String>::new());
}
