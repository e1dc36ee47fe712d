//! Reads the code and fails on untidiness: the house rules of ARCHITECTURE.md, kept by a machine.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod circles;
mod comments;
mod commits;
mod names;
mod pages;
mod protocol;
mod types;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::Visit;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
const MAIN_LINES: usize = 30;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(folder: &Path) -> toml::Table {
    fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap()
}

fn members() -> Vec<PathBuf> {
    let mut found = ["bench", "cli", "console", "examples", "tests"].map(|member| root().join(member)).to_vec();
    for parent in ["functions", "shared"] {
        for entry in fs::read_dir(root().join(parent)).unwrap() {
            let path = entry.unwrap().path();
            if path.join("Cargo.toml").exists() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["bench", "cli", "console", "examples", "functions", "shared", "tests"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 30, "the walk must find the code");
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Returns true if the attributes keep an item to tests.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || matches!(&attribute.meta, syn::Meta::List(list)
                if list.path.is_ident("cfg")
                    && list.tokens.to_string().trim_start_matches("any").trim_start_matches([' ', '(']).starts_with("test"))
    })
}

/// Parsed files of what is deployed or used by operators: no tests, no examples, and nothing that is for tests.
fn production() -> Vec<(String, syn::File)> {
    let mut found = Vec::new();
    let mut for_tests: Vec<String> = ["tests/", "shared/testkit/", "examples/"].map(str::to_owned).to_vec();
    for (path, text) in sources() {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let folder = ["/lib.rs", "/main.rs"].iter().find_map(|end| file.strip_suffix(end));
        let folder = folder.unwrap_or_else(|| file.trim_end_matches(".rs")).to_owned();
        let modules = parsed.items.iter().filter_map(|item| match item {
            syn::Item::Mod(item) if item.content.is_none() && is_for_tests(&item.attrs) => Some(&item.ident),
            _ => None,
        });
        for_tests.extend(modules.flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]));
        found.push((file, parsed));
    }
    found.retain(|(file, _)| file.contains("/src/") && !for_tests.iter().any(|part| file.starts_with(part.as_str())));
    assert!(found.len() > 200, "the code must be found");
    found
}

/// Names of the dependencies of a member, tests' own apart.
fn dependencies(folder: &Path) -> BTreeSet<String> {
    let manifest = manifest(folder);
    manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(|t| t.keys().cloned()).collect()
}

