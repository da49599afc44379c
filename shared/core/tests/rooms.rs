//! Imports point one way: no file imports upward, and no files import each other in a circle, not even through what a
//! `mod.rs` re-exports.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// The rooms (top-level modules) of each crate, floor by floor from the bottom. A room may import its own files, and
/// rooms on lower floors.
const FLOORS: [(&str, &[&[&str]]); 4] = [
    ("kiln_catalog", &[&["model"], &["contents", "pages", "status"]]),
    (
        "kiln_core",
        &[
            &["model"],
            &["inventory", "events"],
            &["failures", "news", "numbers", "recipe"],
            &["plan"],
            &["release"],
            &["capture", "orphans", "publish", "verify"],
            &["channel"],
            &["bake", "expire", "recall", "replicate"],
            &["reconcile"],
        ],
    ),
    (
        "kiln_engine",
        &[&["bounded", "ports"], &["context"], &["apply"], &["observe"], &["catalog"], &["handlers"]],
    ),
    ("kiln", &[&["aws"], &["lambda"]]),
];

/// A module by its crate and its path in the crate: `kiln_core::plan::reason`.
type Module = String;
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// Read when the test runs: clones that share a target folder share what was compiled, too.
fn shared() -> PathBuf {
    Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().to_owned()
}

fn modules(folder: &Path, module: &str, found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            modules(&path, &format!("{module}::{name}"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(name) {
            let own =
                if ["lib", "mod"].contains(&name) { module.into() } else { format!("{module}::{name}") };
            found.insert(own, fs::read_to_string(&path).unwrap());
        }
    }
}

fn is_test(name: &str) -> bool {
    name.ends_with("_tests") || name == "fixtures"
}

fn sources() -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    for (name, _) in FLOORS {
        modules(&shared().join(name.trim_start_matches("kiln_")).join("src"), name, &mut found);
    }
    assert!(found.len() > 80, "only {} source files were found, so nothing is checked", found.len());
    found
}

/// What one file imports: every path in it that leads to another module, except in its tests.
struct Paths<'a> {
    module: &'a str,
    modules: &'a BTreeMap<Module, String>,
    found: BTreeSet<Module>,
}

impl Paths<'_> {
    fn add(&mut self, path: &[String]) {
        let (krate, own) = self.module.split_once("::").unwrap_or((self.module, ""));
        let mut full: Vec<&str> = match path[0].as_str() {
            "crate" => vec![krate],
            "self" | "super" => {
                let mut from: Vec<&str> =
                    [krate].into_iter().chain(own.split("::").filter(|s| !s.is_empty())).collect();
                for _ in path.iter().filter(|segment| *segment == "super") {
                    from.pop();
                }
                from
            }
            other if FLOORS.iter().any(|(name, _)| *name == other) => vec![other],
            other if self.modules.contains_key(&format!("{}::{other}", self.module)) => {
                [krate].into_iter().chain(own.split("::").filter(|s| !s.is_empty())).chain([other]).collect()
            }
            _ => return,
        };
        let rest =
            path.iter().map(String::as_str).filter(|segment| !["crate", "self", "super"].contains(segment));
        for segment in rest {
            let next = full.iter().copied().chain([segment]).collect::<Vec<_>>().join("::");
            if self.modules.contains_key(&next) {
                full.push(segment);
            }
        }
        let target = full.join("::");
        if target != self.module && self.modules.contains_key(&target) {
            self.found.insert(target);
        }
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                let path_so_far = [before, &[path.ident.to_string()]].concat();
                self.add_tree(&path_so_far, &path.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
            UseTree::Name(name) => self.add(&[before, &[name.ident.to_string()]].concat()),
            UseTree::Rename(name) => self.add(&[before, &[name.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.add(before),
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Mod(module) if is_for_tests(&module.attrs) => {}
            Item::Use(used) => self.add_tree(&[], &used.tree),
            item => visit::visit_item(self, item),
        }
    }

    /// `pub(crate)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    /// A path of one segment names something in this file, so it imports nothing.
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }
}

fn imports(sources: &BTreeMap<Module, String>) -> Imports {
    let of = |(module, text): (&Module, &String)| {
        let mut paths = Paths { module, modules: sources, found: BTreeSet::new() };
        paths.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{module}: {error}")));
        (module.clone(), paths.found)
    };
    sources.iter().map(of).collect()
}

/// The circles: groups of modules that import each other, directly or through others.
fn circles(imports: &Imports) -> BTreeSet<BTreeSet<Module>> {
    let reached = |from: &Module| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(imports[module].iter().filter(|to| reached.insert((*to).clone())));
        }
        reached
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        imports.keys().map(|from| (from, reached(from))).collect();
    let on_circle = imports.keys().filter(|module| reached[module].contains(*module));
    on_circle
        .map(|module| {
            reached[module].iter().filter(|other| reached[other].contains(module)).cloned().collect()
        })
        .collect()
}

/// The floor of a module: first of its crate, then of its room. The root of a crate is above all of its rooms.
fn floor(module: &str) -> (usize, usize) {
    let mut segments = module.split("::");
    let (krate, room) = (segments.next().unwrap(), segments.next());
    let at = FLOORS.iter().position(|(name, _)| *name == krate).unwrap();
    let rooms = FLOORS[at].1;
    let room = room.map_or(rooms.len(), |room| {
        rooms
            .iter()
            .position(|floor| floor.contains(&room))
            .unwrap_or_else(|| panic!("{module} has no floor: add its room to FLOORS"))
    });
    (at, room)
}

fn room(module: &str) -> Vec<&str> {
    module.split("::").take(2).collect()
}

/// Every import that points neither to a lower floor nor into its own room.
fn upward(imports: &Imports) -> Vec<String> {
    let all = imports.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    all.filter(|(from, to)| room(from) != room(to) && floor(to) >= floor(from))
        .map(|(from, to)| format!("{from} imports {to}"))
        .collect()
}

#[test]
fn no_file_imports_upward() {
    let upward = upward(&imports(&sources()));
    assert!(upward.is_empty(), "imports that point upward:\n{}", upward.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circles = circles(&imports(&sources()));
    assert!(circles.is_empty(), "these files import each other in a circle: {circles:#?}");
}

/// The sources, with `line` in place of the head comment of one file.
fn planted(module: &str, line: &str) -> BTreeMap<Module, String> {
    let mut sources = sources();
    let text = sources.get_mut(module).unwrap();
    *text = format!("{line}\n{}", text.split("\n\n").skip(1).collect::<Vec<_>>().join("\n\n"));
    sources
}

#[test]
fn an_import_that_points_upward_is_caught() {
    let found = upward(&imports(&planted("kiln_core::model::version", "use crate::expire::OneRecipe;")));
    assert_eq!(found, ["kiln_core::model::version imports kiln_core::expire"]);
    let found = upward(&imports(&planted("kiln_core::verify::adopt", "use crate::publish::sharing::mark;")));
    assert_eq!(
        found,
        ["kiln_core::verify::adopt imports kiln_core::publish::sharing"],
        "a room on the same floor may not be imported either"
    );
}

#[test]
fn a_circle_through_the_re_exports_of_a_mod_rs_is_caught() {
    let on_circle = |module: &str, line: &str| {
        let circles = circles(&imports(&planted(module, line)));
        circles.into_iter().flatten().any(|on| on == module)
    };
    assert!(on_circle("kiln_core::plan::reason::orphans", "use crate::plan::Action;"));
    assert!(on_circle("kiln_core::expire::lineage", "use super::stages::next_stage;"));
}
