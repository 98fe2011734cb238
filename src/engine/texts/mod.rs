//! Texts: short reasons a shopper would believe, by placement and kind, in the shop's languages.
//!
//! Invariant: a text speaks only of what is known; whole counts, never a percentage, and none from a handful of
//! baskets. Nothing said to it can make it fail: what a language has no words for is said in English.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `en.ftl`, `uz.ftl`, `ka.ftl` | the messages; the first tells how they are named |
//! | `said` | what is to be said, and what of it may be |
//! | `variable`, `role` | what a message may speak of, and what its name means |
//! | `check`, `bad` | a file before it is believed, and what is wrong with it |
//! | `voice`, `numbers` | one language: its messages, its numbers |
//! | `negotiate` | which language answers a locale |

mod bad;
mod check;
mod negotiate;
mod numbers;
mod role;
mod said;
mod variable;
mod voice;

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

pub use bad::{BadTemplate, Fault};
pub use said::{Basis, Proof, Said};

use crate::event::{Currency, Money};
use negotiate::Tag;
use voice::Voice;

/// What is said where nothing else is.
const ENGLISH: &str = "en";
const EN: &str = include_str!("en.ftl");
/// The languages every shop has, each with its file.
const BUILT_IN: [(&str, &str, &str); 3] =
    [(ENGLISH, "en.ftl", EN), ("uz", "uz.ftl", include_str!("uz.ftl")), ("ka", "ka.ftl", include_str!("ka.ftl"))];

/// The texts of every language at hand. Built once, then only read: kept in an `Arc`, by any number of threads.
pub struct Texts {
    languages: Vec<Language>,
    /// English as it was built in, whatever was added over it: it has words for everything.
    last: Voice,
    default: Option<Tag>,
}

struct Language {
    name: String,
    tag: Tag,
    voice: Voice,
}

impl Default for Texts {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Texts {
    /// English, Uzbek in Latin letters, and Georgian; what is in none of them is answered in English.
    #[must_use]
    pub fn built_in() -> Self {
        let mut texts = Self { languages: Vec::new(), last: english(), default: None };
        for (locale, file, source) in BUILT_IN {
            // The files are ours, and a test adds them one by one: none is refused.
            let _ = texts.add(locale, file, source);
        }
        texts
    }

    /// The same, answering in that locale where it has no language for the one that is asked for.
    #[must_use]
    pub fn with_default(mut self, locale: &str) -> Self {
        self.default = Tag::read(locale);
        self
    }

    /// Adds or overrides messages of a locale from a Fluent file; `file` is its name in errors.
    ///
    /// A file may be partial: what it does not say is said in English. It is taken whole or not at all.
    ///
    /// # Errors
    /// Names the first thing that is wrong: the locale, the syntax, or a name that means nothing here.
    pub fn add(&mut self, locale: &str, file: &str, source: &str) -> Result<(), BadTemplate> {
        let Some(tag) = Tag::read(locale) else {
            return Err(BadTemplate { file: file.to_owned(), line: None, fault: Fault::Locale(locale.to_owned()) });
        };
        let known = self.languages.iter().position(|language| language.tag == tag);
        let voice = known.and_then(|at| self.languages.get_mut(at)).map(|language| &mut language.voice);
        let no_terms = BTreeSet::new();
        let checked = check::check(file, source, voice.as_ref().map_or(&no_terms, |voice| voice.terms()))?;
        match voice {
            Some(voice) => voice.add(checked),
            None => {
                let mut voice = Voice::new(tag.language().clone());
                voice.add(checked);
                self.languages.push(Language { name: tag.language().to_string(), tag, voice });
            }
        }
        Ok(())
    }

    /// The locales at hand, in the order they were added.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(|language| language.name.as_str())
    }

    /// Why the item is offered, in one sentence; with a second one where others think well of it.
    ///
    /// The language is that of `locale`, else the default one, else English. A locale is answered in its own script
    /// only: `uz-Cyrl` gets the default, as Uzbek is at hand in Latin letters.
    #[must_use]
    pub fn reason(&self, locale: &str, said: &Said<'_>, proof: &Proof) -> String {
        let known = said.known();
        let voice = self.voice(locale);
        // The second sentence is in the language of the first.
        let (voice, text) =
            voice.reason(said, known).map_or_else(|| (&self.last, self.last.reason(said, known)), |text| (voice, Some(text)));
        let mut text = text.unwrap_or_default();
        if let Some(proof) = proof.strongest() {
            voice.prove(proof, &mut text);
        }
        text
    }

    /// An amount of money as the locale writes it: `$2.50`, `50 000 soʻm`.
    #[must_use]
    pub fn money(&self, locale: &str, amount: Money, currency: Currency) -> String {
        self.voice(locale).money(amount, currency)
    }

    fn voice(&self, locale: &str) -> &Voice {
        // A locale that is written as it was added need not be read.
        let exact = self.languages.iter().find(|language| language.name == locale);
        let language = exact.or_else(|| self.answering(Tag::read(locale).as_ref())).or_else(|| self.answering(self.default.as_ref()));
        let english = || self.languages.iter().find(|language| language.name == ENGLISH);
        language.or_else(english).map_or(&self.last, |language| &language.voice)
    }

    fn answering(&self, tag: Option<&Tag>) -> Option<&Language> {
        let at = tag?.best(self.languages.iter().map(|language| &language.tag))?;
        self.languages.get(at)
    }
}

fn english() -> Voice {
    let mut voice = Voice::new(ENGLISH.parse().unwrap_or_default());
    if let Ok(checked) = check::check("en.ftl", EN, &BTreeSet::new()) {
        voice.add(checked);
    }
    voice
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = self.default.as_ref().map(|tag| tag.language().to_string());
        f.debug_struct("Texts").field("locales", &self.locales().collect::<Vec<_>>()).field("default", &default).finish_non_exhaustive()
    }
}
