//! Counts, frozen and thawed.
//!
//! Items are told by their place among all items, sorted by id; numbers are given anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::{BEST_NEIGHBOURS, Best, BestEntry, Counts, Neighbour, POPULAR_ITEMS, PairCount, Row, id_bytes};
use crate::engine::frozen::BadEntry;
use crate::engine::rising::{RISING_MAX, Riser, Rising};
use crate::engine::slot::Slot;
use crate::event::ItemId;

/// Figures of the counts beside the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsHead {
    baskets: u64,
    weight: u64,
    evicted_items: u64,
    evicted_pairs: u64,
    one_sided: bool,
}

/// The counts at one moment.
#[derive(Debug)]
pub struct FrozenCounts {
    /// The figures beside the rows.
    pub head: CountsHead,
    rows: Vec<FrozenRow>,
    popular: Vec<u32>,
}

/// A row, with its item's own figures, which live outside it.
#[derive(Debug)]
struct FrozenRow {
    row: Arc<Row>,
    weight: u64,
    baskets: u32,
    worth: [f32; 2],
}

/// An item with its own figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrozenItem {
    /// The item.
    pub item: ItemId,
    /// Its weight.
    pub weight: u64,
    /// In how many baskets it was.
    pub baskets: u32,
    /// What a line of it earns: see [`Slot::worth`].
    pub worth: [f32; 2],
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRow {
    /// The item's place.
    place: u32,
    /// The neighbours by their place.
    neighbours: Vec<KeptNeighbour>,
    /// Which of those are the heaviest, heaviest first. What made room for another may have left a gap in that list, so it
    /// is not worked out anew.
    best: Vec<u32>,
    /// Which of them are followed since they may rise, in their order.
    rising: Vec<KeptRiser>,
}

/// A companion that is followed, by its place among the neighbours: its share of late, and in how many baskets it was.
type KeptRiser = (u32, u16, u16);

/// A neighbour: how far its place is from the one before, and the pair's figures.
pub type KeptNeighbour = (u32, PairCount);

/// Places of items by their numbers.
pub type Places = HashMap<u32, u32, FixedState>;

impl Counts {
    /// The counts as they are now.
    #[must_use]
    pub fn freeze(&self) -> FrozenCounts {
        let mut rows = Vec::with_capacity(self.rows.len());
        rows.extend(self.rows.iter().map(|row| FrozenRow {
            weight: row.slot.weight(),
            baskets: row.slot.baskets(),
            worth: row.slot.worth(),
            row: Arc::clone(&row),
        }));
        let head = CountsHead {
            baskets: self.baskets(),
            weight: self.weight(),
            evicted_items: self.evicted_items(),
            evicted_pairs: self.evicted_pairs(),
            one_sided: self.one_sided.load(Ordering::Relaxed),
        };
        FrozenCounts { head, rows, popular: self.with_popular(|popular| popular.iter().map(|entry| entry.slot.number).collect()) }
    }

    /// Puts the figures beside the rows back.
    pub(in crate::engine) fn thaw_head(&self, head: CountsHead) {
        self.baskets.store(head.baskets, Ordering::Relaxed);
        self.weight.store(head.weight, Ordering::Relaxed);
        self.evicted_items.store(head.evicted_items, Ordering::Relaxed);
        self.evicted_pairs.store(head.evicted_pairs, Ordering::Relaxed);
        self.one_sided.store(head.one_sided, Ordering::Relaxed);
    }

