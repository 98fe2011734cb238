//! Events of a shop whose items and customers grow in number, for tests of memory: JSON lines on standard output.
//!
//! ```text
//! cargo run --release --example growing_shop -- 1000000 20000 10 12 | offerstream replay -
//! ```
//! Arguments: how many events; how many items in the beginning (and four times as many customers); how many times as many
//! in the end; how long an id is; how many pages the shopper opens again after each step of a visit (none unless told). Those
//! pages are known already, so where no offers are made on them they cost a tenth of the other events and less: most events
//! of a real shop are such, and they let a hundred million pass in an hour. The same arguments make the same bytes.

use std::io::{BufWriter, Write, stdout};

/// Where event time begins: 2026-01-01, in milliseconds.
const START_MS: u64 = 1_767_225_600_000;
/// Event time between two events.
const STEP_MS: u64 = 25;
const CATEGORIES: u64 = 400;

/// Chance: xorshift64*.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((u128::from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)) * u128::from(limit)) >> 64) as u64
    }

    /// One of `universe`: half of the time of the newest tenth, else the older the likelier.
    fn one_of(&mut self, universe: u64) -> u64 {
        if self.below(2) == 0 {
            let newest = (universe / 10).max(1);
            return universe - 1 - self.below(newest);
        }
        let part = self.below(1 << 20) as f64 / f64::from(1 << 20);
        ((universe as f64 * part * part * part) as u64).min(universe - 1)
    }
}

struct Shop<W: Write> {
    out: W,
    chance: Chance,
    written: u64,
    events: u64,
    items: u64,
    times: u64,
    id_length: usize,
    pages: u64,
}

impl<W: Write> Shop<W> {
    /// How many there are by now of what there were `first` of.
    fn grown(&self, first: u64) -> u64 {
        first + (u128::from(first) * u128::from(self.times - 1) * u128::from(self.written) / u128::from(self.events)) as u64
    }

    fn id(&self, kind: &str, number: u64) -> String {
        format!("{kind}{number:0width$}", width = self.id_length.saturating_sub(kind.len()))
    }

    fn event(&mut self, kind: &str, session: &str, rest: &str) -> std::io::Result<()> {
        let at = rfc3339(START_MS + self.written * STEP_MS);
        self.written += 1;
        writeln!(self.out, r#"{{"type":"{kind}","ts":"{at}","session_id":"{session}"{rest}}}"#)
    }

    /// The page that is open already.
    fn open_again(&mut self, session: &str, product: &str) -> std::io::Result<()> {
        (0..self.pages).try_for_each(|_| self.event("product_viewed", session, product))
    }

    fn visit(&mut self, number: u64) -> std::io::Result<()> {
        let session = self.id("s", number);
        let (items, customers) = (self.grown(self.items), self.grown(self.items * 4));
        let customer = self.chance.one_of(customers);
        let customer = format!(r#","customer_id":"{}""#, self.id("c", customer));
        let mut lines = Vec::new();
        for _ in 0..2 + self.chance.below(4) {
            let item = self.chance.one_of(items);
            let (id, price, category) = (self.id("i", item), 100 + item % 900, item % CATEGORIES);
            let rest = format!(r#","item_id":"{id}","price":{price},"category":"category {category}","title":"Product {item}"{customer}"#);
            self.event("product_viewed", &session, &rest)?;
            self.open_again(&session, &rest)?;
            if self.chance.below(3) > 0 {
                self.event("cart_add", &session, &format!(r#","item_id":"{id}","price":{price}{customer}"#))?;
                self.open_again(&session, &rest)?;
                lines.push(format!(r#"{{"item_id":"{id}","price":{price},"quantity":1}}"#));
            }
        }
        if !lines.is_empty() && self.chance.below(2) == 0 {
            let order = self.id("o", number);
            self.event("purchase", &session, &format!(r#","order_id":"{order}","items":[{}]{customer}"#, lines.join(",")))?;
        }
        Ok(())
    }
}

/// Howard Hinnant's civil_from_days, in short.
fn rfc3339(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000 + 719_468, ms % 86_400_000);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

fn main() -> std::io::Result<()> {
    let given: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (&[events, items, times, id_length] | &[events, items, times, id_length, _]) = &given[..] else {
        eprintln!("usage: growing_shop EVENTS ITEMS TIMES ID_LENGTH [PAGES]");
        std::process::exit(2);
    };
    let out = BufWriter::with_capacity(1 << 16, stdout().lock());
    let (chance, id_length) = (Chance(0x9E37_79B9_7F4A_7C15), usize::try_from(id_length).unwrap_or(12));
    let (events, items, times, pages) = (events.max(1), items.max(1), times.max(1), given.get(4).copied().unwrap_or(0));
    let mut shop = Shop { out, chance, written: 0, events, items, times, id_length, pages };
    let mut visits = 0;
    while shop.written < shop.events {
        shop.visit(visits)?;
        visits += 1;
    }
    shop.out.flush()
}
