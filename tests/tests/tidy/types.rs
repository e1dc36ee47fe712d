//! Holds types to one job and files to one direction: few methods a type, few files a type, and no circle of files in the
//! engine, calls between the files of one type included.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use super::{root, sources};

/// Most inherent methods of a type.
const METHODS: usize = 20;
/// Most files with inherent methods of a type.
const FILES: usize = 3;

/// Code of one file without its tests.
struct Code {
    /// Modules from the crate's root to the file's own.
    module: Vec<String>,
    parsed: syn::File,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let listed = attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test");
        attribute.path().is_ident("cfg") && listed
    })
}

impl Code {
    /// Reads a file of a crate, by its path below `src`.
    fn read(path: &str, text: &str) -> Self {
        let module = path.trim_end_matches(".rs").split('/').map(str::to_owned);
        let module = module.filter(|name| !["lib", "main"].contains(&name.as_str())).collect();
        let mut parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        parsed.items.retain(|item| match item {
            syn::Item::Mod(inner) => !is_test(&inner.attrs),
            syn::Item::Impl(inner) => !is_test(&inner.attrs),
            syn::Item::Fn(inner) => !is_test(&inner.attrs),
            syn::Item::Use(inner) => !is_test(&inner.attrs),
            _ => true,
        });
        Self { module, parsed }
    }

    /// Blocks of methods, each with the name of its type; those of traits among them.
    fn blocks(&self) -> impl Iterator<Item = (String, &syn::ItemImpl)> {
        self.parsed.items.iter().filter_map(|item| {
            let syn::Item::Impl(block) = item else { return None };
            let syn::Type::Path(of) = &*block.self_ty else { return None };
            Some((of.path.segments.last()?.ident.to_string(), block))
        })
    }
}

fn methods(block: &syn::ItemImpl) -> impl Iterator<Item = String> {
    block.items.iter().filter_map(|item| match item {
        syn::ImplItem::Fn(method) => Some(method.sig.ident.to_string()),
        _ => None,
    })
}

/// Production code of every crate: its folder, and its files by their paths below `src`.
fn crates() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut crates: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (path, text) in sources() {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let Some((folder, file)) = shown.split_once("/src/") else { continue };
        let of_tests = file.split('/').any(|part| part == "tests" || part == "tests.rs");
        if !of_tests {
            crates.entry(folder.to_owned()).or_default().insert(file.to_owned(), text);
        }
    }
    crates
}

/// Methods of a type, and the files that they are in.
#[derive(Default)]
struct Size {
    methods: usize,
    files: BTreeSet<String>,
}

fn sizes(files: &BTreeMap<String, String>) -> BTreeMap<String, Size> {
    let mut sizes: BTreeMap<String, Size> = BTreeMap::new();
    for (path, text) in files {
        for (name, block) in Code::read(path, text).blocks().filter(|(_, block)| block.trait_.is_none()) {
            let size = sizes.entry(name).or_default();
            size.methods += methods(block).count();
            size.files.insert(path.clone());
        }
    }
    sizes
}