    /// A new slot, for an item that has none yet.
    pub(in crate::engine) fn thaw_slot(&self, item: FrozenItem) -> Arc<Slot> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let slot = Slot::new(number, item.item);
        slot.set(item.weight, item.baskets);
        slot.set_worth(item.worth);
        Arc::new(slot)
    }

    /// Puts a row back; what is beyond the limit of neighbours makes room. Any thread may, for rows of different items.
    pub(in crate::engine) fn thaw_row(&self, row: &KeptRow, slots: &[Arc<Slot>]) -> Result<(), BadEntry> {
        let slot = slot_at(slots, row.place)?;
        let mut neighbours = HashMap::with_capacity_and_hasher(row.neighbours.len(), FixedState::default());
        let mut in_order = Vec::with_capacity(row.neighbours.len());
        let mut place = 0_u32;
        for (at, &(step, count)) in row.neighbours.iter().enumerate() {
            if at > 0 && step == 0 {
                return Err(BadEntry("a neighbour is there twice"));
            }
            place = place.checked_add(step).ok_or(BadEntry("a neighbour is no item"))?;
            let neighbour = slot_at(slots, place)?;
            in_order.push((neighbour, count));
            neighbours.insert(neighbour.number, Neighbour { slot: Arc::clone(neighbour), count });
        }
        if row.best.len() > BEST_NEIGHBOURS || row.rising.len() > RISING_MAX {
            return Err(BadEntry("a row has too many heaviest neighbours, or follows too many"));
        }
        let best = row.best.iter().map(|at| in_order.get(*at as usize)).map(|found| {
            let &(slot, count) = found.ok_or(BadEntry("a heaviest neighbour is none"))?;
            Ok(BestEntry::new(count, Arc::clone(slot)))
        });
        let best = Best::of(best.collect::<Result<_, _>>()?, BEST_NEIGHBOURS);
        let rising = Rising::of(row.rising.iter().map(|riser| thawed_riser(riser, &in_order)).collect::<Result<_, _>>()?);
        let mut thawed = Row { slot: Arc::clone(slot), neighbours, best, rising };
        self.directed_pairs.fetch_add(row.neighbours.len() as i64, Ordering::Relaxed);
        self.id_bytes.fetch_add(id_bytes(&slot.item), Ordering::Relaxed);
        self.evict_neighbours(&mut thawed);
        match self.rows.insert(slot.item.clone(), Arc::new(thawed)) {
            None => Ok(()),
            Some(_) => Err(BadEntry("a row is there twice")),
        }
    }

    /// Drops the lightest neighbours beyond the limit, as if each had made room for another.
    fn evict_neighbours(&self, row: &mut Row) {
        let over = row.neighbours.len().saturating_sub(self.limits.neighbours);
        if over == 0 {
            return;
        }
        let mut by_weight: Vec<(u64, Arc<Slot>)> = row.neighbours.values().map(|n| (n.count.weight, Arc::clone(&n.slot))).collect();
        by_weight.sort_unstable_by(|a, b| (a.0, &a.1.item).cmp(&(b.0, &b.1.item)));
        for (_, slot) in &by_weight[..over] {
            row.drop_neighbour(slot.number);
            row.best.remove(slot.number);
        }
        self.directed_pairs.fetch_sub(over as i64, Ordering::Relaxed);
        self.evicted_pairs.fetch_add(over as u64, Ordering::Relaxed);
        self.one_sided.store(true, Ordering::Relaxed);
    }

    /// All rows are back: the most bought items, by their places, heaviest first.
    pub(in crate::engine) fn thawed(&self, popular: &[u32], slots: &[Arc<Slot>]) -> Result<(), BadEntry> {
        if self.rows.len() != slots.len() {
            return Err(BadEntry("a row is missing"));
        }
        let entry = |place: &u32| {
            let slot = Arc::clone(slot_at(slots, *place)?);
            Ok(BestEntry::new(slot.count(), slot))
        };
        if popular.len() > POPULAR_ITEMS {
            return Err(BadEntry("there are too many most bought items"));
        }
        let popular = Best::of(popular.iter().map(entry).collect::<Result<_, _>>()?, POPULAR_ITEMS);
        *self.popular.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(popular);
        self.keep_limits();
        Ok(())
    }

    /// Forgets everything.
    pub(in crate::engine) fn clear(&self) {
        self.rows.clear();
        *self.popular.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(Best::new(POPULAR_ITEMS));
        self.directed_pairs.store(0, Ordering::Relaxed);
        self.id_bytes.store(0, Ordering::Relaxed);
        self.next_number.store(0, Ordering::Relaxed);
        self.thaw_head(CountsHead::default());
    }
}

impl FrozenCounts {
    /// Sorts the rows by item; where each item is, by its number.
    #[must_use]
    pub fn sort(&mut self) -> Places {
        self.rows.sort_unstable_by(|a, b| a.row.slot.item.cmp(&b.row.slot.item));
        self.rows.iter().enumerate().map(|(place, frozen)| (frozen.row.slot.number, place as u32)).collect()
    }

    /// The items, in order; after [`Self::sort`].
    pub fn items(&self) -> impl Iterator<Item = FrozenItem> {
        self.rows.iter().map(|frozen| {
            let FrozenRow { row, weight, baskets, worth } = frozen;
            FrozenItem { item: row.slot.item.clone(), weight: *weight, baskets: *baskets, worth: *worth }
        })
    }

    /// The places of the most bought items, heaviest first.
    #[must_use]
    pub fn popular(&self, places: &Places) -> Vec<u32> {
        self.popular.iter().filter_map(|number| places.get(number).copied()).collect()
    }

    /// The rows, in order, each let go once it is told.
    pub fn into_rows(self, places: &Places) -> impl Iterator<Item = KeptRow> {
        self.rows.into_iter().enumerate().map(|(place, frozen)| kept(place as u32, &frozen.row, places))
    }
}

fn kept(place: u32, row: &Row, places: &Places) -> KeptRow {
    let place_of = |number: &u32| places.get(number).copied();
    let mut neighbours: Vec<KeptNeighbour> = row
        .neighbours
        .iter()
        // A neighbour is an item that is counted, always.
        .filter_map(|(number, neighbour)| Some((place_of(number)?, neighbour.count)))
        .collect();
    neighbours.sort_unstable_by_key(|(place, _)| *place);
    let at = |place: u32| neighbours.binary_search_by_key(&place, |(place, ..)| *place).ok().map(|at| at as u32);
    let best = row.best().iter().filter_map(|entry| place_of(&entry.slot.number).and_then(at)).collect();
    let rising =
        row.rising.all().iter().filter_map(|riser| Some((place_of(&riser.number).and_then(at)?, riser.share, riser.hits))).collect();
    let mut before = 0;
    for (place, ..) in &mut neighbours {
        (*place, before) = (*place - before, *place);
    }
    KeptRow { place, neighbours, best, rising }
}

fn thawed_riser(riser: &KeptRiser, neighbours: &[(&Arc<Slot>, PairCount)]) -> Result<Riser, BadEntry> {
    let &(at, share, hits) = riser;
    let (slot, _) = neighbours.get(at as usize).ok_or(BadEntry("a neighbour that is followed is none"))?;
    Ok(Riser { number: slot.number, share, hits })
}

fn slot_at(slots: &[Arc<Slot>], place: u32) -> Result<&Arc<Slot>, BadEntry> {
    slots.get(place as usize).ok_or(BadEntry("an item's place is none"))
}
