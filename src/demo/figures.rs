//! The demo's live line, and its summary.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::clock;
use crate::engine::shop::Shop;
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{ItemStep, Outcome};
use crate::event::{Currency, micros_to_text};

/// Figures of a running demo.
pub struct Figures {
    shop: Arc<Shop>,
    terminal: bool,
    last_line: Instant,
    last_processed: u64,
}

impl Figures {
    /// Figures of this shop.
    #[must_use]
    pub fn new(shop: Arc<Shop>) -> Self {
        Self { shop, terminal: std::io::stdout().is_terminal(), last_line: clock::now(), last_processed: 0 }
    }

    /// How many records were processed, used or not.
    #[must_use]
    pub fn processed(&self) -> u64 {
        self.sum(|key| matches!(key, TotalKey::Events(_) | TotalKey::Rejected(_)))
    }

    /// Shows the live line: every second on a terminal, every five elsewhere.
    pub fn show(&mut self) {
        let every = Duration::from_secs(if self.terminal { 1 } else { 5 });
        let since = self.last_line.elapsed();
        if since < every {
            return;
        }
        let processed = self.processed();
        let rate = (processed - self.last_processed) as f64 / since.as_secs_f64();
        (self.last_line, self.last_processed) = (clock::now(), processed);
        let line = format!("simulated: {processed} events ({rate:.0}/s) · {}", self.line());
        if self.terminal {
            print!("\r\x1b[2K{line}");
            // A terminal that is gone is no reason to end the demo.
            let _ = std::io::stdout().flush();
        } else {
            println!("{line}");
        }
    }

    /// Says how it ended.
    ///
    /// # Errors
    /// What was processed is not what was sent.
    pub fn summary(&self, sent: u64) -> Result<()> {
        let processed = self.processed();
        println!("{}simulated: {sent} events sent, {processed} processed · {}", if self.terminal { "\n" } else { "" }, self.line());
        if sent != processed {
            bail!("{sent} events were sent and {processed} processed: the embedded broker dropped some, or they came twice");
        }
        Ok(())
    }

    fn line(&self) -> String {
        let steps = |wanted: ItemStep| self.sum(|key| matches!(key, TotalKey::OfferItems { step, .. } if *step == wanted));
        let offers = self.sum(|key| matches!(key, TotalKey::Triggers(_, Outcome::Offered)));
        let (shown, accepted) = (steps(ItemStep::Shown), steps(ItemStep::Accepted));
        let extra: i128 = self.shop.totals().sum(|key| matches!(key, TotalKey::ExtraRevenue { .. }));
        let orders = self.sum(|key| matches!(key, TotalKey::Orders));
        format!(
            "{orders} orders · {offers} offers · {shown} items shown, {accepted} accepted ({:.1} %) · {} {} extra",
            accepted as f64 * 100.0 / shown.max(1) as f64,
            micros_to_text(extra / 10_000 * 10_000),
            Currency::USD,
        )
    }

    fn sum(&self, wanted: impl Fn(&TotalKey) -> bool) -> u64 {
        u64::try_from(self.shop.totals().sum(wanted)).unwrap_or(0)
    }
}
