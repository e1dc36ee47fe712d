//! Finds circles of modules: by what they name of each other, and by a type's methods that call each other across files.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use super::{is_for_tests, production};

type Path = Vec<String>;

/// Module of a crate, as far as its file tells.
#[derive(Debug, Default)]
struct Module {
    /// Names of the items that the file defines.
    defined: BTreeSet<String>,
    /// Names that the file takes from elsewhere, with their paths.
    imported: BTreeMap<String, Path>,
    /// Modules that the file takes whole.
    globs: Vec<Path>,
    /// Paths that the file names, as they are written.
    named: BTreeSet<Path>,
    /// Methods by their types.
    methods: BTreeSet<(String, String)>,
    /// Methods that the file calls on the type whose methods it defines.
    called: BTreeSet<(String, String)>,
}

/// Reader of one file.
struct Reader<'a> {
    module: &'a mut Module,
    own: Option<String>,
}

impl Reader<'_> {
    fn import(&mut self, before: &mut Path, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree);
                before.pop();
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let alias = before.last().cloned().unwrap_or_default();
                self.add(alias, before.clone());
            }
            syn::UseTree::Name(name) => self.add(name.ident.to_string(), joined(before, &name.ident)),
            syn::UseTree::Rename(name) => self.add(name.rename.to_string(), joined(before, &name.ident)),
            syn::UseTree::Glob(_) => self.module.globs.push(before.clone()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(before, tree)),
        }
    }

    fn add(&mut self, alias: String, path: Path) {
        self.module.named.insert(path.clone());
        self.module.imported.insert(alias, path);
    }
}

fn joined(before: &[String], name: &syn::Ident) -> Path {
    before.iter().cloned().chain([name.to_string()]).collect()
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let (name, attributes) = match item {
            syn::Item::Struct(item) => (Some(&item.ident), &item.attrs),
            syn::Item::Enum(item) => (Some(&item.ident), &item.attrs),
            syn::Item::Trait(item) => (Some(&item.ident), &item.attrs),
            syn::Item::Type(item) => (Some(&item.ident), &item.attrs),
            syn::Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
            syn::Item::Const(item) => (Some(&item.ident), &item.attrs),
            syn::Item::Static(item) => (Some(&item.ident), &item.attrs),
            syn::Item::Mod(item) => (None, &item.attrs),
            syn::Item::Impl(item) => (None, &item.attrs),
            syn::Item::Use(item) => (None, &item.attrs),
            _ => return syn::visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            self.module.defined.extend(name.map(ToString::to_string));
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let path_of: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let (Some(own), [first, method]) = (&self.own, path_of.as_slice())
            && (first == "Self" || first == own)
        {
            self.module.called.insert((own.clone(), method.clone()));
        }
        self.module.named.insert(path_of);
        syn::visit::visit_path(self, path);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        if let (Some(name), None) = (&name, &item.trait_) {
            let functions = item.items.iter().filter_map(|item| match item {
                syn::ImplItem::Fn(item) if !is_for_tests(&item.attrs) => Some(item.sig.ident.to_string()),
                _ => None,
            });
            self.module.methods.extend(functions.map(|function| (name.clone(), function)));
        }
        let before = std::mem::replace(&mut self.own, name);
        syn::visit::visit_item_impl(self, item);
        self.own = before;
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if let (Some(own), syn::Expr::Path(receiver)) = (&self.own, &*call.receiver)
            && receiver.path.is_ident("self")
        {
            self.module.called.insert((own.clone(), call.method.to_string()));
        }
        syn::visit::visit_expr_method_call(self, call);
    }
}

/// Modules of one crate, by their paths from its root.
#[derive(Default)]
struct Modules(BTreeMap<Path, Module>);

