//! Where a setting stands in a file, so that what is wrong with it can be found.
//!
//! Invariant: a line is named only where the setting itself was read in it; what comes from the environment or a default
//! has none.

/// `, line 7` for a setting by its full name (`placements.cart.items_max`, `stamp_cards[1].buy`); nothing where the text
/// does not have it as a line of its own.
pub fn line_of(text: &str, name: &str) -> String {
    let (section, key) = name.rsplit_once('.').unwrap_or(("", name));
    let mut here = String::new();
    let mut tables = std::collections::BTreeMap::<String, usize>::new();
    for (at, line) in text.lines().map(str::trim).enumerate() {
        if let Some(table) = line.strip_prefix("[[").and_then(|rest| rest.split_once("]]")).map(|(table, _)| table) {
            let number = tables.entry(table.to_owned()).and_modify(|number| *number += 1).or_default();
            here = format!("{table}[{number}]");
        } else if let Some((table, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            table.clone_into(&mut here);
        } else if here == section && line.split_once('=').is_some_and(|(read, _)| read.trim().trim_matches('"') == key) {
            return format!(", line {}", at + 1);
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_in_its_own_section() {
        let text =
            "locale = \"en\"\n[placements.cart]\n# items_max = 2\n[placements.checkout]\nitems_max = 4\n[kafka.client]\n\"group.id\" = 1";
        assert_eq!(line_of(text, "placements.checkout.items_max"), ", line 5");
        assert_eq!((line_of(text, "locale"), line_of(text, "placements.cart.items_max")), (", line 1".to_owned(), String::new()));
        let cards = "[[stamp_cards]]\nbuy = 5\n[[stamp_cards]]\nbuy = 0\n";
        assert_eq!(
            (line_of(cards, "stamp_cards[0].buy"), line_of(cards, "stamp_cards[1].buy")),
            (", line 2".to_owned(), ", line 4".to_owned())
        );
    }
}
