//! A file of templates, read before it is believed.
//!
//! Invariant: what passes can be said without an error of Fluent's: every name in it means something, terms stand
//! alone, and nothing refers to itself.

use std::collections::BTreeSet;

use fluent_bundle::FluentResource;
use fluent_syntax::ast::{self, Expression, InlineExpression, PatternElement};

use super::bad::{BadTemplate, Fault};
use super::role::Role;
use super::variable::{Variable, Variables};

/// A message that can be said.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// What must be known to say it.
    pub needs: Variables,
}

/// A file that may be said.
#[derive(Debug)]
pub struct Checked {
    /// The file, parsed.
    pub resource: FluentResource,
    /// Its messages, in the file's order.
    pub messages: Vec<Message>,
    /// The names of its terms.
    pub terms: BTreeSet<String>,
}

/// Reads a file for a locale that has `terms` already.
pub fn check(file: &str, source: &str, terms: &BTreeSet<String>) -> Result<Checked, BadTemplate> {
    let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| syntax(file, source, &errors))?;
    let mut reader = Reader { file, source: resource.source(), terms: terms.clone() };
    reader.terms.extend(resource.entries().filter_map(term).map(|term| term.id.name.to_owned()));
    let mut messages = Vec::new();
    for entry in resource.entries() {
        match entry {
            ast::Entry::Message(message) => messages.push(reader.message(message)?),
            ast::Entry::Term(term) => reader.term(term)?,
            _ => {}
        }
    }
    let terms = reader.terms;
    Ok(Checked { resource, messages, terms })
}

fn term<'a, 'b>(entry: &'a ast::Entry<&'b str>) -> Option<&'a ast::Term<&'b str>> {
    if let ast::Entry::Term(term) = entry { Some(term) } else { None }
}

fn syntax(file: &str, source: &str, errors: &[fluent_syntax::parser::ParserError]) -> BadTemplate {
    let first = errors.iter().min_by_key(|error| error.pos.start);
    BadTemplate {
        file: file.to_owned(),
        line: first.map(|error| line_at(source, error.pos.start)),
        fault: Fault::Syntax(first.map_or_else(|| "is not a Fluent file".to_owned(), |error| error.kind.to_string())),
    }
}

/// The line, from 1, of a place in the text.
fn line_at(source: &str, at: usize) -> usize {
    let before = source.as_bytes().get(..at).unwrap_or(source.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// What is being read.
struct Reader<'a> {
    file: &'a str,
    source: &'a str,
    terms: BTreeSet<String>,
}

/// Whose pattern is read.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Message(&'a str, Role),
    Term(&'a str),
}

impl Reader<'_> {
    fn message(&self, message: &ast::Message<&str>) -> Result<Message, BadTemplate> {
        let id = message.id.name;
        let role = Role::of(id).ok_or_else(|| self.bad(id, Fault::UnknownMessage(id.to_owned())))?;
        let value = message.value.as_ref().filter(|_| message.attributes.is_empty());
        let value = value.ok_or_else(|| self.bad(id, Fault::Attributes(id.to_owned())))?;
        let used = self.pattern(Owner::Message(id, role), value)?;
        let bought = matches!(role, Role::Reason(occasion) if occasion.says_bought());
        Ok(Message { id: id.to_owned(), role, needs: used.with_if(Variable::Bought, bought) })
    }

    fn term(&self, term: &ast::Term<&str>) -> Result<(), BadTemplate> {
        let patterns = term.attributes.iter().map(|attribute| &attribute.value).chain([&term.value]);
        patterns.map(|pattern| self.pattern(Owner::Term(term.id.name), pattern)).find_map(Result::err).map_or(Ok(()), Err)
    }

    /// What the pattern uses.
    fn pattern(&self, owner: Owner<'_>, pattern: &ast::Pattern<&str>) -> Result<Variables, BadTemplate> {
        let mut used = Variables::default();
        for element in &pattern.elements {
            if let PatternElement::Placeable { expression } = element {
                used = used.and(self.expression(owner, expression)?);
            }
        }
        Ok(used)
    }

    fn expression(&self, owner: Owner<'_>, expression: &Expression<&str>) -> Result<Variables, BadTemplate> {
        match expression {
            Expression::Inline(inline) => self.inline(owner, inline),
            Expression::Select { selector, variants } => {
                let mut used = self.selector(owner, selector)?;
                for variant in variants {
                    used = used.and(self.pattern(owner, &variant.value)?);
                }
                Ok(used)
            }
        }
    }

    /// A term may choose by a variable: one it is not given chooses the default.
    fn selector(&self, owner: Owner<'_>, selector: &InlineExpression<&str>) -> Result<Variables, BadTemplate> {
        match (owner, selector) {
            (Owner::Term(_), InlineExpression::VariableReference { .. }) => Ok(Variables::default()),
            _ => self.inline(owner, selector),
        }
    }

    fn inline(&self, owner: Owner<'_>, expression: &InlineExpression<&str>) -> Result<Variables, BadTemplate> {
        match expression {
            InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => Ok(Variables::default()),
            InlineExpression::Placeable { expression } => self.expression(owner, expression),
            InlineExpression::VariableReference { id } => self.variable(owner, id.name),
            InlineExpression::TermReference { id, .. } => {
                self.reference(owner, id.name, format!("-{}", id.name), self.terms.contains(id.name))
            }
            InlineExpression::MessageReference { id, .. } => self.reference(owner, id.name, id.name.to_owned(), false),
            InlineExpression::FunctionReference { id, .. } => self.reference(owner, id.name, format!("{}()", id.name), false),
        }
    }

    fn variable(&self, owner: Owner<'_>, name: &str) -> Result<Variables, BadTemplate> {
        let Owner::Message(message, role) = owner else { return self.reference(owner, name, format!("${name}"), false) };
        let known = role.variables().iter().find(|variable| variable.name() == name);
        known
            .map(|variable| Variables::default().with(*variable))
            .ok_or_else(|| self.bad(name, Fault::unknown_variable(message, name, role)))
    }

    /// A reference to something else; in a term there is none, so that no term can lead back to itself.
    fn reference(&self, owner: Owner<'_>, name: &str, reference: String, is_known: bool) -> Result<Variables, BadTemplate> {
        match owner {
            Owner::Message(..) if is_known => Ok(Variables::default()),
            Owner::Message(id, _) => Err(self.bad(name, Fault::UnknownReference { message: id.to_owned(), reference })),
            Owner::Term(id) => Err(self.bad(name, Fault::TermWithReference { term: format!("-{id}"), reference })),
        }
    }

    /// A fault at the line of `name`, which is a part of the source: the parser copies nothing, and keeps no places.
    fn bad(&self, name: &str, fault: Fault) -> BadTemplate {
        let at = (name.as_ptr() as usize).saturating_sub(self.source.as_ptr() as usize);
        BadTemplate { file: self.file.to_owned(), line: Some(line_at(self.source, at)), fault }
    }
}
