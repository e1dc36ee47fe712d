//! Holds each block of the pages to something that is compiled, parsed, or rendered by a test.

use std::fs;

use redrive_core::replay::Request;

use super::{Block, pages};
use crate::root;

/// Pages whose Rust blocks are doctests of the facade.
const COMPILED: [&str; 3] = ["README.md", "docs/handler.md", "docs/testing.md"];

fn blocks(language: &str) -> Vec<Block> {
    let mut found: Vec<Block> = pages().iter().flat_map(super::Page::blocks).collect();
    found.retain(|block| block.fence.split(',').next() == Some(language));
    found
}

fn holds(whole: &str, part: &str) -> bool {
    format!("\n{whole}").contains(&format!("\n{part}"))
}

#[test]
fn every_block_says_what_it_is() {
    for block in pages().iter().flat_map(super::Page::blocks) {
        let language = block.fence.split(',').next().unwrap();
        assert!(
            ["rust", "sh", "json", "ts", "text"].contains(&language),
            "{}: no test knows blocks of {language:?}",
            block.place
        );
    }
}

#[test]
fn a_block_of_rust_is_a_doctest() {
    let facade = fs::read_to_string(root().join("shared/redrive/src/lib.rs")).unwrap();
    for page in COMPILED {
        assert!(facade.contains(&format!("include_str!(\"../../../{page}\")")), "{page} is no doctest");
    }
    for block in blocks("rust") {
        let page = block.place.split(':').next().unwrap();
        assert!(COMPILED.contains(&page), "{}: Rust that nothing compiles", block.place);
        let whole_file = block.text.starts_with("mod handler;");
        assert!(!block.fence.contains("ignore") || whole_file, "{}: Rust that nothing compiles", block.place);
    }
}

#[test]
fn a_block_of_json_parses_and_a_request_is_one_that_replay_takes() {
    let found = blocks("json");
    let mut requests = 0;
    for block in &found {
        let value: serde_json::Value =
            serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{}: {error}", block.place));
        if value.get("action").is_some() {
            requests += 1;
            Request::read(&block.text).unwrap_or_else(|error| panic!("{}: {error}", block.place));
        }
    }
    assert!(requests > 3, "the requests must be found");
}

#[test]
fn a_block_of_typescript_is_a_part_of_the_example_that_the_compiler_checks() {
    let example = fs::read_to_string(root().join("infra/cdk/examples/own-app.ts")).unwrap();
    let example: String = example.lines().map(|line| format!("{}\n", line.trim_start())).collect();
    for block in blocks("ts") {
        let shown: String = block.text.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        assert!(holds(&example, &shown), "{}: infra/cdk/examples/own-app.ts has other lines", block.place);
    }
}

#[test]
fn shown_output_is_a_part_of_a_golden_or_of_the_demo() {
    let mut goldens = 0;
    for block in blocks("text") {
        let marker = block.marker.as_deref().unwrap_or_default();
        if let Some(name) = marker.strip_prefix("golden: ") {
            goldens += 1;
            let path = root().join("cli/tests/golden").join(name);
            let golden = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}: no golden {name}", block.place));
            assert!(holds(&golden, &block.text), "{}: the command prints other lines than these: {name}", block.place);
        } else {
            // `infra/checks/test_docs.py` renders the demo's account.
            assert!(["demo", "drawing"].contains(&marker), "{}: where does this output come from?", block.place);
        }
    }
    assert!(goldens > 4, "the outputs must be found");
}
