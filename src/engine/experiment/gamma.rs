//! The incomplete gamma function, as the confidence sequence needs it.
//!
//! Invariant: floats in a fixed order, `exp`, `ln` and `lgamma` from `libm`: the same bits on every platform. All is
//! in logarithms, so that arguments of a million overflow nothing.

/// Where a sum or a fraction is taken to have converged, relative to itself.
const PRECISION: f64 = 1e-16;
/// Most steps of a sum or a fraction. A sum takes about `8 sqrt(a)`: this is enough for an `a` of `1e8`. The fraction
/// takes about 50 where the boundary is, three standard deviations above `a`, however large that is.
const STEPS_MAX: u32 = 100_000;

/// `ln(e^x x^-a γ(a, x))`, with `γ` the lower incomplete gamma function: the logarithm of
/// `sum over k of x^k / (a (a+1) ... (a+k))`, of which [`slope`] is the derivative. For `a > 0` and `x >= 0`.
#[must_use]
pub fn ln_gamma_sum(a: f64, x: f64) -> f64 {
    if x < a + 1.0 {
        return libm::log(series(a, x));
    }
    // γ(a, x) = Γ(a) - Γ(a, x), each times e^x x^-a; the first is taken out of the difference.
    let whole = x - a * libm::log(x) + libm::lgamma(a);
    whole + libm::log1p(-fraction(a, x) * libm::exp(-whole))
}

/// The derivative of [`ln_gamma_sum`] by `x`, from its value: `d ln γ(a, x) / dx = x^(a-1) e^-x / γ(a, x)`.
#[must_use]
pub fn slope(a: f64, x: f64, ln_gamma_sum: f64) -> f64 {
    (x - a + libm::exp(-ln_gamma_sum)) / x
}

/// The logarithm of the regularised lower incomplete gamma function `P(a, x)`.
#[must_use]
pub fn ln_regularised(a: f64, x: f64) -> f64 {
    ln_gamma_sum(a, x) - x + a * libm::log(x) - libm::lgamma(a)
}

/// The sum itself. It converges soon where `x < a + 1` (Abramowitz and Stegun, 6.5.29).
fn series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for k in 1..STEPS_MAX {
        term *= x / (a + f64::from(k));
        sum += term;
        if term <= sum * PRECISION {
            break;
        }
    }
    sum
}

/// `e^x x^-a Γ(a, x)` by its continued fraction (Abramowitz and Stegun, 6.5.31), evaluated by Lentz's method. It
/// converges soon where `x >= a + 1`.
fn fraction(a: f64, x: f64) -> f64 {
    /// Takes the place of a denominator of zero.
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / away_from_zero(b);
    let mut value = d;
    for step in 1..STEPS_MAX {
        let i = f64::from(step);
        let numerator = -i * (i - a);
        b += 2.0;
        d = 1.0 / away_from_zero(numerator * d + b);
        c = away_from_zero(b + numerator / c);
        value *= d * c;
        // Rounding may keep the factor a unit in its last place from 1.
        if (d * c - 1.0).abs() <= 4.0 * PRECISION {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regularised(a: f64, x: f64) -> f64 {
        ln_regularised(a, x).exp()
    }

    #[test]
    fn values_that_have_a_closed_form_come_out() {
        for x in [0.01_f64, 0.5, 1.0, 1.9, 2.1, 7.0, 40.0] {
            // P(1, x) = 1 - e^-x, and P(2, x) = 1 - (1 + x) e^-x.
            assert!((regularised(1.0, x) - (1.0 - (-x).exp())).abs() < 1e-14, "P(1, {x})");
            assert!((regularised(2.0, x) - (1.0 - (1.0 + x) * (-x).exp())).abs() < 1e-14, "P(2, {x})");
        }
        // P(1/2, x) = erf(sqrt x).
        for x in [0.1_f64, 1.0, 3.0, 9.0] {
            assert!((regularised(0.5, x) - libm::erf(x.sqrt())).abs() < 1e-14, "P(1/2, {x})");
        }
    }

    #[test]
    fn the_sum_and_the_fraction_agree_where_they_meet_also_for_large_arguments() {
        for a in [0.3, 2.0, 50.0, 1e3, 1e5, 1e6] {
            let x = a + 1.0;
            let (by_series, by_fraction) = (libm::log(series(a, x)), ln_gamma_sum(a, x));
            assert!((by_series - by_fraction).abs() < 1e-8, "a = {a}: {by_series} and {by_fraction}");
        }
    }

    #[test]
    fn the_slope_is_the_difference_quotient() {
        for (a, x) in [(0.7, 0.9), (5.0, 5.0), (5.0, 9.0), (300.0, 340.0)] {
            let step = 1e-5 * x;
            let quotient = (ln_gamma_sum(a, x + step) - ln_gamma_sum(a, x - step)) / (2.0 * step);
            let exact = slope(a, x, ln_gamma_sum(a, x));
            assert!((quotient - exact).abs() < 1e-6 * exact, "a = {a}, x = {x}: {quotient} and {exact}");
        }
    }

    #[test]
    fn large_arguments_are_finite_and_rise() {
        let values: Vec<f64> = [0.0, 10.0, 1e3, 1e4, 1e6].iter().map(|more| ln_gamma_sum(1e6, 1e6 + more)).collect();
        assert!(values.iter().all(|value| value.is_finite()), "{values:?}");
        assert!(values.is_sorted(), "{values:?}");
    }
}
