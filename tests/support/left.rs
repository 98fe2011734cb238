//! Offers that left before their commit: whether each that is committed is there.

use std::collections::{BTreeMap, BTreeSet};

use offerstream::engine::vocabulary::Arm;
use offerstream::state::decode_session;

use super::topics::Rec;

/// The ids of the offers that lie in a topic, each once.
pub fn ids(offers: &[Rec]) -> BTreeSet<String> {
    offers.iter().map(|offer| offer.json()["offer_id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Of offers of the same id, the first one wins.
pub fn first_of_each(offers: &mut Vec<Rec>) {
    let mut seen = BTreeSet::new();
    offers.retain(|offer| seen.insert(offer.json()["offer_id"].as_str().unwrap_or_default().to_owned()));
}

/// What caused an offer, as it says itself: key, placement, type, time, and the ids of event, item and order.
type Cause = [String; 7];

fn cause_of(offer: &Rec) -> Cause {
    let (json, key) = (offer.json(), offer.key_text());
    let [kind, event_id, item] = ["type", "event_id", "item_id"].map(|field| json["cause"][field].to_string());
    let [placement, ts, order_id] = ["placement", "ts", "order_id"].map(|field| json[field].to_string());
    [key, placement, kind, ts, event_id, item, order_id]
}

/// However often a cause was answered, its offers have one id, by which whoever reads them knows that they are one; a line
/// for each that has two. Only for events that have ids of their own: others may be alike.
pub fn two_ids_of_one_cause(offers: &[Rec]) -> Vec<String> {
    let mut ids: BTreeMap<Cause, BTreeSet<String>> = BTreeMap::new();
    for offer in offers {
        ids.entry(cause_of(offer)).or_default().insert(offer.json()["offer_id"].to_string());
    }
    let twice = ids.into_iter().filter(|(_, ids)| ids.len() > 1);
    twice.map(|(cause, ids)| format!("one cause, two offer ids: {cause:?}: {ids:?}")).collect()
}

/// Every offer that the changelog of sessions remembers has left; how many it remembers, and a line for each that
/// never left.
pub fn missing(sessions: &[Rec], offers: &[Rec]) -> (usize, Vec<String>) {
    let left = ids(offers);
    let newest: BTreeMap<(i32, String), &Rec> = sessions.iter().map(|rec| ((rec.partition, rec.key_text()), rec)).collect();
    let sessions = newest.into_values().filter_map(|rec| rec.value.as_deref()).map(|value| decode_session(value).unwrap());
    let committed: Vec<String> = sessions
        .flat_map(|session| session.offers.into_iter().filter(|offer| offer.arm == Arm::Treatment))
        .map(|offer| format!("{:032x}", offer.id))
        .collect();
    let missing = committed.iter().filter(|id| !left.contains(*id)).map(|id| format!("offer {id} is committed and never left"));
    (committed.len(), missing.collect())
}
