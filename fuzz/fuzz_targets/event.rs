//! An event of the native format: any bytes end as an event within the limits, or as a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::event::{EventKind, ID_BYTES_MAX, ITEMS_MAX, Line, Money, Quantity, TEXT_BYTES_MAX, Timestamp, decode};

fuzz_target!(|bytes: &[u8]| {
    let event = match decode(bytes) {
        Ok(event) => event,
        Err(reject) => {
            // It becomes a header of a dead letter: one line.
            assert!(!reject.detail.chars().any(char::is_control), "{:?}", reject.detail);
            return;
        }
    };
    let ids = [&event.event_id, &event.session_id, &event.cart_id, &event.order_id, &event.customer_id, &event.channel, &event.segment];
    for id in ids.into_iter().chain([&event.locale]).flatten() {
        assert!((1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control));
    }
    assert!((Timestamp::MIN..=Timestamp::MAX).contains(&event.ts));
    match &event.kind {
        EventKind::ProductViewed(line) | EventKind::CartAdd { line, .. } => check(line),
        EventKind::Checkout(lines) | EventKind::Purchase { lines, .. } | EventKind::Refund(Some(lines)) => {
            assert!(lines.len() <= ITEMS_MAX);
            lines.iter().for_each(check);
        }
        _ => {}
    }
});

fn check(line: &Line) {
    assert!((1..=ID_BYTES_MAX).contains(&line.item_id.len()));
    assert!(line.price.is_none_or(|price| (Money::ZERO..=Money::MAX).contains(&price)));
    assert!(line.quantity.0 > 0 && line.quantity <= Quantity::MAX);
    let texts = [&line.product.title, &line.product.category, &line.product.brand];
    assert!(texts.into_iter().flatten().all(|text| text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control)));
}
