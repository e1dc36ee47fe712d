//! Text that came from elsewhere, made fit to store and to log.

/// Cuts a text to at most `max` bytes, at a character, and marks the cut with an ellipsis.
pub(crate) fn capped(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mark = "…";
    let mut end = max.saturating_sub(mark.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_never_splits_a_character_and_never_passes_the_limit() {
        for max in 3..12 {
            let cut = capped("ägypten — ünïcode", max);
            assert!(cut.len() <= max, "{cut:?} is over {max}");
        }
        assert_eq!(capped("short", 5), "short");
    }
}
