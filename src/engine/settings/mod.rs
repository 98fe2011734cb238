//! What the engine can be told: every setting that changes counts, offers or figures.
//!
//! Invariant: plain values, checked by [`Settings::check`] before anything runs; the engine reads no other.

mod advice;
mod attribution;
mod experiment;
mod limits;
mod optimiser;
mod placements;
mod ranking;
mod rules;
mod types;
mod variants;

pub use attribution::{Attribution, AttributionScope, AttributionTrigger};
pub use experiment::{Experiment, RevenueCap};
pub use limits::Limits;
pub use optimiser::{Objective, OptimiserSettings};
pub use placements::{PlacementPolicy, Placements};
pub use ranking::{CartOrder, Ranking, RankingObjective};
pub use rules::{Amount, Discounts, Rules, Segments, StampCard};
pub use types::{Bytes, DurationMs, Zone};
pub use variants::PolicyVariant;

use std::sync::Arc;

use compact_str::CompactString;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::texts::Texts;
use super::vocabulary::Placement;
use crate::event::Currency;

/// All settings of the engine. Defaults are those of the commented `offerstream.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The currency of amounts that name none.
    pub currency: Currency,
    /// The shop's time zone, by its IANA name.
    pub time_zone: Zone,
    /// The language of reasons where the event names none.
    pub locale: CompactString,
    /// The channels that figures are kept by; any other is `other`.
    pub channels: Vec<CompactString>,
    /// How amounts are to be read.
    pub money: MoneySettings,
    /// How candidates are scored.
    pub ranking: Ranking,
    /// What each placement may do.
    pub placements: Placements,
    /// What every offer keeps to.
    pub rules: Rules,
    /// Discounts of bundles, and what limits every discount.
    pub discounts: Discounts,
    /// Stamp cards, if there are any.
    pub stamp_cards: Vec<StampCard>,
    /// The limits of segments.
    pub segments: Segments,
    /// What counts as an offer's doing.
    pub attribution: Attribution,
    /// The held-out arm.
    pub experiment: Experiment,
    /// How variants of policies are chosen, and placements held back.
    pub optimiser: OptimiserSettings,
    /// When sessions end.
    pub session: SessionSettings,
    /// What may grow, and how far.
    pub limits: Limits,
    /// Evidence of fewer baskets is not shown; set as `privacy.evidence_baskets_min`.
    #[serde(skip)]
    pub evidence_baskets_min: u32,
    /// The words of reasons, in the shop's languages.
    #[serde(skip)]
    pub texts: Arc<Texts>,
}

/// How amounts are to be read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MoneySettings {
    /// Prices include tax, so an order's tax is subtracted from its revenue.
    pub prices_include_tax: bool,
}

/// When sessions end.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// The time without an event after which a session's basket and offers are over.
    pub idle: DurationMs,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            currency: Currency::USD,
            time_zone: Zone(TimeZone::UTC),
            locale: "en".into(),
            channels: ["web", "app", "store", "mail"].map(Into::into).into(),
            money: MoneySettings::default(),
            ranking: Ranking::default(),
            placements: Placements::default(),
            rules: Rules::default(),
            discounts: Discounts::default(),
            stamp_cards: Vec::new(),
            segments: Segments::default(),
            attribution: Attribution::default(),
            experiment: Experiment::default(),
            optimiser: OptimiserSettings::default(),
            session: SessionSettings::default(),
            limits: Limits::default(),
            evidence_baskets_min: 2,
            texts: Arc::new(Texts::built_in().with_default("en")),
        }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { idle: DurationMs::hours(24) }
    }
}

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}; {allowed}")]
pub struct BadSetting {
    /// The setting, as in the file.
    pub name: String,
    /// What it was set to.
    pub value: String,
    /// What is allowed.
    pub allowed: String,
}

impl BadSetting {
    /// Says which setting, what it was set to, and what is allowed.
    pub fn new(name: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.to_string(), allowed: allowed.into() }
    }
}

impl Settings {
    /// The policy of a placement, where it is on.
    #[must_use]
    pub fn policy(&self, placement: Placement) -> Option<&PlacementPolicy> {
        Some(self.placements.get(placement)).filter(|policy| policy.enabled)
    }

    /// How long it is remembered that a customer was erased: as long as a session that names them may live, and a month in
    /// which the instance that has it may be away.
    #[must_use]
    pub fn erasure_kept_ms(&self) -> i64 {
        let offers = Placement::ALL.iter().map(|placement| {
            let policy = self.placements.get(*placement);
            policy.after.0.saturating_add(policy.expires_after.0).saturating_add(self.attribution.window.0)
        });
        let session = offers.max().unwrap_or_default().max(self.attribution.refund_window.0).saturating_add(self.session.idle.0);
        session.saturating_add(DurationMs::days(30).0)
    }

