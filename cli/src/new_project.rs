//! A project of one's own: `redrive new` writes it, from files that the command carries along.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::args::NewProject;
use crate::completion::{Completion, Error};
use crate::out::Out;

/// Files of a project, and their texts before the names are filled in. The handler, its tests and the template are those of
/// this repository.
const FILES: [(&str, &str); 11] = [
    (".gitignore", include_str!("../project/gitignore")),
    ("Cargo.toml", include_str!("../project/Cargo.toml.template")),
    ("Makefile", include_str!("../project/Makefile.template")),
    ("README.md", include_str!("../project/README.md.template")),
    ("demo/items.jsonl", include_str!("../project/items.jsonl")),
    ("demo/messages.jsonl", include_str!("../project/messages.jsonl")),
    ("samconfig.toml", include_str!("../project/samconfig.toml.template")),
    ("src/handler.rs", include_str!("../project/handler.rs")),
    ("src/handler/tests.rs", include_str!("../project/handler_tests.rs")),
    ("src/main.rs", include_str!("../project/main.rs")),
    (TEMPLATE, include_str!("../project/template.yaml")),
];
const TEMPLATE: &str = "template.yaml";
/// Folder of a project that its Makefile fetches a checkout into.
const FETCHED: &str = ".redrive";
/// Lines of the template that have a function built from its source here.
const BUILD: &str = "    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties: {Binary: NAME}\n";

/// Writes the project, and says what comes next.
pub(crate) fn run(args: &NewProject, out: Out) -> Result<Completion, Error> {
    let name = crate_name(&args.folder)?;
    let source = CrateSource::of(args)?;
    if args.folder.exists() {
        let folder = args.folder.display();
        return Err(Error::Usage(format!(
            "{folder} is there already, and nothing of it is written over: choose another name"
        )));
    }
    let files = files(&name, &source);
    for (path, text) in &files {
        let path = args.folder.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    source.take_versions(&args.folder)?;
    let paths: Vec<_> = files.iter().map(|(path, _)| *path).collect();
    out.either(|| document(&args.folder, &paths), |_| text(&args.folder, &paths))?;
    Ok(Completion::Done)
}

fn document(folder: &Path, files: &[&str]) -> Value {
    json!({"folder": folder.display().to_string(), "files": files})
}

fn text(folder: &Path, files: &[&str]) -> String {
    let folder = folder.display();
    let written = files.iter().map(|path| format!("  {path}\n")).collect::<String>();
    format!("{folder} is written:\n{written}\n  cd {folder} && make test\n")
}

/// Reads the name of the crate from the folder's own.
fn crate_name(folder: &Path) -> Result<String, Error> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let reserved = ["test", "core", "std", "redrive"].contains(&name);
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits) && name.len() <= 64 && !reserved {
        return Ok(name.to_owned());
    }
    Err(Error::Usage(format!("{name:?} is no name of a crate: small letters, digits and '-', like order-charger")))
}

/// Source of the crates that the project depends on.
enum CrateSource {
    /// A checkout on this machine.
    Checkout(PathBuf),
    /// A repository of git.
    Git { url: String, at: GitRevision },
}

/// Revision of a repository of git.
enum GitRevision {
    /// Newest commit of the branch that is the repository's default.
    Newest,
    Tag(String),
    Commit(String),
}

impl GitRevision {
    fn of(args: &NewProject) -> Self {
        match (&args.tag, &args.rev) {
            (Some(tag), _) => Self::Tag(tag.clone()),
            (None, Some(commit)) => Self::Commit(commit.clone()),
            (None, None) => Self::Newest,
        }
    }

    /// Returns the key of a dependency that names it, after a comma.
    fn key(&self) -> String {
        match self {
            Self::Newest => String::new(),
            Self::Tag(tag) => format!(", tag = {}", quoted(tag)),
            Self::Commit(commit) => format!(", rev = {}", quoted(commit)),
        }
    }

    /// Returns what `git fetch` takes for it.
    fn fetched(&self) -> &str {
        match self {
            Self::Newest => "HEAD",
            Self::Tag(name) | Self::Commit(name) => name,
        }
    }
}

