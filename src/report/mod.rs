//! Reports: insights as a page for people, as JSON for machines, or as text.
//!
//! Invariant: pure; the same insights give the same bytes. The page is one file that asks nobody for anything: no
//! scripts, no fonts, no pictures from elsewhere.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `words` | figures as people read them, and the sentences that every report says |
//! | `text` | the report as text |
//! | `markup` | HTML and SVG, escaped |
//! | `svg`, `charts` | pictures |
//! | `page` | the report as a page |
//! | `session` | why one session was offered what it was |

mod charts;
mod markup;
mod page;
mod session;
mod svg;
pub mod text;
mod words;

pub use session::SessionStory;

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::insights::Insights;

/// What a report says.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The figures.
    #[serde(flatten)]
    pub insights: Insights,
    /// The session that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionStory>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// JSON.
    Json,
    /// Text.
    Text,
}

impl Format {
    /// By the name of the file; `None` where it ends like something that reports are not written as.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let Some(extension) = path.extension() else { return Some(Self::Text) };
        let endings = [("html", Self::Html), ("htm", Self::Html), ("json", Self::Json), ("txt", Self::Text)];
        endings.into_iter().find(|(ending, _)| extension.eq_ignore_ascii_case(ending)).map(|(_, format)| format)
    }
}

impl Report {
    /// Writes the report.
    ///
    /// # Errors
    /// What the writer fails with.
    pub fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match format {
            Format::Html => out.write_all(page::page(self).as_str().as_bytes()),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                out.write_all(b"\n")
            }
            Format::Text => {
                text::write(&self.insights, out)?;
                self.session.iter().try_for_each(|session| session.write_text(out))
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
