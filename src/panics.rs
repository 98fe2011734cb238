//! Panics: any of them ends the process, and says which record was at hand.
//!
//! Invariant: a thread that is gone in silence would lose what it was there for; so none is. And where one record
//! makes the process panic again and again, every end names it: nothing is skipped in silence, and whoever looks
//! knows where.

use std::cell::RefCell;

/// The record that a thread took last.
#[derive(Debug, Default)]
struct Taken {
    topic: String,
    partition: i32,
    offset: i64,
}

thread_local! {
    static LAST: RefCell<Taken> = RefCell::default();
}

/// This thread is about to work on this record. Nothing is allocated, as long as the topic is the same.
pub fn taken(topic: &str, partition: i32, offset: i64) {
    LAST.with_borrow_mut(|last| {
        if last.topic != topic {
            topic.clone_into(&mut last.topic);
        }
        (last.partition, last.offset) = (partition, offset);
    });
}

/// The record that this thread took last, as a panic tells it.
#[must_use]
pub fn last_taken() -> Option<String> {
    let told = |last: &RefCell<Taken>| {
        let last = last.try_borrow().ok().filter(|last| !last.topic.is_empty())?;
        Some(format!("topic {}, partition {}, offset {}", last.topic, last.partition, last.offset))
    };
    LAST.try_with(told).ok().flatten()
}

/// From now on a panic in any thread ends the process: its message, the record it took last, exit code 101.
pub fn end_process() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if let Some(last) = last_taken() {
            eprintln!("offerstream: this is a bug; the last record that the thread took: {last}");
        }
        std::process::exit(101);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_record_of_a_thread_is_its_own() {
        assert_eq!(last_taken(), None);
        taken("events", 3, 7);
        taken("events", 4, 8);
        assert_eq!(last_taken().as_deref(), Some("topic events, partition 4, offset 8"));
        assert_eq!(std::thread::spawn(last_taken).join().unwrap(), None);
    }
}
