//! Charts: bars, columns, a heat map, a way with steps, bounds.
//!
//! Invariant: every bar has its figure beside it in words, and starts at nought.

use super::markup::Markup;
use super::svg::{Anchor, HALF, Svg, WIDE};

/// One bar of a chart.
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// How long it is; `None` is not known, and no bar.
    pub value: Option<f64>,
    /// Its figure in words.
    pub figure: String,
}

/// A value with its bounds.
pub struct Bounds {
    /// What it is of.
    pub label: String,
    /// From, best guess, to.
    pub values: [f64; 3],
    /// The figures in words.
    pub figure: String,
    /// The class of its colour.
    pub class: &'static str,
}

/// A field of a heat map.
#[derive(Clone, Copy)]
pub struct Field {
    /// The share.
    pub value: f64,
    /// It rests on enough to be coloured.
    pub is_enough: bool,
}

const ROW: f64 = 26.0;
/// How wide a letter is at most, on the whole.
const LETTER: f64 = 7.6;
const BOLD_LETTER: f64 = 8.4;

/// Bars that lie, one below the other.
pub fn bars(title: &str, bars: &[Bar], class: &str) -> Markup {
    let labels = bars.iter().map(|bar| bar.label.chars().count()).max().unwrap_or(0) as f64 * LETTER + 14.0;
    let figures = bars.iter().map(|bar| bar.figure.chars().count()).max().unwrap_or(0) as f64 * BOLD_LETTER + 12.0;
    let room = (HALF - labels - figures).max(60.0);
    let most = most_of(bars);
    let mut svg = Svg::new(HALF, ROW * bars.len() as f64 + 6.0, title, described(bars));
    for (at, bar) in bars.iter().enumerate() {
        let top = ROW * at as f64 + 3.0;
        let length = bar.value.unwrap_or(0.0).max(0.0) / most * room;
        svg.text(labels - 8.0, top + 16.0, Anchor::End, "label", &bar.label);
        svg.rect(labels, top + 2.0, length, ROW - 8.0, class);
        svg.text(labels + length + 6.0, top + 16.0, Anchor::Start, "figure", &bar.figure);
    }
    svg.line((labels, 0.0), (labels, ROW * bars.len() as f64 + 6.0), "axis");
    svg.done()
}

/// A dot where two shares meet, which is on the line from corner to corner where they are equal.
pub struct Dot {
    /// Across, and up; shares.
    pub shares: (f64, f64),
    /// How many things it stands for, as a share: how large it is.
    pub weight: f64,
    /// Its figures in words.
    pub figure: String,
}

/// Dots against the line on which both shares are equal.
pub fn agreement(title: &str, across: &str, up: &str, dots: &[Dot]) -> Markup {
    let (side, left, head) = (220.0, 40.0, 12.0);
    let most = dots.iter().flat_map(|dot| [dot.shares.0, dot.shares.1]).fold(0.0_f64, f64::max).clamp(0.05, 1.0);
    let place = |shares: (f64, f64)| (left + shares.0 / most * side, head + side - shares.1 / most * side);
    let described = dots.iter().map(|dot| dot.figure.as_str()).collect::<Vec<_>>().join("; ");
    let mut svg = Svg::new(HALF, head + side + 44.0, title, described);
    svg.line(place((0.0, 0.0)), place((most, most)), "even");
    svg.line(place((0.0, 0.0)), place((most, 0.0)), "axis");
    svg.line(place((0.0, 0.0)), place((0.0, most)), "axis");
    for dot in dots {
        let (x, y) = place(dot.shares);
        svg.dot(x, y, 3.0 + 9.0 * dot.weight.sqrt(), "offer");
    }
    let percent = format!("{:.0} %", most * 100.0);
    svg.text(left + side, head + side + 16.0, Anchor::End, "label", &percent);
    svg.text(left - 6.0, head + 10.0, Anchor::End, "label", &percent);
    svg.text(left + side / 2.0, head + side + 36.0, Anchor::Middle, "label", across);
    svg.text(left + 8.0, head + 10.0, Anchor::Start, "label", up);
    svg.done()
}

/// Bars that stand, one beside the other; the figure of each where there is room, else of the highest.
pub fn columns(title: &str, bars: &[Bar], width: f64, class: &str) -> Markup {
    let (height, foot, head) = (150.0, 22.0, 20.0);
    let most = most_of(bars);
    let step = width / bars.len().max(1) as f64;
    let highest = bars.iter().position(|bar| bar.value.is_some_and(|value| value >= most));
    let longest = bars.iter().map(|bar| bar.figure.chars().count()).max().unwrap_or(0) as f64;
    let mut svg = Svg::new(width, height + foot + head, title, described(bars));
    for (at, bar) in bars.iter().enumerate() {
        let (left, tall) = (step * at as f64, bar.value.unwrap_or(0.0).max(0.0) / most * height);
        let top = head + height - tall;
        svg.rect(left + step * 0.12, top, step * 0.76, tall, class);
        svg.text(left + step / 2.0, head + height + 16.0, Anchor::Middle, "label", &bar.label);
        let has_room = step > longest * BOLD_LETTER;
        if (has_room && bar.value.is_some()) || highest == Some(at) {
            let (x, anchor) = near_edge(left + step / 2.0, width, bar.figure.chars().count() as f64 * BOLD_LETTER / 2.0);
            svg.text(x, top - 5.0, anchor, "figure", &bar.figure);
        }
    }
    svg.line((0.0, head + height), (width, head + height), "axis");
    svg.done()
}