impl Modules {
    /// Module that defines what a path of `from` names; `None` if it is of another crate.
    fn defining(&self, from: &Path, path: &[String], depth: u8) -> Option<Path> {
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (from.clone(), &path[1..]),
            "super" => (from[..from.len().checked_sub(1)?].to_vec(), &path[1..]),
            first if self.0.contains_key(&[from.as_slice(), &[first.to_owned()]].concat()) => (from.clone(), path),
            first => {
                let imported = self.0.get(from)?.imported.get(first).filter(|_| depth < 8)?;
                let whole = [imported.as_slice(), &path[1..]].concat();
                return if whole == path { None } else { self.defining(from, &whole, depth + 1) };
            }
        };
        while let [first, after @ ..] = rest {
            if first == "super" {
                at.pop()?;
            } else {
                let deeper = [at.as_slice(), std::slice::from_ref(first)].concat();
                if !self.0.contains_key(&deeper) {
                    break;
                }
                at = deeper;
            }
            rest = after;
        }
        let module = self.0.get(&at)?;
        let Some(name) = rest.first().filter(|name| !module.defined.contains(*name)) else { return Some(at) };
        if depth >= 8 {
            return Some(at);
        }
        if let Some(imported) = module.imported.get(name) {
            return self.defining(&at, imported, depth + 1);
        }
        let by_glob = module.globs.iter().filter(|glob| self.defining(&at, glob, depth + 1).is_some_and(|to| to != at));
        let mut found = by_glob.filter_map(|glob| {
            let to = self.defining(&at, glob, depth + 1)?;
            self.0.get(&to)?.defined.contains(name).then_some(to)
        });
        found.next_back().or(Some(at))
    }

    /// Other modules that each module needs.
    fn needed(&self) -> BTreeMap<&Path, BTreeSet<Path>> {
        let mut methods: BTreeMap<&(String, String), Vec<&Path>> = BTreeMap::new();
        for (path, module) in &self.0 {
            module.methods.iter().for_each(|method| methods.entry(method).or_default().push(path));
        }
        let one = |path, module: &Module| {
            let named = module.named.iter().filter_map(|named| self.defining(path, named, 0));
            let called = module.called.iter().filter_map(|call| match methods.get(call)?.as_slice() {
                [only] => Some((*only).clone()),
                _ => None,
            });
            named.chain(called).collect()
        };
        self.0.iter().map(|(path, module)| (path, one(path, module))).collect()
    }

    /// Rooms beside each room that it needs. A room is a module with all that is in its folder; what a module and
    /// the modules inside it need of each other stays inside that room.
    fn beside(&self) -> BTreeMap<Path, BTreeSet<Path>> {
        let mut all: BTreeMap<Path, BTreeSet<Path>> = BTreeMap::new();
        for (from, needed) in self.needed() {
            for to in needed {
                let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
                if common < from.len() && common < to.len() {
                    all.entry(to[..=common].to_vec()).or_default();
                    all.entry(from[..=common].to_vec()).or_default().insert(to[..=common].to_vec());
                }
            }
        }
        all
    }

    /// Rooms beside each other of which each needs the other, directly or by way of a third.
    fn circles(&self) -> Vec<Vec<String>> {
        let needed = self.beside();
        let reached = |from: &Path| {
            let (mut found, mut open) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(next) = open.pop() {
                for to in needed.get(&next).into_iter().flatten() {
                    if found.insert(to.clone()) {
                        open.push(to.clone());
                    }
                }
            }
            found
        };
        let all: BTreeMap<&Path, BTreeSet<Path>> = needed.keys().map(|path| (path, reached(path))).collect();
        let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
        for (path, to) in &all {
            if to.contains(*path) {
                let members: BTreeSet<_> =
                    to.iter().filter(|other| all.get(other).is_some_and(|back| back.contains(*path))).collect();
                let arrows = members.iter().flat_map(|from| needed[*from].iter().map(move |to| (*from, to)));
                let inside = arrows.filter(|(_, to)| members.contains(to));
                circles.insert(inside.map(|(from, to)| format!("{} → {}", from.join("::"), to.join("::"))).collect());
            }
        }
        circles.into_iter().collect()
    }
}

/// Modules of every crate, by the crate's folder.
fn crates() -> BTreeMap<String, Modules> {
    let mut all: BTreeMap<String, Modules> = BTreeMap::new();
    for (file, parsed) in production() {
        let Some((folder, inside)) = file.split_once("/src/") else { continue };
        let mut path: Path = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if ["lib", "main"].contains(&inside.trim_end_matches(".rs")) {
            path.clear();
        }
        let module = all.entry(folder.to_owned()).or_default().0.entry(path).or_default();
        Reader { module, own: None }.visit_file(&parsed);
    }
    all
}

#[test]
fn no_modules_go_round_in_a_circle() {
    let mut wrong = Vec::new();
    for (folder, modules) in crates() {
        wrong.extend(modules.circles().into_iter().map(|circle| format!("{folder}: {}", circle.join(", "))));
    }
    assert!(wrong.is_empty(), "each of these needs the other:\n{}", wrong.join("\n"));
}
