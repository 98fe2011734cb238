//! Times as the shop's own clock shows them.
//!
//! Invariant: the zone's database is in the binary, so every machine agrees.

use jiff::tz::TimeZone;

use crate::event::Timestamp;

/// The weekday (1 is Monday) and the hour of a time in a time zone.
#[must_use]
pub fn weekday_and_hour(ts: Timestamp, zone: &TimeZone) -> (u8, u8) {
    let local = local(ts, zone);
    (local.weekday().to_monday_one_offset() as u8, local.hour() as u8)
}

/// The day of a time in a time zone, counted from 1970-01-01.
#[must_use]
pub fn day_of(ts: Timestamp, zone: &TimeZone) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.until(local(ts, zone).date()).map_or(0, |span| span.get_days())
}

fn local(ts: Timestamp, zone: &TimeZone) -> jiff::civil::DateTime {
    zone.to_datetime(jiff::Timestamp::from_millisecond(ts.0).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_the_shop() {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Asia/Tashkent").unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let before = at("2026-03-02T18:59:59.999Z");
        assert_eq!((day_of(before, &zone), weekday_and_hour(before, &zone)), (20_514, (1, 23)));
        assert_eq!((day_of(at("2026-03-02T19:00:00Z"), &zone), weekday_and_hour(at("2026-03-02T19:00:00Z"), &zone)), (20_515, (2, 0)));
        assert_eq!(day_of(at("1970-01-01T00:00:00Z"), &TimeZone::UTC), 0);
    }
}
