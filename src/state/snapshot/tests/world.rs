//! Shops full of everything, made of random facts; and what can be seen of a shop.

use crate::dump;
use crate::engine::customers::History;
use crate::engine::decay::{Decay, Evidence, Stage};
use crate::engine::erased::Erasure;
use crate::engine::experiment::reading::Reading;
use crate::engine::facts::{BoughtItem, CombinationStep, EvidenceLine, Fact, Plan, Sale, SaleLine, TriedStep};
use crate::engine::settings::{Limits, OptimiserSettings};
use crate::engine::shop::Shop;
use crate::engine::source::Source;
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{Arm, ItemStep, OfferKind, Placement};
use crate::event::{Currency, Id, ItemId, Money, ProductFacts, Timestamp};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
pub const HALF_LIFE_MS: i64 = 90 * DAY_MS;

/// Limits that a few hundred facts go beyond, each of them.
pub fn small() -> Limits {
    Limits {
        items: 14,
        neighbours_per_item: 6,
        pairs: 30,
        categories: 4,
        customers: 6,
        customer_offers: 8,
        combinations: 10,
        experiment_shoppers: 12,
        ..Limits::default()
    }
}

/// A stream of chance and of time.
pub struct Random {
    state: u64,
    now: i64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1, now: 20_000 * DAY_MS }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % bound
    }

    fn item(&mut self) -> ItemId {
        format!("item-{:02}", self.below(20)).into()
    }

    fn bought(&mut self) -> Vec<BoughtItem> {
        let items = self.items(6);
        items.into_iter().map(|item| BoughtItem { item, net_micros: self.below(9_000_000) as i64, margin_micros: 1 }).collect()
    }

    fn items(&mut self, most: u64) -> Vec<ItemId> {
        let mut items: Vec<ItemId> = (0..self.below(most + 1)).map(|_| self.item()).collect();
        items.sort_unstable();
        items.dedup();
        items
    }

    fn category(&mut self) -> Id {
        format!("category-{}", self.below(6)).into()
    }

    fn customer(&mut self) -> Id {
        customer(self.below(12))
    }

    /// Now, or a while ago.
    fn ts(&mut self) -> Timestamp {
        let ago = if self.below(4) == 0 { self.below(20 * HOUR_MS as u64) as i64 } else { 0 };
        Timestamp(self.now - ago)
    }

    fn placement(&mut self) -> Placement {
        Placement::ALL[self.below(Placement::ALL.len() as u64) as usize]
    }

    fn lines(&mut self, names: Vec<ItemId>) -> Vec<EvidenceLine> {
        let partners = names.len().saturating_sub(1) as u32;
        let stage = [Stage::CartAdd, Stage::Checkout, Stage::Purchase][self.below(3) as usize];
        let ts = self.ts();
        let line = |item| EvidenceLine { item, evidence: Evidence { stage, weight_milli: 700, ts, partners } };
        names.into_iter().map(line).collect()
    }

    fn sale(&mut self) -> Sale {
        let lines = self.items(4).into_iter().map(|item| {
            let category = (self.below(5) > 0).then(|| self.category());
            SaleLine { item, units: 1 + self.below(3) as u32, category }
        });
        let lines = lines.collect();
        let customer = (self.below(4) > 0).then(|| self.customer());
        let (add, first) = (self.below(6) > 0, self.below(4) > 0);
        Sale { add, first, ts: self.ts(), customer, net_micros: self.below(90_000_000).into(), lines }
    }

    fn source(&mut self) -> Source {
        Source {
            offer: self.below(30).into(),
            ts: self.ts(),
            placement: self.placement(),
            kind: OfferKind::CrossSell,
            channel: "web".into(),
            anchor: Some(self.item()),
            replaces: (self.below(3) == 0).then(|| (self.item(), Some(Money(5_000_000)))),
            basket_age: 3,
            variant: Some("bold".into()),
        }
    }

    fn total(&mut self) -> TotalKey {
        let (placement, kind) = (self.placement(), OfferKind::CrossSell);
        match self.below(4) {
            0 => TotalKey::Orders,
            1 => TotalKey::OrderRevenue(Currency::USD),
            2 => TotalKey::OfferItems { step: ItemStep::Shown, placement, kind, channel: "web".into() },
            _ => TotalKey::Recent { hour: self.ts().0 / HOUR_MS, step: ItemStep::Shown, placement, kind },
        }
    }

    /// The next record: facts, and the decay it goes by.
    pub fn record(&mut self) -> (Decay, Vec<Fact>) {
        self.now += self.below(3 * HOUR_MS as u64) as i64;
        if self.below(60) == 0 {
            self.now += self.below(9) as i64 * DAY_MS;
        }
        if self.below(250) == 0 {
            self.now += 17 * HALF_LIFE_MS;
        }
        let decay = Decay::starting(Timestamp(20_000 * DAY_MS), HALF_LIFE_MS).moved_for(Timestamp(self.now));
        let count = 1 + self.below(3);
        (decay, (0..count).map(|_| self.fact()).collect())
    }

    fn fact(&mut self) -> Fact {
        let plan = Plan {
            salt: self.below(6).saturating_sub(3),
            holdout_millionths: 500_000,
            window_ms: DAY_MS,
            cap_micros: [0, 50_000_000][self.below(2) as usize],
        };
        let subject = self.below(40);
        let arm = if subject.is_multiple_of(2) { Arm::Treatment } else { Arm::Holdout };
        match self.below(21) {
            0 | 1 => {
                let (before, after) = (self.items(2), self.items(5));
                Fact::Basket { before: self.lines(before), after: self.lines(after) }
            }
            2 => {
                let item = self.item();
                let others = self.items(4).into_iter().filter(|other| *other != item).collect();
                let line = self.lines(vec![item]).remove(0);
                let line = EvidenceLine { evidence: Evidence { partners: 2, ..line.evidence }, ..line };
                Fact::Line { add: self.below(4) > 0, pairs_only: self.below(3) == 0, line, others }
            }
            3 => {
                let told = ProductFacts { title: Some(format!("T{}", self.below(9)).into()), ..ProductFacts::default() };
                let price = (self.below(2) == 0).then_some((Money(self.below(9) as i64), Currency::USD));
                Fact::Learned { item: self.item(), ts: self.ts(), price, product: told }
            }
            4 => {
                let step = match self.below(3) {
                    0 => CombinationStep::Shown(self.below(4) as i64 - 1),
                    1 => CombinationStep::Accepted(1),
                    _ => CombinationStep::Earned(Currency::USD, i128::from(self.below(90)) - 9),
                };
                Fact::Combination { anchor: self.item(), companion: self.item(), step }
            }
            5 => Fact::Total(self.total(), i128::from(self.below(90)) - 5),
            6 if self.below(4) == 0 => {
                let at = self.ts();
                Fact::Erased { customer: self.customer(), erasure: Erasure { at, until: at.plus_ms(DAY_MS) } }
            }
            6..=8 => Fact::Sale(self.sale()),
            9 => {
                let after = (0..1 + self.below(3)).map(|_| self.category()).collect();
                Fact::CategoryBasket { before: Vec::new(), after: self.lines(after) }
            }
            10 => Fact::PassedOver { item: self.item(), instead: self.items(3) },
            11 => Fact::Seen { customer: self.customer(), day: (self.now / DAY_MS) as i32, placement: self.placement(), ts: self.ts() },
            12 => Fact::Declined { customer: self.customer(), item: self.item(), ts: self.ts() },
            13 => Fact::Eligible { plan, subject, arm, placement: self.placement(), ts: self.ts() },
            14 => {
                let (ts, first) = (self.ts(), self.below(3) > 0);
                Fact::Spent { subject, ts, at: ts, net_micros: self.below(90_000_000).into(), first }
            }
            15 => Fact::Crossover { plan },
            16 => {
                let step = [TriedStep::Shown, TriedStep::Shown, TriedStep::Accepted, TriedStep::Dismissed][self.below(4) as usize];
                Fact::Tried { placement: self.placement(), variant: format!("v{}", self.below(40)).into(), step }
            }
            17 => {
                let from = self.ts();
                let until = from.plus_ms(self.below(3 * DAY_MS as u64) as i64);
                Fact::Offered { customer: self.customer(), item: self.item(), from, until, source: self.source() }
            }
            18 => {
                let customer = (self.below(2) == 0).then(|| self.customer());
                Fact::Example { number: self.below(20), basket: self.items(3), customer, ts: self.ts() }
            }
            19 => Fact::Outcome { numbers: vec![self.below(20), self.below(20)], bought: self.bought(), ts: self.ts() },
            _ => Fact::Taken { customer: self.customer(), item: self.item(), offer: self.below(30).into() },
        }
    }
}

