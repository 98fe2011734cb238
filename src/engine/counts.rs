//! Co-occurrence: how often items are bought, alone and together, and how heavily lately.
//!
//! Invariant: counts are integers and a pure function of the facts folded, in any order, as long as nothing
//! was evicted. A pair stands in both its items' rows with the same figures (but for how soon one came after
//! the other, which is each row's own), until one of them makes room for another neighbour; a row changes under one lock, so a reader never sees a row half changed. Only the fold
//! writes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use super::basket_change::{BasketChange, Delta};
use super::best::{Best, BestEntry};
use super::decay::{Decay, Stage};
use super::facts::EvidenceLine;
use super::memory;
use super::rising::{RISING_MAX, Riser, Rising};
use super::row::Neighbour;
use super::slot::Slot;
use crate::event::ItemId;

pub use super::row::{PairCount, Row};

/// How many of an item's heaviest neighbours ranking reads. Measured elsewhere on long baskets: from 16 on,
/// nothing that can be seen is lost against reading them all.
pub const BEST_NEIGHBOURS: usize = 32;
/// How many of the shop's most bought items are at hand for empty slots.
pub const POPULAR_ITEMS: usize = 64;

/// What the first places of a row's own table and list of best take beyond their share: a table begins with four.
const ROW_BYTES: usize = 96;

/// Limits of the counts; see `[limits]` in the configuration.
#[derive(Clone, Copy, Debug)]
pub struct CountLimits {
    /// Most items.
    pub items: usize,
    /// Most neighbours of one item.
    pub neighbours: usize,
    /// Most pairs, each counted once.
    pub pairs: usize,
}

/// The counts of a shop.
#[derive(Debug)]
pub struct Counts {
    limits: CountLimits,
    rows: DashMap<ItemId, Arc<Row>, FixedState>,
    popular: std::sync::RwLock<Arc<Best>>,
    baskets: AtomicU64,
    /// The decayed weight of all purchased baskets.
    weight: AtomicU64,
    directed_pairs: AtomicI64,
    next_number: AtomicU32,
    /// Bytes of ids that are too long to be held in place.
    id_bytes: AtomicUsize,
    evicted_items: AtomicU64,
    evicted_pairs: AtomicU64,
    /// Some pair stands in one row only, since the other made room.
    one_sided: AtomicBool,
}

impl Counts {
    /// No counts yet.
    #[must_use]
    pub fn new(limits: CountLimits) -> Self {
        Self {
            limits,
            rows: DashMap::with_hasher(FixedState::default()),
            popular: std::sync::RwLock::new(Arc::new(Best::new(POPULAR_ITEMS))),
            baskets: AtomicU64::new(0),
            weight: AtomicU64::new(0),
            directed_pairs: AtomicI64::new(0),
            next_number: AtomicU32::new(0),
            id_bytes: AtomicUsize::new(0),
            evicted_items: AtomicU64::new(0),
            evicted_pairs: AtomicU64::new(0),
            one_sided: AtomicBool::new(false),
        }
    }

    /// Looks at an item's row; `None` if the item was never counted.
    pub fn with_row<T>(&self, item: &str, look: impl FnOnce(&Row) -> T) -> Option<T> {
        self.rows.get(item).map(|row| look(&row))
    }

    /// An item's row as it is now; `None` if the item was never counted.
    #[must_use]
    pub fn row(&self, item: &str) -> Option<Arc<Row>> {
        self.rows.get(item).map(|row| Arc::clone(&row))
    }

    /// Looks at the most bought items, heaviest first.
    pub fn with_popular<T>(&self, look: impl FnOnce(&[BestEntry]) -> T) -> T {
        look(self.popular().entries())
    }

    /// The most bought items as they are now.
    #[must_use]
    pub fn popular(&self) -> Arc<Best> {
        Arc::clone(&self.popular.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// How many purchased baskets were counted.
    #[must_use]
    pub fn baskets(&self) -> u64 {
        self.baskets.load(Ordering::Relaxed)
    }

    /// How heavy all purchased baskets are, as an item's weight is that of those with it.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight.load(Ordering::Relaxed)
    }

    /// How many items are counted.
    #[must_use]
    pub fn items(&self) -> usize {
        self.rows.len()
    }

    /// How many pairs are counted, each once.
    #[must_use]
    pub fn pairs(&self) -> usize {
        usize::try_from(self.directed_pairs.load(Ordering::Relaxed)).unwrap_or(0) / 2
    }

    /// How many items were evicted since the start of the fold.
    #[must_use]
    pub fn evicted_items(&self) -> u64 {
        self.evicted_items.load(Ordering::Relaxed)
    }

    /// How many neighbours were evicted since the start of the fold.
    #[must_use]
    pub fn evicted_pairs(&self) -> u64 {
        self.evicted_pairs.load(Ordering::Relaxed)
    }

    /// How many bytes they take: see [`super::memory`]. Rows are not walked: of one's own and its neighbours' lists the
    /// mean is reckoned with.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let rows = self.items()
            * (memory::table(1, size_of::<(ItemId, Arc<Row>)>())
                + memory::block(size_of::<Row>() + 16)
                + memory::block(size_of::<Slot>() + 16)
                + ROW_BYTES);
        rows + self.pair_bytes() + self.id_bytes.load(Ordering::Relaxed)
    }

