//! A record of the shop log: the facts of one commit, packed.
//!
//! Item and customer ids stand once in a dictionary, evidence likewise; lines refer to both by small numbers.
//! A commit that would exceed [`RECORD_BYTES_MAX`] becomes several records.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::{BadRecord, from_frame, to_frame};
use crate::engine::decay::{Decay, Evidence};
use crate::engine::erased::Erasure;
use crate::engine::facts::{BoughtItem, CombinationStep, EvidenceLine, Fact, Plan, Sale, SaleLine, TriedStep};
use crate::engine::source::Source;
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{Arm, Placement};
use crate::event::{Currency, Id, Money, ProductFacts, Timestamp};

/// The version of the format. New kinds of facts come at its end and leave it as it is.
pub(super) const VERSION: u8 = 2;
/// Commits are split into records of at most this size; a single fact may still be larger.
pub const RECORD_BYTES_MAX: usize = 900_000;

/// An erasure of which no time was told: what was known then is gone, and nothing is remembered of it.
const UNTIMED: Erasure = Erasure { at: Timestamp::MIN, until: Timestamp::MIN };

/// What stands at the head of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Which run of which instance wrote it: a number drawn at its start.
    pub incarnation: u64,
    /// Which of its commits, counted from 1.
    pub commit: u64,
    /// The decay its facts are folded under; none before the first event, when there is nothing to decay.
    pub decay: Option<Decay>,
}

/// A record: its head and its facts.
#[derive(Clone, Debug, PartialEq)]
pub struct ShopRecord {
    /// The head.
    pub header: Header,
    /// The facts, in the order of their events.
    pub facts: Vec<Fact>,
}

impl ShopRecord {
    /// Reads a record.
    ///
    /// # Errors
    /// Says why it can't be read.
    pub fn decode(value: &[u8]) -> Result<Self, BadRecord> {
        let packed: Packed = from_frame(VERSION, value)?;
        let facts = packed.facts.iter().map(|fact| packed.unpack(fact)).collect::<Option<_>>();
        let facts = facts.ok_or_else(|| {
            BadRecord::Malformed("it refers to an entry that its dictionary does not have, or to an experiment that can't be".into())
        })?;
        Ok(Self { header: packed.header, facts })
    }
}

/// The facts of a commit as one record, or several where they are large.
#[must_use]
pub fn encode_records(header: Header, facts: &[Fact]) -> Vec<Vec<u8>> {
    let record = to_frame(VERSION, &Packer::pack(header, facts));
    if record.len() <= RECORD_BYTES_MAX || facts.len() < 2 {
        return vec![record];
    }
    let (first, second) = facts.split_at(facts.len() / 2);
    let mut records = encode_records(header, first);
    records.extend(encode_records(header, second));
    records
}

#[derive(Serialize, Deserialize)]
struct Packed {
    header: Header,
    ids: Vec<Id>,
    evidence: Vec<Evidence>,
    facts: Vec<PackedFact>,
}

/// An index into the dictionary of ids.
type IdRef = u32;

#[derive(Clone, Copy, Serialize, Deserialize)]
struct PackedLine {
    item: IdRef,
    evidence: u32,
}

