//! CloudEvents 1.0: the envelope; what is inside may be in any other format.
//!
//! Sources: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>.
//!
//! Invariant: `content-type` decides. `application/cloudevents…` is structured; anything else with `ce_` headers is binary.
//! Without headers (a line of a file, a request) it is structured.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::field::{id, quoted, show, show_text, string};
use super::object::Object;
use super::{Around, Decoded, EVENT_BYTES_MAX, EventType, Format, Id, Reading, Reject, RejectReason, Timestamp, detect};

/// What the media type of a structured event begins with.
const STRUCTURED: &str = "application/cloudevents";
/// The only version there is an agreement on.
const VERSION: &str = "1.0";
const REQUIRED: [&str; 4] = ["ce_specversion", "ce_id", "ce_source", "ce_type"];

/// Whether headers say that it is one.
pub(super) fn is_told_by(around: &Around<'_>) -> bool {
    let is_structured = || around.header("content-type").is_some_and(|media| media.starts_with(STRUCTURED));
    REQUIRED.iter().any(|name| around.header(name).is_some()) || is_structured()
}

/// Decodes one.
pub(super) fn read(payload: &[u8], around: &Around<'_>, reading: Reading) -> Result<Decoded, Reject> {
    if around.is_inside {
        return Err(Reject::new(RejectReason::BadField, "data is a CloudEvent itself; the event is needed there"));
    }
    let media = around.header("content-type").unwrap_or_default();
    let inside = match reading.format {
        Format::CloudEvents => Reading { format: Format::Auto, ..reading },
        _ => reading,
    };
    if !media.starts_with(STRUCTURED) && is_told_by(around) {
        return binary(payload, around, inside);
    }
    check_structured(media)?;
    structured(payload, around, inside)
}

fn check_structured(media: &str) -> Result<(), Reject> {
    let essence = media.split(';').next().unwrap_or_default().trim();
    if !essence.starts_with(STRUCTURED) || essence == "application/cloudevents+json" || essence == STRUCTURED {
        return Ok(());
    }
    Err(Reject::new(RejectReason::BadField, format!("content-type is {}; application/cloudevents+json is needed", show_text(essence))))
}

fn binary(payload: &[u8], around: &Around<'_>, reading: Reading) -> Result<Decoded, Reject> {
    let attribute = |name: &str| around.header(name);
    let version = attribute("ce_specversion").ok_or_else(|| missing("ce_specversion"))?;
    check_version("ce_specversion", version)?;
    let event_id = attribute("ce_id").ok_or_else(|| missing("ce_id"))?;
    attribute("ce_source").ok_or_else(|| missing("ce_source"))?;
    let kind = attribute("ce_type").ok_or_else(|| missing("ce_type"))?;
    let ts = attribute("ce_time").map(|time| time_of("ce_time", time)).transpose()?;
    check_media("content-type", attribute("content-type"))?;
    let inside = Around { event_id: Some(id_of("ce_id", event_id)?), ts, kind: native_type(kind), is_inside: true, ..around.clone() };
    detect::read(payload, &inside, reading)
}

fn structured(payload: &[u8], around: &Around<'_>, reading: Reading) -> Result<Decoded, Reject> {
    let event = Object::of_record(payload)?;
    let version = event.raw("specversion").ok_or_else(|| missing("specversion"))?;
    check_version("specversion", quoted(version).unwrap_or(version.get()))?;
    let event_id = id("id", event.raw("id"))?.ok_or_else(|| missing("id"))?;
    event.word("source")?.ok_or_else(|| missing("source"))?;
    let kind = event.word("type")?.ok_or_else(|| missing("type"))?;
    let ts = event.word("time")?.map(|time| time_of("time", &time)).transpose()?;
    let media = event.word("datacontenttype")?;
    let data = data_of(&event, media.as_deref())?;
    let inside = Around { event_id: Some(event_id), ts, kind: native_type(&kind), is_inside: true, ..around.clone() };
    detect::read(&data, &inside, reading)
}

/// The data, out of whichever of its fields it is in.
fn data_of<'a>(event: &Object<'a>, media: Option<&str>) -> Result<Cow<'a, [u8]>, Reject> {
    check_media("datacontenttype", media)?;
    if let Some(packed) = event.word("data_base64")? {
        let bytes = STANDARD.decode(packed.as_bytes()).ok().filter(|bytes| bytes.len() <= EVENT_BYTES_MAX);
        let bad = || Reject::new(RejectReason::BadField, "data_base64 can't be unpacked; Base64 as in RFC 4648 is needed");
        return bytes.map(Cow::Owned).ok_or_else(bad);
    }
    let Some(raw) = event.raw("data") else {
        return Err(Reject::new(RejectReason::Empty, "data is missing; the event is needed there"));
    };
    // Some put JSON into a text.
    match raw.get().as_bytes()[0] {
        b'{' => Ok(Cow::Borrowed(raw.get().as_bytes())),
        b'"' => string("data", raw).map(|text| Cow::Owned(text.into_owned().into_bytes())),
        _ => Err(Reject::new(RejectReason::BadField, format!("data is {}; an object is needed", show(raw)))),
    }
}

fn check_version(field: &str, version: &str) -> Result<(), Reject> {
    if version == VERSION {
        return Ok(());
    }
    Err(Reject::new(RejectReason::UnknownVersion, format!("{field} is {}; {VERSION} is needed", show_text(version))))
}

/// JSON goes under many names; what is none can't be read.
fn check_media(field: &str, media: Option<&str>) -> Result<(), Reject> {
    let essence = media.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.is_empty() || essence.ends_with("json") || essence == "text/plain" {
        return Ok(());
    }
    Err(Reject::new(RejectReason::BadField, format!("{field} is {}; application/json is needed", show_text(&essence))))
}

fn time_of(field: &str, text: &str) -> Result<Timestamp, Reject> {
    let needed = "RFC 3339 such as 2026-01-31T12:00:00Z is needed";
    let bad = || Reject::new(RejectReason::BadTime, format!("{field} is {}; {needed}", show_text(text)));
    Timestamp::parse_iso_8601(text).ok_or_else(bad)
}

/// An id of a header, under the rules of all ids.
fn id_of(field: &str, text: &str) -> Result<Id, Reject> {
    let json = serde_json::value::to_raw_value(text).ok();
    id(field, json.as_deref())?.ok_or_else(|| missing(field))
}

fn missing(field: &str) -> Reject {
    let reason = match field.trim_start_matches("ce_") {
        "id" => RejectReason::MissingId,
        "type" => RejectReason::MissingType,
        "specversion" => RejectReason::UnknownVersion,
        _ => RejectReason::BadField,
    };
    Reject::new(reason, format!("{field} is missing or empty; CloudEvents {VERSION} needs it"))
}

/// The native event type that a type such as `com.example.cart_add` names.
fn native_type(kind: &str) -> Option<EventType> {
    kind.rsplit(['.', '/', ':']).find_map(EventType::parse)
}
