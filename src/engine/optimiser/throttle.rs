//! Throttling: a placement that annoys, or loses money, holds itself back.
//!
//! Shown offers are counted in a window, with those of them that were sent away; the window is halved when it is full,
//! so that it forgets. A placement is held back once more than a certain share was sent away, and until that share has
//! fallen below four fifths of it: it must not flicker.
//!
//! Invariant: the fold knows no settings. It keeps the answer for every bound of a whole per cent, a bit each, so that
//! what is held back is told by the log and the setting alone, whenever that is changed.

use serde::{Deserialize, Serialize};

use crate::engine::facts::Plan;
use crate::engine::settings::OptimiserSettings;
use crate::engine::shop::Shop;
use crate::engine::vocabulary::Placement;

/// Shown offers from which on a placement is judged.
const JUDGED_FROM: u32 = 100;
/// Shown offers at which the window is halved.
const WINDOW: u32 = 1_000;

/// Why a placement is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Too many offers were sent away.
    Dismissals,
    /// The experiment says that its offers cost the shop more than they bring.
    LosesMoney,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::Dismissals, Self::LosesMoney];

    /// Its name as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dismissals => "dismissals",
            Self::LosesMoney => "loses_money",
        }
    }

    /// Whether a placement is held back for it. Where it is not known whether offers reach anybody (`is_heard`), nobody
    /// can say what they cost.
    #[must_use]
    pub fn holds(self, shop: &Shop, placement: Placement, settings: &OptimiserSettings, experiment: &Plan, is_heard: bool) -> bool {
        match self {
            Self::Dismissals => shop.optimiser.annoys(placement, settings),
            Self::LosesMoney => is_heard && shop.experiment().loses_money(experiment, placement),
        }
    }
}

/// How many offers of a placement were shown of late, how many of them sent away, and what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Throttle {
    shown: u32,
    dismissed: u32,
    /// Bit p: held back where p per cent is the bound.
    held_back: u128,
}

impl Throttle {
    /// An offer was shown.
    pub(super) fn shown(&mut self) {
        self.shown += 1;
        self.judge();
        if self.shown >= WINDOW {
            self.shown /= 2;
            self.dismissed /= 2;
        }
    }

    /// One was sent away.
    pub(super) fn dismissed(&mut self) {
        self.dismissed = (self.dismissed + 1).min(self.shown);
        self.judge();
    }

    /// Whether the placement is held back where this share is the bound.
    pub(super) fn is_held_back(&self, dismissed_ratio_max: f64) -> bool {
        let percent = (dismissed_ratio_max * 100.0).round().clamp(0.0, 100.0) as u32;
        self.held_back & (1 << percent) != 0
    }

    fn judge(&mut self) {
        let (shown, dismissed) = (u64::from(self.shown), u64::from(self.dismissed));
        for percent in 0..=100_u64 {
            if shown >= u64::from(JUDGED_FROM) && dismissed * 100 > percent * shown {
                self.held_back |= 1 << percent;
            } else if dismissed * 1_000 < percent * 8 * shown {
                self.held_back &= !(1 << percent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::facts::Fact;
    use crate::engine::settings::{AttributionTrigger, Settings};
    use crate::engine::vocabulary::Arm;
    use crate::event::Timestamp;

    /// So many offers, of which every `nth` is sent away.
    fn show(throttle: &mut Throttle, offers: u32, nth: u32) {
        for n in 1..=offers {
            throttle.shown();
            if n % nth == 0 {
                throttle.dismissed();
            }
        }
    }

    #[test]
    fn a_placement_is_held_back_above_the_bound_and_not_at_it() {
        let mut throttle = Throttle::default();
        show(&mut throttle, 200, 4);
        assert!(!throttle.is_held_back(0.25) && throttle.is_held_back(0.24));
        throttle.dismissed();
        assert!(throttle.is_held_back(0.25) && !throttle.is_held_back(0.26));
    }

    #[test]
    fn nothing_is_held_back_before_a_hundred_offers_were_shown() {
        let mut throttle = Throttle::default();
        show(&mut throttle, 99, 1);
        assert!(!throttle.is_held_back(0.01));
        throttle.shown();
        assert!(throttle.is_held_back(0.3) && !throttle.is_held_back(1.0));
    }

    #[test]
    fn it_is_let_go_below_four_fifths_of_the_bound() {
        let mut throttle = Throttle::default();
        show(&mut throttle, 200, 2);
        assert!(throttle.is_held_back(0.3));
        // 100 of 416 is 24.04 %, 100 of 417 is 23.98 %.
        show(&mut throttle, 216, 1_000);
        assert!(throttle.is_held_back(0.3));
        show(&mut throttle, 1, 1_000);
        assert!(!throttle.is_held_back(0.3));
        // And is not held back again until it is above the bound itself.
        (0..25).for_each(|_| throttle.dismissed());
        assert!(!throttle.is_held_back(0.3));
        (0..5).for_each(|_| throttle.dismissed());
        assert!(throttle.is_held_back(0.3));
    }

    #[test]
    fn a_placement_loses_no_money_where_nobody_tells_what_was_seen() {
        let settings = Settings::default();
        let (shop, plan) =
            (Shop::new(&settings.limits), Plan { salt: 1, holdout_millionths: 500_000, window_ms: 1, cap_micros: 1_000_000 });
        let placement = Placement::Cart;
        for subject in 1..=2_000 {
            let (arm, ts) = (if subject % 2 == 0 { Arm::Treatment } else { Arm::Holdout }, Timestamp(subject as i64));
            shop.fold(&Fact::Eligible { plan, subject, arm, placement, ts });
            let net_micros = if arm == Arm::Treatment { 0 } else { plan.cap_micros.into() };
            shop.fold(&Fact::Spent { subject, ts, at: ts, net_micros, first: true });
        }
        shop.fold(&Fact::Eligible { plan, subject: 0, arm: Arm::Treatment, placement, ts: Timestamp(86_400_000) });
        let holds = |is_heard| Reason::LosesMoney.holds(&shop, placement, &settings.optimiser, &plan, is_heard);
        assert!(holds(true) && !holds(false));
        assert!(shop.is_heard(AttributionTrigger::Emitted) && !shop.is_heard(AttributionTrigger::Shown));
    }

    #[test]
    fn the_window_forgets_what_was_sent_away_as_it_forgets_what_was_shown() {
        let mut throttle = Throttle::default();
        // One of five for years is one of five: not one that adds up.
        for _ in 0..100 {
            show(&mut throttle, 500, 5);
            assert!(throttle.is_held_back(0.15) && !throttle.is_held_back(0.25));
        }
    }

    #[test]
    fn the_window_forgets() {
        let mut throttle = Throttle::default();
        show(&mut throttle, 100_000, 10);
        assert!(throttle.shown < WINDOW);
        let mut offers = 0;
        while !throttle.is_held_back(0.3) {
            show(&mut throttle, 1, 1);
            offers += 1;
        }
        assert!(offers < 500, "{offers} offers, all of them sent away, after 100,000 good ones");
    }
}
