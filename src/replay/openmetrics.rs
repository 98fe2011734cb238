//! Samples over time, and their OpenMetrics text, as `promtool tsdb create-blocks-from openmetrics` takes it.
//!
//! Invariant: within a series times rise; families and series come sorted, so equal samples give equal bytes. A sample
//! is kept where a value changed, with the flat one before it, and the first and the last: a series that does not
//! change costs two samples, whatever the length of the log. Memory so grows by 16 bytes (a histogram's by 8 a bucket
//! and 24) for each sample that is kept, at most two an hour with events of each series that changed in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use prometheus::proto::{Metric, MetricFamily, MetricType};

/// All samples of all families.
#[derive(Default)]
pub struct Samples {
    families: BTreeMap<String, Family>,
    /// When all of it was looked at last.
    newest: Option<i64>,
}

struct Family {
    help: String,
    kind: MetricType,
    /// The upper bounds of a histogram's buckets.
    bounds: Vec<f64>,
    /// By their labels, as they are written between the braces.
    series: BTreeMap<String, Series>,
}

/// One series; of a histogram all its buckets, its count and its sum, which change together.
struct Series {
    times: Vec<i64>,
    /// As many for each time as `last` has.
    values: Vec<f64>,
    last_at: i64,
    last: Vec<f64>,
}

impl Samples {
    /// Adds what every series is at `at`, in seconds since the Unix epoch; a time that does not rise is left out.
    pub fn take(&mut self, at: i64, gathered: &[MetricFamily]) {
        if self.newest.is_some_and(|newest| at <= newest) {
            return;
        }
        for family in gathered {
            let kind = family.get_field_type();
            let known = self.families.entry(family.name().to_owned()).or_insert_with(|| Family::new(family));
            for metric in family.get_metric() {
                let values = values_of(kind, metric);
                match known.series.get_mut(&labels_of(metric)) {
                    Some(series) => series.take(at, values),
                    None => {
                        let series = Series::starting(at, values, self.newest.filter(|_| kind != MetricType::GAUGE));
                        known.series.insert(labels_of(metric), series);
                    }
                }
            }
        }
        self.newest = Some(at);
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// What the writer fails with.
    pub fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        for (name, family) in &mut self.families {
            family.series.values_mut().for_each(Series::keep_last);
            family.write(name, out)?;
        }
        out.write_all(b"# EOF\n")
    }
}

impl Family {
    fn new(family: &MetricFamily) -> Self {
        let buckets = family.get_metric().first().map(|metric| metric.get_histogram().get_bucket()).unwrap_or_default();
        Self {
            help: family.help().to_owned(),
            kind: family.get_field_type(),
            bounds: buckets.iter().map(|bucket| bucket.upper_bound()).collect(),
            series: BTreeMap::new(),
        }
    }

    fn write(&self, name: &str, out: &mut impl Write) -> io::Result<()> {
        // OpenMetrics names a counter's family without the suffix that its samples have.
        let (family, kind) = match self.kind {
            MetricType::COUNTER => (name.strip_suffix("_total").unwrap_or(name), "counter"),
            MetricType::HISTOGRAM => (name, "histogram"),
            _ => (name, "gauge"),
        };
        writeln!(out, "# TYPE {family} {kind}\n# HELP {family} {}", escaped(&self.help))?;
        for (labels, series) in &self.series {
            let samples = series.times.iter().zip(series.values.chunks(series.last.len().max(1)));
            for (at, values) in samples {
                self.write_point(name, labels, *at, values, out)?;
            }
        }
        Ok(())
    }

    fn write_point(&self, name: &str, labels: &str, at: i64, values: &[f64], out: &mut impl Write) -> io::Result<()> {
        if self.kind != MetricType::HISTOGRAM {
            return values.iter().try_for_each(|value| sample(name, "", labels, *value, at, out));
        }
        let comma = if labels.is_empty() { "" } else { "," };
        let bounds = self.bounds.iter().map(|bound| number(*bound)).chain(["+Inf".into()]);
        for (bound, value) in bounds.zip(values) {
            sample(name, "_bucket", &format!("{labels}{comma}le=\"{bound}\""), *value, at, out)?;
        }
        let [.., count, sum] = values else { return Ok(()) };
        sample(name, "_count", labels, *count, at, out)?;
        sample(name, "_sum", labels, *sum, at, out)
    }
}

impl Series {
    /// A series that is first seen at `at`. One that only ever rises had been 0 until then.
    fn starting(at: i64, values: Vec<f64>, was_zero_at: Option<i64>) -> Self {
        let mut series = Self { times: Vec::new(), values: Vec::new(), last_at: at, last: values };
        if let Some(before) = was_zero_at.filter(|_| series.last.iter().any(|value| *value != 0.0)) {
            series.times.push(before);
            series.values.extend(series.last.iter().map(|_| 0.0));
        }
        series.keep_last();
        series
    }