    /// How many of them its pairs take.
    #[must_use]
    pub fn pair_bytes(&self) -> usize {
        let directed = self.pairs() * 2;
        let best = (directed * size_of::<BestEntry>() * 3 / 2).min(self.items() * memory::list::<BestEntry>(BEST_NEIGHBOURS));
        // An item of so many baskets that it follows others has as many neighbours, most likely.
        let rising = (directed / RISING_MAX / 4).min(self.items()) * memory::block(RISING_MAX * size_of::<Riser>());
        memory::table(directed, size_of::<(u32, Neighbour)>()) + best + rising
    }

    /// All items, sorted.
    #[must_use]
    pub fn items_sorted(&self) -> Vec<ItemId> {
        let mut items: Vec<_> = self.rows.iter().map(|row| row.key().clone()).collect();
        items.sort_unstable();
        items
    }

    /// Replaces one list of lines by another: see [`super::facts::Fact::Basket`].
    pub fn change_basket(&self, decay: Decay, before: &[EvidenceLine], after: &[EvidenceLine]) {
        let change = BasketChange::new(decay, before, after);
        self.baskets_changed(decay, before, after);
        let slots: Vec<Arc<Slot>> = change.items.iter().map(|item| self.slot_of(item)).collect();
        let paired: Vec<Arc<Slot>> = change.paired.iter().map(|at| Arc::clone(&slots[*at])).collect();
        let mut deltas: Vec<Delta> = Vec::with_capacity(paired.len());
        let mut next_paired = 0;
        for at in 0..slots.len() {
            if change.paired.get(next_paired) == Some(&at) {
                change.deltas_of(at, &mut deltas);
                self.change_row(&paired, next_paired, &deltas);
                next_paired += 1;
            } else {
                self.change_row(&slots[at..=at], 0, &[change.own_delta(at)]);
            }
        }
        self.keep_limits();
    }

    /// Adds or takes back one line: see [`super::facts::Fact::Line`].
    pub fn change_line(&self, decay: Decay, add: bool, pairs_only: bool, line: &EvidenceLine, others: &[ItemId]) {
        let own = self.slot_of(&line.item);
        let sign = if add { 1 } else { -1 };
        let bought = i64::from(line.evidence.stage == Stage::Purchase) * sign;
        let pair = Delta { weight: i128::from(decay.pair_weight(&line.evidence)) * i128::from(sign), together: bought, follows: 0 };
        let slots: Vec<Arc<Slot>> = std::iter::once(own).chain(others.iter().map(|item| self.slot_of(item))).collect();
        let mut deltas = vec![if line.evidence.partners == 0 { Delta::default() } else { pair }; slots.len()];
        let own_weight = i128::from(decay.item_weight(&line.evidence)) * i128::from(sign);
        deltas[0] = if pairs_only { Delta::default() } else { Delta { weight: own_weight, together: bought, follows: 0 } };
        self.change_row(&slots, 0, &deltas);
        for at in 1..slots.len() {
            self.change_pair(&slots[at], &slots[0], pair);
        }
        self.keep_limits();
    }

    /// Moves the landmark: every weight shrinks by `shift` bits.
    pub fn shift(&self, shift: u32) {
        let shrink = |weight: u64| weight.checked_shr(shift).unwrap_or(0);
        self.weight.store(shrink(self.weight()), Ordering::Relaxed);
        for mut row in self.rows.iter_mut() {
            let row = Arc::make_mut(row.value_mut());
            row.slot.set(shrink(row.slot.weight()), row.slot.baskets());
            row.neighbours.values_mut().for_each(|neighbour| neighbour.count.weight = shrink(neighbour.count.weight));
            self.drop_neighbours(row, |neighbour| neighbour.count == PairCount::default());
            row.rebuild_best();
        }
        self.rebuild_popular();
    }

