//! The engine's side: a small shop that has learned, a history played to it, and the figures it then has.

use std::sync::Arc;

use offerstream::engine::catalogue::Product;
use offerstream::engine::decay::Decay;
use offerstream::engine::facts::Fact;
use offerstream::engine::settings::{AttributionScope, AttributionTrigger, DurationMs, Settings};
use offerstream::engine::shop::Shop;
use offerstream::engine::totals::TotalKey;
use offerstream::engine::vocabulary::{AmountIgnored, ItemStep, Placement};
use offerstream::event::{Money, RejectReason};
use offerstream::pipeline::{Learning, Processor, Record};
use serde_json::Value;

use super::history::{Event, PRICES, time};
use super::slow::{Figures, Rules};

/// What a shop has learned, to be given to many.
pub struct Taught {
    settings: Arc<Settings>,
    facts: Vec<Fact>,
    decay: Decay,
}

/// What was played, and what came of it.
pub struct Played {
    pub events: Vec<Value>,
    /// Offers, each with the place of the event that it came out with.
    pub offers: Vec<(usize, Value)>,
    pub figures: Figures,
}

fn settings(rules: &Rules, expires_ms: i64) -> Settings {
    let mut settings = Settings::default();
    settings.experiment.holdout_ratio = 0.0;
    let limits = &mut settings.rules;
    (limits.exploration_ratio, limits.repeat_shown, limits.item_rest) = (0.0, true, DurationMs(0));
    (limits.session_max, limits.customer_day_max, limits.item_session_max, limits.dismissals_max) = (0, 0, 0, 0);
    settings.optimiser.dismissed_ratio_max = 1.0;
    settings.optimiser.exploration_ratio = 0.0;
    (settings.limits.offers_per_session, settings.limits.orders_per_session) = (256, 256);
    for placement in Placement::ALL {
        let policy = settings.placements.get_mut(*placement);
        policy.enabled = !matches!(placement, Placement::AbandonedCart | Placement::FollowUp);
        (policy.session_max, policy.customer_day_max, policy.expires_after) = (0, 0, DurationMs(expires_ms));
    }
    settings.attribution.window = DurationMs(rules.window_ms);
    settings.attribution.trigger = AttributionTrigger::try_from(rules.trigger.to_owned()).unwrap();
    settings.attribution.scope = if rules.whole_order { AttributionScope::Order } else { AttributionScope::Item };
    settings.money.prices_include_tax = rules.prices_include_tax;
    settings.time_zone = serde_json::from_str(r#""Asia/Kolkata""#).unwrap();
    settings
}

fn catalogue(shop: &Shop) {
    for (item, price) in PRICES {
        let upgrade_of = item.strip_suffix("-plus").map(Into::into);
        let category = Some(item.split('-').next().unwrap().into());
        shop.catalogue.give((*item).into(), Product { price: Some(Money(*price as i64)), upgrade_of, category, ..Product::default() });
    }
}

impl Taught {
    pub fn new(rules: &Rules, expires_ms: i64) -> Self {
        let settings = Arc::new(settings(rules, expires_ms));
        let shop = Arc::new(Shop::new(&settings.limits));
        catalogue(&shop);
        let mut processor = Processor::new(Arc::clone(&settings), shop, Learning::FromLog);
        for n in 0..6 {
            let items =
                [r#"{"item_id":"phone"},{"item_id":"case"},{"item_id":"cover"}"#, r#"{"item_id":"lamp"},{"item_id":"bulb"}"#][n % 2];
            let line = format!(
                r#"{{"type":"purchase","ts":"2026-03-01T12:00:00Z","session_id":"taught-{n}","order_id":"taught-{n}","items":[{items}]}}"#
            );
            play(&mut processor, &line).unwrap();
        }
        Self { settings, decay: processor.decay().unwrap(), facts: processor.take_batch().facts }
    }

    /// Plays a history to a shop of its own.
    pub fn play(&self, history: &[Event]) -> Played {
        let shop = Arc::new(Shop::new(&self.settings.limits));
        catalogue(&shop);
        shop.set_decay(self.decay);
        self.facts.iter().for_each(|fact| shop.fold(fact));
        let mut processor = Processor::new(Arc::clone(&self.settings), Arc::clone(&shop), Learning::AtOnce);
        let (mut events, mut offers, mut causes) = (Vec::new(), Vec::<(usize, Value)>::new(), Vec::<(usize, usize)>::new());
        for event in history {
            let named = event.offer.as_ref().map(|named| {
                let offer = causes.iter().find(|(tag, _)| *tag == named.cause).map(|(_, at)| &offers[*at].1);
                (offer.cloned().unwrap_or_default(), named.item)
            });
            let line = line(event, named);
            if let Err(reject) = play(&mut processor, &line) {
                // A cancelled order is known no more.
                assert_eq!(reject, RejectReason::UnknownOrder, "{line}");
            }
            for out in processor.drain_offers() {
                causes.push((event.tag, offers.len()));
                offers.push((events.len(), serde_json::from_slice(&out.json).unwrap()));
            }
            events.push(serde_json::from_str(&line).unwrap());
        }
        let mut figures = Figures::new();
        for (key, figure) in shop.totals().sorted() {
            if let Some(name) = name(key) {
                *figures.entry(name).or_default() += figure;
            }
        }
        figures.retain(|_, figure| *figure != 0);
        Played { events, offers, figures }
    }
}

fn play(processor: &mut Processor, line: &str) -> Result<(), RejectReason> {
    let record = Record { partition: 0, key: None, payload: line.as_bytes(), payload_bytes: line.len(), record_time: None };
    processor.process(&record).map_err(|reject| reject.reason)
}

/// An event as JSON. Of an offer that was not made, or an item that it does not have, it names one that is not there.
fn line(event: &Event, named: Option<(Value, Option<usize>)>) -> String {
    let mut fields = vec![format!(r#""type":"{}","ts":"{}","session_id":"s{}""#, event.kind, time(event.ts), event.session)];
    if let Some((offer, item)) = named {
        let id = offer["offer_id"].as_str().unwrap_or("0123456789abcdef0123456789abcdef");
        fields.push(format!(r#""offer_id":"{id}""#));
        if let Some(item) = item {
            fields.push(format!(r#""item_id":"{}""#, offer["items"][item]["item_id"].as_str().unwrap_or("gum")));
        }
    }
    if !event.fields.is_empty() {
        fields.push(event.fields.trim_start_matches(',').to_owned());
    }
    format!("{{{}}}", fields.join(","))
}

/// The name of a figure that the ledger keeps.
fn name(key: &TotalKey) -> Option<String> {
    Some(match key {
        TotalKey::OfferItems { step: ItemStep::Matched, .. } => return None,
        TotalKey::OfferItems { step, placement, kind, channel } => {
            format!("items {} {} {} {channel}", step.as_str(), placement.as_str(), kind.as_str())
        }
        TotalKey::ItemsByHour { step: step @ (ItemStep::Shown | ItemStep::Accepted), placement, weekday, hour } => {
            format!("items {} by hour {} {weekday}/{hour}", step.as_str(), placement.as_str())
        }
        TotalKey::ExtraRevenue { placement, kind, currency } => format!("extra {} {} {currency}", placement.as_str(), kind.as_str()),
        TotalKey::ExtraRevenueRefunded { placement, kind, currency } => {
            format!("extra refunded {} {} {currency}", placement.as_str(), kind.as_str())
        }
        TotalKey::RevenueByHour { placement, weekday, hour, currency } => {
            format!("extra by hour {} {weekday}/{hour} {currency}", placement.as_str())
        }
        TotalKey::RevenueByChannel { placement, channel, currency } => {
            format!("extra by channel {} {channel} {currency}", placement.as_str())
        }
        TotalKey::OrdersWithOffer => "orders with offer".to_owned(),
        TotalKey::OrderRevenueWithOffer(currency) => format!("order revenue with offer {currency}"),
        TotalKey::Orders => "orders".to_owned(),
        TotalKey::OrderRevenue(currency) => format!("order revenue {currency}"),
        TotalKey::OrderRevenueRefunded(currency) => format!("order revenue refunded {currency}"),
        TotalKey::FeedbackIgnored(why) => format!("feedback ignored {}", why.as_str()),
        TotalKey::AmountsIgnored(why @ (AmountIgnored::RefundTooLarge | AmountIgnored::RefundOfUnknownItem)) => {
            format!("amounts ignored {}", why.as_str())
        }
        TotalKey::ShoppersAccepted(placement) => format!("shoppers accepted {}", placement.as_str()),
        _ => return None,
    })
}
