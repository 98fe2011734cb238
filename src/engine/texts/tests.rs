use std::fmt::Write;
use std::sync::LazyLock;

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::engine::vocabulary::{OfferKind, Placement};

/// What each basis says in each language, line by line; `_` stands for a space that does not break.
const GOLDEN: &str = include_str!("golden.txt");
static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::built_in);
pub(super) const NO_PROOF: Proof = Proof { rating_centi: None, rating_count: None, bought_this_week: None };

pub(super) fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

pub(super) fn money(text: &str, code: &str) -> (Money, Currency) {
    (Money::parse(text).unwrap(), currency(code))
}

/// All there is to say.
pub(super) fn full(basis: Basis) -> Said<'static> {
    let (together, baskets) = match basis {
        Basis::LearnedUpgrade => (38, 120),
        Basis::Popular | Basis::PopularInCategory => (310, 2_000),
        Basis::History => (0, 7),
        _ => (42, 100),
    };
    Said {
        placement: Placement::Cart,
        kind: OfferKind::CrossSell,
        basis,
        with: Some("iPhone 15"),
        category: Some("Coffee"),
        together,
        baskets,
        difference: Some(money("100000", "UZS")),
        saving: Some(money("2.5", "USD")),
        days: Some(30),
        number: Some(if basis == Basis::History { 3 } else { 6 }),
    }
}

/// A title and a category, and nothing that counts.
fn uncounted(basis: Basis) -> Said<'static> {
    Said { together: 0, baskets: 0, difference: None, saving: None, days: None, number: None, ..full(basis) }
}

pub(super) fn bare(basis: Basis) -> Said<'static> {
    Said { with: None, category: None, ..uncounted(basis) }
}

fn reason(locale: &str, said: &Said<'_>) -> String {
    TEXTS.reason(locale, said, &NO_PROOF).replace('\u{a0}', "_")
}

/// `basis placement kind known`, for every line of the table.
fn cases() -> Vec<(String, Said<'static>)> {
    let mut cases = Vec::new();
    for basis in Basis::ALL {
        for (known, said) in [
            ("all", full(basis)),
            ("few", Said { together: 3, number: None, ..full(basis) }),
            ("untitled", Said { with: None, ..full(basis) }),
            ("few-untitled", Said { with: None, together: 3, number: None, ..full(basis) }),
            ("unpriced", Said { difference: None, saving: None, ..full(basis) }),
            ("unnamed", Said { category: None, ..full(basis) }),
            ("uncounted", uncounted(basis)),
            ("bare", bare(basis)),
        ] {
            cases.push((format!("{} {known}", basis.as_str()), said));
        }
    }
    for placement in Placement::ALL.iter().copied().filter(|placement| *placement != Placement::Cart) {
        for (known, said) in [
            ("all", full(Basis::Pair)),
            ("few", Said { together: 3, ..full(Basis::Pair) }),
            ("untitled", Said { with: None, ..full(Basis::Pair) }),
            ("few-untitled", Said { with: None, together: 3, ..full(Basis::Pair) }),
            ("uncounted", uncounted(Basis::Pair)),
            ("bare", bare(Basis::Pair)),
        ] {
            cases.push((format!("pair {} {known}", placement.as_str()), Said { placement, ..said }));
        }
    }
    cases.push(("pair add_on".to_owned(), Said { kind: OfferKind::AddOn, ..full(Basis::Pair) }));
    cases.push(("pinned upsell".to_owned(), Said { kind: OfferKind::Upsell, ..full(Basis::Pinned) }));
    cases
}

#[test]
fn every_basis_says_what_the_table_has_in_every_language() {
    let mut table = String::new();
    for locale in ["en", "uz", "ka"] {
        // What is said the same way when less is known needs no second line.
        let mut told = BTreeSet::new();
        for (name, said) in cases() {
            let text = reason(locale, &said);
            if told.insert((said.basis, text.clone())) {
                writeln!(table, "{locale} {name}: {text}").unwrap();
            }
        }
    }
    for (said, expected) in table.lines().zip(GOLDEN.lines()) {
        assert_eq!(said, expected);
    }
    assert_eq!(table.lines().count(), GOLDEN.lines().count(), "\n{table}");
}