fn ours(folder: &str) -> BTreeSet<String> {
    dependencies(&root().join(folder)).into_iter().filter(|name| name.starts_with("redrive")).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn core_depends_on_nothing_that_knows_aws_tokio_or_the_world() {
    let allowed = set(&["base64", "json-patch", "md-5", "serde", "serde_json", "sha2", "thiserror", "time", "uuid"]);
    assert_eq!(dependencies(&root().join("shared/core")), allowed);
    let doctor = set(&["redrive-core", "serde_json", "thiserror"]);
    assert_eq!(dependencies(&root().join("shared/doctor")), doctor);
    // The testkit behind its samples, which only tests ask for.
    let operator =
        set(&["base64", "futures-util", "redrive-core", "redrive-testkit", "serde", "serde_json", "thiserror"]);
    assert_eq!(dependencies(&root().join("shared/operator")), operator);
    let manifest = manifest(&root().join("shared/operator"));
    assert_eq!(manifest["dependencies"]["redrive-testkit"]["optional"].as_bool(), Some(true));
}

#[test]
fn every_arrow_between_the_floors_points_down() {
    let core = set(&["redrive-core"]);
    assert_eq!(ours("shared/core"), set(&[]));
    for room in ["engine", "aws", "doctor", "kafka", "lambda", "rabbitmq", "testkit"] {
        assert_eq!(ours(&format!("shared/{room}")), core, "shared/{room}");
    }
    assert_eq!(ours("shared/operator"), set(&["redrive-core", "redrive-testkit"]), "shared/operator");
    let cli = set(&["redrive-aws", "redrive-console", "redrive-core", "redrive-doctor", "redrive-operator"]);
    assert_eq!(ours("cli"), cli, "cli");
    assert_eq!(ours("console"), set(&["redrive-core", "redrive-operator"]), "console");
    for function in [
        "processor",
        "indexer",
        "replay",
        "kafka-processor",
        "kafka-indexer",
        "kafka-replay",
        "rabbitmq-processor",
        "rabbitmq-indexer",
        "rabbitmq-replay",
    ] {
        assert_eq!(ours(&format!("functions/{function}")), set(&["redrive"]), "functions/{function}");
    }
}

#[test]
fn aws_types_stop_at_their_room() {
    for (path, text) in sources() {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let sdk_may_stand = [
            "shared/aws",
            "shared/redrive",
            "cli/src/aws.rs",
            "cli/src/aws/",
            "cli/src/reach.rs",
            "cli/src/doctor/aws",
            "cli/tests/",
            "bench/",
            "examples/",
            "tests/",
        ]
        .iter()
        .any(|room| shown.starts_with(room));
        assert!(sdk_may_stand || !text.contains("aws_sdk_"), "{shown} names the SDK");
        // A function that is none of ours: it is measured beside them.
        let bare = "bench/src/bin/bare-sdk.rs";
        let lambda_may_stand = ["shared/lambda", "tests/", bare].iter().any(|room| shown.starts_with(room));
        assert!(lambda_may_stand || !text.contains("lambda_runtime::"), "{shown} names the Lambda runtime");
        assert!(
            shown.starts_with("shared/kafka") || shown.starts_with("tests/") || !text.contains("krafka::"),
            "{shown} names Kafka's client"
        );
        assert!(
            shown.starts_with("shared/rabbitmq") || shown.starts_with("tests/") || !text.contains("lapin::"),
            "{shown} names RabbitMQ's client"
        );
        let environment_may_be_read = shown == "shared/lambda/src/config.rs"
            || shown.starts_with("shared/lambda/src/config/")
            || ["cli/src/who.rs", "cli/src/reach.rs", "cli/src/out.rs", bare].contains(&shown.as_str())
            || shown.starts_with("cli/tests/")
            || shown.starts_with("tests/");
        let reads = text.contains(concat!("env::", "var(")) || text.contains(concat!("env::", "vars("));
        assert!(environment_may_be_read || !reads, "{shown} reads the environment");
    }
}

#[test]
fn every_member_inherits_the_lints_and_the_edition() {
    for folder in members() {
        let manifest = manifest(&folder);
        let inherits = |table: &str, key: &str| {
            let value = manifest.get(table).and_then(|table| table.get(key));
            let inner = value.and_then(|value| value.get("workspace")).or(value);
            inner.and_then(toml::Value::as_bool) == Some(true)
        };
        assert!(inherits("lints", "workspace"), "{}: lints", folder.display());
        assert!(inherits("package", "edition"), "{}: edition", folder.display());
    }
}

/// Members that a registry may take one day; the others are this repository's own.
fn is_published(folder: &Path) -> bool {
    let shown = folder.strip_prefix(root()).unwrap().display().to_string();
    shown.starts_with("shared/") || ["cli", "console"].contains(&shown.as_str())
}

#[test]
fn a_crate_that_may_be_published_says_what_it_is_and_names_the_versions_of_the_others() {
    let workspace = manifest(&root());
    let version = workspace["workspace"]["package"]["version"].as_str().unwrap().to_owned();
    let mut seen = 0;
    for folder in members().into_iter().filter(|folder| is_published(folder)) {
        let manifest = manifest(&folder);
        let (package, name) = (&manifest["package"], manifest["package"]["name"].as_str().unwrap());
        let description = package.get("description").and_then(toml::Value::as_str).unwrap_or_default();
        assert!((20..=120).contains(&description.len()), "{name}: its description has {} letters", description.len());
        for key in ["license", "keywords", "categories", "readme", "version"] {
            assert!(package.get(key).is_some(), "{name}: package.{key}");
        }
        let dependency = &workspace["workspace"]["dependencies"][name.trim_end_matches("-cli")];
        assert!(name == "redrive-cli" || dependency["version"].as_str() == Some(&version), "{name}: version {version}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn panics_unwind_in_every_profile() {
    let manifest = manifest(&root());
    let profiles = manifest.get("profile").and_then(toml::Value::as_table).unwrap();
    for (name, profile) in profiles {
        let panic = profile.get("panic").and_then(toml::Value::as_str);
        assert_ne!(panic, Some("abort"), "profile {name}: one message's panic must not take its batch along");
        // Cargo would unwind by itself, but cargo-lambda builds a release that aborts where this is not said.
        assert!(name != "release" || panic == Some("unwind"), "profile release must say that panics unwind");
    }
}

#[test]
fn files_and_mains_stay_small() {
    for (path, text) in sources() {
        let shown = path.strip_prefix(root()).unwrap().display();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines().count();
        assert!(code <= FILE_LINES, "{shown} has {code} lines without its tests: do two rooms share one roof?");
        if path.ends_with("main.rs") && path.starts_with(root().join("functions")) {
            assert!(code <= MAIN_LINES, "{shown} has {code} lines: it should only join");
        }
    }
}

#[test]
fn the_page_of_handlers_shows_the_code_that_is_there() {
    let page = fs::read_to_string(root().join("docs/handler.md")).unwrap();
    for (file, from, fence) in [("handler.rs", "use redrive", "rust"), ("main.rs", "mod handler", "rust,ignore")] {
        let code = fs::read_to_string(root().join("functions/processor/src").join(file)).unwrap();
        let shown = &code[code.find(from).unwrap()..];
        assert!(page.contains(&format!("```{fence}\n{shown}```")), "docs/handler.md shows another {file}");
    }
}

struct Lengths<'a> {
    file: &'a str,
    long: Vec<String>,
}

impl Lengths<'_> {
    fn measure(&mut self, name: &syn::Ident, block: &syn::Block) {
        let span = block.span();
        let lines = span.end().line - span.start().line + 1;
        if lines > FUNCTION_LINES {
            self.long.push(format!("{}: {name} has {lines} lines", self.file));
        }
    }
}

impl<'ast> Visit<'ast> for Lengths<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut lengths = Lengths { file: &file, long: Vec::new() };
        lengths.visit_file(&parsed);
        long.extend(lengths.long);
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// The lines of a resource, or of a statement of a policy, up to the next one.
fn part(template: &str, start: &str) -> Vec<String> {
    let indent = start.len() - start.trim_start().len();
    let mut lines = template.lines().skip_while(|line| *line != start);
    let first = lines.next().unwrap_or_else(|| panic!("no {start:?}")).to_owned();
    let inside = |line: &&str| line.len() - line.trim_start().len() > indent;
    [first].into_iter().chain(lines.take_while(inside).map(str::to_owned)).collect()
}

#[test]
fn the_two_templates_agree_on_the_letters_table_and_on_what_may_be_done_with_it() {
    let read = |name: &str| fs::read_to_string(root().join("infra").join(name)).unwrap();
    let (template, attach) = (read("template.yaml"), read("attach.yaml"));
    let statements = ["WriteLetters", "ClaimAndMarkLetters", "FindLetters"];
    let statements = statements.map(|sid| format!("              - Sid: {sid}"));
    for start in statements.iter().map(String::as_str).chain(["  DeadLetters:"]) {
        let (ours, theirs) = (part(&template, start), part(&attach, start));
        assert!(ours.len() > 3, "{start:?} has no lines");
        assert_eq!(ours, theirs);
    }
}
