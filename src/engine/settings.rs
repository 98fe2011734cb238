//! What the engine can be told: every setting that changes counts, offers or figures.
//!
//! Invariant: plain values, checked by [`Settings::check`] before anything runs; the engine reads no other.

use compact_str::CompactString;
use jiff::tz::TimeZone;
use serde::Deserialize;

pub use super::setting_types::{DurationMs, Zone};
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
    /// What counts as an offer's doing.
    pub attribution: Attribution,
    /// The held-out arm.
    pub experiment: Experiment,
    /// When sessions end.
    pub session: SessionSettings,
    /// What may grow, and how far.
    pub limits: Limits,
}

/// How amounts are to be read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MoneySettings {
    /// Prices include tax, so an order's tax is subtracted from its revenue.
    pub prices_include_tax: bool,
}

/// How evidence weighs and candidates are scored; the formula is in `ranking.rs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ranking {
    /// The time in which evidence loses half its weight.
    pub half_life: DurationMs,
    /// Weight of a cart add's evidence, until it is retracted or replaced.
    pub cart_add_weight: f64,
    /// Weight of a checkout's evidence, likewise.
    pub checkout_weight: f64,
    /// Baskets added to an item's own before dividing: few baskets prove little.
    pub prior_baskets: f64,
    /// How much popular items are held back: the exponent of their count.
    pub popularity_exponent: f64,
    /// Whether the order of cart adds means anything.
    pub cart_order: CartOrder,
    /// The weight of a cart item against the one added after it, where the order is recorded.
    pub position_decay: f64,
    /// Whether a known customer's own history counts.
    pub personal: bool,
    /// How much.
    pub history_weight: f64,
    /// Baskets added to a customer's own before dividing.
    pub history_prior_baskets: f64,
}

/// Whether the order of cart adds is the shopper's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum CartOrder {
    /// It is: what was added last counts most.
    Recorded,
    /// It is not: all count alike.
    Unknown,
}

impl TryFrom<String> for CartOrder {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "recorded" => Ok(Self::Recorded),
            "unknown" => Ok(Self::Unknown),
            _ => Err(format!("{text:?} is not allowed (recorded or unknown is)")),
        }
    }
}

/// The placements that can be switched on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Placements {
    /// On cart add.
    pub cart: PlacementPolicy,
    /// On checkout.
    pub checkout: PlacementPolicy,
}

/// What a placement may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlacementPolicy {
    /// Whether offers are made here at all.
    pub enabled: bool,
    /// At most this many items an offer, never more than 3.
    pub items_max: usize,
    /// The least number of baskets with both items behind an offered pair.
    pub baskets_together_min: u32,
    /// The least number of baskets behind an item offered for being popular.
    pub popular_baskets_min: u32,
    /// How long an offer holds.
    pub expires_after: DurationMs,
}

/// What counts as an offer's doing.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attribution {
    /// From which step on an offered item can be accepted.
    pub trigger: AttributionTrigger,
    /// How long after it.
    pub window: DurationMs,
    /// How long an order's lines are kept for refunds.
    pub refund_window: DurationMs,
}

/// From which step on an offered item can be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AttributionTrigger {
    /// Once it was shown.
    Shown,
    /// Once it was sent: for shops that send no feedback.
    Emitted,
}

impl TryFrom<String> for AttributionTrigger {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "shown" => Ok(Self::Shown),
            "emitted" => Ok(Self::Emitted),
            _ => Err(format!("{text:?} is not allowed (shown or emitted is)")),
        }
    }
}

/// The held-out arm.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Experiment {
    /// The share of shoppers kept from offers.
    pub holdout_ratio: f64,
    /// What the draw is salted with. Changing it starts a new experiment.
    pub salt: CompactString,
}

/// When sessions end.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// The time without an event after which a session's basket and offers are over.
    pub idle: DurationMs,
}

/// What may grow, and how far. Each has a gauge and an eviction counter.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Items counted, and products learned.
    pub items: usize,
    /// Neighbours of one item.
    pub neighbours_per_item: usize,
    /// Pairs, each counted once.
    pub pairs: usize,
    /// Pairs learned from one basket: from its first lines.
    pub pairs_per_basket: usize,
    /// Customers with a history.
    pub customers: usize,
    /// Combinations with figures.
    pub combinations: usize,
    /// Sessions of one partition.
    pub sessions: usize,
    /// Lines of one basket.
    pub basket_lines: usize,
    /// Event ids remembered in one session.
    pub event_ids: usize,
    /// Offers remembered in one session.
    pub offers_per_session: usize,
    /// Orders remembered in one session.
    pub orders_per_session: usize,
    /// Lines of all orders remembered in one session: with the basket, what a changelog record can grow to.
    pub order_lines_per_session: usize,
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
            attribution: Attribution::default(),
            experiment: Experiment::default(),
            session: SessionSettings::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Ranking {
    fn default() -> Self {
        Self {
            half_life: DurationMs::days(90),
            cart_add_weight: 0.2,
            checkout_weight: 0.5,
            prior_baskets: 20.0,
            popularity_exponent: 0.1,
            cart_order: CartOrder::Recorded,
            position_decay: 0.6,
            personal: true,
            history_weight: 0.1,
            history_prior_baskets: 5.0,
        }
    }
}

impl Default for PlacementPolicy {
    fn default() -> Self {
        Self { enabled: true, items_max: 3, baskets_together_min: 3, popular_baskets_min: 20, expires_after: DurationMs::hours(24) }
    }
}