#[test]
fn a_reason_is_short_and_presses_nobody() {
    for line in GOLDEN.lines() {
        let (_, text) = line.split_once(": ").unwrap();
        assert!(text.chars().count() <= 90, "{} characters: {line}", text.chars().count());
        assert!(!text.is_empty() && !text.contains(['{', '}', '%']) && !text.contains("None"), "{line}");
        for word in ["hurry", "only today", "now", "last chance", "shoshiling", "faqat bugun", "იჩქარეთ", "მხოლოდ დღეს"]
        {
            assert!(!text.to_lowercase().contains(word), "{line}");
        }
    }
}

#[test]
fn every_language_that_is_built_in_has_words_for_everything() {
    for (_, file, source) in BUILT_IN {
        let mut voice = Voice::new("en".parse().unwrap());
        voice.add(check::check(file, source, &BTreeSet::new()).unwrap());
        for basis in Basis::ALL {
            let said = bare(basis);
            assert!(voice.reason(&said, said.known()).is_some(), "{file} {basis:?}");
        }
    }
}

#[test]
fn numbers_take_the_plural_of_their_language() {
    let rebuy = |locale, days| reason(locale, &Said { days: Some(days), ..full(Basis::Rebuy) });
    assert_eq!(rebuy("en", 1), "You bought it 1 day ago; time for more?");
    for days in [2, 5, 21] {
        assert_eq!(rebuy("en", days), format!("You bought it {days} days ago; time for more?"));
    }
    let history = |locale, number| reason(locale, &Said { number: Some(number), ..full(Basis::History) });
    assert_eq!(history("en", 1), "You had it in an earlier order");
    assert_eq!(history("uz", 1), "Avvalgi buyurtmangizda bor edi");
    assert_eq!(history("ka", 1), "წინა შეკვეთაში გქონდათ");
    for number in [2, 5] {
        assert_eq!(history("en", number), format!("You had it in {number} of your 7 earlier orders"));
        assert_eq!(history("uz", number), format!("Avvalgi 7 ta buyurtmangizdan {number} tasida bor edi"));
        assert_eq!(history("ka", number), format!("თქვენი 7 წინა შეკვეთიდან {number}-ში იყო"));
    }
}

#[test]
fn a_stamp_card_counts_in_ordinals() {
    let card = |locale, number| {
        let said = Said { number: Some(number), saving: None, ..full(Basis::StampCard) };
        reason(locale, &said)
    };
    for (number, ordinal) in [(1, "1st"), (2, "2nd"), (3, "3rd"), (5, "5th"), (11, "11th"), (21, "21st"), (22, "22nd")] {
        assert_eq!(card("en", number), format!("Your {ordinal} in Coffee"));
    }
    for (number, ordinal) in [(1, "პირველი"), (2, "მე-2"), (5, "მე-5"), (20, "მე-20"), (21, "21-ე"), (40, "მე-40")]
    {
        assert_eq!(card("ka", number), format!("თქვენი {ordinal} შენაძენი კატეგორიაში «Coffee»"));
    }
    assert_eq!(card("uz", 21), "«Coffee» turkumida 21-xaridingiz");
}

#[test]
fn money_is_written_as_the_language_has_it() {
    let texts = Texts::built_in();
    let written = |locale: &str, text: &str, code: &str| {
        let (amount, currency) = money(text, code);
        texts.money(locale, amount, currency).replace('\u{a0}', "_")
    };
    for (locale, text, code, expected) in [
        ("en", "2.5", "USD", "$2.50"),
        ("en", "2.5", "EUR", "€2.50"),
        ("en", "2.5", "GBP", "£2.50"),
        ("en", "3", "USD", "$3"),
        ("en", "1234567.8", "USD", "$1,234,567.80"),
        ("en", "50000", "UZS", "50,000_soʻm"),
        ("en", "12.5", "CHF", "CHF_12.50"),
        ("en", "0.4417", "USD", "$0.4417"),
        ("en", "0.000001", "USD", "$0.000001"),
        ("en", "1.5", "KWD", "KWD_1.500"),
        ("en", "150.5", "JPY", "JPY_150.5"),
        ("en", "1000000000000", "USD", "$1,000,000,000,000"),
        ("uz", "50000", "UZS", "50_000_soʻm"),
        ("uz", "2.5", "USD", "2,50_$"),
        ("uz", "1500", "RUB", "1_500_₽"),
        ("uz", "1500", "CHF", "1_500_CHF"),
        ("ka", "12.5", "GEL", "12,50_₾"),
        ("ka", "12345.5", "GEL", "12_345,50_₾"),
        ("ka", "50000", "UZS", "50_000_სუმი"),
    ] {
        assert_eq!(written(locale, text, code), expected, "{locale} {text} {code}");
    }
    assert_eq!(texts.money("en", Money(-2_500_000), Currency::USD), "-$2.50");
    assert_eq!(texts.money("en", Money::ZERO, Currency::USD), "$0");
    assert_eq!(texts.money("en", Money(i64::MIN), Currency::USD), "-$9,223,372,036,854.775808");
}

