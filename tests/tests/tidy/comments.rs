//! Holds doc comments to naming their subject, as those of the standard library do.

use std::fmt;

use super::{root, sources};

/// Fewest words that a doc comment's first paragraph has.
const FEWEST_WORDS: usize = 4;

/// Words that stand for a subject instead of naming it.
const PRONOUNS: &str = "he here how it it's its one ones she that their theirs them there these they this those what \
    whatever when whenever where wherever whether which whichever who whoever whom whose why";

/// Fault of a doc comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The first word is a pronoun or a question word.
    Pronoun,
    /// The first paragraph has too few words.
    Short,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pronoun => "opens with a pronoun or a question word: name the subject",
            Self::Short => "has fewer than four words: say what, in which unit, within which limits",
        })
    }
}

/// Returns the fault of a doc comment's first paragraph, if it has one.
fn fault(paragraph: &str) -> Option<Fault> {
    let mut words = paragraph.split_whitespace();
    let first = words.next().unwrap_or_default().trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    if PRONOUNS.split(' ').any(|pronoun| pronoun == first) {
        return Some(Fault::Pronoun);
    }
    (paragraph.split_whitespace().count() < FEWEST_WORDS).then_some(Fault::Short)
}

/// Doc comment's first paragraph, with the line at which it begins.
struct Summary {
    line: usize,
    text: String,
}

/// Reads the first paragraph of each doc comment in a file.
fn summaries(code: &str) -> Vec<Summary> {
    let mut found: Vec<Summary> = Vec::new();
    // The marker of the comment that the line before belongs to, and whether its first paragraph goes on.
    let mut before: Option<(&str, bool)> = None;
    for (at, line) in code.lines().enumerate() {
        let marker = ["///", "//!"].into_iter().find(|marker| line.trim_start().starts_with(marker));
        let Some(marker) = marker.filter(|_| !line.trim_start().starts_with("////")) else {
            before = None;
            continue;
        };
        let text = line.trim_start()[marker.len()..].trim();
        match before {
            Some((same, true)) if same == marker && !text.is_empty() => {
                let summary = found.last_mut().expect("a comment that goes on has begun");
                summary.text = format!("{} {text}", summary.text);
            }
            Some((same, goes_on)) if same == marker => before = Some((marker, goes_on && !text.is_empty())),
            _ => {
                found.push(Summary { line: at + 1, text: text.to_owned() });
                before = Some((marker, true));
            }
        }
    }
    found
}

#[test]
fn doc_comments_name_their_subject() {
    let (mut all, mut pronouns, mut short, mut wrong) = (0, 0, 0, Vec::new());
    for (path, code) in sources() {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        for Summary { line, text } in summaries(&code) {
            all += 1;
            let Some(fault) = fault(&text) else { continue };
            match fault {
                Fault::Pronoun => pronouns += 1,
                Fault::Short => short += 1,
            }
            wrong.push(format!("{shown}:{line}: {text:?} {fault}"));
        }
    }
    eprintln!(
        "{all} doc comments: {pronouns} open with a pronoun or question word, {short} have fewer than {FEWEST_WORDS} words"
    );
    assert!(all > 4_000, "the comments must be found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_comment_is_judged_by_its_first_word_and_its_length() {
    let code = "//! Which rooms there are.\n\n/// It waits for a person.\nfn a() {}\n/// Its ARN.\nfn b() {}\n\
                /// Returns the name\n/// of a queue.\n///\n/// It never fails.\nfn c() {}\n    /// The text.\n    d: u8,\n//// Not a doc comment.\n";
    let found: Vec<_> = summaries(code).into_iter().map(|one| (one.line, fault(&one.text))).collect();
    let (pronoun, short) = (Some(Fault::Pronoun), Some(Fault::Short));
    assert_eq!(found, [(1, pronoun), (3, pronoun), (5, pronoun), (7, None), (12, short)]);
}
