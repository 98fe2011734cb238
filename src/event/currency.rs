//! Currency codes: the closed set of ISO 4217, so that a currency can be a metric's label.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The active codes of ISO 4217 (list one, without metals and testing codes), sorted.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR \
ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU \
MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD \
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF \
YER ZAR ZMW ZWG";

/// An ISO 4217 currency code, such as `UZS`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollars, the default of the configuration.
    pub const USD: Self = Self(*b"USD");

    /// Reads a code, in capitals; `None` when ISO 4217 does not have it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        CODES.as_bytes().chunks(4).any(|chunk| chunk[..3] == code).then_some(Self(code))
    }

    /// The code's three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not an ISO 4217 currency code")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_iso_4217_are_currencies() {
        for code in ["USD", "UZS", "GEL", "GBP", "AED", "ZWG"] {
            assert_eq!(Currency::parse(code).map(|c| c.to_string()).as_deref(), Some(code));
        }
        for text in ["", "usd", "US", "USDT", "XXX", " US", "ÄÖ"] {
            assert_eq!(Currency::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_list_of_codes_is_sorted_and_without_repeats() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1] && pair[0].len() == 3));
    }
}