#[derive(Serialize, Deserialize)]
enum PackedFact {
    Basket {
        before: Vec<PackedLine>,
        after: Vec<PackedLine>,
    },
    Line {
        add: bool,
        pairs_only: bool,
        line: PackedLine,
        others: Vec<IdRef>,
    },
    Learned {
        item: IdRef,
        ts: Timestamp,
        price: Option<(Money, Currency)>,
        product: ProductFacts,
    },
    Combination {
        anchor: IdRef,
        companion: IdRef,
        step: CombinationStep,
    },
    Total(TotalKey, i128),
    /// As it was told before its time was: see `ErasedAt`.
    Erased(IdRef),
    Sale {
        add: bool,
        first: bool,
        ts: Timestamp,
        customer: Option<IdRef>,
        net_micros: i128,
        lines: Vec<PackedSaleLine>,
    },
    CategoryBasket {
        before: Vec<PackedLine>,
        after: Vec<PackedLine>,
    },
    PassedOver {
        item: IdRef,
        instead: Vec<IdRef>,
    },
    /// As it was told before its time was: see `SeenAt`.
    Seen {
        customer: IdRef,
        day: i32,
        placement: Placement,
    },
    Declined {
        customer: IdRef,
        item: IdRef,
        ts: Timestamp,
    },
    Eligible {
        plan: Plan,
        subject: u64,
        arm: Arm,
        placement: Placement,
        ts: Timestamp,
    },
    Spent {
        subject: u64,
        ts: Timestamp,
        at: Timestamp,
        net_micros: i128,
        first: bool,
    },
    Crossover {
        plan: Plan,
    },
    Tried {
        placement: Placement,
        variant: IdRef,
        step: TriedStep,
    },
    Offered {
        customer: IdRef,
        item: IdRef,
        from: Timestamp,
        until: Timestamp,
        source: Source,
    },
    Taken {
        customer: IdRef,
        item: IdRef,
        offer: u128,
    },
    ErasedAt {
        customer: IdRef,
        erasure: Erasure,
    },
    SeenAt {
        customer: IdRef,
        day: i32,
        placement: Placement,
        ts: Timestamp,
    },
    Example {
        number: u64,
        basket: Vec<IdRef>,
        customer: Option<IdRef>,
        ts: Timestamp,
    },
    Outcome {
        numbers: Vec<u64>,
        bought: Vec<PackedBought>,
        ts: Timestamp,
    },
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct PackedSaleLine {
    item: IdRef,
    units: u32,
    category: Option<IdRef>,
}

/// An item, what was paid for it and what of that is margin.
type PackedBought = (IdRef, i64, i64);

struct Packer<'a> {
    packed: Packed,
    id_refs: HashMap<&'a str, IdRef, FixedState>,
}

impl<'a> Packer<'a> {
    fn pack(header: Header, facts: &'a [Fact]) -> Packed {
        let packed = Packed { header, ids: Vec::new(), evidence: Vec::new(), facts: Vec::with_capacity(facts.len()) };
        let mut packer = Self { packed, id_refs: HashMap::default() };
        for fact in facts {
            let fact = packer.fact(fact);
            packer.packed.facts.push(fact);
        }
        packer.packed
    }

    fn fact(&mut self, fact: &'a Fact) -> PackedFact {
        match fact {
            Fact::Basket { before, after } => PackedFact::Basket { before: self.lines(before), after: self.lines(after) },
            Fact::Line { add, pairs_only, line, others } => {
                PackedFact::Line { add: *add, pairs_only: *pairs_only, line: self.line(line), others: self.ids(others) }
            }
            Fact::Learned { item, ts, price, product } => {
                PackedFact::Learned { item: self.id(item), ts: *ts, price: *price, product: product.clone() }
            }
            Fact::Combination { anchor, companion, step } => {
                PackedFact::Combination { anchor: self.id(anchor), companion: self.id(companion), step: *step }
            }
            Fact::Total(key, delta) => PackedFact::Total(key.clone(), *delta),
            Fact::Erased { customer, erasure } => PackedFact::ErasedAt { customer: self.id(customer), erasure: *erasure },
            Fact::Sale(sale) => self.sale(sale),
            Fact::CategoryBasket { before, after } => PackedFact::CategoryBasket { before: self.lines(before), after: self.lines(after) },
            Fact::PassedOver { item, instead } => PackedFact::PassedOver { item: self.id(item), instead: self.ids(instead) },
            Fact::Seen { customer, day, placement, ts } => {
                PackedFact::SeenAt { customer: self.id(customer), day: *day, placement: *placement, ts: *ts }
            }
            Fact::Declined { customer, item, ts } => PackedFact::Declined { customer: self.id(customer), item: self.id(item), ts: *ts },
            Fact::Eligible { plan, subject, arm, placement, ts } => {
                PackedFact::Eligible { plan: *plan, subject: *subject, arm: *arm, placement: *placement, ts: *ts }
            }
            Fact::Spent { subject, ts, at, net_micros, first } => {
                PackedFact::Spent { subject: *subject, ts: *ts, at: *at, net_micros: *net_micros, first: *first }
            }
            Fact::Crossover { plan } => PackedFact::Crossover { plan: *plan },
            Fact::Tried { placement, variant, step } => PackedFact::Tried { placement: *placement, variant: self.id(variant), step: *step },
            Fact::Offered { customer, item, from, until, source } => {
                let (customer, item) = (self.id(customer), self.id(item));
                PackedFact::Offered { customer, item, from: *from, until: *until, source: source.clone() }
            }
            Fact::Taken { customer, item, offer } => PackedFact::Taken { customer: self.id(customer), item: self.id(item), offer: *offer },
            Fact::Example { number, basket, customer, ts } => {
                let customer = customer.as_ref().map(|customer| self.id(customer));
                PackedFact::Example { number: *number, basket: self.ids(basket), customer, ts: *ts }
            }
            Fact::Outcome { numbers, bought, ts } => {
                let bought = bought.iter().map(|bought| (self.id(&bought.item), bought.net_micros, bought.margin_micros)).collect();
                PackedFact::Outcome { numbers: numbers.clone(), bought, ts: *ts }
            }
        }
    }

