//! Characters that nobody sees, and what is done about them.
//!
//! Invariant: no id has one, so that two ids that look alike are alike; no text has one that turns what follows it around.

/// Whether a character is not to be in an id: a control character, one that turns text around, or one without a width.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || turns_or_hides(c)
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200c}'..='\u{200f}' | '\u{2061}'..='\u{2064}' | '\u{e0000}'..='\u{e007f}')
}

/// What an id must not have, where this one has it.
#[must_use]
pub fn hidden_in(id: &str) -> Option<&'static str> {
    let hidden = id.chars().find(|c| is_hidden(*c))?;
    Some(if hidden.is_control() { "control characters are not allowed" } else { "characters that nobody sees are not allowed" })
}

/// A character as a text for people has it: lines run on, and what turns the text around or takes no place is left out.
/// What joins letters and emoji, and tells the direction of one letter, stays: Persian and Hebrew need it.
#[must_use]
pub fn shown(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() || turns_or_hides(c) => None,
        c => Some(c),
    }
}

/// Embeddings, overrides and isolates, line separators, a space without a width, a byte order mark.
fn turns_or_hides(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_no_part_of_an_id_and_what_turns_text_around_no_part_of_a_title() {
        for (c, hidden, in_text) in [
            ('a', false, Some('a')),
            ('ʻ', false, Some('ʻ')),
            ('\u{0}', true, None),
            ('\u{7f}', true, None),
            ('\n', true, Some(' ')),
            ('\u{202e}', true, None),
            ('\u{2066}', true, None),
            ('\u{200b}', true, None),
            ('\u{feff}', true, None),
            ('\u{2029}', true, Some(' ')),
            ('\u{200d}', true, Some('\u{200d}')),
            ('\u{200f}', true, Some('\u{200f}')),
            ('\u{e0041}', true, Some('\u{e0041}')),
        ] {
            assert_eq!((is_hidden(c), shown(c)), (hidden, in_text), "{c:?}");
        }
    }
}
