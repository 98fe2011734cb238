//! Who is harmed when: a function of the seed alone.

use std::time::Duration;

use crate::support::Dice;

/// How many instances there are.
pub const INSTANCES: usize = 3;
/// How often each of them is killed.
const KILLS_EACH: u64 = 3;
/// Every so often the group changes.
const REBALANCE_EVERY: Duration = Duration::from_secs(5);
/// Events a second.
const PACE: usize = 3_000;
/// However few events there are, faults take so long.
const TIME_MIN: Duration = Duration::from_secs(30);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Kill -9, and start it again after a while.
    Kill { instance: usize, away: Duration },
    /// Likewise for a broker.
    KillBroker { broker: usize, away: Duration },
    /// A further member joins the group, or leaves it.
    Rebalance,
}

/// What is done when, in the order of time.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is done, by time since the start.
    pub deeds: Vec<(Duration, Deed)>,
    /// How long events come.
    pub time: Duration,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64, events: usize, brokers: usize) -> Self {
        let mut dice = Dice::new(seed ^ 0xc4a0_5000);
        let time = TIME_MIN.max(Duration::from_secs((events / PACE) as u64));
        let mut within = |from: u64, to: u64| time * (from + dice.below(to - from)) as u32 / 1_000;
        let mut deeds = Vec::new();
        for instance in 0..INSTANCES {
            for _ in 0..KILLS_EACH {
                deeds.push((within(50, 900), instance));
            }
        }
        let broker_at = within(150, 650);
        let mut deeds: Vec<(Duration, Deed)> = deeds
            .into_iter()
            .map(|(at, instance)| {
                // One in six stays away for longer than its session: others take its partitions over.
                let away = if dice.one_in(6) { 9_500 } else { dice.below(1_200) };
                (at, Deed::Kill { instance, away: Duration::from_millis(away) })
            })
            .collect();
        let broker = 1 + dice.below(brokers as u64) as usize;
        deeds.push((broker_at, Deed::KillBroker { broker, away: Duration::from_millis(1_000 + dice.below(5_000)) }));
        let mut at = REBALANCE_EVERY;
        while at < time {
            deeds.push((at, Deed::Rebalance));
            at += REBALANCE_EVERY;
        }
        deeds.sort_by_key(|(at, _)| *at);
        Self { deeds, time }
    }
}
