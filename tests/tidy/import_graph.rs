//! Which file of `src/` uses which other file, and the circles among them.
//!
//! A path such as `crate::store::Store` or `super::dates::parse` is resolved to the file that defines the
//! item it names. A re-export (`pub use self::item::Item;`) is followed to the file behind it, so
//! neither a re-export nor `mod item;` is a use by itself.
//!
//! One kind of use does not count: a file may use what a file above it defines, that is, what `a.rs` or
//! `a/mod.rs` defines for everything below `a/`. A parent and its children are one subject. The parent
//! holds the types and constants that the children share, and calls the children. All other uses count,
//! those between brothers and sisters above all.
//!
//! The resolver reads text. It knows neither glob imports nor macros that write paths, and it takes the
//! modules inside a file for the file itself. It can therefore miss a use, but it does not invent one.

use std::collections::{BTreeMap, BTreeSet};

use crate::{begins_a_name, is_name};

/// A module as the segments of its path: `["store", "sqlite"]`. The root of the crate is empty.
type Module = Vec<String>;

/// One name that a `use` statement brings into a file.
struct Import {
    name: String,
    path: Vec<String>,
    /// `pub use`, also `pub(crate) use`.
    reexport: bool,
}

#[derive(Default)]
struct File {
    imports: Vec<Import>,
    /// Paths outside `use` statements.
    paths: Vec<Vec<String>>,
}

pub(crate) struct ImportGraph {
    files: BTreeMap<Module, File>,
}

impl ImportGraph {
    /// Takes pairs of a path (`src/a/b.rs`) and its code without comments, literals and tests.
    pub(crate) fn new<'a>(sources: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let files = sources.filter_map(|(path, code)| {
            let module = path.strip_prefix("src/")?.strip_suffix(".rs")?;
            let module = module.strip_suffix("/mod").unwrap_or(module);
            let at_the_root = matches!(module, "lib" | "main");
            (!at_the_root).then(|| (segments(module, "/"), File::new(code)))
        });
        Self { files: files.collect() }
    }

    /// The sets of files that reach each other, in order: names such as `store::sqlite::feeds`.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let uses: BTreeMap<_, _> =
            self.files.iter().map(|(module, file)| (module, self.used_by(module, file))).collect();
        let reached: BTreeMap<_, _> =
            uses.keys().map(|module| (*module, all_reached(module, &uses))).collect();
        let mutual = |a: &Module, b: &Module| reached[a].contains(b) && reached[b].contains(a);
        let circles = self.files.keys().map(|module| {
            let members = self.files.keys().filter(|other| mutual(module, other));
            members.map(|member| member.join("::")).collect::<Vec<_>>()
        });
        circles.filter(|circle| 1 < circle.len()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn used_by(&self, module: &Module, file: &File) -> BTreeSet<Module> {
        let imported = file.imports.iter().filter(|import| !import.reexport);
        let paths = imported.map(|import| &import.path).chain(&file.paths);
        let used = paths.filter_map(|path| self.resolve(module, path, 0));
        used.filter(|used| !module.starts_with(used)).collect()
    }

    /// The file that defines what `path` names when it is written in `module`.
    fn resolve(&self, module: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first().filter(|_| depth < 8)?;
        let mut at = match first.as_str() {
            "crate" => Module::new(),
            "self" => module.clone(),
            "super" => parent(module),
            name => match self.child(module, name) {
                Some(child) => child,
                None => return self.through_import(module, name, rest, depth),
            },
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                at = parent(&at);
            } else if let Some(child) = self.child(&at, name) {
                at = child;
            } else {
                return self.through_import(&at, name, after, depth).or_else(|| self.known(at));
            }
            rest = after;
        }
        self.known(at)
    }

    fn through_import(
        &self,
        module: &Module,
        name: &str,
        rest: &[String],
        depth: usize,
    ) -> Option<Module> {
        let import = self.files.get(module)?.imports.iter().find(|import| import.name == name)?;
        self.resolve(module, &[import.path.as_slice(), rest].concat(), depth + 1)
    }

    fn child(&self, module: &Module, name: &str) -> Option<Module> {
        let child = [module.as_slice(), &[name.to_owned()]].concat();
        self.known(child)
    }

    fn known(&self, module: Module) -> Option<Module> {
        self.files.contains_key(&module).then_some(module)
    }
}

