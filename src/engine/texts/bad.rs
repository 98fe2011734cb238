//! What is wrong with a file of templates.
//!
//! Invariant: an error names the file, the line and the message, and what would be right.

use super::role::Role;

/// Why a file of templates is not taken, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {fault}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct BadTemplate {
    /// The file, as its reader named it.
    pub file: String,
    /// The line, from 1; `None` when it is not about the file's text.
    pub line: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong in a file of templates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The name it is added for is no locale.
    #[error("{0:?} is not a locale; one is a language, with a script and a country or without, such as \"de\" or \"uz-Latn-UZ\"")]
    Locale(String),
    /// Not Fluent's syntax.
    #[error("{0}")]
    Syntax(String),
    /// A message of no use.
    #[error(
        "message {0:?} is not known; a message is named <basis>[-<placement>][-<kind>][-<form>] (such as \"pair-cart-few\"), \"proof-rating\", \"proof-week\", \"currency\" or \"currency-<code>\""
    )]
    UnknownMessage(String),
    /// A message that uses what it cannot have.
    #[error("message {message:?} uses ${variable}, which is not known; {known} are")]
    UnknownVariable {
        /// The message.
        message: String,
        /// What it uses, without the `$`.
        variable: String,
        /// What it may use.
        known: String,
    },
    /// A message or term refers to what is not there, or may not be referred to.
    #[error("message {message:?} uses {reference}, which is not known; only terms of the same language can be used, such as {{ -shop }}")]
    UnknownReference {
        /// The message.
        message: String,
        /// What it refers to.
        reference: String,
    },
    /// A term that speaks of something.
    #[error("term {term:?} uses {reference}; a term is a text of its own, which may only choose by what it is given")]
    TermWithReference {
        /// The term, with its `-`.
        term: String,
        /// What it uses.
        reference: String,
    },
    /// Attributes, which nothing reads.
    #[error("message {0:?} has attributes, which are not used; give it a value only")]
    Attributes(String),
}

impl Fault {
    /// A message of that role uses a variable it cannot have.
    pub(super) fn unknown_variable(message: &str, variable: &str, role: Role) -> Self {
        let known: Vec<String> = role.variables().iter().map(|variable| format!("${}", variable.name())).collect();
        Self::UnknownVariable { message: message.to_owned(), variable: variable.to_owned(), known: known.join(", ") }
    }
}