    fn sale(&mut self, sale: &'a Sale) -> PackedFact {
        let Sale { add, first, ts, ref customer, net_micros, ref lines } = *sale;
        let customer = customer.as_ref().map(|customer| self.id(customer));
        let line = |line: &'a SaleLine| PackedSaleLine {
            item: self.id(&line.item),
            units: line.units,
            category: line.category.as_ref().map(|category| self.id(category)),
        };
        PackedFact::Sale { add, first, ts, customer, net_micros, lines: lines.iter().map(line).collect() }
    }

    fn ids(&mut self, ids: &'a [Id]) -> Vec<IdRef> {
        ids.iter().map(|id| self.id(id)).collect()
    }

    fn id(&mut self, id: &'a Id) -> IdRef {
        let ids = &mut self.packed.ids;
        *self.id_refs.entry(id).or_insert_with(|| {
            ids.push(id.clone());
            ids.len() as IdRef - 1
        })
    }

    fn lines(&mut self, lines: &'a [EvidenceLine]) -> Vec<PackedLine> {
        lines.iter().map(|line| self.line(line)).collect()
    }

    fn line(&mut self, line: &'a EvidenceLine) -> PackedLine {
        PackedLine { item: self.id(&line.item), evidence: self.evidence(line.evidence) }
    }

    /// Lines that came together share their evidence, so looking at the newest few entries finds most repeats.
    fn evidence(&mut self, evidence: Evidence) -> u32 {
        const LOOKED_AT: usize = 8;
        let known = &mut self.packed.evidence;
        let from = known.len().saturating_sub(LOOKED_AT);
        let at = known[from..].iter().position(|other| *other == evidence).map(|at| from + at);
        at.unwrap_or_else(|| {
            known.push(evidence);
            known.len() - 1
        }) as u32
    }
}