#[test]
fn a_locale_is_answered_in_its_language_and_script_or_in_the_default() {
    let texts = Texts::built_in().with_default("ka-GE");
    let language = |locale: &str| match texts.reason(locale, &bare(Basis::Popular), &NO_PROOF).as_str() {
        "Our suggestion" => "en",
        "Bizning taklifimiz" => "uz",
        "ჩვენი შემოთავაზება" => "ka",
        _ => "?",
    };
    for locale in ["en", "en-US", "en_GB", "EN", "en-u-hc-h12", "en_US.UTF-8", "en-x-shop"] {
        assert_eq!(language(locale), "en", "{locale}");
    }
    for locale in ["uz", "uz-Latn-UZ", "uz_UZ", "uz-Latn", "UZ-uz", " uz "] {
        assert_eq!(language(locale), "uz", "{locale}");
    }
    // Another script is another text to read; what names no language at hand, or none at all, gets the default.
    for locale in ["ka", "ka_GE", "uz-Cyrl", "uz-Cyrl-UZ", "uz-AF", "de", "", "-", "x", "und", "ქართული", "e\0n", "en--", "🙂"]
    {
        assert_eq!(language(locale), "ka", "{locale}");
    }
    let no_default = Texts::built_in().with_default("tlh");
    assert_eq!(no_default.reason("de", &bare(Basis::Popular), &NO_PROOF), "Our suggestion");
}

#[test]
fn the_stronger_proof_is_said_after_the_reason_and_a_weak_one_is_not() {
    let texts = Texts::built_in();
    let told = |locale, rating_centi, rating_count, bought_this_week| {
        let text = texts.reason(locale, &bare(Basis::New), &Proof { rating_centi, rating_count, bought_this_week });
        text.split_once(". ").map(|(_, proof)| proof.to_owned())
    };
    assert_eq!(told("en", Some(470), Some(312), Some(120)).unwrap(), "4.7 of 5 from 312 ratings");
    assert_eq!(told("en", Some(496), Some(2_000), None).unwrap(), "4.9 of 5 from 2,000 ratings");
    assert_eq!(told("uz", Some(470), Some(312), None).unwrap(), "312 ta baho boʻyicha 5 dan 4,7");
    assert_eq!(told("ka", Some(500), Some(312), None).unwrap(), "შეფასებულია 312-ჯერ: საშუალოდ 5,0 ქულა 5-დან");
    for (centi, count) in [(Some(399), Some(312)), (Some(470), Some(19)), (Some(501), Some(312)), (Some(470), None), (None, Some(312))] {
        assert_eq!(told("en", centi, count, Some(120)).unwrap(), "In 120 baskets this week");
        assert_eq!(told("en", centi, count, Some(9)), None);
    }
    assert_eq!(told("uz", None, None, Some(10)).unwrap(), "Shu hafta 10 ta savatda bor edi");
    assert_eq!(told("ka", None, None, Some(10)).unwrap(), "ამ კვირაში 10 კალათაში იყო");
    let proof = Proof { bought_this_week: Some(120), ..NO_PROOF };
    let asked = texts.reason("en", &full(Basis::Rebuy), &proof);
    assert_eq!(asked, "You bought it 30 days ago; time for more? In 120 baskets this week");
}