    fn baskets_changed(&self, decay: Decay, before: &[EvidenceLine], after: &[EvidenceLine]) {
        let bought = |lines: &[EvidenceLine]| {
            let line = lines.iter().find(|line| line.evidence.stage == Stage::Purchase);
            line.map_or((0, 0), |line| (1, decay.item_weight(&line.evidence)))
        };
        let ((less, lighter), (more, heavier)) = (bought(before), bought(after));
        self.baskets.store(self.baskets().saturating_add(more).saturating_sub(less), Ordering::Relaxed);
        self.weight.store(self.weight().saturating_add(heavier).saturating_sub(lighter), Ordering::Relaxed);
    }

    /// The item's slot; a new row if it was never counted.
    fn slot_of(&self, item: &ItemId) -> Arc<Slot> {
        if let Some(row) = self.rows.get(item) {
            return Arc::clone(&row.slot);
        }
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot::new(number, item.clone()));
        let best = Best::new(BEST_NEIGHBOURS);
        let row = Row { slot: Arc::clone(&slot), neighbours: HashMap::default(), best, rising: Rising::default() };
        self.rows.insert(item.clone(), Arc::new(row));
        self.id_bytes.fetch_add(id_bytes(item), Ordering::Relaxed);
        slot
    }

    /// Applies `deltas[j]` to the pair of `slots[at]` and `slots[j]`, and `deltas[at]` to the item itself.
    fn change_row(&self, slots: &[Arc<Slot>], at: usize, deltas: &[Delta]) {
        let Some(mut row) = self.rows.get_mut(&slots[at].item) else { return };
        self.change_own(&row.slot, deltas[at]);
        let row = Arc::make_mut(&mut row);
        let mut shrunk = false;
        for (slot, delta) in slots.iter().zip(deltas).enumerate().filter(|(j, _)| *j != at).map(|(_, pair)| pair) {
            shrunk |= self.change_neighbour(row, slot, *delta);
        }
        if shrunk {
            row.rebuild_best();
        }
        if deltas[at].together > 0 {
            let others = slots.iter().zip(deltas).enumerate().filter(|(j, (_, delta))| *j != at && delta.together > 0);
            row.bought(&others.map(|(_, (slot, _))| slot.number).collect::<Vec<u32>>());
        }
    }

    fn change_pair(&self, of: &Arc<Slot>, with: &Arc<Slot>, delta: Delta) {
        let Some(mut row) = self.rows.get_mut(&of.item) else { return };
        let row = Arc::make_mut(&mut row);
        if self.change_neighbour(row, with, delta) {
            row.rebuild_best();
        }
    }

    fn change_own(&self, slot: &Arc<Slot>, delta: Delta) {
        let weight = shifted(slot.weight(), delta.weight);
        slot.set(weight, counted(slot.baskets(), delta.together));
        let mut popular = self.popular.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A weight that shrank may leave an item in the list that an outsider has passed; it takes its place
        // when it is next bought. Looking through all items here would cost more than that.
        Arc::make_mut(&mut popular).update(slot.count(), slot);
    }

    /// Returns whether one of the best shrank, so that the list has to be made anew.
    fn change_neighbour(&self, row: &mut Row, slot: &Arc<Slot>, delta: Delta) -> bool {
        if delta.weight == 0 && delta.together == 0 && delta.follows == 0 {
            return false;
        }
        let grows = delta.weight > 0 || delta.together > 0;
        if grows && row.neighbours.len() >= self.limits.neighbours && !row.neighbours.contains_key(&slot.number) {
            self.evict_neighbour(row);
        }
        let Some(neighbour) = neighbour_for(row, slot, delta, &self.directed_pairs) else { return false };
        let old_weight = neighbour.count.weight;
        neighbour.count.weight = shifted(old_weight, delta.weight);
        neighbour.count.together = counted(neighbour.count.together, delta.together);
        neighbour.count.follows = counted(neighbour.count.follows, delta.follows);
        let count = neighbour.count;
        if count == PairCount::default() {
            row.drop_neighbour(slot.number);
            self.directed_pairs.fetch_sub(1, Ordering::Relaxed);
            return true;
        }
        if count.weight < old_weight {
            return row.best.contains(slot.number);
        }
        row.best.update(count, slot);
        false
    }

    /// Makes room for a newcomer in the place of the lightest neighbour.
    fn evict_neighbour(&self, row: &mut Row) {
        let lightest = row.neighbours.values().min_by(|a, b| (a.count.weight, &a.slot.item).cmp(&(b.count.weight, &b.slot.item)));
        let Some(number) = lightest.map(|neighbour| neighbour.slot.number) else { return };
        row.drop_neighbour(number);
        row.best.remove(number);
        self.directed_pairs.fetch_sub(1, Ordering::Relaxed);
        self.evicted_pairs.fetch_add(1, Ordering::Relaxed);
        self.one_sided.store(true, Ordering::Relaxed);
    }

    /// Drops the lightest items, a hundredth of them, once there are too many items or pairs.
    fn keep_limits(&self) {
        while self.rows.len() > self.limits.items || self.pairs() > self.limits.pairs {
            if !self.evict() {
                return;
            }
        }
    }

    /// Drops the lightest items, a hundredth of them, ties by id; whether there was any.
    pub fn evict(&self) -> bool {
        let all = |tell: &mut dyn FnMut(u64, &ItemId)| self.rows.iter().for_each(|row| tell(row.slot.weight(), row.key()));
        let lightest = memory::least(memory::hundredth(self.rows.len()), all);
        let evicted: HashSet<u32, FixedState> = lightest.iter().filter_map(|item| self.evict_item(item)).collect();
        if self.one_sided.load(Ordering::Relaxed) {
            self.drop_strays(&evicted);
        }
        self.rebuild_popular();
        !evicted.is_empty()
    }

    /// Drops evicted items from rows that their own no longer knew of.
    fn drop_strays(&self, evicted: &HashSet<u32, FixedState>) {
        let is_stray = |neighbour: &Neighbour| evicted.contains(&neighbour.slot.number);
        for mut row in self.rows.iter_mut().filter(|row| row.neighbours.values().any(is_stray)) {
            let row = Arc::make_mut(&mut row);
            let dropped = self.drop_neighbours(row, is_stray);
            self.evicted_pairs.fetch_add(dropped, Ordering::Relaxed);
            row.rebuild_best();
        }
    }

    /// Drops the neighbours that `goes` names from a row; returns how many. Its best are to be made anew.
    fn drop_neighbours(&self, row: &mut Row, goes: impl Fn(&Neighbour) -> bool) -> u64 {
        let before = row.neighbours.len();
        let rising = &mut row.rising;
        row.neighbours.retain(|number, neighbour| {
            let goes = goes(neighbour);
            if goes {
                rising.forget(*number);
            }
            !goes
        });
        let dropped = before - row.neighbours.len();
        self.directed_pairs.fetch_sub(dropped as i64, Ordering::Relaxed);
        dropped as u64
    }

    /// Drops an item from its neighbours' rows, too; returns its number.
    fn evict_item(&self, item: &ItemId) -> Option<u32> {
        let (_, row) = self.rows.remove(item)?;
        // Whoever still holds the slot sees that it is gone.
        row.slot.set(0, 0);
        self.evicted_items.fetch_add(1, Ordering::Relaxed);
        self.id_bytes.fetch_sub(id_bytes(item), Ordering::Relaxed);
        self.directed_pairs.fetch_sub(row.neighbours.len() as i64, Ordering::Relaxed);
        for neighbour in row.neighbours.values() {
            if let Some(mut other) = self.rows.get_mut(&neighbour.slot.item)
                && other.neighbours.contains_key(&row.slot.number)
            {
                let other = Arc::make_mut(&mut other);
                other.drop_neighbour(row.slot.number);
                self.directed_pairs.fetch_sub(1, Ordering::Relaxed);
                self.evicted_pairs.fetch_add(1, Ordering::Relaxed);
                // The lightest is hardly ever among another's best.
                if other.best.contains(row.slot.number) {
                    other.rebuild_best();
                }
            }
        }
        Some(row.slot.number)
    }

    fn rebuild_popular(&self) {
        let mut best = Best::new(POPULAR_ITEMS);
        for row in &self.rows {
            best.insert(row.slot.count(), &row.slot);
        }
        *self.popular.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(best);
    }
}