pub fn source_of(offer: u128) -> Source {
    Source { offer, ..Random::new(1).source() }
}

pub fn customer(n: u64) -> Id {
    format!("customer-{n:02}").into()
}

/// Folds so many records.
pub fn fold(shop: &Shop, random: &mut Random, records: usize) {
    for _ in 0..records {
        let (decay, facts) = random.record();
        shop.set_decay(decay);
        facts.iter().for_each(|fact| shop.fold(fact));
    }
}

/// All that can be seen of a shop, by the ways that others see it.
pub fn seen(shop: &Shop, limits: &Limits) -> Vec<String> {
    let mut seen = vec![format!("{:?} {:?} {:#?}", shop.decay(), shop.hears_feedback(), shop.usage(limits))];
    let mut text = Vec::new();
    dump::counts(shop, &mut text).unwrap();
    dump::totals(shop, &mut text).unwrap();
    seen.push(String::from_utf8(text).unwrap());
    for counts in [&shop.counts, &shop.categories] {
        let name = |best: &[crate::engine::best::BestEntry]| {
            best.iter().map(|entry| (entry.weight, entry.together, entry.slot.item.clone(), entry.slot.weight())).collect::<Vec<_>>()
        };
        seen.push(format!("{:?} {}", counts.with_popular(name), counts.baskets()));
        for item in counts.items_sorted() {
            seen.push(format!("{item} {:?}", counts.with_row(&item, |row| (name(row.best()), format!("{:?}", row.neighbours_sorted())))));
        }
    }
    for item in (0..20).map(|n| format!("item-{n:02}")) {
        let now = Timestamp(20_030 * DAY_MS);
        let facts = (shop.catalogue.get(&item), shop.passed_over.of(&item), shop.weekly.of(&item, now), shop.customers.rebuys.of(&item));
        seen.push(format!("{item} {facts:?}"));
    }
    for category in (0..6).map(|n| format!("category-{n}")) {
        let shelf: Vec<_> = shop.shelves.of(&category).iter().map(|slot| (slot.item.clone(), slot.weight())).collect();
        seen.push(format!("{category} {shelf:?}"));
    }
    for customer in (0..12).map(customer) {
        let history = shop.customers.with(&customer, History::clone);
        let taken: Vec<_> = (0..20 * 30).filter(|n| shop.offered.is_taken(&customer, &format!("item-{:02}", n / 30), n % 30)).collect();
        let newest = |n| shop.offered.newest(&customer, &format!("item-{n:02}"), Timestamp::MAX, Timestamp::MIN, |_| false);
        let newest: Vec<_> = (0..20).map(newest).collect();
        seen.push(format!("{customer} {history:?} {taken:?} {newest:?} {}", shop.offered.knows(&customer)));
    }
    for placement in Placement::ALL {
        let vector = shop.optimiser.vector(*placement, &["v1", "v2", "v3"], &OptimiserSettings::default());
        seen.push(format!("{vector:?} {}", shop.optimiser.annoys(*placement, &OptimiserSettings::default())));
    }
    seen.push(format!("{:?} {:?}", shop.learner, shop.weekly.baskets(Timestamp(20_030 * DAY_MS))));
    let ledger = shop.experiment();
    for (salt, cap_micros) in (0..4).flat_map(|salt| [(salt, 0), (salt, 50_000_000)]) {
        let plan = Plan { salt, holdout_millionths: 500_000, window_ms: DAY_MS, cap_micros };
        seen.push(format!("{:?}", Reading::of(&ledger, &plan, 0.1, true)));
    }
    let combinations = shop.combinations();
    seen.push(format!("{:?} {:?}", combinations.by_acceptance(50, 1), combinations.by_revenue(Currency::USD, 50, 1)));
    seen
}
