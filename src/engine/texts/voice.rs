//! One language's messages, and which of them says what.
//!
//! Invariant: which messages can say a reason, and in which order, is settled when a file is added; to say one is to
//! look up its row and take the first message all of whose variables are known.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentNumberOptions, FluentNumberType};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use intl_memoizer::concurrent::IntlLangMemoizer;
use unic_langid::LanguageIdentifier;

use super::check::{Checked, Message};
use super::numbers::Numbers;
use super::role::Role;
use super::said::{Basis, Said, Strongest};
use super::variable::{Variable, Variables};
use crate::engine::vocabulary::{OfferKind, Placement};
use crate::event::{Currency, Money};

/// A longer title is cut, in characters: a reason is one line.
const TITLE_MAX: usize = 60;
/// More decimals than a count has: from here on a float has no ones.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// One language.
pub struct Voice {
    bundle: FluentBundle<FluentResource>,
    numbers: Numbers,
    terms: BTreeSet<String>,
    messages: Vec<Message>,
    /// For each basis, placement and kind: places in `messages`, the one to be said sooner first.
    rows: Vec<Box<[usize]>>,
    rating: Option<usize>,
    week: Option<usize>,
    money: Vec<(Option<Currency>, usize)>,
}

impl Voice {
    /// A language without messages yet.
    pub fn new(language: LanguageIdentifier) -> Self {
        let numbers = Numbers::of(&language);
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Marks around what is put in would end up in shops' pages and messengers, where they show.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(grouped));
        let (terms, messages, rows, money) = Default::default();
        Self { bundle, numbers, terms, messages, rows, rating: None, week: None, money }
    }

    /// The names of the terms its messages may use.
    pub fn terms(&self) -> &BTreeSet<String> {
        &self.terms
    }

    /// Adds a file's messages; of two with one name the later is said.
    pub fn add(&mut self, checked: Checked) {
        self.bundle.add_resource_overriding(checked.resource);
        self.terms = checked.terms;
        for message in checked.messages {
            self.messages.retain(|known| known.id != message.id);
            self.messages.push(message);
        }
        self.rows = cells().map(|(basis, placement, kind)| self.row(basis, placement, kind)).collect();
        self.rating = self.place(Role::ProofRating);
        self.week = self.place(Role::ProofWeek);
        let roles = self.messages.iter().enumerate();
        self.money = roles.filter_map(|(at, message)| if let Role::Money(of) = message.role { Some((of, at)) } else { None }).collect();
    }

    fn place(&self, role: Role) -> Option<usize> {
        self.messages.iter().position(|message| message.role == role)
    }

    fn row(&self, basis: Basis, placement: Placement, kind: OfferKind) -> Box<[usize]> {
        let mut found: Vec<_> = self
            .messages
            .iter()
            .enumerate()
            .filter_map(|(at, message)| match message.role {
                Role::Reason(occasion) if occasion.is_for(basis, placement, kind) => Some((occasion.order(), at)),
                _ => None,
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, at)| at).collect()
    }

    /// The reason, if this language has a message that fits.
    pub fn reason(&self, said: &Said<'_>, known: Variables) -> Option<String> {
        let row = self.rows.get(cell(said.basis, said.placement, said.kind))?;
        let message = row.iter().filter_map(|at| self.messages.get(*at)).find(|message| known.covers(message.needs))?;
        let mut text = String::with_capacity(128);
        self.say(message, &self.arguments(said, message.needs), &mut text);
        Some(text)
    }

    /// Adds the second sentence, if this language has one.
    pub fn prove(&self, proof: Strongest, text: &mut String) {
        let (at, count, rating) = match proof {
            Strongest::Rating(centi, count) => (self.rating, count, Some(self.numbers.rating(centi))),
            Strongest::Week(count) => (self.week, count, None),
        };
        let Some(message) = at.and_then(|at| self.messages.get(at)) else { return };
        let mut arguments = FluentArgs::with_capacity(2);
        arguments.set(Variable::Count.name(), count);
        if let Some(rating) = rating {
            arguments.set(Variable::Rating.name(), rating);
        }
        text.push_str(if text.ends_with(['.', '!', '?', '…']) { " " } else { ". " });
        self.say(message, &arguments, text);
    }