impl Packed {
    /// `None` when it refers to what is not there.
    fn unpack(&self, fact: &PackedFact) -> Option<Fact> {
        Some(match fact {
            PackedFact::Basket { before, after } => Fact::Basket { before: self.lines(before)?, after: self.lines(after)? },
            PackedFact::Line { add, pairs_only, line, others } => {
                Fact::Line { add: *add, pairs_only: *pairs_only, line: self.line(line)?, others: self.ids(others)? }
            }
            PackedFact::Learned { item, ts, price, product } => {
                Fact::Learned { item: self.id(*item)?, ts: *ts, price: *price, product: product.clone() }
            }
            PackedFact::Combination { anchor, companion, step } => {
                Fact::Combination { anchor: self.id(*anchor)?, companion: self.id(*companion)?, step: *step }
            }
            PackedFact::Total(key, delta) => Fact::Total(key.clone(), *delta),
            PackedFact::Erased(customer) => Fact::Erased { customer: self.id(*customer)?, erasure: UNTIMED },
            PackedFact::ErasedAt { customer, erasure } => Fact::Erased { customer: self.id(*customer)?, erasure: *erasure },
            PackedFact::Sale { add, first, ts, customer, net_micros, lines } => Fact::Sale(Sale {
                add: *add,
                first: *first,
                ts: *ts,
                customer: self.optional(*customer)?,
                net_micros: *net_micros,
                lines: lines.iter().map(|line| self.sale_line(line)).collect::<Option<_>>()?,
            }),
            PackedFact::CategoryBasket { before, after } => Fact::CategoryBasket { before: self.lines(before)?, after: self.lines(after)? },
            PackedFact::PassedOver { item, instead } => Fact::PassedOver { item: self.id(*item)?, instead: self.ids(instead)? },
            PackedFact::Seen { customer, day, placement } => {
                Fact::Seen { customer: self.id(*customer)?, day: *day, placement: *placement, ts: Timestamp::MAX }
            }
            PackedFact::SeenAt { customer, day, placement, ts } => {
                Fact::Seen { customer: self.id(*customer)?, day: *day, placement: *placement, ts: *ts }
            }
            PackedFact::Declined { customer, item, ts } => Fact::Declined { customer: self.id(*customer)?, item: self.id(*item)?, ts: *ts },
            PackedFact::Eligible { plan, subject, arm, placement, ts } => {
                Fact::Eligible { plan: sound(*plan)?, subject: *subject, arm: *arm, placement: *placement, ts: *ts }
            }
            PackedFact::Spent { subject, ts, at, net_micros, first } => {
                Fact::Spent { subject: *subject, ts: *ts, at: *at, net_micros: *net_micros, first: *first }
            }
            PackedFact::Crossover { plan } => Fact::Crossover { plan: sound(*plan)? },
            PackedFact::Tried { placement, variant, step } => {
                Fact::Tried { placement: *placement, variant: self.id(*variant)?, step: *step }
            }
            PackedFact::Offered { customer, item, from, until, source } => {
                let (customer, item) = (self.id(*customer)?, self.id(*item)?);
                Fact::Offered { customer, item, from: *from, until: *until, source: source.clone() }
            }
            PackedFact::Taken { customer, item, offer } => {
                Fact::Taken { customer: self.id(*customer)?, item: self.id(*item)?, offer: *offer }
            }
            PackedFact::Example { number, basket, customer, ts } => {
                Fact::Example { number: *number, basket: self.ids(basket)?, customer: self.optional(*customer)?, ts: *ts }
            }
            PackedFact::Outcome { numbers, bought, ts } => {
                let bought = bought
                    .iter()
                    .map(|&(item, net_micros, margin_micros)| Some(BoughtItem { item: self.id(item)?, net_micros, margin_micros }));
                Fact::Outcome { numbers: numbers.clone(), bought: bought.collect::<Option<_>>()?, ts: *ts }
            }
        })
    }

    fn sale_line(&self, line: &PackedSaleLine) -> Option<SaleLine> {
        Some(SaleLine { item: self.id(line.item)?, units: line.units, category: self.optional(line.category)? })
    }

    /// `None` when it refers to what is not there, `Some(None)` when it refers to nothing.
    #[allow(clippy::option_option, reason = "a reference may be absent, and one that is there may be wrong")]
    fn optional(&self, id: Option<IdRef>) -> Option<Option<Id>> {
        match id {
            None => Some(None),
            Some(id) => self.id(id).map(Some),
        }
    }

    fn id(&self, id: IdRef) -> Option<Id> {
        self.ids.get(id as usize).cloned()
    }

    fn ids(&self, ids: &[IdRef]) -> Option<Vec<Id>> {
        ids.iter().map(|id| self.id(*id)).collect()
    }

    fn lines(&self, lines: &[PackedLine]) -> Option<Vec<EvidenceLine>> {
        lines.iter().map(|line| self.line(line)).collect()
    }

    fn line(&self, line: &PackedLine) -> Option<EvidenceLine> {
        Some(EvidenceLine { item: self.id(line.item)?, evidence: *self.evidence.get(line.evidence as usize)? })
    }
}

/// An experiment that settings can make: sums are held between 0 and its cap.
fn sound(plan: Plan) -> Option<Plan> {
    (plan.cap_micros >= 0 && plan.window_ms >= 0).then_some(plan)
}

#[cfg(test)]
#[path = "shop_record_tests.rs"]
mod tests;
