//! Holds doc comments in Rust and TypeScript to naming their subject, as those of the standard library do.

use std::path::PathBuf;
use std::{fmt, fs};

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

/// Reads the first paragraph of each doc comment in a TypeScript file; a tag as `@default` begins another one.
fn typescript_summaries(code: &str) -> Vec<Summary> {
    let (mut found, mut rest, mut line) = (Vec::new(), code, 1);
    while let Some((before, after)) = rest.split_once("/**") {
        line += before.matches('\n').count();
        let (comment, behind) = after.split_once("*/").unwrap_or((after, ""));
        let lines = comment.lines().map(|line| line.trim().trim_start_matches('*').trim());
        let lines = lines.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
        let text: Vec<_> = lines.enumerate().take_while(|(at, line)| *at == 0 || !line.starts_with('@')).collect();
        found.push(Summary { line, text: text.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join(" ") });
        line += comment.matches('\n').count();
        rest = behind;
    }
    found
}

/// TypeScript files of the CDK constructs, apart from what is installed or compiled there.
fn typescript() -> Vec<(PathBuf, String)> {
    let folders = ["bin", "examples", "lib", "test"].map(|folder| root().join("infra/cdk").join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "ts"));
    files.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn doc_comments_name_their_subject() {
    let rust: Vec<_> = sources().into_iter().map(|(path, code)| (path, summaries(&code))).collect();
    let typescript = typescript().into_iter().map(|(path, code)| (path, typescript_summaries(&code)));
    let typescript: Vec<_> = typescript.collect();
    let count = |files: &[(PathBuf, Vec<Summary>)]| files.iter().map(|(_, found)| found.len()).sum::<usize>();
    assert!(count(&rust) > 4_000 && count(&typescript) > 250, "the comments must be found");
    let (mut all, mut pronouns, mut short, mut wrong) = (0, 0, 0, Vec::new());
    for (path, found) in rust.into_iter().chain(typescript) {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        for Summary { line, text } in found {
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

#[test]
fn a_typescript_comment_is_judged_as_one_of_rust() {
    let code = "/** Whether it runs. */\nconst a = 1;\n/**\n * Name of\n * the queue.\n * @default none\n */\nb: string;\n\
                // Not a doc comment.\n  /**\n   * The two.\n   *\n   * They differ by their place.\n   */\n";
    let found: Vec<_> = typescript_summaries(code).into_iter().map(|one| (one.line, fault(&one.text))).collect();
    assert_eq!(found, [(1, Some(Fault::Pronoun)), (3, None), (10, Some(Fault::Short))]);
}
