//! Asking the fold's thread for the shop as it is between two records.
//!
//! Invariant: the fold never waits for whoever asks: it looks whether somebody did, freezes, and goes on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::shop_log::Position;
use crate::engine::frozen::FrozenShop;

/// The shop at one place of its log.
pub struct Frozen {
    /// The shop.
    pub shop: FrozenShop,
    /// The place.
    pub at: Position,
    /// How long the fold stood still for it.
    pub took: Duration,
}

/// The side that asks.
pub struct Asking {
    ask: SyncSender<()>,
    frozen: Receiver<Frozen>,
}

/// The fold's side.
pub struct Answering {
    asked: Receiver<()>,
    give: SyncSender<Frozen>,
}

/// Both sides.
#[must_use]
pub fn freezes() -> (Asking, Answering) {
    let (ask, asked) = sync_channel(1);
    let (give, frozen) = sync_channel(1);
    (Asking { ask, frozen }, Answering { asked, give })
}

impl Asking {
    /// Waits for the shop while `go_on` says so; none where the fold has ended.
    pub fn freeze(&self, go_on: &dyn Fn() -> bool) -> Option<Frozen> {
        const LOOK_EVERY: Duration = Duration::from_millis(100);
        // What was asked for and not waited for is of no use any more.
        while self.frozen.try_recv().is_ok() {}
        self.ask.try_send(()).ok()?;
        while go_on() {
            match self.frozen.recv_timeout(LOOK_EVERY) {
                Ok(frozen) => return Some(frozen),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

impl Answering {
    /// Answers, if somebody asked.
    pub fn serve(&self, freeze: impl FnOnce() -> Frozen) {
        if self.asked.try_recv().is_ok() {
            // Nobody waits any more when the process is ending.
            let _ = self.give.try_send(freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::Settings;
    use crate::engine::shop::Shop;

    #[test]
    fn the_fold_freezes_only_when_it_is_asked_and_waits_for_nobody() {
        let (asking, answering) = freezes();
        let shop = Shop::new(&Settings::default().limits);
        let freeze = || Frozen { shop: shop.freeze(), at: Position { next_offset: 5, last_record: None }, took: Duration::ZERO };
        answering.serve(|| panic!("nobody asked"));
        assert!(asking.freeze(&|| false).is_none());
        // It was asked for, and nobody waits for it: the next is the one that counts.
        answering.serve(freeze);
        let thread = std::thread::spawn(move || (asking.freeze(&|| true), asking));
        while !thread.is_finished() {
            answering.serve(|| Frozen { at: Position { next_offset: 6, last_record: None }, ..freeze() });
        }
        let (later, asking) = thread.join().unwrap();
        assert_eq!(later.unwrap().at.next_offset, 6);
        drop(answering);
        assert!(asking.freeze(&|| true).is_none(), "the fold has ended");
    }
}
