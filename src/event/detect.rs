//! A record of any format into what it holds: by the format its topic is configured for, else by what it looks like.
//!
//! Invariant: a record whose `type` is a native event type is native JSON, whatever else it has, and costs no second look;
//! what looks like nothing that is known is judged as native JSON. docs/formats.md has the rules in their order.

use super::native::RawEvent;
use super::object::Object;
use super::{Around, Decoded, Format, Reading, Reject, cloudevents, ga4, segment, shopify};

/// Decodes a record: what it holds, with what stands around it.
///
/// # Errors
/// Nothing of it can be used, and why: the field, its value and what is allowed.
pub fn read(payload: &[u8], around: &Around<'_>, reading: Reading) -> Result<Decoded, Reject> {
    match reading.format {
        Format::Auto => found_out(payload, around, reading),
        format => read_as(format, payload, around, reading),
    }
}

fn read_as(format: Format, payload: &[u8], around: &Around<'_>, reading: Reading) -> Result<Decoded, Reject> {
    match format {
        Format::Auto | Format::Native => RawEvent::of(payload)?.event(around).map(Decoded::One),
        Format::CloudEvents => cloudevents::read(payload, around, reading),
        Format::Segment => segment::read(payload, around),
        Format::Ga4 => ga4::read(payload, around),
        Format::Shopify(topic) => shopify::read(payload, around, topic, reading.shopify_item),
    }
}

fn found_out(payload: &[u8], around: &Around<'_>, reading: Reading) -> Result<Decoded, Reject> {
    if let Some(format) = by_headers(around) {
        return read_as(format, payload, around, reading);
    }
    let raw = RawEvent::of(payload)?;
    match raw.event_type(None) {
        Ok(event_type) => raw.event_of(event_type, around).map(Decoded::One),
        Err(_) => match by_fields(&Object::of_record(payload)?) {
            Format::Native => raw.event(around).map(Decoded::One),
            format => read_as(format, payload, around, reading),
        },
    }
}

fn by_headers(around: &Around<'_>) -> Option<Format> {
    around.headers?;
    if !around.is_inside && cloudevents::is_told_by(around) {
        return Some(Format::CloudEvents);
    }
    around.header(shopify::TOPIC).map(|_| Format::Shopify(None))
}

/// What a record looks like whose `type` is none of the native ones.
fn by_fields(record: &Object<'_>) -> Format {
    let word = |field| record.word(field).ok().flatten().unwrap_or_default();
    if record.has("specversion") {
        return Format::CloudEvents;
    }
    if segment::CALLS.contains(&&*word("type")) || record.has("batch") || (record.raw("event").is_some() && record.is_object("properties"))
    {
        return Format::Segment;
    }
    // Native JSON whose type is wrong or was left out is to be told so.
    if record.has("ts") {
        return Format::Native;
    }
    if record.has("events") || record.has("event") || record.has("ecommerce") || record.has("0") {
        return Format::Ga4;
    }
    if shopify::topic_of(record).is_some() { Format::Shopify(None) } else { Format::Native }
}
