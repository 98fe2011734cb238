//! Gauges of ranking: how each way to rank would have done, and which is in use.
//!
//! Invariant: the same on every instance at equal positions of the shop log; ways are a closed set.

use super::Metrics;
use crate::engine::ranking::{WAYS, way_name};
use crate::engine::shop::Shop;
use crate::insights::{Chances, WorthGain};

impl Metrics {
    pub(super) fn observe_ranking(&self, shop: &Shop) {
        let (known, families) = (shop.learner.known(), &self.families);
        let in_use = known.in_use(&self.ranking, shop.decay());
        for way in 0..WAYS {
            let name = way_name(way);
            families.ranking_in_use.with_label_values(&[name.as_str()]).set((way == in_use).into());
            if let Some(ratio) = known.shadow.hit_rate(way) {
                families.ranking_hit_ratio.with_label_values(&[name.as_str()]).set(ratio);
            }
        }
        if let Some(chances) = Chances::of(&known) {
            families.ranking_calibration_error.with_label_values(&[] as &[&str]).set(chances.error);
        }
        for WorthGain { objective, power, gain, .. } in
            WorthGain::all(&known, shop.decay().map_or(1.0, |decay| decay.whole_at(known.newest)))
        {
            families.ranking_worth_gain.with_label_values(&[objective, power.to_string().as_str()]).set(gain);
        }
    }
}
