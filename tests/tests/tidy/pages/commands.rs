//! Holds each command line of the pages to the Makefile, the manifests, and the folders. The command's own lines are
//! parsed in `cli/src/pages.rs`, those of aws and sam in `infra/checks/test_docs.py`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use redrive_core::replay::Request;

use super::shell::words;
use super::{Page, pages};
use crate::{manifest, members, root, sources};

/// Flags of Cargo's commands that stand alone.
const CARGO_FLAGS: [&str; 10] =
    ["--all", "--all-targets", "--check", "--doc", "--lib", "--locked", "--no-deps", "--release", "--workspace", "--"];
/// Commands that other tests know, and those that need no test.
const ELSEWHERE: [&str; 2] = ["redrive", "sam"];

/// Command that a page shows.
struct Command {
    place: String,
    /// Assignments before it, such as `STAGE_PORT=0`.
    environment: Vec<String>,
    words: Vec<String>,
    /// Folder that the lines before it have changed to.
    folder: PathBuf,
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

fn command(place: &str, line: &str, folder: &Path) -> Option<Command> {
    let mut environment = words(line).unwrap_or_else(|| panic!("{place}: a quote is not closed: {line}"));
    let command = environment.iter().position(|word| !is_assignment(word))?;
    let words = environment.split_off(command);
    Some(Command { place: place.to_owned(), environment, words, folder: folder.to_owned() })
}

/// Commands of a page's blocks, and those spans that begin with make or cargo.
fn commands(page: &Page) -> Vec<Command> {
    let mut found = Vec::new();
    for block in page.blocks().iter().filter(|block| block.fence == "sh") {
        let mut folder = root();
        for line in block.text.replace("\\\n", " ").lines() {
            let Some(command) = command(&block.place, line, &folder) else { continue };
            if command.words.first().is_some_and(|word| word == "cd") {
                folder = folder.join(&command.words[1]);
            }
            let writes_project = command.words.starts_with(&["redrive".to_owned(), "new".to_owned()]);
            found.push(command);
            if writes_project {
                // What follows is run in that project, by `make new-project`.
                break;
            }
        }
    }
    for paragraph in page.paragraphs() {
        for span in paragraph.spans() {
            if ["make ", "cargo ", "npm "].iter().any(|name| span.starts_with(name)) {
                found.extend(command(&paragraph.place, span, &root()));
            }
        }
    }
    found
}

fn check(command: &Command, makefile: &str) -> Result<(), String> {
    let arguments = &command.words[1..];
    match command.words[0].as_str() {
        "make" => make(&command.environment, arguments, makefile),
        "cargo" => cargo(arguments),
        "cd" => {
            let there = command.folder.join(arguments.first().ok_or("cd to nowhere")?).is_dir();
            if there { Ok(()) } else { Err("no such folder".to_owned()) }
        }
        "npm" | "npx" => node(command),
        "aws" => match arguments.iter().skip_while(|word| *word != "--payload").nth(1) {
            Some(payload) => Request::read(payload).map(drop).map_err(|error| error.to_string()),
            None => Ok(()),
        },
        other if ELSEWHERE.contains(&other) => Ok(()),
        other => Err(format!("no test knows the command {other}")),
    }
}

/// A target and its variables exist.
fn make(environment: &[String], arguments: &[String], makefile: &str) -> Result<(), String> {
    let targets: BTreeSet<&str> =
        makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    for word in environment.iter().chain(arguments) {
        let Some((name, value)) = word.split_once('=') else {
            if targets.contains(word.as_str()) {
                continue;
            }
            return Err(format!("the Makefile has no target {word}"));
        };
        let read = [format!("$({name})"), format!("$${{{name}:-"), format!("export {name} "), format!("\n{name} ?=")];
        if !read.iter().any(|form| makefile.contains(form)) {
            return Err(format!("the Makefile reads no variable {name}"));
        }
        let file = match name {
            "EVENT" => Some(root().join(value)),
            "F" if value.chars().all(char::is_lowercase) => Some(root().join("functions").join(value)),
            "TARGET" => Some(root().join("tests/fuzz/fuzz_targets").join(value).with_extension("rs")),
            _ => None,
        };
        if file.is_some_and(|file| !file.exists()) {
            return Err(format!("{name}={value} names nothing that is there"));
        }
    }
    Ok(())
}

/// Packages, test binaries, features, paths and names of tests exist.
fn cargo(arguments: &[String]) -> Result<(), String> {
    let known = ["build", "check", "clippy", "doc", "fmt", "install", "lambda", "run", "test"];
    let mut words = arguments.iter().map(String::as_str);
    let what = words.next().unwrap_or_default();
    if !known.contains(&what) {
        return Err(format!("no test knows cargo {what}"));
    }
    let missing = |what: &str, name: &str| Err(format!("there is no {what} {name}"));
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word {
            _ if CARGO_FLAGS.contains(&word) => {}
            "build" | "watch" | "invoke" if what == "lambda" => {}
            "-D" if what == "clippy" => drop(value()?),
            "-p" => {
                let name = value()?;
                let there = members().iter().any(|folder| manifest(folder)["package"]["name"].as_str() == Some(name));
                if !there {
                    return missing("package", name);
                }
            }
            "--test" => {
                let name = value()?;
                let folders = members().into_iter().map(|folder| folder.join("tests"));
                if !folders.clone().any(|tests| tests.join(name).is_dir() || tests.join(format!("{name}.rs")).is_file())
                {
                    return missing("test binary", name);
                }
            }
            "--bin" => {
                let name = value()?;
                let is = |table: &toml::Value| table.get("name").and_then(toml::Value::as_str) == Some(name);
                let named = |manifest: &toml::Table| {
                    let bins = manifest.get("bin").and_then(toml::Value::as_array);
                    bins.map_or_else(|| manifest.get("package").is_some_and(is), |bins| bins.iter().any(is))
                };
                if !members().iter().any(|folder| named(&manifest(folder))) {
                    return missing("binary", name);
                }
            }
            "--path" => {
                let path = value()?;
                if !root().join(path).join("Cargo.toml").is_file() {
                    return missing("package in", path);
                }
            }
            "--features" => {
                let name = value()?;
                let has = |folder: &PathBuf| {
                    manifest(folder).get("features").is_some_and(|features| features.get(name).is_some())
                };
                if !members().iter().any(has) {
                    return missing("feature", name);
                }
            }
            "NAME" if what == "test" => {}
            filter if what == "test" && !filter.starts_with('-') => {
                let module = |path: &PathBuf| path.to_string_lossy().contains(filter);
                if !sources().iter().any(|(path, text)| module(path) || text.contains(&format!("fn {filter}"))) {
                    return missing("test", filter);
                }
            }
            other => return Err(format!("no test knows {other} of cargo {what}")),
        }
    }
    Ok(())
}

