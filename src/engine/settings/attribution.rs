//! What counts as an offer's doing.
//!
//! Invariant: every one of these is said in each report whose figures rest on it.

use serde::Deserialize;

use super::types::DurationMs;
use super::{BadSetting, at_least};

/// What counts as an offer's doing.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attribution {
    /// From which step on an offered item can be accepted.
    pub trigger: AttributionTrigger,
    /// How long after it.
    pub window: DurationMs,
    /// What of an order is credited.
    pub scope: AttributionScope,
    /// How long an order's lines are kept for refunds.
    pub refund_window: DurationMs,
}

/// From which step on an offered item can be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AttributionTrigger {
    /// Once it was sent: for shops that send no feedback.
    Emitted,
    /// Once it was shown.
    Shown,
    /// Once it was opened, or its one-click link was used.
    Clicked,
    /// Only by its one-click link.
    Added,
}

impl TryFrom<String> for AttributionTrigger {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "emitted" => Ok(Self::Emitted),
            "shown" => Ok(Self::Shown),
            "clicked" => Ok(Self::Clicked),
            "added" => Ok(Self::Added),
            _ => Err(format!("{text:?} is not allowed (emitted, shown, clicked or added is)")),
        }
    }
}

impl AttributionTrigger {
    /// Its name in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emitted => "emitted",
            Self::Shown => "shown",
            Self::Clicked => "clicked",
            Self::Added => "added",
        }
    }
}

/// What of an order is credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AttributionScope {
    /// The offered items.
    Item,
    /// The whole order, if an offered item is in it.
    Order,
}

impl TryFrom<String> for AttributionScope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "item" => Ok(Self::Item),
            "order" => Ok(Self::Order),
            _ => Err(format!("{text:?} is not allowed (item or order is)")),
        }
    }
}

impl AttributionScope {
    /// Its name in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Order => "order",
        }
    }
}

impl Default for Attribution {
    fn default() -> Self {
        Self {
            trigger: AttributionTrigger::Shown,
            window: DurationMs::hours(24),
            scope: AttributionScope::Item,
            refund_window: DurationMs::days(30),
        }
    }
}

impl Attribution {
    pub(super) fn check(&self) -> Result<(), BadSetting> {
        at_least("attribution.window", self.window, DurationMs(1_000))?;
        at_least("attribution.refund_window", self.refund_window, DurationMs(0))
    }
}
