//! Numbers as a language writes them: grouped, with its own decimal mark.
//!
//! Invariant: an amount goes from its integer to its digits by a power of ten; no float is between.

use std::convert::Infallible;

use fixed_decimal::Decimal;
use icu_decimal::options::DecimalFormatterOptions;
use icu_decimal::{DecimalFormatter, DecimalFormatterPreferences};
use icu_locale_core::Locale;
use intl_memoizer::Memoizable;
use unic_langid::LanguageIdentifier;

use crate::event::{Currency, Money};

/// Currencies of ISO 4217 whose smallest coin is not a hundredth: those without one, then those of thousandths.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// Writes the numbers of one language.
#[derive(Debug)]
pub struct Numbers(Option<DecimalFormatter>);

impl Numbers {
    /// Those of that language; of one without data, numbers are plain digits.
    pub fn of(language: &LanguageIdentifier) -> Self {
        let locale: Option<Locale> = language.to_string().parse().ok();
        let preferences = DecimalFormatterPreferences::from(&locale.unwrap_or(Locale::UNKNOWN));
        Self(DecimalFormatter::try_new(preferences, DecimalFormatterOptions::default()).ok())
    }

    /// A count.
    pub fn whole(&self, number: u64) -> String {
        self.write(&Decimal::from(number))
    }

    /// A rating in hundredths, with one decimal. It is cut, not rounded: 4.96 is no 5.0.
    pub fn rating(&self, centi: u16) -> String {
        let mut rating = Decimal::from(centi / 10);
        rating.multiply_pow10(-1);
        self.write(&rating)
    }

    /// The size of an amount, with the decimals it has; with at least the currency's own, if it has any.
    pub fn amount(&self, amount: Money, currency: Currency) -> String {
        let mut number = Decimal::from(amount.0.unsigned_abs());
        number.multiply_pow10(-6);
        number.trim_end();
        if amount.0 % 1_000_000 != 0 {
            number.pad_end(-decimals(currency));
        }
        self.write(&number)
    }

    fn write(&self, number: &Decimal) -> String {
        self.0.as_ref().map_or_else(|| number.to_string(), |formatter| formatter.format_to_string(number))
    }
}

impl Memoizable for Numbers {
    type Args = ();
    type Error = Infallible;

    fn construct(language: LanguageIdentifier, (): ()) -> Result<Self, Infallible> {
        Ok(Self::of(&language))
    }
}

fn decimals(currency: Currency) -> i16 {
    let is_in = |codes: &str| codes.split(' ').any(|code| code == currency.as_str());
    if is_in(WHOLE) {
        0
    } else if is_in(THOUSANDTHS) {
        3
    } else {
        2
    }
}
