//! What each placement may do: one policy block each.
//!
//! Invariant: every placement has a whole policy; what a file leaves out is that placement's own default, not
//! another's.

use compact_str::CompactString;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::types::DurationMs;
use super::variants::PolicyVariant;
use super::{BadSetting, at_least, in_range};
use crate::engine::optimiser::PLAIN;
use crate::engine::vocabulary::{OfferKind, Placement};

/// Declares a policy, and the same with every field optional, as a file has it.
macro_rules! policy {
    ($($(#[$doc:meta])* $field:ident: $kind:ty,)+) => {
        /// What a placement may do.
        #[derive(Clone, Debug, PartialEq)]
        pub struct PlacementPolicy { $($(#[$doc])* pub $field: $kind,)+ }

        #[derive(Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Patch { $($field: Option<$kind>,)+ }

        impl Patch {
            fn onto(self, base: PlacementPolicy) -> PlacementPolicy {
                PlacementPolicy { $($field: self.$field.unwrap_or(base.$field),)+ }
            }
        }
    };
}

policy! {
    /// Whether offers are made here at all.
    enabled: bool,
    /// What may be offered, in the order of their places in the offer.
    kinds: Vec<OfferKind>,
    /// At most this many items an offer, never more than 3.
    items_max: usize,
    /// The least number of baskets with both items behind an offered pair.
    baskets_together_min: u32,
    /// The least number of baskets behind an item offered for being popular.
    popular_baskets_min: u32,
    /// The least share of all baskets that such an item was in.
    popular_share_min: f64,
    /// How long an offer holds.
    expires_after: DurationMs,
    /// Only on these channels; on all of them where none is named.
    channels: Vec<CompactString>,
    /// Only to shoppers of these segments; to all where none is named.
    segments: Vec<CompactString>,
    /// Only once the shopper has decided on something: the basket has a line, or something was bought.
    after_decision: bool,
    /// Offers shown here in one session; 0 is no cap.
    session_max: u32,
    /// Offers shown here to one customer on one day; 0 is no cap.
    customer_day_max: u32,
    /// Three price levels of the page's item, where there are as many.
    ladder: bool,
    /// How long after the session's last event, or the purchase, the offer is due: of `abandoned_cart` and
    /// `follow_up` alone.
    after: DurationMs,
    /// Variants to choose from beside it, by what they bring.
    variants: Vec<PolicyVariant>,
}

/// The policies of all placements.
#[derive(Clone, Debug, PartialEq)]
pub struct Placements([PlacementPolicy; 6]);

impl Placements {
    /// The policy of a placement.
    #[must_use]
    pub fn get(&self, placement: Placement) -> &PlacementPolicy {
        &self.0[placement as usize]
    }

    /// The policy of a placement, to change.
    pub fn get_mut(&mut self, placement: Placement) -> &mut PlacementPolicy {
        &mut self.0[placement as usize]
    }
}

impl Default for Placements {
    fn default() -> Self {
        use Placement::{AbandonedCart, Cart, Checkout, FollowUp, PostPurchase, ProductPage};
        Self([ProductPage, Cart, Checkout, PostPurchase, AbandonedCart, FollowUp].map(PlacementPolicy::of))
    }
}

impl<'de> Deserialize<'de> for Placements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let patches = std::collections::BTreeMap::<String, Patch>::deserialize(deserializer)?;
        let mut all = Self::default();
        for (name, patch) in patches {
            let placement = Placement::ALL.iter().find(|placement| placement.as_str() == name).ok_or_else(|| {
                let known: Vec<_> = Placement::ALL.iter().map(|placement| placement.as_str()).collect();
                D::Error::custom(format!("placements.{name} is not known; {} are", known.join(", ")))
            })?;
            let policy = all.get_mut(*placement);
            *policy = patch.onto(policy.clone());
        }
        Ok(all)
    }
}

impl PlacementPolicy {
    /// A placement's defaults.
    #[must_use]
    pub fn of(placement: Placement) -> Self {
        use OfferKind::{AddOn, Bundle, CrossSell, Upsell};
        let common = Self {
            enabled: true,
            kinds: vec![CrossSell],
            items_max: 3,
            baskets_together_min: 2,
            popular_baskets_min: 5,
            popular_share_min: 0.01,
            expires_after: DurationMs::hours(24),
            channels: Vec::new(),
            segments: Vec::new(),
            after_decision: false,
            session_max: 8,
            customer_day_max: 16,
            ladder: false,
            after: DurationMs(0),
            variants: Vec::new(),
        };
        match placement {
            Placement::ProductPage => Self { kinds: vec![Upsell, Bundle, CrossSell], ..common },
            Placement::Cart => Self { kinds: vec![CrossSell, Upsell], ..common },
            Placement::Checkout => Self { kinds: vec![AddOn], session_max: 3, customer_day_max: 6, ..common },
            Placement::PostPurchase => Self { kinds: vec![CrossSell], session_max: 2, customer_day_max: 2, ..common },
            Placement::AbandonedCart => Self {
                kinds: vec![Bundle, CrossSell],
                session_max: 1,
                customer_day_max: 1,
                expires_after: DurationMs::days(3),
                after: DurationMs(30 * 60_000),
                ..common
            },
            Placement::FollowUp => Self {
                kinds: vec![CrossSell, Upsell],
                session_max: 1,
                customer_day_max: 1,
                expires_after: DurationMs::days(7),
                after: DurationMs::days(21),
                ..common
            },
        }
    }

    /// The names of the variants, the plain policy's first.
    #[must_use]
    pub fn variant_names(&self) -> Vec<&str> {
        std::iter::once(PLAIN).chain(self.variants.iter().map(|variant| variant.name.as_str())).collect()
    }

    /// The kinds that the policy or a variant of it may offer, each once.
    #[must_use]
    pub fn kinds_of_all(&self) -> Vec<OfferKind> {
        let all = self.kinds.iter().chain(self.variants.iter().filter_map(|variant| variant.kinds.as_ref()).flatten());
        OfferKind::ALL.iter().filter(|kind| all.clone().any(|other| other == *kind)).copied().collect()
    }

    /// Whether offers of a kind may be made here.
    #[must_use]
    pub fn has(&self, kind: OfferKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Checks the policy under the `name` it has in the file; `variants` apart.
    pub(super) fn check(&self, name: &str, placement: Placement) -> Result<(), BadSetting> {
        let bad =
            |field: &str, value: &dyn ToString, allowed: &str| Err(BadSetting::new(format!("{name}.{field}"), value.to_string(), allowed));
        if !(1..=3).contains(&self.items_max) {
            return bad("items_max", &self.items_max, "1, 2 or 3 is allowed");
        }
        for (field, least) in [("baskets_together_min", self.baskets_together_min), ("popular_baskets_min", self.popular_baskets_min)] {
            if least == 0 {
                return bad(field, &least, "1 or more is allowed");
            }
        }
        in_range(&format!("{name}.popular_share_min"), self.popular_share_min, 0.0, 1.0)?;
        let twice = self.kinds.iter().enumerate().any(|(at, kind)| self.kinds[..at].contains(kind));
        if self.kinds.is_empty() || twice {
            let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
            return bad("kinds", &format!("{kinds:?}"), "one kind or more is needed, each once");
        }
        if self.has(OfferKind::Bundle) && matches!(placement, Placement::PostPurchase | Placement::FollowUp) {
            return bad("kinds", &"with bundle", "a bundle has a price together with an item that is already paid here");
        }
        if self.ladder && placement != Placement::ProductPage {
            return bad("ladder", &true, "only placements.product_page can have one: elsewhere the item is in the basket");
        }
        if self.ladder && self.items_max < 3 {
            return bad("ladder", &true, "three levels need items_max = 3");
        }
        let is_timed = matches!(placement, Placement::AbandonedCart | Placement::FollowUp);
        if is_timed {
            at_least(&format!("{name}.after"), self.after, DurationMs(60_000))?;
        } else if self.after.0 != 0 {
            return bad("after", &self.after, "only abandoned_cart and follow_up wait");
        }
        at_least(&format!("{name}.expires_after"), self.expires_after, DurationMs(1_000))
    }
}
