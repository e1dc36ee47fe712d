//! Holds names to one meaning each, and keeps private words out of the names of types and files.

use std::collections::{BTreeMap, BTreeSet};

use super::production;

/// Type names that stand in more than one production file, with the reason.
const SHARED: [(&str, &str); 1] = [("Error", "each crate's own error, as the standard library names its own")];

/// Words that a stranger cannot guess, and the word to use instead.
const PRIVATE: [(&str, &str); 18] = [
    ("life", "enqueue"),
    ("lives", "enqueues"),
    ("ownerless", "keyless"),
    ("fate", "disposition"),
    ("happening", "event kind"),
    ("standing", "pending counts"),
    ("desk", "name the clients or the queue"),
    ("buried", "dead enqueues"),
    ("bent", "faulty stores"),
    ("cast", "actors"),
    ("storm", "random faults"),
    ("mishap", "call fault"),
    ("said", "a stated reason, or options"),
    ("seen", "a view"),
    ("asked", "terms"),
    ("told", "a report"),
    ("tried", "a result"),
    ("ended", "a completion"),
];

/// Names of the types that items define, in modules as well, apart from tests.
fn types(items: &[syn::Item], found: &mut BTreeSet<String>) {
    for item in items {
        let name = match item {
            syn::Item::Struct(item) => &item.ident,
            syn::Item::Enum(item) => &item.ident,
            syn::Item::Union(item) => &item.ident,
            syn::Item::Trait(item) => &item.ident,
            syn::Item::Type(item) => &item.ident,
            syn::Item::Mod(item) if !super::is_for_tests(&item.attrs) => {
                types(item.content.as_ref().map_or(&[], |(_, items)| items), found);
                continue;
            }
            _ => continue,
        };
        found.insert(name.to_string());
    }
}

/// Files by the names of the types that they define.
fn definitions() -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, parsed) in production() {
        let mut found = BTreeSet::new();
        types(&parsed.items, &mut found);
        for name in found {
            all.entry(name).or_default().insert(file.clone());
        }
    }
    all
}

/// Words of a name, in snake case or in camel case, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() && all.last().is_some_and(|word| !word.is_empty()) {
            all.push(String::new());
        }
        if let Some(word) = all.last_mut().filter(|_| letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    all
}

#[test]
fn a_type_name_is_defined_in_one_production_file() {
    let all = definitions();
    let twice = all.iter().filter(|(name, files)| files.len() > 1 && !SHARED.iter().any(|(shared, _)| shared == name));
    let twice: Vec<_> = twice.map(|(name, files)| format!("{name}: {files:?}")).collect();
    assert!(all.len() > 400, "the types must be found");
    assert!(twice.is_empty(), "one name, several meanings:\n{}", twice.join("\n"));
    for (name, why) in SHARED {
        assert!(all.get(name).is_some_and(|files| files.len() > 1), "{name} stands once by now ({why}): off the list");
    }
}

#[test]
fn no_private_word_names_a_type_or_a_file() {
    let stem = |file: &str| file.rsplit('/').next().and_then(|last| last.strip_suffix(".rs")).map(str::to_owned);
    let named =
        definitions().into_iter().flat_map(|(name, files)| files.into_iter().map(move |file| (name.clone(), file)));
    let files = production().into_iter().filter_map(|(file, _)| Some((stem(&file)?, file)));
    let mut wrong = Vec::new();
    for (name, file) in named.chain(files) {
        for word in words(&name) {
            if let Some((_, better)) = PRIVATE.iter().find(|(private, _)| *private == word) {
                wrong.push(format!("{file}: {name} has the word {word:?}; better: {better}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn words_are_found_in_every_case() {
    assert_eq!(words("DeadLife"), ["dead", "life"]);
    assert_eq!(words("first_life"), ["first", "life"]);
}
