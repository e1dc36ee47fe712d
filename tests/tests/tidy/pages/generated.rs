//! Holds the generated pages to the data that they are made of, as far as names go: `infra/gates/test_pages.py` holds every word.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::pages;
use crate::root;

fn data(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("infra").join(name)).unwrap()).unwrap()
}

fn names(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned())
}

/// First cells of the tables of a page, up to a heading, where they are code and nothing else.
fn rows(page: &str, end: &str) -> BTreeSet<String> {
    let page = pages().into_iter().find(|one| one.name == page).unwrap();
    let text = page.text.split_once(end).map_or(page.text.clone(), |(before, _)| before.to_owned());
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once("` |")?.0.to_owned());
    text.lines().filter_map(cell).collect()
}

const ANEW: &str = "a row for each, and no other: make pages";

#[test]
fn the_page_of_settings_has_every_parameter_and_every_variable() {
    let settings = data("settings.json");
    let known: BTreeSet<_> = names(&settings["parameters"]).chain(names(&settings["variables"])).collect();
    assert_eq!(rows("docs/configure.md", "\nnever\n"), known, "{ANEW}");
}

#[test]
fn the_page_of_metrics_has_every_metric() {
    let groups = data("metrics.json")["emitted"].as_array().unwrap().clone();
    let emitted: BTreeSet<_> = groups.iter().flat_map(|group| group["metrics"].as_object().unwrap().keys()).collect();
    let rows = rows("docs/metrics.md", "\n## Alarms\n");
    assert_eq!(rows.iter().collect::<BTreeSet<_>>(), emitted, "{ANEW}");
}
