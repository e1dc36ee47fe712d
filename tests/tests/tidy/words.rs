//! Keeps private words out of what users read: texts of the command, errors, logs, templates and pages. Keeps some of them
//! out of the names in the code, too.

use std::collections::BTreeSet;
use std::fs;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;

use super::{is_for_tests, production, root};

/// Words that a user cannot look up, and what to write instead; the page of the protocol has the glossary.
const PRIVATE: [(&str, &str); 14] = [
    ("life lives", "enqueue, as in the glossary: one arrival of a message in a queue"),
    ("ownerless", "keyless, as in the glossary: an entry of a message without a key"),
    ("grave graves bury buried buries", "dead enqueue, or its mark: what the ledger keeps of one"),
    ("fate fates", "outcome: a letter's, an attempt's or a job's"),
    ("desk", "the stack, its clients, or the queue"),
    ("stranger strangers", "letters, messages or callers of others"),
    ("bent", "faulty, or the fault itself"),
    ("storm", "random faults, or a load"),
    ("mishap mishaps", "fault of a call"),
    ("elsewhere", "the place: another queue, another table, another account"),
    ("said", "who states what: the field, the setting or the service"),
    ("told", "a setting that is given, an answer that is returned, a person who is notified"),
    ("tell tells", "shows, reports or returns; an alarm notifies"),
    ("meant", "chosen, selected or configured"),
];

/// Participles that say who acted, and not what a value is; and what to write instead.
const PRIVATE_NAMES: [(&str, &str); 4] = [
    ("asked", "what it is: request, query, ids to read, consent"),
    ("said", "what it is: options, reason, value of a setting"),
    ("seen", "what it is: inspected message, content, deployment, counts"),
    ("told", "what it is: answer, report, updates, description"),
];

/// Names of stored attributes, each with its file: a cause's count of deaths, in the table and in the command's answers.
const STORED_NAMES: [(&str, &str); 3] = [
    ("shared/core/src/letters/cause.rs", "seen"),
    ("shared/aws/src/letters/causes.rs", "seen"),
    ("cli/src/import.rs", "seen"),
];

/// Names that are stored, or read by scripts, and so outlive their word; the exact text of each.
const STORED: [(&str, &str); 8] = [
    ("life", "attribute of letters and of attempts, in the table and in exports"),
    ("lives", "attribute of ledger entries, also in the policies of roles"),
    ("buried", "attribute of ledger entries, also in the policies of roles"),
    ("!life#{enqueue}", "key of keyless entries in the ledger"),
    ("too-many-lives", "former name of an error code, which letters and policies may have"),
    ("too_many_lives", "count in the replay's answers and in jobs"),
    ("LedgerElsewhere", "parameter of a deployed stack"),
    ("edits-elsewhere", "policy of a deployed role"),
];

/// Returns the advice for the first private word of a text, apart from its placeholders.
fn private(text: &str) -> Option<(&'static str, &'static str)> {
    if STORED.iter().any(|(stored, _)| *stored == text) {
        return None;
    }
    let mut depth = 0_usize;
    let prose: String = text
        .chars()
        .map(|c| {
            depth = match c {
                '{' => depth + 1,
                '}' => depth.saturating_sub(1),
                _ => depth,
            };
            if depth > 0 { ' ' } else { c }
        })
        .collect();
    let found: BTreeSet<String> =
        prose.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_lowercase).collect();
    let of = |words: &'static str| words.split(' ').find(|word| found.contains(*word));
    PRIVATE.iter().find_map(|(words, instead)| Some((of(words)?, *instead)))
}

/// Texts of a file's string literals, and of the help that its comments become.
#[derive(Default)]
struct Texts {
    comments_are_help: bool,
    found: Vec<(usize, String)>,
}

impl Texts {
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse2::<syn::LitStr>(TokenTree::Literal(literal).into()) {
                        self.visit_lit_str(&text);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.found.push((text.span().start().line, text.value()));
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let shown = ["arg", "command", "error", "value"].iter().any(|name| attribute.path().is_ident(name));
        let help = self.comments_are_help && attribute.path().is_ident("doc");
        match &attribute.meta {
            syn::Meta::List(list) if shown => self.tokens(list.tokens.clone()),
            syn::Meta::NameValue(pair) if shown || help => self.visit_expr(&pair.value),
            _ => {}
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

/// Texts of the code that runs for users, with their places.
fn texts_of_the_code() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (file, parsed) in production() {
        let mut texts = Texts { comments_are_help: file == "cli/src/args.rs", ..Texts::default() };
        texts.visit_file(&parsed);
        all.extend(texts.found.into_iter().map(|(line, text)| (format!("{file}:{line}"), text)));
    }
    all
}

/// Lines of the templates and pages, apart from code: fences, spans of code, and names of attributes in policies.
fn texts_of_pages() -> Vec<(String, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "infra/template.yaml", "infra/attach.yaml"];
    let files = others.iter().map(|name| root().join(name)).chain(docs);
    let mut all = Vec::new();
    for path in files.filter(|path| path.extension().is_some_and(|end| end == "md" || end == "yaml")) {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let mut fenced = false;
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            if fence || fenced || line.contains("dynamodb:Attributes") {
                continue;
            }
            let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
            let prose = STORED.iter().fold(prose, |prose, (stored, _)| {
                if stored.chars().any(char::is_uppercase) || stored.contains('-') {
                    prose.replace(stored, " ")
                } else {
                    prose
                }
            });
            all.push((format!("{shown}:{}", at + 1), prose));
        }
    }
    all
}

