use super::*;
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::engine::totals::TotalKey;

fn head() -> SnapshotHead {
    SnapshotHead {
        topic: "offerstream.shop".into(),
        next_offset: 42,
        last_record: Some((41, 0xdead_beef)),
        taken_at_ms: 1_700_000_000_000,
        half_life_ms: 90 * 86_400_000,
    }
}

fn shop() -> Shop {
    Shop::new(&Settings::default().limits)
}

#[test]
fn what_was_written_is_read_back_and_the_head_alone_too() {
    let one = shop();
    one.totals().add(TotalKey::Orders, 7);
    let mut bytes = Vec::new();
    write_snapshot(&head(), one.freeze(), &mut bytes).unwrap();
    assert_eq!(read_snapshot_head(&mut &bytes[..]), Ok(head()));
    let other = shop();
    assert_eq!(read_snapshot(&mut &bytes[..], &other), Ok(head()));
    assert_eq!(*other.totals(), *one.totals());
}