impl File {
    fn new(code: &str) -> Self {
        let mut file = Self::default();
        let mut rest = code;
        while let Some((before, statement, after)) = next_use(rest) {
            file.add_paths(before);
            let words = before.trim_end();
            let line = words.rsplit('\n').next().unwrap_or_default().trim_start();
            add_imports(&[], statement, line.starts_with("pub"), &mut file.imports);
            rest = after;
        }
        file.add_paths(rest);
        file
    }

    /// Adds every `a::b::c` of the code.
    fn add_paths(&mut self, code: &str) {
        let words = code.split(|c: char| !is_name(c) && c != ':');
        let paths = words.map(|word| segments(word.trim_matches(':'), "::"));
        self.paths.extend(paths.filter(|path| 1 < path.len()));
    }
}

/// The code before a `use` statement, the statement between `use` and `;`, and the code behind it.
fn next_use(code: &str) -> Option<(&str, &str, &str)> {
    let mut places = code.match_indices("use ").filter(|(at, _)| begins_a_name(code, *at));
    let (at, word) = places.next()?;
    let (before, after) = (code.get(..at)?, code.get(at + word.len()..)?);
    let (statement, after) = after.split_once(';')?;
    Some((before, statement, after))
}

/// Adds what `text` names below `prefix`: `a::{self, b as c}` has two names.
fn add_imports(prefix: &[String], text: &str, reexport: bool, imports: &mut Vec<Import>) {
    for part in split_at_commas(text) {
        if let Some((head, group)) = part.split_once('{') {
            let path = [prefix, &segments(head, "::")].concat();
            add_imports(&path, group.trim_end().trim_end_matches('}'), reexport, imports);
            continue;
        }
        let (path, alias) = part.split_once(" as ").unwrap_or((part, ""));
        let mut path = [prefix, &segments(path, "::")].concat();
        path.pop_if(|last| last == "self");
        let last = path.last().cloned().unwrap_or_default();
        let name = if alias.is_empty() { last } else { alias.trim().to_owned() };
        imports.push(Import { name, path, reexport });
    }
}

/// Splits at the commas that are inside no braces.
fn split_at_commas(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn segments(path: &str, separator: &str) -> Vec<String> {
    let names = path.split(separator).map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn parent(module: &Module) -> Module {
    module.split_last().map(|(_, above)| above.to_vec()).unwrap_or_default()
}

fn all_reached(from: &Module, uses: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = uses[from].iter().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module.clone()) {
            open.extend(&uses[module]);
        }
    }
    reached
}

#[test]
fn circles_are_found_between_siblings_cousins_and_through_reexports() {
    for (case, files, circles) in [
        (
            "two siblings",
            &[("src/a/x.rs", "use super::y::Y;"), ("src/a/y.rs", "fn f() { super::x::g() }")][..],
            &["a::x a::y"][..],
        ),
        (
            "three files of two folders",
            &[
                ("src/a.rs", "mod x;"),
                ("src/a/x.rs", "use crate::b::{self, Z as Other};"),
                ("src/b/mod.rs", "pub(crate) use self::z::Z;\npub(crate) mod z;"),
                ("src/b/z.rs", "use crate::c;"),
                ("src/c.rs", "fn f() { crate::a::x::g(); }"),
            ],
            &["a::x b::z c"],
        ),
        (
            "a child that uses its parent, which calls the child",
            &[("src/a/mod.rs", "mod x;\nuse x::X;\nstruct Y;"), ("src/a/x.rs", "use super::Y;")],
            &[],
        ),
        (
            "a module that was imported, then entered",
            &[
                ("src/a/mod.rs", ""),
                ("src/a/x.rs", "use crate::b;\nfn f() { b::y::g() }"),
                ("src/b/mod.rs", "pub(crate) mod y;"),
                ("src/b/y.rs", "use crate::a::x;"),
            ],
            &["a::x b::y"],
        ),
        (
            "one direction only",
            &[("src/a/x.rs", "use super::y::Y;"), ("src/a/y.rs", "use super::z::{A, B};")],
            &[],
        ),
    ] {
        let found = ImportGraph::new(files.iter().copied()).circles();
        let found: Vec<_> = found.iter().map(|circle| circle.join(" ")).collect();
        assert_eq!(found, circles, "{case}");
    }
}