    fn take(&mut self, at: i64, values: Vec<f64>) {
        // By their bits, so that a ratio that is no number is equal to itself.
        let is_same = self.last.iter().map(|value| value.to_bits()).eq(values.iter().map(|value| value.to_bits()));
        if is_same {
            self.last_at = at;
            return;
        }
        self.keep_last();
        (self.last_at, self.last) = (at, values);
        self.keep_last();
    }

    fn keep_last(&mut self) {
        if self.times.last() != Some(&self.last_at) {
            self.times.push(self.last_at);
            self.values.extend(&self.last);
        }
    }
}

/// The values of one metric: one, or of a histogram its cumulative buckets, its count as the last of them and again,
/// and its sum.
fn values_of(kind: MetricType, metric: &Metric) -> Vec<f64> {
    match kind {
        MetricType::COUNTER => vec![metric.get_counter().get_value()],
        MetricType::HISTOGRAM => {
            let histogram = metric.get_histogram();
            let count = histogram.get_sample_count() as f64;
            let buckets = histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count() as f64);
            buckets.chain([count, count, histogram.get_sample_sum()]).collect()
        }
        _ => vec![metric.get_gauge().get_value()],
    }
}

/// The labels as they are written between the braces, in the order they are gathered in: by name.
fn labels_of(metric: &Metric) -> String {
    let mut text = String::new();
    for label in metric.get_label() {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing into memory has no way to fail.
        let _ = write!(text, "{comma}{}=\"{}\"", label.name(), escaped(label.value()));
    }
    text
}

fn sample(name: &str, suffix: &str, labels: &str, value: f64, at: i64, out: &mut impl Write) -> io::Result<()> {
    let value = number(value);
    if labels.is_empty() { writeln!(out, "{name}{suffix} {value} {at}") } else { writeln!(out, "{name}{suffix}{{{labels}}} {value} {at}") }
}

/// A number as OpenMetrics writes it.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else if value.fract() == 0.0 {
        // The same whole number, and never without its point: bounds are told apart by their text.
        format!("{value:.1}")
    } else {
        value.to_string()
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use prometheus::{CounterVec, Gauge, Histogram, HistogramOpts, Opts, Registry};

    use super::*;

    fn text(mut samples: Samples) -> String {
        let mut out = Vec::new();
        samples.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_sample_stands_where_a_value_changed_with_the_flat_one_before_and_the_first_and_the_last() {
        let registry = Registry::new();
        let gauge = Gauge::new("g", "A \"gauge\".").unwrap();
        registry.register(Box::new(gauge.clone())).unwrap();
        let mut samples = Samples::default();
        for (at, value) in [(10, 1.0), (20, 1.0), (30, 1.0), (40, 2.5), (50, 2.0), (60, 2.0), (70, 2.0), (70, 9.0), (65, 9.0)] {
            gauge.set(value);
            samples.take(at, &registry.gather());
        }
        let expected = "# TYPE g gauge\n# HELP g A \\\"gauge\\\".\ng 1.0 10\ng 1.0 30\ng 2.5 40\ng 2.0 50\ng 2.0 70\n# EOF\n";
        assert_eq!(text(samples), expected);
    }

    #[test]
    fn a_counter_that_appears_late_was_zero_before_and_its_family_has_no_suffix() {
        let registry = Registry::new();
        let counters = CounterVec::new(Opts::new("c_total", "Things."), &["of"]).unwrap();
        registry.register(Box::new(counters.clone())).unwrap();
        let mut samples = Samples::default();
        for at in [10, 20, 30] {
            if at > 10 {
                counters.with_label_values(&["a\\b\"c\nd"]).inc_by(3.0);
            }
            samples.take(at, &registry.gather());
        }
        let expected = "# TYPE c counter\n# HELP c Things.\nc_total{of=\"a\\\\b\\\"c\\nd\"} 0.0 10\n\
                        c_total{of=\"a\\\\b\\\"c\\nd\"} 3.0 20\nc_total{of=\"a\\\\b\\\"c\\nd\"} 6.0 30\n# EOF\n";
        assert_eq!(text(samples), expected);
    }

    #[test]
    fn a_histogram_is_written_whole_wherever_any_of_it_changed() {
        let registry = Registry::new();
        let histogram = Histogram::with_opts(HistogramOpts::new("h", "Ages.").buckets(vec![0.5, 10.0])).unwrap();
        registry.register(Box::new(histogram.clone())).unwrap();
        let mut samples = Samples::default();
        samples.take(10, &registry.gather());
        histogram.observe(7.25);
        samples.take(20, &registry.gather());
        let point = |at, values: [&str; 5]| {
            let names = ["h_bucket{le=\"0.5\"}", "h_bucket{le=\"10.0\"}", "h_bucket{le=\"+Inf\"}", "h_count", "h_sum"];
            names.iter().zip(values).map(|(name, value)| format!("{name} {value} {at}\n")).collect::<String>()
        };
        let points = point(10, ["0.0"; 5]) + &point(20, ["0.0", "1.0", "1.0", "1.0", "7.25"]);
        assert_eq!(text(samples), format!("# TYPE h histogram\n# HELP h Ages.\n{points}# EOF\n"));
    }
}
