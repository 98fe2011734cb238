//! A record of any format, with headers or without: what it holds is within the limits, or it ends as a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::catalogue::from_record;
use offerstream::event::{
    Around, Decoded, EVENT_BYTES_MAX, Format, Headers, ID_BYTES_MAX, ITEMS_MAX, Part, Reading, Reject, ShopEvent, ShopifyItem, Timestamp, read,
};

const FORMATS: [&str; 8] =
    ["auto", "native", "cloudevents", "segment", "ga4", "shopify", "shopify:orders/create", "shopify:products/update"];
const BINARY: [(&str, &str); 4] = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/"), ("ce_type", "x.cart_add")];
const WEBHOOK: [(&str, &str); 2] = [("X-Shopify-Topic", "carts/update"), ("X-Shopify-Event-Id", "1")];

fuzz_target!(|bytes: &[u8]| {
    // The first byte says how it is read.
    let Some((how, payload)) = bytes.split_first() else { return };
    let how = usize::from(*how);
    let Ok(format) = Format::try_from(FORMATS[how % 8].to_owned()) else { return };
    let shopify_item = [ShopifyItem::Product, ShopifyItem::Variant, ShopifyItem::Sku][how / 8 % 3];
    let headers: &[(&str, &str)] = [&[], BINARY.as_slice(), WEBHOOK.as_slice()][how / 24 % 3];
    let headers = Some(&headers as &dyn Headers).filter(|_| !headers.is_empty());
    let around = Around::of(headers, Some(b"key"), Some(Timestamp(1_772_443_800_000)));
    match read(payload, &around, Reading { format, shopify_item }) {
        Ok(Decoded::One(event)) => check(&event),
        Ok(Decoded::Several(parts)) => parts.iter().for_each(check_part),
        Err(reject) => check_reject(&reject),
    }
});

fn check_part(part: &Part) {
    match part {
        Part::Event(event) => check(event),
        Part::Bad(reject) => check_reject(reject),
        Part::Product(row) => {
            assert!(row.json.as_ref().is_none_or(|json| json.len() <= 8 * EVENT_BYTES_MAX));
            let _ = from_record(Some(row.item_id.as_bytes()), row.json.as_deref());
        }
        Part::PassedOver => {}
    }
}

fn check(event: &ShopEvent) {
    let ids = [&event.session_id, &event.cart_id, &event.order_id, &event.customer_id];
    assert!(ids.iter().any(|id| id.is_some()));
    for id in ids.into_iter().chain([&event.event_id, &event.channel, &event.locale]).flatten() {
        assert!((1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control));
    }
    assert!((Timestamp::MIN..=Timestamp::MAX).contains(&event.ts));
    if let offerstream::event::EventKind::Purchase { lines, .. } = &event.kind {
        assert!((1..=ITEMS_MAX).contains(&lines.len()));
    }
}

fn check_reject(reject: &Reject) {
    assert!(reject.detail.len() < 1_000 && !reject.detail.chars().any(char::is_control), "{:?}", reject.detail);
}
