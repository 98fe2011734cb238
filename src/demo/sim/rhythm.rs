//! Purpose: when shoppers arrive: a Poisson process with a daily and a weekly rhythm.
//!
//! Invariant: the arrivals are one fixed sequence of times; how it is stepped through changes nothing.
//!
//! Method: thinning (Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning",
//! 1979): arrivals at the highest rate of the week, each kept with the share of that rate its hour has.

use super::behaviour::HOUR_MS;
use super::rng::Rng;

/// The level at the full hours of a day (UTC): 1 is an ordinary busy hour.
const HOURS: [f64; 24] = [
    0.30, 0.20, 0.14, 0.12, 0.12, 0.16, 0.28, 0.50, 0.75, 0.90, 0.95, 1.00, //
    1.05, 1.00, 0.95, 0.95, 1.00, 1.05, 1.15, 1.25, 1.30, 1.15, 0.85, 0.50,
];

/// Monday to Sunday.
const DAYS: [f64; 7] = [0.95, 0.92, 0.95, 1.00, 1.10, 1.20, 1.15];

/// At least as high as any level of the week.
const HIGHEST: f64 = 1.30 * 1.20;

/// Beyond this, arrivals would come by the thousand in each millisecond.
const SHOPPERS_PER_HOUR_MAX: f64 = 1e9;

/// How busy the shop is at a time, in terms of an ordinary busy hour.
pub(super) fn level(ts_ms: i64) -> f64 {
    let hours = ts_ms.div_euclid(HOUR_MS);
    let hour = hours.rem_euclid(24) as usize;
    // 1 January 1970 was a Thursday.
    let day = (hours.div_euclid(24) + 3).rem_euclid(7) as usize;
    let into_hour = ts_ms.rem_euclid(HOUR_MS) as f64 / HOUR_MS as f64;
    let level = HOURS[hour] + (HOURS[(hour + 1) % 24] - HOURS[hour]) * into_hour;
    level * DAYS[day]
}

/// The times at which shoppers arrive, one after the other.
pub(super) struct Arrivals {
    rng: Rng,
    start_ms: i64,
    /// Since the start, with fractions, so that several may come in one millisecond.
    offset_ms: f64,
    mean_gap_ms: f64,
}

impl Arrivals {
    /// `per_hour` shoppers in an ordinary busy hour; none at all if that is not above 0.
    pub(super) fn new(rng: Rng, start_ms: i64, per_hour: f64) -> Option<Self> {
        let wanted = per_hour > 0.0;
        let per_hour = per_hour.min(SHOPPERS_PER_HOUR_MAX);
        let mean_gap_ms = HOUR_MS as f64 / (per_hour * HIGHEST);
        wanted.then_some(Self { rng, start_ms, offset_ms: 0.0, mean_gap_ms })
    }

    /// The next arrival, in whole milliseconds.
    pub(super) fn next_ms(&mut self) -> i64 {
        loop {
            self.offset_ms += self.rng.exponential(self.mean_gap_ms);
            let ts_ms = self.start_ms.saturating_add(self.offset_ms as i64);
            let kept = self.rng.chance(level(ts_ms) / HIGHEST);
            if kept || ts_ms == i64::MAX {
                return ts_ms;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2 March 2026, 00:00 UTC.
    const MONDAY_MS: i64 = 1_772_409_600_000;

    fn arrivals(per_hour: f64) -> Arrivals {
        Arrivals::new(Rng::new(5), MONDAY_MS, per_hour).expect("above 0")
    }

    #[test]
    fn no_hour_of_the_week_is_above_the_highest_level() {
        for minute in 0..7 * 24 * 60 {
            let level = level(MONDAY_MS + minute * 60_000);
            assert!(level > 0.0 && level <= HIGHEST);
        }
    }

    #[test]
    fn evenings_and_saturdays_are_busier_than_nights_and_mondays() {
        let mut by_hour = [0; 24];
        let mut by_day = [0; 7];
        let mut arrivals = arrivals(500.0);
        loop {
            let hours = (arrivals.next_ms() - MONDAY_MS) / HOUR_MS;
            if hours >= 4 * 7 * 24 {
                break;
            }
            by_hour[(hours % 24) as usize] += 1;
            by_day[(hours / 24 % 7) as usize] += 1;
        }
        assert!(by_hour[20] > 5 * by_hour[3], "{by_hour:?}");
        assert!(by_day[5] * 10 > by_day[0] * 11, "{by_day:?}");
    }

    #[test]
    fn an_ordinary_busy_hour_brings_the_shoppers_asked_for() {
        let mut arrivals = arrivals(40_000.0);
        let noon = MONDAY_MS + 3 * 24 * HOUR_MS + 11 * HOUR_MS + HOUR_MS / 2;
        let mut came = 0;
        loop {
            let ts_ms = arrivals.next_ms();
            if ts_ms >= noon + HOUR_MS {
                break;
            }
            came += i64::from(ts_ms >= noon);
        }
        assert!((39_000..43_000).contains(&came), "{came}");
    }

    #[test]
    fn nobody_comes_at_a_rate_of_zero_or_none() {
        for rate in [0.0, -1.0, f64::NAN] {
            assert!(Arrivals::new(Rng::new(1), 0, rate).is_none());
        }
        assert!(Arrivals::new(Rng::new(1), 0, f64::INFINITY).is_some());
    }
}
