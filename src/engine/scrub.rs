//! A session without the customers who were erased.
//!
//! Invariant: nothing that was counted changes: no fact but the erasure itself comes of it. What the session did before
//! stays, as somebody's nobody knows; a session that goes by the customer's own id ends.

use compact_str::CompactString;

use super::erased::{Erased, ErasedCustomers, Erasure};
use super::session::{Session, SessionKey, Sessions};
use crate::event::{Id, Timestamp};

/// What became of a session that had an erased customer in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Scrubbed {
    /// It went by the customer's id, and is to end.
    pub is_over: bool,
    /// Customers that it may have told the shop of after they were erased and before that was heard here.
    pub told_since: Vec<(Id, Erasure)>,
}

impl Sessions {
    /// Looks through all sessions for customers who were erased since the last time; one atomic load where nobody was.
    /// Returns the sessions that changed, each with what became of it.
    pub fn scrub(&mut self, erased: &Erased) -> Vec<(SessionKey, Scrubbed)> {
        let generation = erased.generation();
        if std::mem::replace(&mut self.erasures_seen, generation) == generation {
            return Vec::new();
        }
        let erased = erased.all();
        let scrubbed = self.sessions.iter_mut().filter_map(|(key, session)| Some((key.clone(), scrub(key, session, &erased)?)));
        let mut scrubbed: Vec<_> = scrubbed.collect();
        scrubbed.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        scrubbed.iter().filter(|(_, scrubbed)| scrubbed.is_over).for_each(|(key, _)| self.remove(key));
        scrubbed
    }

    /// Takes a customer out of one session, which may end by that.
    pub(super) fn scrub_one(&mut self, key: &SessionKey, erased: &ErasedCustomers) {
        if self.sessions.get_mut(key).and_then(|session| scrub(key, session, erased)).is_some_and(|scrubbed| scrubbed.is_over) {
            self.remove(key);
        }
    }
}

/// Takes erased customers out of a session; `None` where there are none.
fn scrub(key: &SessionKey, session: &mut Session, erased: &ErasedCustomers) -> Option<Scrubbed> {
    let named = |id: &str| erased.of(id);
    let own = session.ids(key).find_map(|id| Some((Id::from(id), named(id)?)));
    let own = own.filter(|(_, erasure)| session.began_by(erasure.at));
    let is_over = own.is_some();
    let mut found: Vec<(Id, Erasure)> = own.into_iter().collect();
    let customer_at = session.customer_at;
    let takes = |customer: &mut Option<Id>, since: Timestamp, found: &mut Vec<(Id, Erasure)>| {
        let erasure = customer.as_deref().and_then(named).filter(|erasure| since <= erasure.at)?;
        found.extend(customer.take().map(|customer| (customer, erasure)));
        Some(())
    };
    if takes(&mut session.customer, customer_at, &mut found).is_some() {
        session.customer_at = Timestamp::MIN;
        // The shop's word for this customer, and an id that may be made of theirs.
        session.told.segment = None;
        session.told.event = session.told.event.take().map(|(kind, _)| (kind, None));
    }
    for order in &mut session.orders {
        // One placed later, too, where nobody has told since then who they are: it was told by what was known before.
        let since = if order.customer == session.customer { order.ts } else { Timestamp::MIN };
        takes(&mut order.customer, since, &mut found);
    }
    let newest = session.offers.iter().map(|offer| offer.ts).chain([session.last_at]).max().unwrap_or_default();
    let is_found = !found.is_empty();
    found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    found.dedup();
    found.retain(|(_, erasure)| newest > erasure.at);
    is_found.then_some(Scrubbed { is_over, told_since: found })
}

impl Session {
    /// Every id it is known by, but orders': of its key, of its aliases, and those its events told.
    fn ids<'a>(&'a self, key: &'a SessionKey) -> impl Iterator<Item = &'a str> {
        let bare = |key: &'a SessionKey| key.split_once(':').map_or(key.as_str(), |(_, id)| id);
        let told = [&self.told.session_id, &self.told.cart_id].into_iter().flatten().map(CompactString::as_str);
        std::iter::once(bare(key)).chain(self.aliases.iter().map(bare)).chain(told)
    }

    /// Whether anything in it is from then or before.
    fn began_by(&self, at: Timestamp) -> bool {
        let times = self.orders.iter().map(|order| order.ts).chain(self.offers.iter().map(|offer| offer.ts));
        times.chain([self.visit_from]).any(|began| began <= at)
    }
}

#[cfg(test)]
#[path = "scrub_tests.rs"]
mod tests;
