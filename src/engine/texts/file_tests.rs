//! Files that are added: what they change, and which are refused.

use proptest::prelude::*;

use super::tests::{NO_PROOF, bare, currency, full};
use super::*;
use crate::engine::vocabulary::{OfferKind, Placement};

#[test]
fn a_language_that_is_added_has_the_plurals_of_its_own_rules() {
    let mut texts = Texts::built_in();
    let russian = "rebuy = { $days ->\n    [one] { $days } день\n    [few] { $days } дня\n   *[many] { $days } дней\n }\n";
    texts.add("ru", "ru.ftl", russian).unwrap();
    for (locale, file) in [("uz", "uz.ftl"), ("ka", "ka.ftl")] {
        texts.add(locale, file, "rebuy = { $days ->\n    [one] one\n   *[other] other\n }\n").unwrap();
    }
    let of = |locale, days| texts.reason(locale, &Said { days: Some(days), ..full(Basis::Rebuy) }, &NO_PROOF);
    assert_eq!([1, 2, 5, 21].map(|days| of("ru", days)), ["1 день", "2 дня", "5 дней", "21 день"]);
    // 21 is "one" in Russian alone: neither took another language's rules.
    assert_eq!([1, 2, 5, 21].map(|days| of("uz", days)), ["one", "other", "other", "other"]);
    assert_eq!([1, 2, 5, 21].map(|days| of("ka", days)), ["one", "other", "other", "other"]);
}

#[test]
fn of_two_of_one_language_the_one_of_the_country_answers() {
    let mut texts = Texts::built_in();
    texts.add("en-GB", "en-GB.ftl", "popular-bare = Rather good\n").unwrap();
    texts.add("zh", "zh.ftl", "popular-bare = 推荐\n").unwrap();
    let popular = |locale| texts.reason(locale, &bare(Basis::Popular), &NO_PROOF);
    assert_eq!(popular("en_GB"), "Rather good");
    assert_eq!(popular("en-US"), "Our suggestion");
    assert_eq!(popular("en-AU"), "Our suggestion");
    assert_eq!(popular("zh-CN"), "推荐");
    assert_eq!(popular("zh-TW"), "Our suggestion");
}

#[test]
fn the_message_for_the_very_place_and_kind_wins() {
    let mut texts = Texts::built_in();
    let said = Said { kind: OfferKind::Upsell, ..full(Basis::New) };
    for (id, text) in [("new", "any"), ("new-upsell", "kind"), ("new-cart", "placement"), ("new-cart-upsell", "both")] {
        texts.add("en", "more.ftl", &format!("{id} = {text}\n")).unwrap();
        assert_eq!(texts.reason("en", &said, &NO_PROOF), text);
        assert_eq!(texts.reason("en", &Said { placement: Placement::Checkout, kind: OfferKind::AddOn, ..said }, &NO_PROOF), "any");
    }
    texts.add("en", "again.ftl", "new-cart-upsell = later\nnew-cart-upsell = last\n").unwrap();
    assert_eq!(texts.reason("en", &said, &NO_PROOF), "last");
}

#[test]
fn what_a_file_does_not_say_is_said_in_english_to_the_end() {
    let mut texts = Texts::built_in();
    texts.add("de", "de.ftl", "pair = { $together } von { $baskets } mit { $with }\ncurrency-USD = { $amount } $\n").unwrap();
    let proof = Proof { rating_centi: Some(470), rating_count: Some(312), bought_this_week: None };
    assert_eq!(texts.reason("de", &full(Basis::Pair), &proof), "42 von 100 mit iPhone 15");
    let few = Said { together: 3, ..full(Basis::Pair) };
    assert_eq!(texts.reason("de-AT", &few, &proof), "Bought together with iPhone 15 before. 4.7 of 5 from 312 ratings");
    assert_eq!(texts.reason("de", &full(Basis::Bundle), &NO_PROOF), "Together with iPhone 15: you save $2.50");
    assert_eq!(texts.money("de", Money(1_234_500_000), Currency::USD), "1.234,50 $");
    assert_eq!(texts.money("de", Money(1_234_500_000), currency("CHF")), "1.234,50\u{a0}CHF");
}