impl CrateSource {
    fn of(args: &NewProject) -> Result<Self, Error> {
        if let Some(url) = &args.git {
            let at = GitRevision::of(args);
            if let Some(wrong) = [url, at.fetched()].into_iter().find(|text| !is_plain(text)) {
                return Err(Error::Usage(format!("{wrong:?} is no address or revision of git")));
            }
            return Ok(Self::Git { url: url.clone(), at });
        }
        let checkout = args.path.clone().unwrap_or_default();
        if !checkout.join("shared/redrive/Cargo.toml").is_file() {
            let shown = checkout.display();
            return Err(Error::Usage(format!(
                "{shown} is no checkout of Redrive: it has no shared/redrive/Cargo.toml"
            )));
        }
        Ok(Self::Checkout(fs::canonicalize(checkout)?))
    }

    /// Returns the keys of a dependency on one of the crates.
    fn dependency(&self, folder: &str) -> String {
        match self {
            Self::Checkout(root) => format!("path = {}", quoted(&root.join(folder).display().to_string())),
            Self::Git { url, at } => format!("git = {}{}", quoted(url), at.key()),
        }
    }

    /// Returns the folder in which the functions are, as they were built.
    fn package(&self) -> String {
        match self {
            Self::Checkout(root) => root.join("target/package").display().to_string(),
            Self::Git { .. } => "package".to_owned(),
        }
    }

    /// Returns the folder of a checkout, which the project's Makefile fetches where there is none.
    fn checkout(&self) -> String {
        match self {
            Self::Checkout(root) => root.display().to_string(),
            Self::Git { .. } => FETCHED.to_owned(),
        }
    }

    /// Returns the rule of the Makefile that fetches the checkout.
    fn rule(&self) -> String {
        let Self::Git { url, at } = self else { return String::new() };
        let fetch = [
            format!("git init --quiet {FETCHED}.new"),
            format!("git -C {FETCHED}.new fetch --quiet --depth 1 '{url}' '{}'", at.fetched()),
            format!("git -C {FETCHED}.new checkout --quiet FETCH_HEAD"),
            format!("mv {FETCHED}.new {FETCHED}"),
        ];
        format!("\n{FETCHED}:\n\t@rm -rf {FETCHED}.new\n\t{}\n", fetch.join("\n\t"))
    }

    /// Copies the checkout's lock file, so that the project begins with the versions that were tested there.
    fn take_versions(&self, folder: &Path) -> Result<(), Error> {
        if let Self::Checkout(root) = self
            && root.join("Cargo.lock").is_file()
        {
            fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        }
        Ok(())
    }
}

/// Returns true if a shell and make take the text as it is, and git takes it for no option.
fn is_plain(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:@+~%".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
}

/// Text as a string of TOML: JSON's escapes are among those of TOML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Returns each file with its names filled in.
fn files(name: &str, source: &CrateSource) -> Vec<(&'static str, String)> {
    let filled = |(path, text): (&'static str, &str)| {
        let text = if path == TEMPLATE { own_template(text, name) } else { text.to_owned() };
        let text = text.replace("{{name}}", name).replace("{{redrive}}", &source.dependency("shared/redrive"));
        let text = text.replace("{{testkit}}", &source.dependency("shared/testkit"));
        let text = text.replace("{{checkout}}", &source.checkout()).replace("{{rule}}", &source.rule());
        (path, text.replace("{{package}}", &source.package()))
    };
    FILES.into_iter().map(filled).collect()
}

