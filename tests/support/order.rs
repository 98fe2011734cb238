//! Whether what came out is in order, and whether each commit carried what belongs together. Apart from the engine, as
//! the rest of the checker is; it looks at places in the topics alone.
//!
//! A commit covers a stretch of a partition's events: from one committed offset to the next. What its events caused has
//! to be in the same transaction. A transaction ends with a marker, which takes an offset; so on every topic, records of
//! one stretch lie side by side, and those of two stretches do not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::checker::{Cause, Outcome, cause_of_event, cause_of_offer};
use super::topics::Rec;

/// Where records lie, beside what they say.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The group's committed offsets, one commit after the other, by partition of the events.
    pub commits: BTreeMap<i32, Vec<i64>>,
    /// Aborted records, by topic: `offers`, `withheld`, `dlq`.
    pub aborted: BTreeMap<&'static str, BTreeSet<(i32, i64)>>,
}

/// A record that an event caused.
struct Caused<'a> {
    rec: &'a Rec,
    by: i64,
}

/// Everything that is out of order or in the wrong transaction, a line each.
pub fn problems(outcome: &Outcome, places: &Places) -> Vec<String> {
    let mut problems = Vec::new();
    let firsts = first_offsets(outcome);
    let by_offer = |rec: &Rec| firsts.get(&cause_of_offer(rec)).copied().flatten();
    let by_letter = |rec: &Rec| rec.headers.get("offset").and_then(|offset| offset.parse().ok());
    let offers = outcome.offers.iter().map(|rec| ("offers", rec, by_offer(rec)));
    let withheld = outcome.withheld.iter().map(|rec| ("withheld", rec, by_offer(rec)));
    let letters = outcome.dead_letters.iter().map(|rec| ("dlq", rec, by_letter(rec)));
    let mut by_partition: BTreeMap<(&str, i32), Vec<Caused<'_>>> = BTreeMap::new();
    for (topic, rec, by) in offers.chain(withheld).chain(letters) {
        // What a timer made has no event's place.
        let Some(by) = by else { continue };
        by_partition.entry((topic, rec.partition)).or_default().push(Caused { rec, by });
    }
    check_commits(outcome, places, &mut problems);
    let none = BTreeSet::new();
    for ((topic, partition), caused) in &by_partition {
        let commits = places.commits.get(partition).map_or(&[][..], Vec::as_slice);
        check_order(topic, caused, &mut problems);
        check_transactions(topic, caused, commits, places.aborted.get(topic).unwrap_or(&none), &mut problems);
    }
    problems
}

/// Where each cause of offers lies; where an event came twice, the first time. Of events that nothing tells apart it is
/// not known which of them caused an offer.
fn first_offsets(outcome: &Outcome) -> HashMap<Cause, Option<i64>> {
    let mut firsts: HashMap<Cause, Option<i64>> = HashMap::new();
    for event in outcome.events.iter().filter(|event| event.expect().is_none()) {
        let Some(cause) = cause_of_event(event) else { continue };
        let has_id = cause.3.is_some();
        firsts.entry(cause).and_modify(|first| *first = first.filter(|_| has_id)).or_insert(Some(event.offset));
    }
    firsts
}

/// Committed offsets only rise, and at last cover everything.
fn check_commits(outcome: &Outcome, places: &Places, problems: &mut Vec<String>) {
    let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
    outcome.events.iter().for_each(|event| _ = ends.insert(event.partition, event.offset + 1));
    for (partition, end) in ends {
        let commits = places.commits.get(&partition).map_or(&[][..], Vec::as_slice);
        for pair in commits.windows(2).filter(|pair| pair[0] > pair[1]) {
            problems.push(format!("the committed offset of partition {partition} went back from {} to {}", pair[0], pair[1]));
        }
        if commits.last() != Some(&end) {
            problems.push(format!("partition {partition} ends at {end}, and the last commit is {:?}", commits.last()));
        }
    }
}

fn check_order(topic: &str, caused: &[Caused<'_>], problems: &mut Vec<String>) {
    for pair in caused.windows(2).filter(|pair| pair[0].by >= pair[1].by) {
        let (one, other) = (&pair[0], &pair[1]);
        problems.push(format!(
            "{topic}, partition {}: what event {} caused, at {}, comes before what event {} caused, at {}",
            one.rec.partition, one.by, one.rec.offset, other.by, other.rec.offset
        ));
    }
}

fn check_transactions(topic: &str, caused: &[Caused<'_>], commits: &[i64], aborted: &BTreeSet<(i32, i64)>, problems: &mut Vec<String>) {
    let stretch = |offset: i64| commits.partition_point(|end| *end <= offset);
    for pair in caused.windows(2) {
        let (one, other) = (&pair[0], &pair[1]);
        let side_by_side = one.rec.offset + 1 == other.rec.offset;
        let partition = one.rec.partition;
        if stretch(one.by) != stretch(other.by) && side_by_side {
            problems.push(format!(
                "{topic}, partition {partition}: {} and {} are in one transaction, and their events {} and {} in two",
                one.rec.offset, other.rec.offset, one.by, other.by
            ));
        }
        // The marker of a transaction that a killed process left open may come in between.
        let may_be_cut = || aborted.range((partition, i64::MIN)..(partition, other.rec.offset)).next().is_some();
        // Timers' offers have no event's place, and lie between others.
        let is_cut = stretch(one.by) == stretch(other.by) && !side_by_side && topic == "dlq";
        if is_cut && !may_be_cut() {
            problems.push(format!(
                "{topic}, partition {partition}: {} and {} are in two transactions, and their events {} and {} in one",
                one.rec.offset, other.rec.offset, one.by, other.by
            ));
        }
    }
}
