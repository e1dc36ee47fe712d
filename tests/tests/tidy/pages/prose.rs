//! Measures the prose of the pages, and holds it to what a reader takes in: short sentences, many headings.

use std::fmt::Write;

use super::{Page, pages};

/// Words of a sentence, in the mean.
const SENTENCE: f64 = 18.0;
/// Words under one heading, in the mean.
const SECTION: f64 = 150.0;
const README_LINES: usize = 150;

struct Figures {
    words: f64,
    sentences: f64,
    headings: f64,
}

/// Text as it is read aloud: a span of code is one word, a link its words.
fn spoken(text: &str) -> String {
    let mut words: String =
        text.split('`').enumerate().map(|(at, part)| if at % 2 == 1 { "code" } else { part }).collect();
    while let Some((before, rest)) = words.clone().split_once("](") {
        words = format!("{before}{}", rest.split_once(')').map_or("", |(_, after)| after));
    }
    words.replace(['*', '[', '_'], "")
}

/// Words of each sentence of a paragraph.
fn sentences(text: &str) -> Vec<usize> {
    let mut found = vec![0];
    for word in spoken(text).split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)) {
        *found.last_mut().unwrap() += 1;
        let bare = word.trim_end_matches(['"', ')', '\'']);
        if bare.ends_with(['.', '!', '?']) && !bare.ends_with("...") {
            found.push(0);
        }
    }
    found.retain(|words| *words > 0);
    found
}

fn figures(page: &Page) -> Figures {
    let mut figures = Figures { words: 0.0, sentences: 0.0, headings: 0.0 };
    for paragraph in page.paragraphs() {
        let text = paragraph.text.as_str();
        if text.starts_with('#') {
            figures.headings += 1.0;
        } else if !text.starts_with('|') && !text.starts_with("<!--") && !text.starts_with("Contents:") {
            let item =
                text.trim_start_matches("- ").trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(". ");
            let sentences = sentences(item);
            figures.words += sentences.iter().map(|words| *words as f64).sum::<f64>();
            figures.sentences += sentences.len() as f64;
        }
    }
    figures
}

#[test]
fn pages_have_short_sentences_and_many_headings() {
    let mut table = format!("{:<24} {:>6} {:>9} {:>16}\n", "page", "words", "sentence", "words a heading");
    let mut wrong = String::new();
    for page in pages() {
        let Figures { words, sentences, headings } = figures(&page);
        let (sentence, section) = (words / sentences, words / headings);
        writeln!(table, "{:<24} {words:>6} {sentence:>9.1} {section:>16.0}", page.name).unwrap();
        if sentence > SENTENCE || section > SECTION {
            writeln!(wrong, "{}: {sentence:.1} words a sentence, {section:.0} words a heading", page.name).unwrap();
        }
    }
    eprintln!("{table}");
    assert!(wrong.is_empty(), "at most {SENTENCE} words a sentence and {SECTION} a heading, in the mean:\n{wrong}");
}

#[test]
fn the_readme_is_short() {
    let lines =
        pages().into_iter().find(|page| page.name == "README.md").map(|page| page.text.lines().count()).unwrap();
    eprintln!("README.md has {lines} lines");
    assert!(lines <= README_LINES, "README.md has {lines} lines: move something to docs, and link to it");
}

#[test]
fn sentences_are_counted_as_they_are_read() {
    assert_eq!(sentences("One two. Three `a b. c` [four five](six.md), and so on."), [2, 7]);
    assert_eq!(sentences("Is it at 1.5? (Yes.) So e-mails count"), [4, 1, 3]);
}
