//! Holds the code's citations to the rules of docs/protocol.md.

use std::collections::BTreeMap;
use std::fs;

use super::{root, sources};

/// The numbers that a line cites as `R12`, as whole words.
fn cited(line: &str) -> impl Iterator<Item = u32> {
    line.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.strip_prefix('R')?.parse().ok())
}

/// Numbers of the rules that the page states, in its order.
fn stated() -> Vec<u32> {
    let page = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let rules = page.lines().filter(|line| line.starts_with("### R"));
    rules.filter_map(|line| cited(line).next()).collect()
}

/// Each cited rule with the places of its citations in the comments of the code.
fn citations() -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (path, text) in sources() {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        for (line, comment) in text.lines().enumerate().filter_map(|(at, line)| Some((at, line.split_once("//")?.1))) {
            for rule in cited(comment) {
                found.entry(rule).or_default().push(format!("{shown}:{}", line + 1));
            }
        }
    }
    found
}

#[test]
fn the_rules_of_the_protocol_are_numbered_without_a_gap() {
    let stated = stated();
    let expected: Vec<u32> = (1..).take(stated.len()).collect();
    assert!(stated.len() > 30, "the page must be found");
    assert_eq!(stated, expected);
}

#[test]
fn a_rule_that_the_code_cites_exists() {
    let stated = stated();
    for (rule, places) in citations() {
        assert!(stated.contains(&rule), "R{rule} is not in docs/protocol.md, and cited at {}", places.join(", "));
    }
}

#[test]
fn a_rule_of_the_protocol_is_cited_where_it_is_kept() {
    let citations = citations();
    let missing: Vec<u32> = stated().into_iter().filter(|rule| !citations.contains_key(rule)).collect();
    assert!(missing.is_empty(), "no code or test cites these rules of docs/protocol.md: {missing:?}");
}
