//! Which of the languages at hand answers a locale.
//!
//! Invariant: any text is a locale or none, never an error. A locale is answered in its language and script or not
//! at all: who reads `uz-Cyrl` is not given Latin letters, and `zh-TW` no simplified ones.

use unic_langid::LanguageIdentifier;

/// A language at hand, or one asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// As it was named.
    own: LanguageIdentifier,
    /// With the script and country that go without saying (`uz` is `uz-Latn-UZ`, `uz-AF` is `uz-Arab-AF`).
    full: LanguageIdentifier,
}

impl Tag {
    /// Reads `uz`, `uz-Latn-UZ`, `ka_GE`, `en_US.UTF-8`, `en-u-hc-h12`; `None` for what names no language.
    pub fn read(locale: &str) -> Option<Self> {
        let head = locale.trim().split(['.', '@']).next().unwrap_or_default();
        // What follows a single letter is an extension: how to write, not in which language.
        let end = head.split(['-', '_']).take_while(|part| part.len() != 1).map(|part| part.len() + 1).sum::<usize>();
        let own: LanguageIdentifier = head.get(..end.saturating_sub(1).min(head.len()))?.parse().ok()?;
        if own.language.is_empty() {
            return None;
        }
        let mut full = own.clone();
        full.maximize();
        Some(Self { own, full })
    }

    /// The language as it was named.
    pub fn language(&self) -> &LanguageIdentifier {
        &self.own
    }

    /// The place of the best of `at_hand` for this one.
    pub fn best<'a>(&self, at_hand: impl Iterator<Item = &'a Self>) -> Option<usize> {
        let fitting = at_hand.enumerate().filter_map(|(at, tag)| Some((self.distance(tag)?, at)));
        fitting.min().map(|(_, at)| at)
    }

    /// The same, the same country, any country, another country; `None` for another language or script.
    fn distance(&self, other: &Self) -> Option<u8> {
        let is_readable = self.full.language == other.full.language && self.full.script == other.full.script;
        is_readable.then(|| {
            if self.own == other.own {
                0
            } else if self.own.region.is_some() && self.own.region == other.own.region {
                1
            } else if other.own.region.is_none() {
                2
            } else {
                3
            }
        })
    }
}
