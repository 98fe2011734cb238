//! What a record holds: one event as a rule, several of a batch, rows of the catalogue, or nothing that matters here.
//!
//! Invariant: the one event of a native record is on no heap of its own; a part that can't be used takes no other along.

use super::{Id, ItemId, Reject, ShopEvent};

/// What a record holds.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "the large one is nearly every record, and is moved once")]
pub enum Decoded {
    /// One event.
    One(ShopEvent),
    /// Whatever a format may hold in one record, in its order.
    Several(Vec<Part>),
}

/// A part of a record.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "as above")]
pub enum Part {
    /// An event.
    Event(ShopEvent),
    /// A row of the shop's catalogue.
    Product(CatalogueRow),
    /// Something that its format knows, or lets everyone invent, and that says nothing of baskets or offers: a page that was
    /// opened, a search.
    PassedOver,
    /// Something that can't be used. The detail names its place in the record.
    Bad(Reject),
}

/// A row as it is written to the catalogue's topic: see [`crate::catalogue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueRow {
    /// The item, which is the record's key.
    pub item_id: ItemId,
    /// The row as JSON; `None` takes the item out of the catalogue.
    pub json: Option<Vec<u8>>,
}

impl Decoded {
    /// The events among its parts.
    pub fn events(&self) -> impl Iterator<Item = &ShopEvent> {
        let (one, several) = match self {
            Self::One(event) => (Some(event), [].as_slice()),
            Self::Several(parts) => (None, parts.as_slice()),
        };
        one.into_iter().chain(several.iter().filter_map(|part| if let Part::Event(event) = part { Some(event) } else { None }))
    }

    /// Why a part can't be used: the first of those that can't.
    #[must_use]
    pub fn first_bad(&self) -> Option<&Reject> {
        let Self::Several(parts) = self else { return None };
        parts.iter().find_map(|part| if let Part::Bad(reject) = part { Some(reject) } else { None })
    }

    /// The key of its record: that of the first event that has one.
    #[must_use]
    pub fn record_key(&self) -> Option<&str> {
        self.events().find_map(super::record_key)
    }

    /// One event on its own, or a list.
    pub(super) fn of(mut parts: Vec<Part>) -> Self {
        match parts.pop_if(|part| matches!(part, Part::Event(_))) {
            Some(Part::Event(event)) if parts.is_empty() => Self::One(event),
            last => {
                parts.extend(last);
                Self::Several(parts)
            }
        }
    }
}

/// Gives several events that came under one id an id each.
pub(super) fn tell_apart(events: &mut [ShopEvent]) {
    let shared: Option<Id> = events.first().and_then(|event| event.event_id.clone());
    if let (Some(id), true) = (shared, events.len() > 1) {
        for (place, event) in events.iter_mut().enumerate() {
            event.event_id = Some(super::around::numbered(&id, place));
        }
    }
}
