//! The shop's catalogue as it comes in: records of the compacted topic, lines of JSON, rows of a table.
//!
//! Invariant: a row is taken whole or not at all, and one that is not is named by field, value and what is allowed.
//! What makes no sense but harms nothing (an item pinned to itself) is left out and said. Nothing here decides
//! anything: rows go in, products come out.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `row` | a row's fields into a product; a record of the topic |
//! | `value` | one value, whether JSON or a table's cell |
//! | `sense` | what a product says that makes no sense |
//! | `csv` | rows of a table |
//! | `file` | a catalogue file into the shop |

mod csv;
mod file;
mod row;
mod sense;
mod value;

pub use file::{Loaded, load, read, rows_of_table};
pub use row::{BadRow, Row, RowReason, from_record};

/// The largest row that is looked at, in bytes.
pub const ROW_BYTES_MAX: usize = crate::event::EVENT_BYTES_MAX;
/// The longest description, in bytes; longer ones are cut.
pub const DESCRIPTION_BYTES_MAX: usize = 1_000;
/// The longest link, in bytes; a longer one is refused, for a link that is cut leads nowhere.
pub const URL_BYTES_MAX: usize = 1_000;
/// The most items kept of a list: pinned, or excluded.
pub const LIST_MAX: usize = 16;
