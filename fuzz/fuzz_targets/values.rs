//! Amounts, quantities, times, currencies and lengths of time: what is read is written back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::engine::settings::DurationMs;
use offerstream::event::{Currency, Money, Quantity, Timestamp};

fuzz_target!(|text: &str| {
    if let Ok(money) = Money::parse(text) {
        assert!((Money::ZERO..=Money::MAX).contains(&money));
        assert_eq!(Money::parse(&money.to_string()), Ok(money));
        let _ = money.times(Quantity::MAX);
    }
    if let Ok(quantity) = Quantity::parse(text) {
        assert!(quantity.0 > 0 && quantity <= Quantity::MAX);
        assert_eq!(Quantity::parse(&quantity.to_string()), Ok(quantity));
    }
    if let Some(time) = Timestamp::parse(text) {
        assert!((Timestamp::MIN..=Timestamp::MAX).contains(&time));
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
    }
    if let Some(currency) = Currency::parse(text) {
        assert_eq!(currency.as_str(), text);
    }
    if let Some(length) = DurationMs::parse(text) {
        assert_eq!(DurationMs::parse(&length.to_string()), Some(length));
    }
});
