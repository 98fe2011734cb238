//! What the slow ledger reads: times, amounts and lines, out of JSON alone; and how amounts are shared out.

use serde_json::Value;

pub fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

pub fn must<'a>(value: &'a Value, field: &str) -> &'a str {
    text(value, field).unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// The milliseconds of the one month that histories are in, 2026-03.
pub fn millis(text: &str) -> i64 {
    let digits = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    assert!(text.starts_with("2026-03-") && text.ends_with('Z'), "{text}");
    let fraction = text[19..].trim_start_matches('.').trim_end_matches('Z');
    let fraction: i64 = format!("{fraction:0<3}").parse().unwrap();
    (((digits(8, 10) * 24 + digits(11, 13)) * 60 + digits(14, 16)) * 60 + digits(17, 19)) * 1_000 + fraction
}

pub fn ts(value: &Value) -> i64 {
    millis(must(value, "ts"))
}

/// A decimal text as a whole number of its `decimals`th place.
pub fn scaled(text: &str, decimals: usize) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= decimals, "{text}");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

pub fn money(value: &Value, field: &str) -> i128 {
    text(value, field).map_or(0, |text| scaled(text, 6))
}

pub fn quantity(value: &Value) -> Option<i128> {
    text(value, "quantity").map(|text| scaled(text, 3))
}

/// The lines of `items`, or the event's own.
pub fn lines_of(event: &Value) -> Option<Vec<&Value>> {
    match event.get("items").and_then(Value::as_array) {
        Some(items) => Some(items.iter().collect()),
        None => event.get("item_id").map(|_| vec![event]),
    }
}

/// A price times a quantity in thousandths, half a millionth rounded up.
pub fn times(price: i128, milli: i128) -> i128 {
    (price * milli * 2 + 1_000) / 2_000
}

/// Shares `amount` out by value: the largest remainders get what is left over, the first line first.
pub fn shares(amount: i128, values: &[i128]) -> Vec<i128> {
    let sum: i128 = values.iter().sum();
    if sum == 0 {
        return vec![0; values.len()];
    }
    let mut shares: Vec<i128> = values.iter().map(|value| amount * value / sum).collect();
    let mut by_remainder: Vec<usize> = (0..values.len()).collect();
    by_remainder.sort_by_key(|at| (-(amount * values[*at] % sum), *at));
    let left = amount - shares.iter().sum::<i128>();
    by_remainder.iter().take(left as usize).for_each(|at| shares[*at] += 1);
    shares
}

/// What tells an event of an order from another one like it.
pub fn content(event: &Value) -> String {
    let line = |line: &&Value| format!("{} {:?} {}", must(line, "item_id"), text(line, "price"), quantity(line).unwrap_or(1_000));
    let lines: Vec<String> = lines_of(event).unwrap_or_default().iter().map(line).collect();
    format!("{} {} {lines:?}", must(event, "type"), must(event, "order_id"))
}