/// A script of the package, a file that an app is compiled from, and known options.
fn node(command: &Command) -> Result<(), String> {
    let arguments: Vec<&str> = command.words[1..].iter().map(String::as_str).collect();
    match (command.words[0].as_str(), arguments.as_slice()) {
        ("npm", ["ci" | "pack" | "install"]) => Ok(()),
        ("npm", ["run", script]) => {
            let package = fs::read_to_string(command.folder.join("package.json")).map_err(|_| "no package here")?;
            let package: serde_json::Value = serde_json::from_str(&package).map_err(|error| error.to_string())?;
            let script = &package["scripts"][*script];
            if script.is_string() { Ok(()) } else { Err("the package has no such script".to_owned()) }
        }
        ("npx", ["cdk", "deploy"]) => Ok(()),
        ("npx", ["cdk", "deploy", "--app", app, "-c", rest @ ..]) => {
            let source = app.trim_start_matches("node dist/").replace(".js", ".ts");
            let code = fs::read_to_string(command.folder.join(source)).map_err(|_| "no such app")?;
            let context = rest.iter().filter_map(|word| word.split_once('=')).map(|(name, _)| name);
            match context.into_iter().find(|name| !code.contains(&format!("'{name}'"))) {
                Some(name) => Err(format!("the app reads no context {name}")),
                None => Ok(()),
            }
        }
        _ => Err("no test knows this use of npm".to_owned()),
    }
}

#[test]
fn a_command_line_of_a_page_is_one_that_runs() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in pages() {
        for command in commands(&page) {
            seen += 1;
            if let Err(why) = check(&command, &makefile) {
                wrong.push(format!("{}: {}: {why}", command.place, command.words.join(" ")));
            }
        }
    }
    assert!(seen > 60, "the commands must be found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_command_line_is_noticed() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let tried = |line: &str| check(&command("here", line, &root()).unwrap(), &makefile);
    assert_eq!(tried("STAGE_PORT=0 make stage  # a comment"), Ok(()));
    assert_eq!(tried("make nothing"), Err("the Makefile has no target nothing".to_owned()));
    assert_eq!(tried("make stage PORT=1"), Err("the Makefile reads no variable PORT".to_owned()));
    assert_eq!(tried("make watch F=nobody"), Err("F=nobody names nothing that is there".to_owned()));
    assert_eq!(tried("cargo test --workspace --test flow generated"), Ok(()));
    assert_eq!(tried("cargo test -p nobody"), Err("there is no package nobody".to_owned()));
    assert_eq!(tried("cargo test --test nowhere"), Err("there is no test binary nowhere".to_owned()));
    assert_eq!(tried("aws lambda invoke --payload '{\"action\":\"jobs\"}' out"), Ok(()));
    assert!(tried("aws lambda invoke --payload '{\"action\":\"job\"}' out").is_err());
    assert_eq!(tried("terraform apply"), Err("no test knows the command terraform".to_owned()));
}
