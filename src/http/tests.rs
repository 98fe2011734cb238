//! The document against the routes.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    for takes_events in [true, false] {
        let routed: BTreeSet<String> = routes(takes_events).into_iter().map(|(path, _)| path.to_owned()).collect();
        let document = document(takes_events, true);
        let documented: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(documented, routed);
    }
}
