//! Keyed hashes: the engine's only source of chance, and of ids.
//!
//! Invariant: the same parts give the same hash on every machine and in every version. `SipHash-2-4`
//! (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) with 128 bits of output; every part is
//! preceded by its length, so that no two lists of parts run together.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128, SipHasher24};

/// The hash of `parts` under `salt`.
#[must_use]
pub fn hash_128(salt: &str, parts: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher24::new();
    for part in std::iter::once(&salt.as_bytes()).chain(parts) {
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

/// A number in `[0, 1)` drawn by hash: the same for the same salt and parts.
#[must_use]
pub fn unit_interval(salt: &str, parts: &[&[u8]]) -> f64 {
    // The upper 53 bits, which is all that a double between 0 and 1 holds evenly.
    let bits = (hash_128(salt, parts) >> 75) as u64;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_for_ever() {
        assert_eq!(format!("{:032x}", hash_128("salt", &[b"a", b"bc"])), format!("{:032x}", hash_128("salt", &[b"a", b"bc"])));
        insta::assert_snapshot!(format!("{:032x}", hash_128("salt", &[b"a", b"bc"])), @"7ff3ad49123ecdb37d3e8b911e643e50");
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash_128("s", &[b"ab", b"c"]), hash_128("s", &[b"a", b"bc"]));
        assert_ne!(hash_128("s", &[b"a"]), hash_128("t", &[b"a"]));
    }

    #[test]
    fn draws_are_spread_evenly() {
        let low = (0..10_000_u32).filter(|n| unit_interval("s", &[&n.to_le_bytes()]) < 0.05).count();
        assert!((400..600).contains(&low), "{low} of 10,000 below 0.05");
    }
}
