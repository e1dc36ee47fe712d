//! Reads the pages as a visitor does: prose, links, and blocks of code. Each has a test that holds it to what is there.

mod blocks;
mod commands;
mod generated;
mod links;
mod prose;
mod shell;

use std::fs;

use super::root;

/// A page of Markdown, by its path from the project's root.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block of a page.
pub(crate) struct Block {
    /// Page and line, for a failure's text.
    pub(crate) place: String,
    /// Info string of the fence, such as `rust,no_run`.
    pub(crate) fence: String,
    /// Comment on the line before the fence, such as `golden: causes.txt`.
    pub(crate) marker: Option<String>,
    pub(crate) text: String,
}

/// A paragraph, a list's item, a table's row, or a heading, on one line.
pub(crate) struct Paragraph {
    /// Page and line, for a failure's text.
    pub(crate) place: String,
    pub(crate) text: String,
}

/// Pages that a visitor reads: the four at the root, and those of docs.
pub(crate) fn pages() -> Vec<Page> {
    let mut names: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).into();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    assert!(names.len() > 10, "the walk must find the pages");
    names.into_iter().map(|name| Page { text: fs::read_to_string(root().join(&name)).unwrap(), name }).collect()
}

fn starts_a_paragraph(line: &str) -> bool {
    let numbered = line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    numbered || ["- ", "* ", "#", "|", ">", "<!--"].iter().any(|start| line.starts_with(start))
}

impl Page {
    /// Blocks between fences, in their order.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut found: Vec<Block> = Vec::new();
        let mut open = false;
        let mut marker = None;
        for (at, line) in self.text.lines().enumerate() {
            if let Some(fence) = line.strip_prefix("```") {
                open = !open;
                if open {
                    let place = format!("{}:{}", self.name, at + 1);
                    found.push(Block { place, fence: fence.to_owned(), marker: marker.take(), text: String::new() });
                }
            } else if open {
                let block = found.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            marker = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")).map(str::to_owned);
        }
        assert!(!open, "{}: a fence is not closed", self.name);
        found
    }

    /// Everything but the blocks, each paragraph joined to one line.
    pub(crate) fn paragraphs(&self) -> Vec<Paragraph> {
        let mut found: Vec<Paragraph> = Vec::new();
        let (mut inside, mut continues) = (false, false);
        for (at, line) in self.text.lines().enumerate() {
            let line = line.trim();
            inside ^= line.starts_with("```");
            if inside || line.is_empty() || line.starts_with("```") {
                continues = false;
            } else if continues && !starts_a_paragraph(line) {
                let last = found.last_mut().unwrap();
                last.text.push(' ');
                last.text.push_str(line);
            } else {
                found.push(Paragraph { place: format!("{}:{}", self.name, at + 1), text: line.to_owned() });
                continues = !line.starts_with('#') && !line.starts_with('|');
            }
        }
        found
    }
}

impl Paragraph {
    /// Returns the spans between backticks.
    pub(crate) fn spans(&self) -> impl Iterator<Item = &str> {
        self.text.split('`').skip(1).step_by(2)
    }
}