/// A text in the middle of `x`, or at the edge it would run over.
fn near_edge(x: f64, width: f64, half: f64) -> (f64, Anchor) {
    if x < half {
        (0.0, Anchor::Start)
    } else if x > width - half {
        (width, Anchor::End)
    } else {
        (x, Anchor::Middle)
    }
}

/// A heat map: rows with one value an hour. Nothing known is an empty field; what rests on little has no colour.
pub fn heat_map(title: &str, rows: &[(String, Vec<Option<Field>>)]) -> Markup {
    const SHADES: f64 = 7.0;
    let labels = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0) as f64 * LETTER + 14.0;
    let (cell, tall) = ((WIDE - labels) / 24.0, 26.0);
    let enough = rows.iter().flat_map(|(_, fields)| fields).flatten().filter(|field| field.is_enough);
    let most = enough.map(|field| field.value).fold(0.0_f64, f64::max).max(1e-9);
    let description = rows.iter().map(|(label, values)| heat_row(label, values)).collect::<Vec<_>>().join("; ");
    let mut svg = Svg::new(WIDE, tall * rows.len() as f64 + 22.0, title, description);
    for hour in 0..24 {
        svg.text(labels + cell * (f64::from(hour) + 0.5), 13.0, Anchor::Middle, "label", &format!("{hour:02}"));
    }
    for (at, (label, values)) in rows.iter().enumerate() {
        let top = 20.0 + tall * at as f64;
        svg.text(labels - 8.0, top + 17.0, Anchor::End, "label", label);
        for (hour, value) in values.iter().enumerate() {
            let left = labels + cell * hour as f64;
            let shade_of = |field: &Field| 1 + (field.value / most * (SHADES - 1.0)).round().clamp(0.0, SHADES - 1.0) as usize;
            let shade = value.as_ref().filter(|field| field.is_enough).map_or(0, shade_of);
            svg.rect(left + 0.5, top + 0.5, cell - 1.0, tall - 1.0, &format!("shade{shade}"));
            if let Some(field) = value {
                let class = ["cell faint", "cell", "cell light"][usize::from(shade > 0) + usize::from(shade > 4)];
                svg.text(left + cell / 2.0, top + 17.0, Anchor::Middle, class, &format!("{:.0}", field.value * 100.0));
            }
        }
    }
    svg.done()
}

fn heat_row(label: &str, values: &[Option<Field>]) -> String {
    let hours = values.iter().enumerate().filter_map(|(hour, field)| Some(format!("{hour:02}h {:.0} %", (*field)?.value * 100.0)));
    format!("{label}: {}", hours.collect::<Vec<_>>().join(", "))
}

/// Steps of a way: each as wide as its share of the first.
pub fn funnel(title: &str, steps: &[Bar]) -> Markup {
    let (tall, labels) = (40.0, 110.0);
    let most = most_of(steps);
    let room = WIDE - labels - 250.0;
    let mut svg = Svg::new(WIDE, tall * steps.len() as f64, title, described(steps));
    for (at, step) in steps.iter().enumerate() {
        let top = tall * at as f64;
        let length = (step.value.unwrap_or(0.0) / most * room).max(1.0);
        svg.text(labels - 10.0, top + 24.0, Anchor::End, "label strong", &step.label);
        svg.rect(labels, top + 4.0, length, tall - 8.0, &format!("step{at}"));
        svg.text(labels + length + 8.0, top + 24.0, Anchor::Start, "figure", &step.figure);
    }
    svg.done()
}

/// Values with their bounds, on one axis; the nought is marked.
pub fn bounds(title: &str, rows: &[Bounds]) -> Markup {
    let (tall, labels, right) = (44.0, 200.0, 20.0);
    let all = || rows.iter().flat_map(|row| row.values).chain([0.0]);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let span = (high - low).max(1e-9);
    let at = |value: f64| labels + (value - low) / span * (WIDE - labels - right);
    let words: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.label, row.figure)).collect();
    let height = tall * rows.len() as f64 + 20.0;
    let mut svg = Svg::new(WIDE, height, title, words.join("; "));
    svg.line((at(0.0), 0.0), (at(0.0), height - 18.0), "axis");
    svg.text(at(0.0), height - 4.0, Anchor::Middle, "label", "0");
    for (place, row) in rows.iter().enumerate() {
        let middle = tall * place as f64 + 28.0;
        let [lower, estimate, upper] = row.values.map(at);
        svg.text(labels - 14.0, middle + 4.0, Anchor::End, "label strong", &row.label);
        svg.rect(lower, middle - 7.0, (upper - lower).max(2.0), 14.0, row.class);
        if upper - lower > 2.0 {
            svg.dot(estimate, middle, 5.0, "point");
        }
        let half = row.figure.chars().count() as f64 * BOLD_LETTER / 2.0;
        let x = f64::midpoint(lower, upper).clamp(labels + half, WIDE - half);
        svg.text(x, middle - 12.0, Anchor::Middle, "figure", &row.figure);
    }
    svg.done()
}

fn most_of(bars: &[Bar]) -> f64 {
    bars.iter().filter_map(|bar| bar.value).fold(0.0_f64, f64::max).max(1e-9)
}

fn described(bars: &[Bar]) -> String {
    bars.iter().map(|bar| format!("{}: {}", bar.label, bar.figure)).collect::<Vec<_>>().join("; ")
}
