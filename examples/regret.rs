//! The optimiser's regret in a simulated shop with known acceptance rates, as a table, a CSV and a curve.
//!
//! `cargo run --example regret [seeds]` writes `docs/optimiser/regret.csv` and `docs/optimiser/regret.svg`.

#[path = "../tests/support/regret.rs"]
mod regret;

use std::fmt::Write as _;

use regret::{CLEAR, CLOSE, Case, OFFERS, run};

const COLOURS: [&str; 6] = ["#1b6ca8", "#c8553d", "#2e7d4f", "#8e5ea2", "#b8860b", "#444444"];

/// A case with the mean of its runs' curves, as shares of a uniform choice's regret after all offers.
struct Curve {
    name: &'static str,
    points: Vec<(u64, f64)>,
}

fn main() -> std::io::Result<()> {
    let seeds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(8_u64);
    println!("simulated: regret after {OFFERS} offers as a share of a uniform choice's, over {seeds} seeds (mean, least, most)");
    let curves: Vec<Curve> = CLEAR.iter().map(|case| curve(case, seeds)).collect();
    println!("too close to tell apart that fast:");
    CLOSE.iter().for_each(|case| drop(curve(case, seeds)));
    std::fs::create_dir_all("docs/optimiser")?;
    std::fs::write("docs/optimiser/regret.csv", csv(&curves))?;
    std::fs::write("docs/optimiser/regret.svg", svg(&curves, seeds))
}

fn curve(case: &Case, seeds: u64) -> Curve {
    let runs: Vec<_> = (1..=seeds).map(|seed| run(case, seed)).collect();
    let ratios: Vec<f64> = runs.iter().map(regret::Run::ratio).collect();
    let mean = ratios.iter().sum::<f64>() / seeds as f64;
    let (least, most) = ratios.iter().fold((f64::MAX, f64::MIN), |(least, most), ratio| (least.min(*ratio), most.max(*ratio)));
    println!("{:18} {mean:.3}  {least:.3}  {most:.3}  the last vector of seed 1: {:?}", case.name, runs[0].shares);
    let at = |n: usize| runs.iter().map(|run| run.regret[n].1 / run.uniform).sum::<f64>() / seeds as f64;
    Curve { name: case.name, points: (0..runs[0].regret.len()).map(|n| (runs[0].regret[n].0, at(n))).collect() }
}

fn csv(curves: &[Curve]) -> String {
    let mut text = String::from("simulated;offers;regret as a share of a uniform choice's after 100000 offers\n");
    for Curve { name, points } in curves {
        for (offers, ratio) in points.iter().filter(|(offers, _)| offers % 2_000 == 0) {
            let _ = writeln!(text, "{name};{offers};{ratio:.5}");
        }
    }
    text
}

/// A plain chart: offers to the right, regret upwards, up to a fifth of the uniform choice's.
fn svg(curves: &[Curve], seeds: u64) -> String {
    let (x, y) = (|offers: u64| 70.0 + offers as f64 / OFFERS as f64 * 560.0, |ratio: f64| 360.0 - ratio / 0.2 * 300.0);
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 420\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"860\" height=\"420\" fill=\"white\"/>\n\
         <text x=\"70\" y=\"24\" font-size=\"16\" font-weight=\"bold\">Simulated: what it costs to find the best variant</text>\n",
    );
    let _ = writeln!(
        svg,
        "<text x=\"70\" y=\"44\">Regret against the best fixed variant, mean of {seeds} seeds; 100 % is a uniform choice's</text>"
    );
    for percent in [0, 5, 10, 15, 20] {
        let at = y(f64::from(percent) / 100.0);
        let dash = if percent == 10 { " stroke-dasharray=\"6 4\" stroke=\"#c00\"" } else { " stroke=\"#ddd\"" };
        let _ = writeln!(
            svg,
            "<line x1=\"70\" y1=\"{at:.1}\" x2=\"630\" y2=\"{at:.1}\"{dash}/><text x=\"62\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>",
            at + 4.0
        );
    }
    for offers in (0..=OFFERS).step_by(20_000) {
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"380\" text-anchor=\"middle\">{offers}</text>", x(offers));
    }
    let _ = writeln!(svg, "<text x=\"350\" y=\"404\" text-anchor=\"middle\">offers</text>");
    let (top, uniform) = (x(OFFERS / 5), y(0.2));
    let _ = writeln!(svg, "<line x1=\"70\" y1=\"360\" x2=\"{top:.1}\" y2=\"{uniform:.1}\" stroke=\"#999\" stroke-width=\"2\"/>");
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#666\">a uniform choice (100 % at the right)</text>",
        top + 8.0,
        uniform + 16.0
    );
    for (at, Curve { name, points }) in curves.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let line: Vec<String> = points.iter().map(|(offers, ratio)| format!("{:.1},{:.1}", x(*offers), y(*ratio))).collect();
        let _ = writeln!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>", line.join(" "));
        let last = points.last().map_or(0.0, |(_, ratio)| ratio * 100.0);
        let _ = writeln!(svg, "<text x=\"644\" y=\"{}\" fill=\"{colour}\">{name}: {last:.1} %</text>", 100 + 22 * at);
    }
    svg.push_str("</svg>\n");
    svg
}
