//! Parses each `redrive` line of the pages as the shell would hand it over.

#[path = "../../tests/tests/tidy/pages/shell.rs"]
mod shell;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::CliArgs;

/// Words that stand for a value in the pages, and one such value.
const PLACEHOLDERS: [(&str, &str); 3] = [
    ("ID", "4f288ddb-bee5-5761-b732-cb895e5547b3"),
    ("JOB", "4f288ddb-bee5-5761-b732-cb895e5547b3"),
    ("RULE", "visibility-below-timeout"),
];

/// A line of a page that calls the command.
struct Call {
    place: String,
    words: Vec<String>,
    /// True for a line of a block, to be copied. A mention in the prose may lack what is required.
    whole: bool,
}

fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name)));
    paths.into_iter().map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

fn words(place: &str, line: &str) -> Vec<String> {
    let words = shell::words(line).unwrap_or_else(|| panic!("{place}: a quote is not closed: {line}"));
    words
        .into_iter()
        .map(|word| {
            PLACEHOLDERS.into_iter().find(|(name, _)| *name == word).map_or(word, |(_, value)| value.to_owned())
        })
        .collect()
}

fn calls() -> Vec<Call> {
    let mut found = Vec::new();
    for (page, text) in pages() {
        let mut fence: Option<&str> = None;
        let mut prose = String::new();
        for (at, line) in text.lines().enumerate() {
            if let Some(language) = line.strip_prefix("```") {
                fence = if fence.is_some() { None } else { Some(language) };
            } else if fence == Some("sh") && line.starts_with("redrive ") {
                let place = format!("{page}:{}", at + 1);
                found.push(Call { words: words(&place, line), place, whole: true });
            } else if fence.is_none() {
                prose.push_str(line);
                prose.push(' ');
            }
        }
        for span in prose.split('`').skip(1).step_by(2).filter(|span| span.starts_with("redrive ")) {
            found.push(Call { words: words(&page, span), place: page.clone(), whole: false });
        }
    }
    found
}

#[test]
fn a_line_of_the_pages_is_one_that_the_command_takes() {
    let calls = calls();
    assert!(calls.iter().filter(|call| call.whole).count() > 20, "the lines must be found");
    assert!(calls.iter().filter(|call| !call.whole).count() > 10, "the mentions must be found");
    for Call { place, words, whole } in calls {
        let Err(error) = CliArgs::try_parse_from(&words) else { continue };
        let lacks = matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand);
        assert!(lacks && !whole, "{place}: {}\n{error}", words.join(" "));
    }
}

#[test]
fn a_flag_that_the_command_does_not_take_is_noticed() {
    for line in ["redrive causes --nobody", "redrive nobody", "redrive show", "redrive pause"] {
        assert!(CliArgs::try_parse_from(words("here", line)).is_err(), "{line}");
    }
}