    /// Checks every value against what is allowed.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub fn check(&self) -> Result<(), BadSetting> {
        self.ranking.check("ranking")?;
        for (placement, policy) in Placement::ALL.iter().map(|placement| (*placement, self.placements.get(*placement))) {
            policy.check(&format!("placements.{}", placement.as_str()), placement)?;
            variants::check(placement, policy, &self.ranking, &self.discounts)?;
        }
        self.rules.check()?;
        self.discounts.check()?;
        self.stamp_cards.iter().enumerate().try_for_each(|(at, card)| card.check(at))?;
        self.segments.check()?;
        self.check_names()?;
        self.attribution.check()?;
        self.experiment.check()?;
        self.optimiser.check()?;
        at_least("session.idle", self.session.idle, DurationMs(60_000))?;
        let abandoned_after = self.placements.get(Placement::AbandonedCart).after;
        if abandoned_after >= self.session.idle {
            let allowed = format!("less than session.idle, {}, is needed: then the basket is gone", self.session.idle);
            return Err(BadSetting::new("placements.abandoned_cart.after", abandoned_after, allowed));
        }
        if self.evidence_baskets_min == 0 {
            return Err(BadSetting::new("privacy.evidence_baskets_min", 0, "1 or more is allowed; 1 shows all"));
        }
        self.limits.check()
    }

    /// A count of baskets as it may be shown: 0 where they are too few.
    #[must_use]
    pub fn shown(&self, baskets: u32) -> u32 {
        if baskets < self.evidence_baskets_min { 0 } else { baskets }
    }

    /// How many baskets evidence needs to be shown, where `policy_min` would be enough for an offer.
    #[must_use]
    pub fn shown_from(&self, policy_min: u32) -> u32 {
        policy_min.max(self.evidence_baskets_min)
    }
}

impl Settings {
    /// Names that have to be known elsewhere in the file, or to stand once.
    fn check_names(&self) -> Result<(), BadSetting> {
        for placement in Placement::ALL {
            let unknown = |channel: &&CompactString| !self.channels.contains(channel) && *channel != "other";
            if let Some(channel) = self.placements.get(*placement).channels.iter().find(unknown) {
                let (name, known) = (format!("placements.{}.channels", placement.as_str()), self.channels.join(", "));
                return Err(BadSetting::new(name, format!("{channel:?}"), format!("channels has {known}, beside which there is other")));
            }
        }
        let twice = |(at, card): &(usize, &StampCard)| self.stamp_cards[..*at].iter().any(|other| other.category == card.category);
        match self.stamp_cards.iter().enumerate().find(twice) {
            Some((at, card)) => Err(BadSetting::new(format!("stamp_cards[{at}].category"), &card.category, "a category has one card")),
            None => Ok(()),
        }
    }
}

fn in_range(name: &str, value: f64, low: f64, high: f64) -> Result<(), BadSetting> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(BadSetting::new(name, value, format!("{low} to {high} is allowed"))) }
}

fn at_least(name: &str, value: DurationMs, least: DurationMs) -> Result<(), BadSetting> {
    if value >= least { Ok(()) } else { Err(BadSetting::new(name, value, format!("{least} or more is allowed"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_check() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn a_bad_value_is_named_with_what_is_allowed() {
        let mut settings = Settings::default();
        settings.placements.get_mut(Placement::Cart).items_max = 4;
        assert_eq!(settings.check().unwrap_err().to_string(), "placements.cart.items_max is 4; 1, 2 or 3 is allowed");
        let mut settings = Settings::default();
        settings.placements.get_mut(Placement::Checkout).popular_baskets_min = 0;
        assert_eq!(settings.check().unwrap_err().to_string(), "placements.checkout.popular_baskets_min is 0; 1 or more is allowed");
        let mut settings = Settings::default();
        settings.experiment.holdout_ratio = f64::NAN;
        assert_eq!(settings.check().unwrap_err().to_string(), "experiment.holdout_ratio is NaN; 0 to 0.5 is allowed");
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_the_reason() {
        type Change = fn(&mut Settings);
        let refused: [(Change, &str); 9] = [
            (
                |s| s.rules.upsell_price_ratio_max = 1.01,
                "rules.upsell_price_ratio_max is 1.01; more than rules.upsell_price_ratio_min, 1.05, is needed",
            ),
            (|s| s.rules.pinned = vec!["a".into()], "rules.pinned is a; it is in rules.excluded_items, too"),
            (|s| s.placements.get_mut(Placement::Cart).kinds.clear(), "placements.cart.kinds is []; one kind or more is needed, each once"),
            (
                |s| s.placements.get_mut(Placement::Cart).ladder = true,
                "placements.cart.ladder is true; only placements.product_page can have one: elsewhere the item is in the basket",
            ),
            (
                |s| s.placements.get_mut(Placement::Cart).after = DurationMs(1),
                "placements.cart.after is 1ms; only abandoned_cart and follow_up wait",
            ),
            (
                |s| s.placements.get_mut(Placement::AbandonedCart).after = s.session.idle,
                "placements.abandoned_cart.after is 1d; less than session.idle, 1d, is needed: then the basket is gone",
            ),
            (
                |s| s.placements.get_mut(Placement::PostPurchase).kinds.push(super::super::vocabulary::OfferKind::Bundle),
                "placements.post_purchase.kinds is with bundle; a bundle has a price together with an item that is already paid here",
            ),
            (|s| s.discounts.price_step = Amount(crate::event::Money(0)), "discounts.price_step is 0; an amount above 0 is needed"),
            (|s| s.segments.loyal_orders_min = 1, "segments.loyal_orders_min is 1; 2 or more is allowed"),
        ];
        for (change, says) in refused {
            let mut settings = Settings::default();
            settings.rules.excluded_items = vec!["a".into()];
            change(&mut settings);
            assert_eq!(settings.check().unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn as_many_lines_make_pairs_as_the_limit_allows() {
        for (pairs, lines) in [(1, 2), (2, 2), (3, 3), (5, 3), (6, 4), (200_000, 632)] {
            let limits = Limits { pairs_per_basket: pairs, ..Limits::default() };
            assert_eq!(limits.paired_lines(), lines, "{pairs} pairs");
        }
    }
}
