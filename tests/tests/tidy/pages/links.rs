//! Holds links, anchors, and paths that the prose names to what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Page, pages};
use crate::root;

/// Folders at the root: a span that begins with one of them is a path.
const FOLDERS: [&str; 10] =
    ["bench", "cli", "docs", "examples", "findings", "functions", "infra", "shared", "tests", ".github"];

/// Returns a heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .collect::<String>();
    kept.replace(' ', "-")
}

fn anchors(page: &Page) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for paragraph in page.paragraphs() {
        let Some((_, heading)) = paragraph.text.split_once("# ").filter(|(level, _)| level.chars().all(|c| c == '#'))
        else {
            continue;
        };
        let anchor = slug(heading.trim());
        let twin = (1..).map(|n| format!("{anchor}-{n}")).find(|twin| !found.contains(twin)).unwrap();
        found.insert(if found.contains(&anchor) { twin } else { anchor });
    }
    found
}

/// Targets of the links of a text: `[words](target)`.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// Returns the fault of a page's link, if it has one.
fn broken(page: &Page, target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let folder = Path::new(&page.name).parent().unwrap();
    let file = if path.is_empty() { root().join(&page.name) } else { root().join(folder).join(path) };
    let Ok(file) = file.canonicalize() else { return Some("no such file".to_owned()) };
    let anchor = anchor?;
    let Ok(text) = fs::read_to_string(&file) else { return Some("an anchor in a folder".to_owned()) };
    let there = anchors(&Page { name: page.name.clone(), text });
    (!there.contains(anchor)).then(|| format!("no heading has the anchor #{anchor}"))
}

#[test]
fn a_link_of_a_page_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in pages() {
        for paragraph in page.paragraphs() {
            for target in targets(&paragraph.text) {
                seen += 1;
                wrong.extend(broken(&page, target).map(|why| format!("{}: {target}: {why}", paragraph.place)));
            }
        }
    }
    assert!(seen > 60, "the links must be found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_broken_link_is_noticed() {
    let page = |text: &str| Page { name: "docs/some.md".to_owned(), text: text.to_owned() };
    let here = page("# One thing\n\n## What `it` is, then?\n");
    assert_eq!(broken(&page(""), "protocol.md#r6-an-attribute-proves-nothing-by-itself"), None);
    assert_eq!(broken(&page(""), "protocol.md#r99-nothing"), Some("no heading has the anchor #r99-nothing".to_owned()));
    assert_eq!(broken(&page(""), "missing.md"), Some("no such file".to_owned()));
    assert!(anchors(&here).contains("what-it-is-then"), "{:?}", anchors(&here));
}

#[test]
fn a_page_in_docs_is_linked_from_another() {
    let pages = pages();
    for page in pages.iter().filter(|page| page.name.starts_with("docs/")) {
        let name = page.name.strip_prefix("docs/").unwrap();
        let linked = pages.iter().filter(|other| other.name != page.name).any(|other| {
            other.paragraphs().iter().any(|paragraph| targets(&paragraph.text).any(|target| target.contains(name)))
        });
        assert!(linked, "no page links to {}", page.name);
    }
}

#[test]
fn a_path_that_the_prose_names_exists() {
    let mut wrong = Vec::new();
    for page in pages() {
        for paragraph in page.paragraphs() {
            for span in paragraph.spans() {
                let is_path =
                    FOLDERS.iter().any(|folder| span.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
                let plain = span.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
                if is_path && plain && !root().join(span).exists() {
                    wrong.push(format!("{}: {span} is not there", paragraph.place));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
