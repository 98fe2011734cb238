//! The storefront snippet as it is shipped: its size, and what it must not do. (A browser is not needed for that.)
#![allow(clippy::unwrap_used)]

use std::path::Path;

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/storefront").join(name)).unwrap()
}

/// Uncompressed, and not made smaller by any tool: the file's own bytes.
#[test]
fn the_snippet_has_less_than_three_kilobytes() {
    let bytes = file("offerstream.js").len();
    assert!(bytes < 3_000, "{bytes} bytes");
}

#[test]
fn what_a_catalogue_says_is_text_and_never_markup_or_a_script() {
    let snippet = file("offerstream.js");
    for banned in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "setAttribute('on", "http://", "https://"] {
        assert!(!snippet.contains(banned), "{banned}");
    }
}

#[test]
fn the_page_has_a_slot_of_its_own_height_for_each_placement() {
    let page = file("index.html");
    for placement in offerstream::engine::vocabulary::Placement::ALL {
        assert!(page.contains(&format!("data-offer=\"{}\"", placement.as_str())), "{placement:?}");
    }
    assert!(page.contains("[data-offer] { height:"));
}