/// Texts between the quotes of a line of TypeScript; a single word is a name.
fn quoted(line: &str) -> Vec<&str> {
    let code = line.trim_start();
    if ["*", "/*", "//"].iter().any(|comment| code.starts_with(comment)) {
        return Vec::new();
    }
    let Some(quote) = code.chars().find(|c| ['\'', '"', '`'].contains(c)) else { return Vec::new() };
    code.split(quote).skip(1).step_by(2).filter(|text| text.contains(' ')).collect()
}

/// Texts of the CDK's constructs: descriptions, alarms and refusals.
fn texts_of_the_cdk() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for path in fs::read_dir(root().join("infra/cdk/lib")).unwrap().map(|entry| entry.unwrap().path()) {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            all.extend(quoted(line).into_iter().map(|text| (format!("{shown}:{}", at + 1), text.to_owned())));
        }
    }
    all
}

/// Names in a file's code apart from its tests: of bindings, fields, functions and variants, and wherever they are used.
#[derive(Default)]
struct Names(Vec<(usize, String)>);

impl Names {
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(name) => self.0.push((name.span().start().line, name.to_string())),
                TokenTree::Literal(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_ident(&mut self, name: &'ast proc_macro2::Ident) {
        self.0.push((name.span().start().line, name.to_string()));
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

/// Private names of a file, with their lines and the advice for each.
fn private_names(parsed: &syn::File) -> Vec<(usize, String, &'static str)> {
    let mut names = Names::default();
    names.visit_file(parsed);
    let advice =
        |name: &str| PRIVATE_NAMES.iter().find(|(word, _)| name.eq_ignore_ascii_case(word)).map(|(_, one)| *one);
    names.0.into_iter().filter_map(|(line, name)| Some((line, name.clone(), advice(&name)?))).collect()
}

#[test]
fn names_say_what_a_value_is_and_not_who_acted() {
    let mut wrong = Vec::new();
    for (file, parsed) in production() {
        let found = private_names(&parsed).into_iter();
        let found = found.filter(|(_, name, _)| !STORED_NAMES.contains(&(file.as_str(), name.as_str())));
        wrong.extend(found.map(|(line, name, instead)| format!("{file}:{line}: {name}; write {instead}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn private_names_are_found_in_bindings_fields_and_macros_and_not_in_tests() {
    let code = r#"
        struct A { told: u8 }
        enum B { Seen }
        fn asked(first_seen: u8) { let said = 1; warn!(told = 1, "told {said}"); }
        #[cfg(test)]
        mod tests { fn told() {} }
    "#;
    let found: Vec<_> =
        private_names(&syn::parse_file(code).unwrap()).into_iter().map(|(line, name, _)| (line, name)).collect();
    let named = [(2, "told"), (3, "Seen"), (4, "asked"), (4, "said"), (4, "told")];
    assert_eq!(found, named.map(|(line, name)| (line, name.to_owned())));
}

#[test]
fn texts_of_typescript_are_found_between_quotes() {
    assert_eq!(quoted("  says: 'a text of ' + name + 'more of it',"), ["a text of ", "more of it"]);
    assert_eq!(quoted("  const told = \"one's own text\";"), ["one's own text"]);
    assert!(quoted("  // nobody's told 'this one'").is_empty() && quoted("pick('name')").is_empty());
}

#[test]
fn users_read_no_private_word() {
    let (code, mut pages) = (texts_of_the_code(), texts_of_pages());
    let cdk = texts_of_the_cdk();
    assert!(cdk.len() > 200, "the texts of the CDK must be found: {}", cdk.len());
    pages.extend(cdk);
    assert!(code.len() > 2_000 && pages.len() > 3_000, "the texts must be found: {}, {}", code.len(), pages.len());
    let all = code.into_iter().chain(pages);
    let wrong = all.filter_map(|(place, text)| {
        private(&text).map(|(word, instead)| format!("{place}: {word:?} in {text:?}; write: {instead}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_is_judged_by_its_words_and_not_by_its_placeholders() {
    let word = |text: &str| private(text).map(|(word, _)| word);
    assert_eq!(word("47 lives before, dead"), Some("lives"));
    assert_eq!(word("Told by: nobody"), Some("told"));
    assert_eq!(word("{told} of {}, {said:?}"), None);
    assert_eq!(word("lifetime of a stack, retold"), None);
    assert_eq!(word("lives"), None, "the stored name alone");
}

#[test]
fn texts_are_found_in_macros_errors_and_help_and_not_in_tests() {
    let code = r#"
        /// Help of a flag.
        #[error("text of an error {0}")]
        struct A(#[serde(rename = "stored")] u8);
        fn a() { warn!(key = "field", "line of a log"); show(&format!("shown {}", "inner")); }
        #[cfg(test)]
        mod tests { fn b() { show("asserted"); } }
    "#;
    let found = |comments_are_help| {
        let mut texts = Texts { comments_are_help, ..Texts::default() };
        texts.visit_file(&syn::parse_file(code).unwrap());
        texts.found.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
    };
    let shown = ["text of an error {0}", "field", "line of a log", "shown {}", "inner"];
    assert_eq!(found(false), shown);
    assert_eq!(found(true)[0], " Help of a flag.");
}