fn neighbour_for<'a>(row: &'a mut Row, slot: &Arc<Slot>, delta: Delta, pairs: &AtomicI64) -> Option<&'a mut Neighbour> {
    use std::collections::hash_map::Entry;
    match row.neighbours.entry(slot.number) {
        Entry::Occupied(entry) => Some(entry.into_mut()),
        // Evicted since: nothing is left to take back.
        Entry::Vacant(_) if delta.weight <= 0 && delta.together <= 0 => None,
        Entry::Vacant(entry) => {
            pairs.fetch_add(1, Ordering::Relaxed);
            Some(entry.insert(Neighbour { slot: Arc::clone(slot), count: PairCount::default() }))
        }
    }
}

/// An item's id stands in the table of rows and in its slot.
fn id_bytes(item: &ItemId) -> usize {
    memory::text(item) * 2
}

fn shifted(weight: u64, delta: i128) -> u64 {
    u64::try_from((i128::from(weight) + delta).max(0)).unwrap_or(u64::MAX)
}

fn counted(count: u32, delta: i64) -> u32 {
    u32::try_from((i64::from(count) + delta).max(0)).unwrap_or(u32::MAX)
}

#[path = "frozen/counts.rs"]
pub mod frozen;
#[cfg(test)]
#[path = "counts_tests.rs"]
mod tests;
