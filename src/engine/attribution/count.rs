//! The facts of an offered item's steps: every heading a step is counted under.
//!
//! Invariant: a step has one time; when it turns out to have been another, it is taken back and counted anew.

use crate::engine::facts::{CombinationStep, Fact};
use crate::engine::local_time::weekday_and_hour;
use crate::engine::settings::{AttributionTrigger, Settings};
use crate::engine::source::Source;
use crate::engine::totals::{TotalKey, hour_of};
use crate::engine::vocabulary::ItemStep;
use crate::event::{ItemId, Timestamp};

/// Where facts are counted to, and under which settings.
pub(super) struct Counter<'a> {
    pub(super) settings: &'a Settings,
    pub(super) facts: &'a mut Vec<Fact>,
    /// What offers of variants earned more, or less, than before.
    pub(super) earned: Vec<Earned>,
}

/// A change of what an offer of a variant earned.
pub(super) struct Earned {
    pub(super) source: Source,
    /// What the units at hand had earned, in millionths.
    pub(super) before_micros: i128,
    pub(super) change_micros: i128,
}

impl<'a> Counter<'a> {
    pub(super) fn new(settings: &'a Settings, facts: &'a mut Vec<Fact>) -> Self {
        Self { settings, facts, earned: Vec::new() }
    }

    /// A step that happened at `before`, if at all, did so at `after`.
    pub(super) fn step(&mut self, source: &Source, item: &ItemId, step: ItemStep, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before == after {
            return;
        }
        for (ts, times) in [(before, -1), (after, 1)] {
            if let Some(ts) = ts {
                self.headings(source, step, ts, times);
            }
        }
        let times = i64::from(after.is_some()) - i64::from(before.is_some());
        self.total(item_key(source, step), times.into());
        self.combination(source, item, step, times);
    }

    fn headings(&mut self, source: &Source, step: ItemStep, ts: Timestamp, times: i128) {
        if !matches!(step, ItemStep::Emitted | ItemStep::Shown | ItemStep::Accepted) {
            return;
        }
        let (placement, kind) = (source.placement, source.kind);
        let (weekday, hour) = weekday_and_hour(ts, &self.settings.time_zone.0);
        self.total(TotalKey::Recent { hour: hour_of(ts), step, placement, kind }, times);
        self.total(TotalKey::ItemsByHour { step, placement, weekday, hour }, times);
        self.total(TotalKey::ItemsByBasketAge { step, placement, bucket: source.basket_age }, times);
    }

    /// A combination is tried once its offer can be accepted, as far as can be told without feedback.
    fn combination(&mut self, source: &Source, item: &ItemId, step: ItemStep, times: i64) {
        let tried = match self.settings.attribution.trigger {
            AttributionTrigger::Emitted => ItemStep::Emitted,
            _ => ItemStep::Shown,
        };
        let step = match step {
            ItemStep::Accepted => CombinationStep::Accepted(times),
            step if step == tried => CombinationStep::Shown(times),
            _ => return,
        };
        if let Some(anchor) = source.anchor.clone().filter(|_| times != 0) {
            self.facts.push(Fact::Combination { anchor, companion: item.clone(), step });
        }
    }

    pub(super) fn total(&mut self, key: TotalKey, delta: i128) {
        if delta != 0 {
            self.facts.push(Fact::Total(key, delta));
        }
    }
}

fn item_key(source: &Source, step: ItemStep) -> TotalKey {
    TotalKey::OfferItems { step, placement: source.placement, kind: source.kind, channel: source.channel.clone() }
}
