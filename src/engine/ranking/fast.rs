//! Logarithms and powers in single precision, a few times as fast as `libm`'s: ranking takes one or the other of every
//! candidate and of every pair.
//!
//! Invariant: sums, products and the bits of a number alone, each in one order, so the same on every machine. `log2` is off
//! by at most 4e-6 where the argument is a normal number above 0, `exp2` by at most 4e-7 of its value.

/// The natural logarithm's share of the binary one.
const LN_2: f32 = std::f32::consts::LN_2;

/// The natural logarithm of a normal number above 0.
pub(super) fn ln(x: f32) -> f32 {
    log2(x) * LN_2
}

/// The binary logarithm of a normal number above 0: the exponent, and of what is left, `m`, by the series in
/// `t = (m - 1) / (m + 1)` (Abramowitz and Stegun 4.1.27), which with `m` within a root of two of 1 needs few terms.
pub(super) fn log2(x: f32) -> f32 {
    // The bits of a number from 1/root 2 to root 2 begin here.
    const FROM: u32 = 0x3F35_04F3;
    let bits = x.to_bits().wrapping_sub(FROM);
    let exponent = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007F_FFFF) + FROM);
    let t = (m - 1.0) / (m + 1.0);
    let squared = t * t;
    let series = 2.0 + squared * (2.0 / 3.0 + squared * (2.0 / 5.0 + squared * (2.0 / 7.0)));
    exponent + t * series * std::f32::consts::LOG2_E
}

/// Two to the power of `x`, which is held between -126 and 127: the whole part by the exponent, of the rest the Taylor series.
pub(super) fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 127.0);
    let whole = (x + 126.5) as i32 - 126;
    let rest = (x - whole as f32) * LN_2;
    let series = 1.0 + rest * (1.0 + rest * (1.0 / 2.0 + rest * (1.0 / 6.0 + rest * (1.0 / 24.0 + rest * (1.0 / 120.0 + rest / 720.0)))));
    f32::from_bits(((whole + 127) as u32) << 23) * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_double_precision_to_four_millionths() {
        for n in 1..200_000_u32 {
            for x in [n as f32 * 1e-7, n as f32 * 1e-3, n as f32 * 37.0] {
                let exact = f64::from(x).log2();
                assert!((f64::from(log2(x)) - exact).abs() <= 4e-6_f64.max(exact.abs() * 2e-7), "log2 {x}: {} is not {exact}", log2(x));
            }
        }
        assert_eq!((log2(1.0), log2(8.0), log2(0.25)), (0.0, 3.0, -2.0));
    }

    #[test]
    fn powers_of_two_are_those_of_double_precision_to_four_ten_millionths() {
        for n in -126_000..127_000 {
            let x = n as f32 / 1_000.0;
            let exact = f64::from(x).exp2();
            assert!((f64::from(exp2(x)) / exact - 1.0).abs() <= 4e-7, "exp2 {x}: {} is not {exact}", exp2(x));
        }
        assert_eq!((exp2(0.0), exp2(3.0), exp2(-2.0)), (1.0, 8.0, 0.25));
        assert!(exp2(f32::MAX).is_finite() && exp2(f32::MIN) > 0.0);
    }

    #[test]
    fn what_has_no_logarithm_gives_some_number_and_no_panic() {
        for x in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0] {
            let _ = (log2(x), exp2(x));
        }
    }
}
