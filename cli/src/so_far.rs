//! Causes of the letters that were read so far, drawn below the progress line while the others are read.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

use crate::out::{self, Out};
use crate::text::{count, fit, shown};

/// Number of causes that the table names; the others are one line.
const NAMED: usize = 5;
/// Number of letters between two drawings of the table.
const STEP: u64 = 250;

/// Count of a long look that has not ended. A person sees the largest causes before every letter is read.
pub(crate) struct SoFar {
    line: ProgressBar,
    counts: Mutex<BTreeMap<String, u64>>,
    width: usize,
}

impl SoFar {
    /// Begins a look; nothing is drawn where nobody looks at it.
    pub(crate) fn new(out: Out) -> Self {
        Self { line: out::reading(out), counts: Mutex::default(), width: out.width }
    }

    /// Counts one letter more, of this cause: `letters` so far.
    pub(crate) fn add(&self, letters: u64, cause: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(cause) {
            Some(known) => *known += 1,
            None => drop(counts.insert(cause.to_owned(), 1)),
        }
        self.line.set_position(letters);
        if letters.is_multiple_of(STEP) {
            self.line.set_message(table(&counts, self.width));
        }
    }

    /// Ends the look, and takes away what was drawn.
    pub(crate) fn clear(self) {
        self.line.finish_and_clear();
    }
}

/// Renders the largest causes, each with its letters so far.
fn table(counts: &BTreeMap<String, u64>, width: usize) -> String {
    let mut all: Vec<_> = counts.iter().map(|(cause, letters)| (*letters, cause.as_str())).collect();
    all.sort_by_key(|(letters, _)| std::cmp::Reverse(*letters));
    let digits = all.first().map_or(0, |(letters, _)| letters.to_string().len());
    let mut text = String::new();
    for (letters, cause) in all.iter().take(NAMED) {
        let _ = writeln!(text, "{}", fit(&format!("  {letters:>digits$} {}", shown(cause)), width));
    }
    let others = all.get(NAMED..).unwrap_or_default();
    if !others.is_empty() {
        let letters: u64 = others.iter().map(|(letters, _)| letters).sum();
        let causes = count(others.len() as u64, "other cause", "other causes");
        let _ = writeln!(text, "  {letters:>digits$} of {causes}");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(causes: impl IntoIterator<Item = (&'static str, u64)>) -> BTreeMap<String, u64> {
        causes.into_iter().map(|(cause, letters)| (cause.to_owned(), letters)).collect()
    }

    #[test]
    fn the_largest_causes_stand_first_and_the_small_ones_are_one_line() {
        let counts = look([("A/a", 3), ("B/b", 8_120), ("C/c", 12), ("D/d", 1), ("E/e", 2), ("F/f", 1), ("G/g", 1)]);
        let expected = "  8120 B/b\n    12 C/c\n     3 A/a\n     2 E/e\n     1 D/d\n     2 of 2 other causes";
        assert_eq!(table(&counts, 80), expected);
        assert_eq!(table(&BTreeMap::new(), 80), "");
    }

    #[test]
    fn a_cause_is_shown_within_the_terminal_and_without_its_control_characters() {
        let counts = look([("PERMANENT/a-code-that-is-longer-than-the-terminal-has-columns", 7), ("X/\u{1b}[2J", 1)]);
        let drawn = table(&counts, 40);
        assert!(drawn.lines().all(|line| line.chars().count() <= 40), "{drawn}");
        assert!(drawn.contains("\\u{1b}"), "{drawn}");
    }

    #[test]
    fn each_letter_is_counted_with_its_cause() {
        let so_far = SoFar::new(Out { json: false, width: 80, is_terminal: false });
        for letters in 1..=STEP {
            so_far.add(letters, if letters % 2 == 0 { "A/a" } else { "B/b" });
        }
        assert_eq!(so_far.line.position(), STEP);
        assert_eq!(so_far.line.message(), "  125 A/a\n  125 B/b");
        so_far.clear();
    }
}