#[test]
fn types_are_small_and_stand_in_few_files() {
    let (mut wrong, mut most, mut widest) = (Vec::new(), 0, 0);
    for (folder, files) in crates() {
        for (name, Size { methods, files }) in sizes(&files) {
            (most, widest) = (most.max(methods), widest.max(files.len()));
            if methods > METHODS || files.len() > FILES {
                wrong.push(format!("{folder}: {name} has {methods} methods in {} files: {files:?}", files.len()));
            }
        }
    }
    eprintln!("no type has more than {most} methods, nor methods in more than {widest} files");
    assert!(most > 5, "the methods must be found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Paths that a file names, as they are written.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

fn leaves(tree: &syn::UseTree, before: &[String], found: &mut Vec<(String, Vec<String>)>) {
    let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string()), found),
        syn::UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().cloned().unwrap_or_default(), before.to_vec()));
        }
        syn::UseTree::Name(name) => found.push((name.ident.to_string(), with(name.ident.to_string()))),
        syn::UseTree::Rename(name) => found.push((name.rename.to_string(), with(name.ident.to_string()))),
        syn::UseTree::Glob(_) => found.push(("*".to_owned(), before.to_vec())),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, found)),
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let path_names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if ["crate", "super", "self"].contains(&path_names[0].as_str()) && path_names.len() > 1 {
            self.0.push(path_names);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    /// Leaves out where something may be seen from: that is no use of it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// Methods that a block calls of its own type.
struct Calls(BTreeSet<String>);

impl<'ast> Visit<'ast> for Calls {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if matches!(&*call.receiver, syn::Expr::Path(path) if path.path.is_ident("self")) {
            self.0.insert(call.method.to_string());
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() == 2 && path.segments[0].ident == "Self" {
            self.0.insert(path.segments[1].ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

/// Files of a crate, by their modules.
struct Tree(BTreeMap<Vec<String>, Code>);

impl Tree {
    fn read(files: &BTreeMap<String, String>) -> Self {
        let codes = files.iter().map(|(path, text)| Code::read(path, text));
        Self(codes.map(|code| (code.module.clone(), code)).collect())
    }

    /// Names that a module takes from elsewhere, each with the path that it stands for.
    fn taken(&self, module: &[String]) -> Vec<(String, Vec<String>)> {
        let mut found = Vec::new();
        for item in &self.0[module].parsed.items {
            if let syn::Item::Use(item) = item {
                leaves(&item.tree, &[], &mut found);
            }
        }
        found
    }

    /// Module in which a path ends that stands in `module`; what is only handed on is followed. `None`: of another crate.
    fn target(&self, module: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        let (mut at, mut rest) = (module.to_vec(), path);
        match rest.first()?.as_str() {
            "crate" => (at, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    (_, rest) = (at.pop(), &rest[1..]);
                }
            }
            first => {
                // A child of this module, or another crate.
                let child: Vec<_> = at.iter().cloned().chain([first.to_owned()]).collect();
                if !self.0.contains_key(&child) {
                    return None;
                }
            }
        }
        while let Some(name) = rest.first() {
            let child: Vec<_> = at.iter().cloned().chain([name.clone()]).collect();
            if self.0.contains_key(&child) {
                (at, rest) = (child, &rest[1..]);
                continue;
            }
            let taken = if depth > 0 { self.taken(&at) } else { Vec::new() };
            return match taken.iter().find(|(taken, _)| taken == name) {
                Some((_, path)) => self.target(&at, path, depth - 1),
                None => Some(at),
            };
        }
        Some(at)
    }

    /// Files that each file uses: by paths, and by calls of methods of the same type.
    fn arrows(&self) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
        let mut arrows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let mut homes: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (module, code) in &self.0 {
            for (name, block) in code.blocks().filter(|(_, block)| block.trait_.is_none()) {
                homes.extend(methods(block).map(|method| ((name.clone(), method), module.clone())));
            }
        }
        for (module, code) in &self.0 {
            let mut paths = Paths::default();
            paths.visit_file(&code.parsed);
            paths.0.extend(self.taken(module).into_iter().map(|(_, path)| path));
            let used = paths.0.iter().filter_map(|path| self.target(module, path, 8));
            let mut used: BTreeSet<_> = used.collect();
            for (name, block) in code.blocks() {
                let mut calls = Calls(BTreeSet::new());
                calls.visit_item_impl(block);
                used.extend(calls.0.into_iter().filter_map(|method| homes.get(&(name.clone(), method)).cloned()));
            }
            used.remove(module);
            arrows.insert(module.clone(), used);
        }
        arrows
    }

    /// Files that use each other in a circle.
    fn circles(&self) -> Vec<String> {
        let arrows = self.arrows();
        let reached = |from: &Vec<String>| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(next) = open.pop() {
                open.extend(arrows[&next].iter().filter(|to| seen.insert((*to).clone())).cloned());
            }
            seen
        };
        let reached: BTreeMap<_, _> = arrows.keys().map(|from| (from, reached(from))).collect();
        let mut circles = BTreeSet::new();
        for (from, seen) in &reached {
            if seen.contains(*from) {
                let circle = seen.iter().filter(|to| reached[to].contains(*from)).map(|to| to.join("/"));
                circles.insert(circle.collect::<Vec<_>>().join(", "));
            }
        }
        circles.into_iter().collect()
    }
}

#[test]
fn no_files_of_the_engine_use_each_other_in_a_circle() {
    let tree = Tree::read(&crates()["shared/engine"]);
    let arrows: usize = tree.arrows().values().map(BTreeSet::len).sum();
    eprintln!("{} files of the engine, {arrows} arrows between them", tree.0.len());
    assert!(arrows > 50, "the arrows must be found");
    let circles = tree.circles();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Scan knows no queue, transfer no job, and a job no SQS; who is below is told nothing to write a report into.
#[test]
fn the_machines_of_replay_know_only_what_is_theirs() {
    let mut wrong = Vec::new();
    for (path, text) in &crates()["shared/engine"] {
        let Some(room) = path.strip_prefix("replay/") else { continue };
        let text: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let mut must_not = |names: &[&str]| {
            wrong.extend(names.iter().filter(|name| text.contains(**name)).map(|name| format!("{path} names {name}")));
        };
        match room.split('/').next().unwrap_or_default() {
            "scan" => must_not(&["Outbox", "Gauges", "QueuePair", "PairContext"]),
            "transfer" => must_not(&["replay::job::Job", "JobEntry", "JobBatch", "JobView", "crate::replay::job"]),
            "job" => must_not(&["Outbox", "outbox", "dead_letters"]),
            _ => {}
        }
        if !room.starts_with("service") {
            must_not(&["&mut ReplayReport", "&mut Reports"]);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Tree::read(&files.collect()).circles()
}

#[test]
fn a_circle_is_found_through_what_a_file_hands_on_and_through_methods() {
    let lib = "mod a; mod b; pub use a::A;";
    let one_way = [("lib.rs", lib), ("a.rs", "pub struct A;"), ("b.rs", "use crate::A; pub struct B;")];
    assert!(circles(&one_way).is_empty());
    let handed_on =
        [("lib.rs", lib), ("a.rs", "use super::b::B; pub struct A;"), ("b.rs", "use crate::A; pub struct B;")];
    assert_eq!(circles(&handed_on), ["a, b"]);
    let inline = [("lib.rs", lib), ("a.rs", "pub struct A(crate::b::B);"), ("b.rs", "use crate::a::A; pub struct B;")];
    assert_eq!(circles(&inline), ["a, b"]);
    let parent = [("a.rs", "mod b; use b::B; pub struct A;"), ("a/b.rs", "use super::A; pub struct B;")];
    assert_eq!(circles(&parent), ["a, a/b"]);
    let called = |there: &str| {
        let (a, b) = ("pub struct A; impl A { fn one(&self) { self.two() } fn three(&self) {} }", there);
        circles(&[("lib.rs", lib), ("a.rs", a), ("b.rs", b)])
    };
    assert_eq!(called("impl super::A { fn two(&self) { self.three() } }"), ["a, b"]);
}

#[test]
fn methods_and_files_of_a_type_are_counted_without_tests() {
    let a = "struct A; impl A { fn one() {} fn two() {} } impl Clone for A { fn clone(&self) -> Self { A } }";
    let b = "impl<T> super::A<T> where T: Copy { fn three() {} } #[cfg(test)] mod tests { impl A { fn four() {} } }";
    let files = [("a.rs", a), ("b.rs", b)].map(|(path, text)| (path.to_owned(), text.to_owned()));
    let sizes = sizes(&files.into());
    assert_eq!((sizes["A"].methods, sizes["A"].files.len()), (3, 2));
}
