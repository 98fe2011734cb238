//! Why one session was offered what it was, or nothing.
//!
//! Invariant: every trigger of the session has an entry; what was looked at and left out stands below it with its rule.

use std::io::{self, Write};

use serde::Serialize;

use crate::engine::shop::Shop;
use crate::engine::vocabulary::{OfferKind, Outcome, Placement};
use crate::event::ItemId;
use crate::pipeline::Explained;

/// What became of each trigger of a session, in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionStory {
    /// The session, as it was asked for.
    pub session: String,
    /// Its triggers.
    pub triggers: Vec<TriggerStory>,
}

/// What became of one trigger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriggerStory {
    /// When.
    pub at: String,
    /// Where.
    pub placement: Placement,
    /// How it ended.
    pub outcome: Outcome,
    /// What was offered, and as what.
    pub offered: Vec<(Item, OfferKind)>,
    /// What was left out, and by which rule.
    pub left_out: Vec<(Item, Outcome)>,
}

/// An item, with its title where known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its id.
    pub item_id: ItemId,
    /// Its title.
    pub title: Option<String>,
}

impl SessionStory {
    /// The story of `session`, as it was kept while the log was read.
    #[must_use]
    pub fn of(session: &str, trail: &[Explained], shop: &Shop) -> Self {
        let item = |item: &ItemId| Item { item_id: item.clone(), title: shop.catalogue.get(item).title.map(|title| title.to_string()) };
        let trigger = |explained: &Explained| TriggerStory {
            at: explained.ended.at.to_string(),
            placement: explained.ended.placement,
            outcome: explained.ended.outcome,
            offered: explained.items.iter().map(|(id, kind)| (item(id), *kind)).collect(),
            left_out: explained.dropped.iter().map(|(id, reason)| (item(id), *reason)).collect(),
        };
        Self { session: session.to_owned(), triggers: trail.iter().map(trigger).collect() }
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// What the writer fails with.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\nSession {}: {} triggers", self.session, self.triggers.len())?;
        for trigger in &self.triggers {
            writeln!(out, "  {}  {:<14} {}", trigger.at, trigger.placement.as_str(), trigger.outcome.as_str())?;
            for (item, kind) in &trigger.offered {
                writeln!(out, "      {:<18} {}", kind.as_str(), item.named())?;
            }
            for (item, reason) in &trigger.left_out {
                writeln!(out, "      not: {:<13} {}", reason.as_str(), item.named())?;
            }
        }
        Ok(())
    }
}

impl Item {
    /// Its id, and its title where known.
    #[must_use]
    pub fn named(&self) -> String {
        self.title.as_ref().map_or_else(|| self.item_id.to_string(), |title| format!("{} ({title})", self.item_id))
    }
}