#[test]
fn english_that_was_overridden_still_has_words_for_everything() {
    let mut texts = Texts::built_in();
    texts.add("en", "shop.ftl", "popular-bare = Try { $category }\n").unwrap();
    assert_eq!(texts.reason("en", &bare(Basis::Popular), &NO_PROOF), "Our suggestion");
}

#[test]
fn a_term_is_a_text_of_its_language_that_messages_share() {
    let mut texts = Texts::built_in();
    texts.add("en", "terms.ftl", "-shop = { $case ->\n   *[plain] Corner Shop\n    [of] of Corner Shop\n }\n").unwrap();
    texts.add("en", "new.ftl", "new = New in { $category } { -shop(case: \"of\") }\nnew-bare = New at { -shop }\n").unwrap();
    assert_eq!(texts.reason("en", &full(Basis::New), &NO_PROOF), "New in Coffee of Corner Shop");
    assert_eq!(texts.reason("en", &bare(Basis::New), &NO_PROOF), "New at Corner Shop");
}

#[test]
fn a_bad_file_is_refused_whole_with_its_file_line_and_field() {
    let head = "# a shop's own\nnew-bare = Neu\n";
    for (source, expected) in [
        (
            "pair =\n    Mit { $with }\n    { $prise } Mal\n",
            "texts/de.ftl, line 5: message \"pair\" uses $prise, which is not known; $with, $category, $together, $baskets, $difference, $saving, $days, $number are",
        ),
        (
            "rebuy = { $days ->\n    [one] ein\n   *[other] { $tage }\n }\n",
            "texts/de.ftl, line 5: message \"rebuy\" uses $tage, which is not known; $with,",
        ),
        ("\nproof-week = { $rating }\n", "texts/de.ftl, line 4: message \"proof-week\" uses $rating, which is not known; $count are"),
        ("pare = Mit\n", "texts/de.ftl, line 3: message \"pare\" is not known; a message is named <basis>"),
        ("currency-XXX = X\n", "texts/de.ftl, line 3: message \"currency-XXX\" is not known"),
        ("pair = { new }\n", "texts/de.ftl, line 3: message \"pair\" uses new, which is not known; only terms"),
        ("pair = { NUMBER($together) }\n", "texts/de.ftl, line 3: message \"pair\" uses NUMBER(), which is not known"),
        ("pair = { -shop }\n", "texts/de.ftl, line 3: message \"pair\" uses -shop, which is not known"),
        ("-a = { -b }\n-b = { -a }\n", "texts/de.ftl, line 3: term \"-a\" uses -b; a term is a text of its own"),
        ("-a = { $with }\n", "texts/de.ftl, line 3: term \"-a\" uses $with; a term"),
        ("pair = Mit\n    .title = Titel\n", "texts/de.ftl, line 3: message \"pair\" has attributes"),
        ("pair = { $with\n", "texts/de.ftl, line "),
        ("pair\n", "texts/de.ftl, line 3: "),
        ("pair = { $days ->\n    [one] ein\n }\n", "texts/de.ftl, line "),
    ] {
        let mut texts = Texts::built_in();
        let error = texts.add("de", "texts/de.ftl", &format!("{head}{source}")).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{source}: {error}");
        assert_eq!(texts.locales().count(), 3, "{source}");
    }
    let error = Texts::built_in().add("d!", "texts/de.ftl", head).unwrap_err();
    assert!(error.to_string().starts_with("texts/de.ftl: \"d!\" is not a locale"), "{error}");
}

#[test]
fn the_files_that_are_built_in_are_all_taken() {
    for (locale, file, source) in BUILT_IN {
        Texts::built_in().add(locale, file, source).unwrap();
    }
    assert_eq!(Texts::built_in().locales().collect::<Vec<_>>(), ["en", "uz", "ka"]);
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(locale in "\\PC{0,12}", source in "(pair|new|-a|currency| |=|\\{|\\}|\\$with|\\[one\\]|\\*|\n|->|\\.|\"|\\PC){0,30}") {
        let mut texts = Texts::built_in();
        let _ = texts.add(&locale, "file", &source);
        let _ = texts.add("en", "file", &source);
        for basis in [Basis::Pair, Basis::New] {
            let _ = texts.reason("en", &full(basis), &NO_PROOF);
        }
    }
}
