use super::*;
use crate::engine::facts::{CombinationStep, Fact};
use crate::engine::settings::{AttributionTrigger, Settings};
use crate::engine::shop::Shop;
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{ItemStep, OfferKind, Placement};
use crate::event::{ProductFacts, Timestamp};
use crate::insights::{Amount, Band, ExperimentState, Period};

const HOSTILE: &str = "</title><script>alert('1')</script><img src=\"http://evil.example/x\" onerror=alert(2)>";

fn insights(settings: &Settings) -> Insights {
    let shop = Shop::new(&settings.limits);
    let product = ProductFacts { title: Some(HOSTILE.into()), ..ProductFacts::default() };
    shop.fold(&Fact::Learned { item: "case".into(), ts: Timestamp(1), price: None, product });
    for step in [CombinationStep::Shown(40), CombinationStep::Accepted(6), CombinationStep::Earned(settings.currency, 200)] {
        shop.fold(&Fact::Combination { anchor: "<b>phone</b>".into(), companion: "case".into(), step });
    }
    for (step, count) in [(ItemStep::Emitted, 60), (ItemStep::Shown, 40), (ItemStep::Accepted, 6)] {
        let key = TotalKey::OfferItems { step, placement: Placement::Cart, kind: OfferKind::CrossSell, channel: "<i>".into() };
        shop.fold(&Fact::Total(key, count));
    }
    Insights::of(&shop, settings, Some(Period { from: Timestamp(0), to: Timestamp(86_400_000) }))
}

fn written(insights: Insights, format: Format) -> String {
    let mut out = Vec::new();
    Report { insights, session: None }.write(format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_name_of_the_file_says_how_it_is_written() {
    for (name, format) in
        [("a.html", Format::Html), ("b/a.HTM", Format::Html), ("a.json", Format::Json), ("a.txt", Format::Text), ("html", Format::Text)]
    {
        assert_eq!(Format::of(Path::new(name)), Some(format), "{name}");
    }
    for name in ["a.pdf", "a.html.gz", "b.json/a.csv"] {
        assert_eq!(Format::of(Path::new(name)), None, "{name}");
    }
}

#[test]
fn a_hostile_title_stays_text() {
    let page = written(insights(&Settings::default()), Format::Html);
    assert!(page.contains("&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&lt;img src=&quot;http://evil.example/x&quot;"));
    assert!(page.contains("&lt;b&gt;phone&lt;/b&gt;") && page.contains("&lt;i&gt;"));
    for forbidden in ["<script", "<img", "<b>", "<i>"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("</title>").count(), page.matches("<title>").count());
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = written(insights(&Settings::default()), Format::Html);
    for forbidden in ["<link", "<iframe", "<object", "<embed", " src=", " href=", "url(", "@import"] {
        let quoted = page.matches(forbidden).count() - page.matches(&format!("&lt;img{forbidden}")).count();
        assert_eq!(quoted, 0, "{forbidden}");
    }
    assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none&#39;"));
}

#[test]
fn elements_are_closed_in_the_order_they_were_opened() {
    let page = written(insights(&Settings::default()), Format::Html);
    let mut open = Vec::new();
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let name = tag.split(' ').next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if name != "meta" && !name.starts_with('!') => open.push(name),
            None => {}
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn every_picture_says_what_it_shows() {
    let page = written(insights(&Settings::default()), Format::Html);
    let pictures = page.matches("<svg").count();
    assert!(pictures > 8, "{pictures}");
    assert_eq!((page.matches("role=\"img\"").count(), page.matches("<desc>").count()), (pictures, pictures));
}

#[test]
fn attributed_is_never_said_without_that_it_is_not_caused() {
    for format in [Format::Html, Format::Text] {
        let report = written(insights(&Settings::default()), format);
        assert!(report.contains("Attributed is not caused"), "{format:?}");
        assert!(report.contains("There is not enough data yet to say what offers caused."), "{format:?}");
    }
}

#[test]
fn where_sending_is_enough_each_report_says_so() {
    let mut settings = Settings::default();
    settings.attribution.trigger = AttributionTrigger::Emitted;
    assert!(written(insights(&settings), Format::Text).contains("attribution.trigger is \"emitted\""));
    assert!(written(insights(&settings), Format::Html).contains("attribution.trigger is &quot;emitted&quot;"));
    assert!(written(insights(&settings), Format::Json).contains("\"trigger\": \"emitted\""));
}

#[test]
fn what_was_caused_is_a_figure_only_where_it_is_not_perhaps_nothing() {
    let mut insights = insights(&Settings::default());
    let band = |lower, estimate, upper| Some(Band { lower: Amount(lower), estimate: Amount(estimate), upper: Amount(upper) });
    insights.experiment.state = ExperimentState::Ready;
    insights.experiment.incremental_revenue = band(-1_000_000, 2_000_000, 5_000_000);
    insights.experiment.incremental_per_shopper = band(-10_000, 20_000, 50_000);
    assert_eq!(words::caused_in_short(&insights.experiment, insights.currency).0, "Not clear");
    assert!(written(insights.clone(), Format::Html).contains("It could be nothing: the bounds include zero."));
    insights.experiment.incremental_revenue = band(1_000_000, 2_000_000, 5_000_000);
    let said = words::caused_in_short(&insights.experiment, insights.currency);
    assert_eq!(said, ("2 USD".into(), "between 1 and 5 USD".into()));
    insights.experiment.state = ExperimentState::SampleRatio;
    assert_eq!(words::caused_in_short(&insights.experiment, insights.currency).0, "No figure");
    insights.experiment.state = ExperimentState::NoFeedback;
    assert_eq!(words::caused_in_short(&insights.experiment, insights.currency).0, "Not known");
    let page = written(insights, Format::Html);
    assert!(page.contains("Nobody tells what shoppers saw of these offers, so what they caused cannot be said."));
    assert!(!page.contains("Attributed and caused"));
}