/// Returns the template with the processor alone as source, and the other functions as they were built.
fn own_template(template: &str, name: &str) -> String {
    let built = ["indexer", "replay"].into_iter().fold(template.to_owned(), |text, function| {
        let text = text.replace(&BUILD.replace("NAME", function), "");
        text.replace(&format!("CodeUri: ../functions/{function}"), &format!("CodeUri: functions/{function}.zip"))
    });
    built
        .replace("{Binary: processor}", &format!("{{Binary: {name}}}"))
        .replace("CodeUri: ../functions/processor", "CodeUri: .")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(source: &CrateSource) -> Vec<(&'static str, String)> {
        files("order-charger", source)
    }

    fn of<'a>(files: &'a [(&'static str, String)], path: &str) -> &'a str {
        &files.iter().find(|(found, _)| *found == path).unwrap().1
    }

    fn checkout() -> CrateSource {
        CrateSource::Checkout(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned())
    }

    fn repository(at: GitRevision) -> CrateSource {
        CrateSource::Git { url: "https://example.com/redrive".to_owned(), at }
    }

    #[test]
    fn every_name_is_filled_in() {
        for source in [checkout(), repository(GitRevision::Newest)] {
            for (path, text) in project(&source) {
                let left = text.split("{{").nth(1).filter(|rest| path != "src/handler/tests.rs" && rest.contains("}}"));
                assert_eq!(left, None, "{path}");
                assert!(text.len() > 20 && text.ends_with('\n'), "{path}");
            }
        }
    }

    #[test]
    fn the_template_builds_the_processor_alone_from_source() {
        let files = project(&checkout());
        let template = of(&files, TEMPLATE);
        assert_eq!(template.matches("BuildMethod").count(), 1);
        let sources: Vec<_> = template.lines().filter_map(|line| line.trim().strip_prefix("CodeUri: ")).collect();
        assert_eq!(sources, [".", "functions/indexer.zip", "functions/replay.zip", "functions/replay.zip"]);
        assert!(template.contains("{Binary: order-charger}") && !template.contains("../"));
    }

    #[test]
    fn the_dependencies_are_a_path_or_a_repository() {
        let tag = || GitRevision::Tag("v0.1.0".to_owned());
        let commit = || GitRevision::Commit("80a2f46".to_owned());
        for (at, key) in [(tag(), r#", tag = "v0.1.0""#), (commit(), r#", rev = "80a2f46""#), (GitRevision::Newest, "")]
        {
            let files = project(&repository(at));
            let line = format!(r#"redrive = {{ git = "https://example.com/redrive"{key}, features = ["testing"] }}"#);
            assert!(of(&files, "Cargo.toml").contains(&line), "{}", of(&files, "Cargo.toml"));
        }
        let files = project(&checkout());
        let manifest = of(&files, "Cargo.toml");
        let path = manifest.lines().find_map(|line| line.strip_prefix("redrive-testkit = { path = \"")).unwrap();
        assert!(Path::new(path.trim_end_matches("\" }")).join("Cargo.toml").is_file(), "{path}");
    }

    #[test]
    fn the_demo_runs_in_the_checkout_or_in_one_that_is_fetched() {
        let files = project(&repository(GitRevision::Tag("v0.1.0".to_owned())));
        let makefile = of(&files, "Makefile");
        assert!(makefile.contains("\nREDRIVE ?= .redrive\n") && makefile.contains("\n.redrive:\n"), "{makefile}");
        assert!(makefile.contains("fetch --quiet --depth 1 'https://example.com/redrive' 'v0.1.0'"), "{makefile}");
        let files = project(&checkout());
        let makefile = of(&files, "Makefile");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().display().to_string();
        assert!(
            makefile.contains(&format!("\nREDRIVE ?= {root}\n")) && !makefile.contains("\n.redrive:"),
            "{makefile}"
        );
    }

    #[test]
    fn an_address_that_a_shell_or_git_takes_for_something_else_is_refused() {
        for text in ["https://example.com/redrive.git", "git@example.com:us/redrive", "v0.1.0", "HEAD"] {
            assert!(is_plain(text), "{text}");
        }
        for text in ["", "--upload-pack=x", "a b", "$(id)", "'", "a\n"] {
            assert!(!is_plain(text), "{text:?}");
        }
    }

    #[test]
    fn a_name_that_no_crate_may_have_is_refused() {
        for name in ["Orders", "1-order", "order_charger!", "redrive", "", "a b"] {
            assert!(crate_name(Path::new(name)).is_err(), "{name}");
        }
        assert_eq!(crate_name(Path::new("apps/order-charger")).unwrap(), "order-charger");
    }
}