impl Default for Attribution {
    fn default() -> Self {
        Self { trigger: AttributionTrigger::Shown, window: DurationMs::hours(24), refund_window: DurationMs::days(30) }
    }
}

impl Default for Experiment {
    fn default() -> Self {
        Self { holdout_ratio: 0.05, salt: "offerstream".into() }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { idle: DurationMs::hours(24) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            items: 1_000_000,
            neighbours_per_item: 8_192,
            pairs: 10_000_000,
            pairs_per_basket: 200_000,
            customers: 1_000_000,
            combinations: 10_000,
            sessions: 1_000_000,
            basket_lines: 5_000,
            event_ids: 256,
            offers_per_session: 32,
            orders_per_session: 32,
            order_lines_per_session: 10_000,
        }
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
    /// The policy of a placement; `None` where it can't be switched on.
    #[must_use]
    pub fn policy(&self, placement: Placement) -> Option<&PlacementPolicy> {
        match placement {
            Placement::Cart => Some(&self.placements.cart),
            Placement::Checkout => Some(&self.placements.checkout),
            _ => None,
        }
    }

    /// Checks every value against what is allowed.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub fn check(&self) -> Result<(), BadSetting> {
        self.check_ranking()?;
        for (name, policy) in [("cart", &self.placements.cart), ("checkout", &self.placements.checkout)] {
            policy.check(&format!("placements.{name}"))?;
        }
        in_range("experiment.holdout_ratio", self.experiment.holdout_ratio, 0.0, 0.5)?;
        at_least("attribution.window", self.attribution.window, DurationMs(1_000))?;
        at_least("attribution.refund_window", self.attribution.refund_window, DurationMs(0))?;
        at_least("session.idle", self.session.idle, DurationMs(60_000))?;
        self.limits.check()
    }

    fn check_ranking(&self) -> Result<(), BadSetting> {
        let ranking = &self.ranking;
        at_least("ranking.half_life", ranking.half_life, DurationMs::days(1))?;
        in_range("ranking.cart_add_weight", ranking.cart_add_weight, 0.0, 1.0)?;
        in_range("ranking.checkout_weight", ranking.checkout_weight, 0.0, 1.0)?;
        in_range("ranking.prior_baskets", ranking.prior_baskets, 0.0, 1e6)?;
        in_range("ranking.popularity_exponent", ranking.popularity_exponent, 0.0, 1.0)?;
        in_range("ranking.position_decay", ranking.position_decay, 0.01, 1.0)?;
        in_range("ranking.history_weight", ranking.history_weight, 0.0, 10.0)?;
        in_range("ranking.history_prior_baskets", ranking.history_prior_baskets, 0.0, 1e6)
    }
}

impl PlacementPolicy {
    fn check(&self, name: &str) -> Result<(), BadSetting> {
        if !(1..=3).contains(&self.items_max) {
            return Err(BadSetting::new(format!("{name}.items_max"), self.items_max, "1, 2 or 3 is allowed"));
        }
        for (field, least) in [("baskets_together_min", self.baskets_together_min), ("popular_baskets_min", self.popular_baskets_min)] {
            if least == 0 {
                return Err(BadSetting::new(format!("{name}.{field}"), least, "1 or more is allowed"));
            }
        }
        at_least(&format!("{name}.expires_after"), self.expires_after, DurationMs(1_000))
    }
}

impl Limits {
    fn check(&self) -> Result<(), BadSetting> {
        let all = [
            ("items", self.items),
            ("neighbours_per_item", self.neighbours_per_item),
            ("pairs", self.pairs),
            ("pairs_per_basket", self.pairs_per_basket),
            ("customers", self.customers),
            ("combinations", self.combinations),
            ("sessions", self.sessions),
            ("basket_lines", self.basket_lines),
            ("event_ids", self.event_ids),
            ("offers_per_session", self.offers_per_session),
            ("orders_per_session", self.orders_per_session),
            ("order_lines_per_session", self.order_lines_per_session),
        ];
        match all.into_iter().find(|(_, value)| *value == 0) {
            Some((name, value)) => Err(BadSetting::new(format!("limits.{name}"), value, "1 or more is allowed")),
            None => Ok(()),
        }
    }

    /// How many of a basket's lines make pairs: as many as give no more than `pairs_per_basket`.
    #[must_use]
    pub fn paired_lines(&self) -> usize {
        // The largest n with n(n-1)/2 <= pairs.
        let pairs = self.pairs_per_basket as f64;
        ((1.0 + (1.0 + 8.0 * pairs).sqrt()) / 2.0) as usize
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
        settings.placements.cart.items_max = 4;
        assert_eq!(settings.check().unwrap_err().to_string(), "placements.cart.items_max is 4; 1, 2 or 3 is allowed");
        let mut settings = Settings::default();
        settings.placements.checkout.popular_baskets_min = 0;
        assert_eq!(settings.check().unwrap_err().to_string(), "placements.checkout.popular_baskets_min is 0; 1 or more is allowed");
        let mut settings = Settings::default();
        settings.experiment.holdout_ratio = f64::NAN;
        assert_eq!(settings.check().unwrap_err().to_string(), "experiment.holdout_ratio is NaN; 0 to 0.5 is allowed");
    }

    #[test]
    fn as_many_lines_make_pairs_as_the_limit_allows() {
        for (pairs, lines) in [(1, 2), (2, 2), (3, 3), (5, 3), (6, 4), (200_000, 632)] {
            let limits = Limits { pairs_per_basket: pairs, ..Limits::default() };
            assert_eq!(limits.paired_lines(), lines, "{pairs} pairs");
        }
    }
}
