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
