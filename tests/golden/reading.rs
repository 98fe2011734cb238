//! Outputs as a person reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// Offers as the shop's owner reads them: who, where and why, then a line for each item: what it is offered as, for how
/// much, what is said of it, and what that rests on.
pub fn as_a_merchant<'a>(offers: impl IntoIterator<Item = &'a Value>) -> String {
    let mut out = String::new();
    for offer in offers {
        let text = |field: &str| offer[field].as_str().unwrap_or("-");
        let cause = &offer["cause"];
        let (kind, item) = (cause["type"].as_str().unwrap(), cause["item_id"].as_str().unwrap_or(text("order_id")));
        let who = [text("session_id"), text("customer_id"), text("channel"), text("locale")].join(" ");
        writeln!(out, "{} {} {who}: {kind} {item} ({})", &text("ts")[..16], text("placement"), text("variant")).unwrap();
        if let Some(bundle) = offer.get("bundle") {
            let amounts = (amount(&bundle["price"]), amount(&bundle["price_before"]));
            writeln!(out, "  {} for {} instead of {}", bundle["code"].as_str().unwrap(), amounts.0, amounts.1).unwrap();
        }
        for item in offer["items"].as_array().unwrap() {
            line(item, &mut out);
        }
    }
    out
}

fn line(item: &Value, out: &mut String) {
    let text = |field: &str| item[field].as_str().unwrap_or("-");
    let before = item.get("price_before").map(|before| format!(" instead of {}", amount(before))).unwrap_or_default();
    let replaces = item.get("replaces").map(|replaced| format!(" in place of {}", replaced.as_str().unwrap())).unwrap_or_default();
    let evidence = &item["evidence"];
    let with = evidence["with"].as_str().map(|with| format!(" {with}")).unwrap_or_default();
    let rests_on = format!("{}{with} {}/{}", evidence["step"].as_str().unwrap(), evidence["together"], evidence["baskets"]);
    writeln!(
        out,
        "    {} {}{replaces}, {}{before}: {} [{rests_on}]",
        text("kind"),
        text("item_id"),
        amount(&item["price"]),
        text("reason")
    )
    .unwrap();
}

/// Money, which is decimal text.
pub fn amount(money: &Value) -> f64 {
    money.as_str().unwrap().parse().unwrap()
}

/// Series and their values.
pub fn metrics(text: &str) -> BTreeMap<String, f64> {
    let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    series.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

/// The words of a page, an element a line.
pub fn words_of(page: &str) -> String {
    let body = &page[page.find("<body>").unwrap()..];
    let mut words = String::new();
    for piece in body.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim()).filter(|text| !text.is_empty()) {
        writeln!(words, "{piece}").unwrap();
    }
    words
}
