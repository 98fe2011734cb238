//! Advice: settings that are allowed, and that would pester shoppers or cost the shop money unawares.
//!
//! Invariant: the defaults earn no advice.

use super::Settings;
use crate::engine::vocabulary::{OfferKind, Placement};

impl Settings {
    /// What to think over: one line each, with the setting and what it brings about.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice = self.advice_on_rules();
        for placement in Placement::ALL {
            advice.extend(self.advice_on(*placement));
        }
        advice.extend(self.advice_on_money());
        advice
    }

    fn advice_on_rules(&self) -> Vec<String> {
        let rules = &self.rules;
        let off = [
            (rules.session_max == 0, "rules.session_max is 0: a session sees offers without end; 20 is the default"),
            (rules.customer_day_max == 0, "rules.customer_day_max is 0: a customer sees offers without end; 40 is the default"),
            (rules.item_session_max == 0, "rules.item_session_max is 0: one item is shown again and again; 3 is the default"),
            (rules.dismissals_max == 0, "rules.dismissals_max is 0: who declines is never left alone; 3 is the default"),
            (rules.item_rest.0 == 0, "rules.item_rest is 0: what a customer sent away comes back at the next visit; 30d is the default"),
            (rules.repeat_shown, "rules.repeat_shown is true: the same item is shown twice in a row"),
            (
                rules.companion_price_ratio_max == 0.0,
                "rules.companion_price_ratio_max is 0: a phone is offered beside its case; 1.0 is the default",
            ),
            (rules.similar_max > 2, "rules.similar_max is more than 2: three nearly identical items are no choice"),
        ];
        off.into_iter().filter(|(is_so, _)| *is_so).map(|(_, line)| line.to_owned()).collect()
    }

    fn advice_on(&self, placement: Placement) -> Vec<String> {
        let Some(policy) = self.policy(placement) else { return Vec::new() };
        let name = format!("placements.{}", placement.as_str());
        let mut advice = Vec::new();
        if policy.session_max == 0 {
            advice.push(format!("{name}.session_max is 0: this placement repeats itself without end"));
        }
        if policy.customer_day_max == 0 {
            advice.push(format!("{name}.customer_day_max is 0: one customer is asked here all day long"));
        }
        let is_mail = matches!(placement, Placement::AbandonedCart | Placement::FollowUp);
        if is_mail && policy.customer_day_max > 1 {
            advice.push(format!(
                "{name}.customer_day_max is {}: more than one reminder a day is felt as a nuisance",
                policy.customer_day_max
            ));
        }
        if policy.kinds == [OfferKind::Upsell] && policy.items_max > 1 {
            advice.push(format!("{name}.kinds has upsell alone: at most one upgrade is offered at a time, whatever items_max is"));
        }
        if policy.ladder {
            advice.push(format!("{name}.ladder is true: three upsells of one item stand beside each other on every page that has them"));
        }
        if policy.baskets_together_min == 1 || policy.popular_baskets_min == 1 {
            advice.push(format!("{name}: an item is offered on the word of one basket; 2 together and 5 alone are the defaults"));
        }
        if placement == Placement::AbandonedCart && policy.after.0 < 10 * 60_000 {
            advice.push(format!("{name}.after is {}: many shoppers are still there; 30m is the default", policy.after));
        }
        let is_costly = policy.has(OfferKind::Bundle) && self.discounts.bundle_ratio > 0.0;
        if placement == Placement::AbandonedCart && is_costly {
            advice.push(format!("{name}.kinds has bundle: shoppers learn to leave baskets behind for a discount"));
        }
        advice
    }

    fn advice_on_money(&self) -> Vec<String> {
        let discounts = &self.discounts;
        let gives = discounts.bundle_ratio > 0.0 || discounts.bundle_ratio_by_segment.values().any(|ratio| *ratio > 0.0);
        let mut advice = Vec::new();
        if (gives || !self.stamp_cards.is_empty()) && discounts.margin_ratio_min == 0.0 {
            advice.push("discounts.margin_ratio_min is 0: a discount may take the whole margin; 0.1 is the default".to_owned());
        }
        for (at, card) in self.stamp_cards.iter().enumerate().filter(|(_, card)| self.rules.excluded_categories.contains(&card.category)) {
            advice.push(format!(
                "stamp_cards[{at}].category is {:?}, of which rules.excluded_categories lets nothing be offered",
                card.category
            ));
        }
        advice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::{DurationMs, StampCard};

    #[test]
    fn the_defaults_earn_no_advice() {
        assert_eq!(Settings::default().advice(), Vec::<String>::new());
    }

    #[test]
    fn each_way_to_pester_is_named() {
        type Change = fn(&mut Settings);
        let changes: [(Change, &str); 19] = [
            (|s| s.rules.session_max = 0, "rules.session_max"),
            (|s| s.rules.customer_day_max = 0, "rules.customer_day_max"),
            (|s| s.rules.item_session_max = 0, "rules.item_session_max"),
            (|s| s.rules.dismissals_max = 0, "rules.dismissals_max"),
            (|s| s.rules.item_rest = DurationMs(0), "rules.item_rest"),
            (|s| s.rules.repeat_shown = true, "rules.repeat_shown"),
            (|s| s.rules.companion_price_ratio_max = 0.0, "rules.companion_price_ratio_max"),
            (|s| s.rules.similar_max = 3, "rules.similar_max"),
            (|s| s.placements.get_mut(Placement::Cart).session_max = 0, "placements.cart.session_max"),
            (|s| s.placements.get_mut(Placement::Cart).customer_day_max = 0, "placements.cart.customer_day_max"),
            (|s| s.placements.get_mut(Placement::FollowUp).customer_day_max = 2, "placements.follow_up.customer_day_max"),
            (|s| s.placements.get_mut(Placement::ProductPage).kinds = vec![OfferKind::Upsell], "placements.product_page.kinds"),
            (|s| s.placements.get_mut(Placement::ProductPage).ladder = true, "placements.product_page.ladder"),
            (|s| s.placements.get_mut(Placement::Cart).baskets_together_min = 1, "placements.cart: an item"),
            (|s| s.placements.get_mut(Placement::Cart).popular_baskets_min = 1, "placements.cart: an item"),
            (|s| s.placements.get_mut(Placement::AbandonedCart).after = DurationMs(60_000), "placements.abandoned_cart.after"),
            (|s| s.discounts.bundle_ratio = 0.1, "placements.abandoned_cart.kinds"),
            (
                |s| {
                    s.discounts.bundle_ratio_by_segment.insert("loyal".into(), 0.1);
                    s.discounts.margin_ratio_min = 0.0;
                },
                "discounts.margin_ratio_min",
            ),
            (
                |s| {
                    s.stamp_cards.push(StampCard { category: "tea".into(), buy: 5, discount_ratio: 0.5 });
                    s.rules.excluded_categories.push("tea".into());
                },
                "stamp_cards[0].category",
            ),
        ];
        for (change, named) in changes {
            let mut settings = Settings::default();
            change(&mut settings);
            assert_eq!(settings.check(), Ok(()), "{named}");
            let advice = settings.advice();
            assert!(advice.len() == 1 && advice[0].starts_with(named), "{named}: {advice:?}");
        }
    }

    #[test]
    fn a_placement_that_is_off_earns_none() {
        let mut settings = Settings::default();
        let policy = settings.placements.get_mut(Placement::Cart);
        (policy.enabled, policy.session_max) = (false, 0);
        assert_eq!(settings.advice(), Vec::<String>::new());
    }
}