#[test]
fn what_cannot_be_or_is_not_worth_it_is_not_said() {
    let pair = |together, baskets| reason("en", &Said { together, baskets, ..full(Basis::Pair) });
    assert_eq!(pair(5, 5), "5 of 5 baskets with iPhone 15 had it too");
    assert_eq!(pair(4, 100), "Bought together with iPhone 15 before");
    assert_eq!(pair(0, 100), "Goes with iPhone 15");
    assert_eq!(pair(42, 10), "Bought together with iPhone 15 before");
    let upgrade = |amount| reason("en", &Said { difference: Some((Money(amount), Currency::USD)), ..full(Basis::Upgrade) });
    assert_eq!(upgrade(0), "The step up from iPhone 15");
    assert_eq!(upgrade(-1), "The step up from iPhone 15");
    assert_eq!(reason("en", &Said { days: Some(0), ..full(Basis::Rebuy) }), "You have bought it before; time for more?");
    assert_eq!(reason("en", &Said { number: Some(9), ..full(Basis::History) }), "You have bought it before");
    assert_eq!(reason("en", &Said { with: Some("  "), ..full(Basis::Pinned) }), "Our pick for you");
}

#[test]
fn a_title_is_put_in_as_it_is_and_cut_when_it_is_long() {
    let with = |title: &str| reason("en", &Said { with: Some(title), ..full(Basis::Pinned) });
    assert_eq!(with(" { $together } <b>\"{-x}\" "), "Our pick to go with { $together } <b>\"{-x}\"");
    let long = "A kettle ".repeat(20);
    assert_eq!(with(&long), "Our pick to go with A kettle A kettle A kettle A kettle A kettle A kettle A…");
    assert_eq!(with(&"ქ".repeat(61)), format!("Our pick to go with {}…", "ქ".repeat(60)));
    assert_eq!(with(&"ქ".repeat(60)), format!("Our pick to go with {}", "ქ".repeat(60)));
}

#[test]
fn texts_are_shared_by_threads_and_tell_their_languages() {
    fn is_shared<T: Send + Sync + fmt::Debug>(_: &T) {}
    let texts = Texts::built_in().with_default("uz");
    is_shared(&texts);
    assert_eq!(format!("{texts:?}"), "Texts { locales: [\"en\", \"uz\", \"ka\"], default: Some(\"uz\"), .. }");
}

fn title() -> impl Strategy<Value = Option<String>> {
    // No braces, quotes or marks, so that any in a text are the template's.
    option::of("[^{}«»\u{2068}\u{2069}]{0,80}")
}

fn amount() -> impl Strategy<Value = Option<(Money, Currency)>> {
    let currency = prop::sample::select(vec!["USD", "UZS", "GEL", "JPY", "KWD", "CHF"]);
    option::of((any::<i64>(), currency).prop_map(|(amount, code)| (Money(amount), Currency::parse(code).unwrap())))
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..10_u64, 0..3_000_u64, any::<u64>()]
}

proptest! {
    #[test]
    fn nothing_said_makes_it_panic_or_leaves_a_hole(
        (locale, basis) in (prop_oneof![Just("en".to_owned()), Just("uz".to_owned()), Just("ka".to_owned()), "\\PC{0,20}"], 0..Basis::ALL.len()),
        (placement, kind) in (0..Placement::ALL.len(), 0..OfferKind::ALL.len()),
        (with, category) in (title(), title()),
        (together, baskets) in (count(), count()),
        (difference, saving) in (amount(), amount()),
        (days, number) in (option::of(count()), option::of(count())),
        (rating_centi, rating_count, bought_this_week) in (option::of(any::<u16>()), option::of(any::<u32>()), option::of(any::<u32>())),
    ) {
        let said = Said {
            placement: Placement::ALL[placement],
            kind: OfferKind::ALL[kind],
            basis: Basis::ALL[basis],
            with: with.as_deref(),
            category: category.as_deref(),
            together, baskets, difference, saving, days, number,
        };
        let proof = Proof { rating_centi, rating_count, bought_this_week };
        let text = TEXTS.reason(&locale, &said, &proof);
        prop_assert!(!text.trim().is_empty());
        prop_assert!(!text.contains(['{', '}', '\u{2068}', '\u{2069}']), "{}", text);
        prop_assert!(!text.contains("«»"), "{}", text);
    }
}
