//! A small drawing board.
//!
//! Invariant: every picture has a title and a description, which are read out where it can't be seen; colours are
//! classes of the page's style.

use super::markup::Markup;

/// The width of a picture that fills the page's column, in its own units.
pub const WIDE: f64 = 900.0;
/// The width of one of two pictures beside each other.
pub const HALF: f64 = 440.0;

/// Where a text is held.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// At its start.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

/// A picture that is being drawn.
pub struct Svg {
    width: f64,
    height: f64,
    title: String,
    description: String,
    body: Markup,
}

impl Svg {
    /// An empty picture.
    pub fn new(width: f64, height: f64, title: impl Into<String>, description: impl Into<String>) -> Self {
        Self { width, height, title: title.into(), description: description.into(), body: Markup::new() }
    }

    /// A box.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let sizes = [x, y, width.max(0.0), height.max(0.0)].map(units);
        let [x, y, width, height] = &sizes;
        self.body.open("rect", &[("x", x), ("y", y), ("width", width), ("height", height), ("class", class)]).close("rect");
    }

    /// A line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ends = [from.0, from.1, to.0, to.1].map(units);
        let [x1, y1, x2, y2] = &ends;
        self.body.open("line", &[("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2), ("class", class)]).close("line");
    }

    /// A dot.
    pub fn dot(&mut self, x: f64, y: f64, radius: f64, class: &str) {
        let sizes = [x, y, radius].map(units);
        let [x, y, radius] = &sizes;
        self.body.open("circle", &[("cx", x), ("cy", y), ("r", radius), ("class", class)]).close("circle");
    }

    /// A text; `y` is its base line.
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.body.element("text", &[("x", &units(x)), ("y", &units(y)), ("text-anchor", anchor), ("class", class)], text);
    }

    /// The picture.
    pub fn done(self) -> Markup {
        let mut svg = Markup::new();
        let view = format!("0 0 {} {}", units(self.width), units(self.height));
        let width = units(self.width);
        svg.open("svg", &[("viewBox", &view), ("width", &width), ("role", "img"), ("xmlns", "http://www.w3.org/2000/svg")]);
        svg.element("title", &[], &self.title).element("desc", &[], &self.description);
        svg.add(self.body).close("svg");
        svg
    }
}

/// A size with one decimal at most: the same on every machine.
fn units(size: f64) -> String {
    let tenths = (size * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    if tenths.is_multiple_of(10) { format!("{sign}{}", tenths / 10) } else { format!("{sign}{}.{}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_says_what_it_shows_and_its_texts_are_escaped() {
        let mut svg = Svg::new(10.0, 5.25, "A <title>", "What it shows");
        svg.text(1.04, -0.06, Anchor::End, "note", "<script>");
        assert_eq!(
            svg.done().as_str(),
            "<svg viewBox=\"0 0 10 5.3\" width=\"10\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\"><title>A &lt;title&gt;</title>\n\
             <desc>What it shows</desc>\n<text x=\"1\" y=\"-0.1\" text-anchor=\"end\" class=\"note\">&lt;script&gt;</text>\n</svg>\n"
        );
    }
}
