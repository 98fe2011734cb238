//! Purpose: the shop's dice, small and the same on every machine.
//!
//! Invariant: the numbers depend on the seed alone. Floating point is limited to `+ - * /` and the
//! `libm` crate, whose results do not differ between platforms.
//!
//! Sources: xoshiro256++ 1.0 by David Blackman and Sebastiano Vigna (2019, public domain,
//! <https://prng.di.unimi.it/xoshiro256plusplus.c>), seeded as they advise by SplitMix64
//! (<https://prng.di.unimi.it/splitmix64.c>).

/// A seeded generator. Good for simulation, useless for secrets.
#[derive(Clone, Debug)]
pub(super) struct Rng {
    state: [u64; 4],
}

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        let mut word = seed;
        let state = [(); 4].map(|()| {
            word = word.wrapping_add(SPLITMIX_STEP);
            scramble(word)
        });
        Self { state }
    }

    fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `0.0 .. 1.0`, 53 bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `0 .. n`; 0 if `n` is 0. The bias of the plain multiplication is below `n / 2^64`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Uniform in `low ..= high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as usize) as i64
    }

    /// One of `choices`, or nothing if there is none.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        choices.get(self.below(choices.len())).copied()
    }

    /// The waiting time to the next event of a Poisson process with this mean gap.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -libm::log(1.0 - self.unit()) * mean
    }

    /// Between `low` and `high` with a uniform logarithm: as often in minutes as in days.
    pub(super) fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        libm::exp(libm::log(low) + self.unit() * (libm::log(high) - libm::log(low)))
    }
}

const SPLITMIX_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function.
fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A seed of its own for the `n`th thing under `seed`.
pub(super) fn derive(seed: u64, n: u64) -> u64 {
    scramble(scramble(seed).wrapping_add(n.wrapping_mul(SPLITMIX_STEP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the published C code for the state 1, 2, 3, 4.
    #[test]
    fn gives_the_numbers_of_the_published_generator() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn draws_stay_within_their_bounds_and_fill_them() {
        let mut rng = Rng::new(7);
        let mut seen = [false; 6];
        for _ in 0..10_000 {
            assert!((0.0..1.0).contains(&rng.unit()));
            seen[(rng.between(5, 10) - 5) as usize] = true;
            assert!((1.0..=9.0).contains(&rng.log_uniform(1.0, 9.0)));
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(rng.pick::<u8>(&[]), None);
    }

    #[test]
    fn exponential_gaps_have_the_mean_asked_for() {
        let mut rng = Rng::new(11);
        let sum: f64 = (0..100_000).map(|_| rng.exponential(40.0)).sum();
        assert!((39.0..41.0).contains(&(sum / 100_000.0)));
    }
}
