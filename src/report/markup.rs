//! HTML and SVG as text.
//!
//! Invariant: names of elements and attributes are the program's own; whatever else goes in is escaped, so no title of a
//! product, however hostile, becomes markup or turns the text after it around.

use std::fmt::Write as _;

/// A piece of HTML or SVG.
#[derive(Clone, Debug, Default)]
pub struct Markup(String);

impl Markup {
    /// An empty piece.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an element.
    pub fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
        self
    }

    /// Closes an element.
    pub fn close(&mut self, name: &'static str) -> &mut Self {
        // Writing into memory has no way to fail.
        let _ = writeln!(self.0, "</{name}>");
        self
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // They change the direction of what follows, and so what a reader takes it for.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
                letter if letter.is_control() => self.0.push(' '),
                letter => self.0.push(letter),
            }
        }
        self
    }

    /// An element with text in it.
    pub fn element(&mut self, name: &'static str, attributes: &[(&'static str, &str)], text: &str) -> &mut Self {
        self.open(name, attributes).text(text).close(name)
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.element("p", &[], text)
    }

    /// Adds another piece.
    pub fn add(&mut self, other: Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// Adds text that is the program's own, as it is.
    pub fn own(&mut self, text: &'static str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_turned_around() {
        let mut markup = Markup::new();
        let controls: String = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').collect();
        markup.text(&format!("case{controls} 5 USD \u{2029}\u{206a}"));
        assert_eq!(markup.as_str(), "case 5 USD \u{2029}\u{206a}");
    }

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut markup = Markup::new();
        markup.element("p", &[("title", "\"><script>")], "<b>&'\u{1b}</b>");
        assert_eq!(markup.as_str(), "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;&#39; &lt;/b&gt;</p>\n");
    }
}