    /// The amount; where there is no message for its currency, its number and code.
    pub fn money(&self, amount: Money, currency: Currency) -> String {
        let number = self.numbers.amount(amount, currency);
        let sign = if amount < Money::ZERO { "-" } else { "" };
        let of = |wanted| self.money.iter().find(|(of, _)| *of == wanted).and_then(|(_, at)| self.messages.get(*at));
        let Some(message) = of(Some(currency)).or_else(|| of(None)) else { return format!("{sign}{number}\u{a0}{currency}") };
        let mut text = sign.to_owned();
        let mut arguments = FluentArgs::with_capacity(2);
        arguments.set(Variable::Amount.name(), number);
        if message.needs.has(Variable::Code) {
            arguments.set(Variable::Code.name(), currency.as_str());
        }
        self.say(message, &arguments, &mut text);
        text
    }

    fn arguments<'a>(&self, said: &Said<'a>, needs: Variables) -> FluentArgs<'a> {
        let mut arguments = FluentArgs::with_capacity(needs.len());
        let mut set = |variable: Variable, value: &dyn Fn() -> Option<FluentValue<'a>>| {
            if let Some(value) = needs.has(variable).then(value).flatten() {
                arguments.set(variable.name(), value);
            }
        };
        let number = |number: u64| if said.basis == Basis::StampCard { ordinal(number) } else { number.into() };
        // In the order of their names: each is put at the end then.
        set(Variable::Baskets, &|| Some(said.baskets.into()));
        set(Variable::Category, &|| said.category.map(|category| shortened(category).into()));
        set(Variable::Days, &|| said.days.map(FluentValue::from));
        set(Variable::Difference, &|| said.difference.map(|(amount, currency)| self.money(amount, currency).into()));
        set(Variable::Number, &|| said.number.map(number));
        set(Variable::Saving, &|| said.saving.map(|(amount, currency)| self.money(amount, currency).into()));
        set(Variable::Together, &|| Some(said.together.into()));
        set(Variable::With, &|| said.with.map(|title| shortened(title).into()));
        arguments
    }

    fn say(&self, message: &Message, arguments: &FluentArgs<'_>, text: &mut String) {
        let Some(found) = self.bundle.get_message(&message.id) else { return };
        let Some(pattern) = found.value() else { return };
        // Checked when it was added: there is nothing left to go wrong, and a text is not where to say so.
        let _ = self.bundle.write_pattern(text, pattern, Some(arguments), &mut Vec::new());
    }
}

/// Every row's occasion, in the order of [`cell`].
fn cells() -> impl Iterator<Item = (Basis, Placement, OfferKind)> {
    Basis::ALL.into_iter().flat_map(|basis| {
        Placement::ALL.iter().flat_map(move |placement| OfferKind::ALL.iter().map(move |kind| (basis, *placement, *kind)))
    })
}

fn cell(basis: Basis, placement: Placement, kind: OfferKind) -> usize {
    (basis as usize * Placement::ALL.len() + placement as usize) * OfferKind::ALL.len() + kind as usize
}

/// Fluent's numbers, as the language writes them.
fn grouped(value: &FluentValue<'_>, memoizer: &IntlLangMemoizer) -> Option<String> {
    match value {
        FluentValue::Number(number) if number.value.fract() == 0.0 && (0.0..EXACT_MAX).contains(&number.value) => {
            memoizer.with_try_get::<Numbers, _, _>((), |numbers| numbers.whole(number.value as u64)).ok()
        }
        _ => None,
    }
}

/// A number that chooses between "1st" and "2nd".
fn ordinal(number: u64) -> FluentValue<'static> {
    let options = FluentNumberOptions { r#type: FluentNumberType::Ordinal, ..FluentNumberOptions::default() };
    FluentValue::Number(FluentNumber::new(number as f64, options))
}

/// A title without the space around it, cut after a word when it is long.
fn shortened(title: &str) -> Cow<'_, str> {
    let title = title.trim();
    let Some((end, _)) = title.char_indices().nth(TITLE_MAX) else { return Cow::Borrowed(title) };
    let head = title.get(..end).unwrap_or(title);
    let words = head.rfind(' ').filter(|at| *at > end / 2).and_then(|at| head.get(..at)).unwrap_or(head);
    Cow::Owned(format!("{}…", words.trim_end()))
}
