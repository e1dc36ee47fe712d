//! Splits a command line of a page into words, as a shell does. `cli/src/pages.rs` reads this file, too.

/// Returns the words of a line up to a comment, a pipe or a redirection; nothing if a quote is not closed.
pub(crate) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().push(letters.next()?),
            (_, Some(open)) if letter == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(letter),
            ('\'' | '"', None) => {
                word.get_or_insert_default();
                quote = Some(letter);
            }
            (' ', None) => words.extend(word.take()),
            ('#' | '>' | '|', None) if word.is_none() => break,
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[test]
fn a_line_is_split_as_a_shell_splits_it() {
    let split = |line: &str| words(line).map(|words| words.join("|"));
    assert_eq!(split("a 'b c' --d=\"e \\\"f\\\"\"  # and so on").as_deref(), Some("a|b c|--d=e \"f\""));
    assert_eq!(split("a b#c '' > file").as_deref(), Some("a|b#c|"));
    assert_eq!(split("a 'b").as_deref(), None);
}
