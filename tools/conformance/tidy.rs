//! The rules of the house that no compiler knows: who imports whom, where `unsafe` may stand, that cited steps and named
//! tests exist, that documents name what is there. Each rule is a function of a tree's root, tested on planted faults.

#[path = "tidy/source.rs"]
mod source;

use source::{Source, Token};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and what it may import beside itself (`docs/ARCHITECTURE.md`, "Who may import whom"). `proto/*` stands for
/// each protocol, as importer, and for all of them, as imported.
const IMPORTS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("ident", &["base"]),
    ("codec", &["base", "ident"]),
    ("proto", &[]),
    ("proto/*", &["base", "ident", "codec"]),
    ("stack", &["base", "ident", "codec", "proto/*"]),
    ("subscriber", &["base", "ident"]),
    ("gateway", &["base", "ident", "stack", "subscriber"]),
    ("io", &["base"]),
    ("dataplane", &["base", "ident", "io", "stack", "gateway", "subscriber"]),
    ("control", &["base", "ident", "codec", "proto/*", "stack", "subscriber", "gateway", "io", "dataplane"]),
    (
        "sim",
        &[
            "base",
            "ident",
            "codec",
            "proto/*",
            "stack",
            "subscriber",
            "gateway",
            "io",
            "dataplane",
            "control",
        ],
    ),
    ("main", &["control"]),
];

/// A file, the further module that it may import, and why.
const IMPORT_EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "src/dataplane/shown.rs",
    "proto/*",
    "the counters of malformed input are shown under each protocol's own names",
)];

/// Modules that alone may name something, by the path or the crate that they name.
const ALONE: &[(&str, &[&str])] =
    &[("dpdk_sys", &["src/io/dpdk/"]), ("io::dpdk", &["src/io/", "src/control/"])];

/// Files that may contain `unsafe`, and what for. (`ffi/dpdk-sys` has only what bindgen writes.)
const UNSAFE: &[(&str, &str)] = &[
    ("benches/peers/src/sctp/usrsctp.rs", "calls usrsctp"),
    ("benches/peers/src/table/rte_hash.rs", "calls what drives DPDK's hash table"),
    ("benches/support/measure.rs", "counts what the global allocator is asked for"),
    ("src/base/ring.rs", "the two ends of a ring share its slots without a lock"),
    ("src/codec/crc32c.rs", "calls the processor's CRC32c instruction after asking for it"),
    ("src/codec/scan.rs", "calls vector instructions after asking the processor for them, and loads vectors"),
    ("src/io/dpdk/eal.rs", "calls DPDK and libc at start"),
    ("src/io/dpdk/mbuf.rs", "reads and writes the buffer that a frame owns"),
    ("src/io/dpdk/mempool.rs", "calls DPDK's mempool"),
    ("src/io/dpdk/mod.rs", "copies DPDK's words for an error"),
    ("src/io/dpdk/port.rs", "calls DPDK's ethdev"),
    ("src/io/dpdk/worker.rs", "bursts exchange raw mbufs with the driver"),
    ("src/subscriber/memory.rs", "maps the table's memory, fetches lines ahead, compares buckets at once"),
    ("tools/models/src/watched.rs", "lets loom watch a cell that threads share"),
    ("tools/fuzz/src/work.rs", "reads the count of edges that instrumented code has taken"),
];

/// The requirements, each of which has its row in `docs/conformance.md`.
const REQUIREMENTS: &[&str] = &[
    "G-1", "G-2", "G-3", "G-4", "G-5", "G-6", "G-7", "G-8", "G-9", "R-1", "R-2", "R-3", "R-4", "R-5", "R-6",
    "H-1", "H-2", "H-3", "H-4", "H-5", "H-6", "H-7", "P-8.1", "P-8.2.1", "P-8.2.2", "P-8.3", "P-8.4",
    "P-8.5", "P-8.6", "P-8.7", "P-8.8", "P-8.9", "P-8.10", "P-8.11.1", "P-8.11.2", "P-8.11.3", "C-1", "C-2",
    "C-3", "C-4", "C-5",
];

/// The groups of SCTP's purposes, and how many each has: of ETSI TS 102 369, beyond it (X), vulnerabilities (V). Behind them
/// the cases of M3UA, SCCP and screening, and those of other lists.
const PURPOSES: &[(&str, usize)] = &[
    ("AS", 33),
    ("AT", 16),
    ("IMH", 10),
    ("DM", 15),
    ("FH", 8),
    ("E", 6),
    ("BDC", 8),
    ("D", 15),
    ("A", 3),
    ("M", 4),
    ("RT", 3),
    ("X", 46),
    ("V", 15),
    ("M3UA", 59),
    ("SCCP", 37),
    ("SCREEN", 17),
    ("LIST", 27),
    ("SIPT", 15),
];

/// Groups whose tests have names of their own.
const OWN_NAMES: &[&str] = &["SCCP", "SCREEN", "LIST", "SIPT"];
/// Rows of TCAP's table.
const SCENARIOS: usize = 35;

/// The pains of users of such systems that have a test each, by their number in `docs/conformance.md`.
const PAINS: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11];

const LEVELS: &[&str] = &["none", "built", "proved", "judged by a stranger"];

/// Beginnings of paths that exist on one machine alone.
const MACHINE: &[&str] =
    &[concat!("/", "work/"), concat!("/", "home/"), concat!("/", "root/"), concat!("/", "Users/")];

/// A file of the tree: its path from the root, with `/`, and its text.
struct File {
    name: String,
    text: String,
}

/// All text files under `root` but what is built or fetched.
fn files(root: &Path) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("a readable folder") {
            let entry = entry.expect("a readable folder");
            let name = entry.file_name().into_string().unwrap_or_default();
            let path = folder.join(&name);
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if !matches!(name.as_str(), "target" | ".git" | ".venv" | "__pycache__") {
                    folders.push(path);
                }
            } else if let (false, Ok(text)) = (name == ".git", fs::read_to_string(root.join(&path))) {
                found.push(File { name: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn rust(root: &Path) -> Vec<(String, Source)> {
    let rust = files(root).into_iter().filter(|file| file.name.ends_with(".rs"));
    rust.map(|file| (file.name, Source::new(&file.text))).collect()
}

/// The module of a file under `src`, from the crate's root.
fn module_of(name: &str) -> Option<Vec<String>> {
    let path = name.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(if path == "lib" { vec![] } else { path.split('/').map(String::from).collect() })
}

/// The line of the import table that a path belongs to.
fn unit(path: &[String]) -> String {
    match path {
        [first, second, ..] if first == "proto" => format!("proto/{second}"),
        [first, ..] => first.clone(),
        [] => String::new(),
    }
}

fn row(unit: &str) -> Option<&'static [&'static str]> {
    let name = if unit.starts_with("proto/") { "proto/*" } else { unit };
    IMPORTS.iter().find(|(importer, _)| *importer == name).map(|(_, imported)| *imported)
}

fn permits(imported: &[&str], unit: &str) -> bool {
    imported.iter().any(|it| *it == unit || *it == "proto/*" && unit.split('/').next() == Some("proto"))
}

/// Imports that the table does not permit.
fn forbidden_imports(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let sources = rust(root);
    let modules: BTreeSet<String> =
        sources.iter().filter_map(|(name, _)| module_of(name)?.first().cloned()).collect();
    for (name, source) in &sources {
        let Some(module) = module_of(name) else { continue };
        wrong.extend(named_alone(name, source, &module));
        // The crate's root declares the modules; `main` is the binary's.
        if module.is_empty() {
            continue;
        }
        let importer = unit(&module);
        let Some(imported) = row(&importer) else {
            wrong.push(format!("{name}: no line of the import table is for `{importer}`"));
            continue;
        };
        let excepted: Vec<&str> = IMPORT_EXCEPTIONS
            .iter()
            .filter(|(file, ..)| file == name)
            .map(|(_, module, _)| *module)
            .collect();
        for (path, line) in source.paths(&module) {
            let of = unit(&path);
            // Macros stand at the root, whatever module they are written in.
            let known = path.first().is_some_and(|first| modules.contains(first));
            if known && of != importer && !permits(imported, &of) && !permits(&excepted, &of) {
                wrong.push(format!("{name}:{line}: `{importer}` may not import `{}`", path.join("::")));
            }
        }
    }
    wrong
}

/// Names that other files alone may use.
fn named_alone(name: &str, source: &Source, module: &[String]) -> Vec<String> {
    let crates = source.tokens.iter().map(|token| (token.text.clone(), token.line));
    let paths =
        source.paths(module).into_iter().map(|(path, line)| (path[..path.len().min(2)].join("::"), line));
    crates
        .chain(paths)
        .filter(|(named, _)| {
            ALONE.iter().any(|(what, who)| what == named && !who.iter().any(|start| name.starts_with(start)))
        })
        .map(|(named, line)| format!("{name}:{line}: may not name `{named}`"))
        .collect()
}

/// `unsafe`, or the permission for it, in a file that is not listed; and listed files without any.
fn unlisted_unsafe(root: &Path, listed: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let sources = rust(root);
    let is_unsafe = |token: &&Token| token.text == "unsafe";
    for (name, source) in &sources {
        let permission =
            source.tokens.windows(3).find(|it| it[0].text == "allow" && it[2].text == "unsafe_code");
        let found = source.tokens.iter().find(is_unsafe).or(permission.map(|it| &it[0]));
        if let Some(token) = found.filter(|_| !listed.iter().any(|(file, _)| file == name)) {
            wrong.push(format!("{name}:{}: `unsafe` in a file that is not listed", token.line));
        }
    }
    for (file, _) in listed {
        if !sources
            .iter()
            .any(|(name, source)| name == file && source.tokens.iter().any(|token| is_unsafe(&token)))
        {
            wrong.push(format!("{file}: listed for `unsafe`, which it does not contain"));
        }
    }
    wrong
}

/// A step of a procedure: clause and number.
type Step = (String, u32);

/// A clause of TR 23.804's procedures: 8 and numbers after it.
fn clause(word: &str) -> Option<&str> {
    let word = word.trim_start_matches('(').trim_end_matches([',', ';', ':', ')', '.']);
    let word = word.strip_prefix("P-").unwrap_or(word);
    let mut parts = word.split('.');
    let numbers = |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
    (parts.next() == Some("8") && word.contains('.') && parts.all(numbers)).then_some(word)
}

/// The steps that a comment cites: "Step 3", "steps 5 and 6", "8.7 step 4"; without a clause, `default`.
fn cited(comment: &str, default: Option<&str>) -> Vec<Step> {
    let words: Vec<&str> = comment.split_whitespace().collect();
    let mut steps = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !matches!(word.trim_start_matches('(').to_ascii_lowercase().as_str(), "step" | "steps") {
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| clause(words[before]));
        let Some(clause) = before.or(default) else { continue };
        for word in &words[at + 1..] {
            let number = word.trim_end_matches(|c: char| !c.is_ascii_digit());
            match number.parse() {
                Ok(number) => steps.push((clause.to_string(), number)),
                Err(_) if matches!(*word, "and" | "to" | "or") => continue,
                Err(_) => break,
            }
            // Only a comma or a plain end lets another number follow.
            if !word[number.len()..].is_empty() && &word[number.len()..] != "," {
                break;
            }
        }
    }
    steps
}

/// The steps that `docs/flows` has: under a heading `## 8.9 …`, rows `| 3 | …`.
fn steps_of_flows(root: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    for file in files(root).iter().filter(|file| file.name.starts_with("docs/flows/")) {
        let mut heading = None;
        for line in file.text.lines() {
            if line.starts_with('#') {
                heading = line.split_whitespace().find_map(clause);
            } else if let (Some(clause), Some(cell)) = (heading, cells(line).first())
                && let Ok(number) = cell.parse()
            {
                steps.push((clause.to_string(), number));
            }
        }
    }
    steps
}

/// Cited steps that no flow has.
fn missing_steps(root: &Path) -> Vec<String> {
    let known = steps_of_flows(root);
    let has = |(clause, number): &Step| {
        let under = format!("{clause}.");
        known.iter().any(|(of, step)| step == number && (of == clause || of.starts_with(&under)))
    };
    let mut wrong = Vec::new();
    for (name, source) in rust(root).iter().filter(|(name, _)| name.starts_with("src/")) {
        // In a procedure's file, a step without a clause is one of the procedure in its first line.
        let first = source.comments.first().filter(|_| name.starts_with("src/gateway/"));
        let default = first
            .and_then(|comment| comment.text.split_once("23.804 ")?.1.split_whitespace().find_map(clause));
        for comment in &source.comments {
            for step in cited(&comment.text, default).iter().filter(|step| !has(step)) {
                wrong.push(format!(
                    "{name}: comment at line {}: {} step {} is in no flow",
                    comment.line, step.0, step.1
                ));
            }
        }
    }
    wrong
}

/// The cells of a row of a table; empty for any other line.
fn cells(line: &str) -> Vec<&str> {
    let row = line.trim().strip_prefix('|').and_then(|row| row.strip_suffix('|'));
    row.map(|row| row.split('|').map(str::trim).collect()).unwrap_or_default()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Names of all functions: of Rust, and of the judges' Python.
fn functions(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(root) {
        if file.name.ends_with(".rs") {
            names.extend(Source::new(&file.text).functions().map(String::from));
        } else {
            let defined = file
                .text
                .lines()
                .map(|line| line.trim_start().trim_start_matches("async "))
                .filter_map(|line| line.strip_prefix("def ")?.split('(').next());
            names.extend(defined.map(String::from));
        }
    }
    names
}

/// Requirements without a row, rows without a level, levels without a test, tests that don't exist.
fn conformance(root: &Path, requirements: &[&str]) -> Vec<String> {
    let Ok(text) = fs::read_to_string(root.join("docs/conformance.md")) else {
        return vec!["docs/conformance.md: is not there".into()];
    };
    let functions = functions(root);
    let rows: Vec<Vec<&str>> = text.lines().map(cells).filter(|row| row.len() == 5).collect();
    let mut wrong = Vec::new();
    for id in requirements {
        let Some(row) = rows.iter().find(|row| row[0] == *id) else {
            wrong.push(format!("docs/conformance.md: {id} has no row"));
            continue;
        };
        let (level, tests) = (row[2], row[4]);
        if !LEVELS.contains(&level) {
            wrong.push(format!("docs/conformance.md: {id}: `{level}` is no level"));
        }
        // A test is named after what it proves.
        let prefix = id.to_lowercase().replace(['-', '.'], "_") + "_";
        if matches!(level, "proved" | "judged by a stranger")
            && !quoted(tests).any(|test| test.starts_with(&prefix))
        {
            wrong.push(format!("docs/conformance.md: {id} is {level} by no test of the name `{prefix}…`"));
        }
        for test in quoted(tests).filter(|test| !functions.contains(*test)) {
            wrong.push(format!("docs/conformance.md: {id}: there is no function `{test}`"));
        }
    }
    wrong
}

/// Rows of TCAP's table that are missing, have no test, or name one that doesn't exist.
fn scenarios(root: &Path, count: usize) -> Vec<String> {
    let text = fs::read_to_string(root.join("docs/conformance.md")).unwrap_or_default();
    let functions = functions(root);
    let rows: Vec<Vec<&str>> = text.lines().map(cells).filter(|row| row.len() == 4).collect();
    let own: Vec<_> = rows.iter().filter(|row| row[0].starts_with("TC-")).collect();
    let ids: BTreeSet<&str> = own.iter().map(|row| row[0]).collect();
    let mut wrong = Vec::new();
    if ids.len() != count {
        wrong.push(format!("docs/conformance.md: {} rows of TCAP, not {count}", ids.len()));
    }
    for row in own {
        if quoted(row[3]).next().is_none() {
            wrong.push(format!("docs/conformance.md: {} has no test", row[0]));
        }
        let missing = quoted(row[3]).filter(|test| !functions.contains(*test));
        wrong.extend(missing.map(|it| format!("docs/conformance.md: {}: there is no `{it}`", row[0])));
    }
    wrong
}

/// Pains without a row or a test, tests that don't exist or do not name the pain's number.
fn pains(root: &Path, numbers: &[u8]) -> Vec<String> {
    let text = fs::read_to_string(root.join("docs/conformance.md")).unwrap_or_default();
    let functions = functions(root);
    let rows: Vec<Vec<&str>> = text.lines().map(cells).filter(|row| row.len() == 3).collect();
    let mut wrong = Vec::new();
    for number in numbers {
        let Some(row) = rows.iter().find(|row| row[0] == format!("Pain {number}")) else {
            wrong.push(format!("docs/conformance.md: pain {number} has no row"));
            continue;
        };
        let prefix = format!("pain_{number:02}_");
        if !quoted(row[2]).any(|test| test.starts_with(&prefix)) {
            wrong.push(format!("docs/conformance.md: pain {number} has no test of the name `{prefix}…`"));
        }
        let missing = quoted(row[2]).filter(|test| !functions.contains(*test));
        wrong.extend(missing.map(|it| format!("docs/conformance.md: pain {number}: there is no `{it}`")));
    }
    wrong
}

/// Groups of SCTP's purposes that are not whole, purposes without a test of their name, tests that don't exist.
fn purposes(root: &Path, groups: &[(&str, usize)]) -> Vec<String> {
    let text = fs::read_to_string(root.join("docs/conformance.md")).unwrap_or_default();
    let functions = functions(root);
    let rows: Vec<Vec<&str>> = text.lines().map(cells).filter(|row| row.len() == 3).collect();
    let mut wrong = Vec::new();
    for (group, count) in groups {
        let own = rows.iter().filter(|row| row[0].split('-').next() == Some(*group));
        let ids: BTreeSet<&str> = own.clone().map(|row| row[0]).collect();
        if ids.len() != *count {
            wrong.push(format!("docs/conformance.md: {} purposes of {group}, not {count}", ids.len()));
        }
        for row in own {
            let id = row[0].to_lowercase().replace('-', "_");
            let name = match (id.strip_prefix("v_"), id.strip_prefix("m3ua_")) {
                (Some(number), _) => format!("vulnerability_{number}"),
                (_, Some(case)) => case.to_owned(),
                _ => format!("sctp_{id}"),
            };
            if quoted(row[2]).next().is_none() {
                wrong.push(format!("docs/conformance.md: {} has no test", row[0]));
            }
            let own_names = OWN_NAMES.contains(group);
            let is_it = |test: &str| {
                if own_names {
                    return functions.contains(test);
                }
                let rest = test.strip_prefix(name.as_str()).filter(|_| functions.contains(test));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            let missing = quoted(row[2]).filter(|test| !is_it(test));
            wrong.extend(missing.map(|it| format!("docs/conformance.md: {}: not its test: `{it}`", row[0])));
        }
    }
    wrong
}

/// Documents that name a file, or a function in a flow, that is not there.
fn stale_documents(root: &Path) -> Vec<String> {
    let functions = functions(root);
    let mut wrong = Vec::new();
    for File { name, text } in files(root).iter().filter(|file| file.name.ends_with(".md")) {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for (at, line) in text.lines().enumerate() {
            let links = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
            let links =
                links.filter(|link| !link.is_empty() && !link.contains("://")).map(|link| folder.join(link));
            let named = quoted(line).filter_map(|it| it.split_whitespace().next());
            let top = ["src/", "docs/", "tools/", "ffi/", "benches/", "perf/"];
            let named =
                named.filter(|it| top.iter().any(|top| it.starts_with(top)) && !it.contains(['{', '*', '…']));
            for path in links.chain(named.map(PathBuf::from)).filter(|path| !root.join(path).exists()) {
                wrong.push(format!("{name}:{}: `{}` is not there", at + 1, path.display()));
            }
            if name.starts_with("docs/flows/") {
                let paths = quoted(line).filter(|it| it.contains("::") && !it.contains(' '));
                let missing =
                    paths.filter(|it| !functions.contains(it.rsplit("::").next().unwrap_or_default()));
                wrong.extend(missing.map(|it| format!("{name}:{}: there is no function `{it}`", at + 1)));
            }
        }
    }
    wrong
}

/// Paths of one machine.
fn machine_paths(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for File { name, text } in files(root) {
        for (at, line) in text.lines().enumerate() {
            if let Some(path) = MACHINE.iter().find(|path| line.contains(**path)) {
                wrong.push(format!("{name}:{}: `{path}…` is a path of one machine", at + 1));
            }
        }
    }
    wrong
}

// The project's own tree.

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn modules_import_what_the_table_permits() {
    none(forbidden_imports(root()));
}

#[test]
fn unsafe_stands_in_listed_files() {
    none(unlisted_unsafe(root(), UNSAFE));
}

#[test]
fn cited_steps_are_in_the_flows() {
    none(missing_steps(root()));
}

#[test]
fn every_requirement_has_its_level_and_its_tests() {
    none(conformance(root(), REQUIREMENTS));
}

#[test]
fn every_purpose_of_sctp_has_its_test() {
    none(purposes(root(), PURPOSES));
}

#[test]
fn every_scenario_of_tcap_has_its_test() {
    none(scenarios(root(), SCENARIOS));
}

#[test]
fn every_pain_has_its_test() {
    none(pains(root(), PAINS));
}

#[test]
fn documents_name_what_is_there() {
    none(stale_documents(root()));
}

#[test]
fn no_path_is_of_one_machine() {
    none(machine_paths(root()));
}

// Planted faults.

/// A tree for one test.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let tree = Self(std::env::temp_dir().join(format!("ipsmgw-tidy-{}-{name}", std::process::id())));
        for (file, text) in files {
            tree.put(file, text);
        }
        tree
    }

    fn put(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One fault, about `file`, that says `what`.
fn one(wrong: &[String], file: &str, what: &str) {
    assert!(matches!(wrong, [fault] if fault.starts_with(file) && fault.contains(what)), "{wrong:?}");
}

#[test]
fn planted_imports_are_found() {
    let tree = Tree::new(
        "imports",
        &[
            ("src/lib.rs", "pub mod base; pub mod proto; pub mod stack; pub mod io; pub mod sim;"),
            ("src/base/mod.rs", "//! crate::stack in a comment\nconst A: &str = \"crate::stack\";"),
            ("src/stack/mod.rs", "use crate::{base::Time, proto::{sip, map::{self, Error}}};"),
            ("src/io/mod.rs", "use crate::base::{self, Time as T};"),
            (
                "src/proto/sip/mod.rs",
                "use crate::base::Time; mod tests { use super::*; use crate::proto::sip::view; }",
            ),
            ("src/proto/map/mod.rs", ""),
            ("src/sim/mod.rs", "use crate::stack::Stack;"),
        ],
    );
    none(forbidden_imports(&tree.0));
    let plant = |file: &str, text: &str, what: &str| {
        let before = fs::read_to_string(tree.0.join(file)).unwrap_or_default();
        tree.put(file, text);
        one(&forbidden_imports(&tree.0), file, what);
        tree.put(file, &before);
    };
    let sip = "src/proto/sip/mod.rs";
    plant(sip, "use crate::proto::map::Error;", "`proto/sip` may not import `proto::map::Error`");
    plant(sip, "use super::map;", "`proto::map`");
    plant(sip, "use crate::{base::{Time, Out}, proto::{map, sip}};", "`proto::map`");
    plant(sip, "mod tests { fn f() { super::super::map::parse(); } }", "`proto::map::parse`");
    plant(sip, "use crate::proto;", "`proto`");
    plant(sip, "use super::*;\nuse crate::base::*;", "`proto`");
    plant(sip, "fn f<'a>(c: char) -> u8 { if c == '\"' { crate::stack::x() } else { b'\"' } }", "`stack::x`");
    plant(
        "src/base/mod.rs",
        "mod a { mod b { use super::super::super::io; } }",
        "`base` may not import `io`",
    );
    plant("src/io/mod.rs", "macro_rules! m { () => { $crate::stack::x() } }", "`stack::x`");
    plant("src/main.rs", "use ipsmgw::base::Time;", "`main` may not import `base::Time`");
    plant("src/stack/ims.rs", "fn f() { dpdk_sys::rte_eal_init(); }", "may not name `dpdk_sys`");
    plant("src/stack/mod.rs", "use crate::sim::Random;", "`stack` may not import `sim::Random`");
    plant("src/attic/mod.rs", "", "no line of the import table is for `attic`");
}

#[test]
fn only_io_and_control_name_the_dpdk_ports() {
    let text = "use crate::io::dpdk::Ports;";
    let tree =
        Tree::new("ports", &[("src/io/dpdk/mod.rs", "use dpdk_sys as c;"), ("src/control/start.rs", text)]);
    none(forbidden_imports(&tree.0));
    tree.put("src/dataplane/run.rs", text);
    one(&forbidden_imports(&tree.0), "src/dataplane/run.rs:1", "may not name `io::dpdk`");
}

#[test]
fn planted_unsafe_is_found() {
    let listed: &[(&str, &str)] = &[("src/base/ring.rs", "a reason")];
    let ring = ("src/base/ring.rs", "#![allow(unsafe_code)]\nfn f() { unsafe { g() } }");
    let tree =
        Tree::new("unsafe", &[ring, ("src/base/slab.rs", "// unsafe\nconst A: &str = r#\"\"unsafe\"\"#;")]);
    none(unlisted_unsafe(&tree.0, listed));
    for planted in
        ["fn f() {\n unsafe { g() } }", "struct A;\nunsafe impl Send for A {}", "\n#![allow(unsafe_code)]"]
    {
        tree.put("src/base/slab.rs", planted);
        one(&unlisted_unsafe(&tree.0, listed), "src/base/slab.rs:2", "not listed");
    }
    tree.put("src/base/slab.rs", "");
    tree.put("src/base/ring.rs", "// unsafe no longer");
    one(&unlisted_unsafe(&tree.0, listed), "src/base/ring.rs", "does not contain");
}

#[test]
fn missing_steps_are_found() {
    let flow = "# MO\n\n## 8.9 Successful\n\n| step | message |\n| --- | --- |\n| 3 | MESSAGE |\n| 4 | 202 |\n\
                ## 8.8.1 By the UE\n| 4 | REGISTER |\n## 8.5 Unsuccessful\n| 5 | MESSAGE |\n| 6 | error |\n";
    let mo = "//! Mobile originated: TR 23.804 8.9 (P-8.9), TS 23.204 6.3.\n\n/// Step 3: a MESSAGE. Step 4: 202.\nfn f() {}\n\
              // 8.8 step 4, and 8.5 steps 5 and\n// 6, or (8.9 steps 3, 4).\n";
    let tree = Tree::new("steps", &[("docs/flows/mo.md", flow), ("src/gateway/mo.rs", mo)]);
    none(missing_steps(&tree.0));
    for (planted, what) in [
        ("/// Step 7: nothing.", "8.9 step 7"),
        ("/// Steps 3 and 9: one.", "8.9 step 9"),
        ("/// As in 8.5\n/// step 7.", "8.5 step 7"),
        ("/// 8.8.1 steps 4 and 5", "8.8.1 step 5"),
        ("/// (8.10 step 3)", "8.10 step 3"),
    ] {
        tree.put("src/gateway/mo.rs", &format!("{mo}\nfn g() {{}}\n{planted}"));
        one(&missing_steps(&tree.0), "src/gateway/mo.rs", what);
    }
    tree.put("src/gateway/mo.rs", mo);
    tree.put("src/control/registrar.rs", "/// A step 99 of no procedure.\nfn f() {}\n/// 8.9 step 99");
    one(&missing_steps(&tree.0), "src/control/registrar.rs", "8.9 step 99");
}

#[test]
fn missing_rows_levels_and_tests_are_found() {
    let table = |rows: &str| {
        format!("| id | requirement | level | configuration key | test |\n| - | - | - | - | - |\n{rows}")
    };
    let good = "| G-7 | as MSC or SGSN | proved | `network.node` | `g_7_both`, `judged` |\n| P-8.9 | MO | built | — | p_8_9 |\n";
    let tree = Tree::new(
        "conformance",
        &[
            ("tools/x.rs", "#[test] fn g_7_both() {}"),
            ("tools/y.py", "async def judged(peer):"),
            ("docs/conformance.md", &table(good)),
        ],
    );
    let check = || conformance(&tree.0, &["G-7", "P-8.9"]);
    none(check());
    for (from, to, what) in [
        ("| G-7 |", "| G-8 |", "G-7 has no row"),
        ("proved", "done", "`done` is no level"),
        ("`judged`", "`never_written`", "no function `never_written`"),
        ("`g_7_both`, ", "", "G-7 is proved by no test"),
        ("built", "judged by a stranger", "P-8.9 is judged by a stranger by no test"),
    ] {
        tree.put("docs/conformance.md", &table(&good.replace(from, to)));
        one(&check(), "docs/conformance.md", what);
    }
}

#[test]
fn missing_purposes_and_their_tests_are_found() {
    let table = "| id | purpose | test |\n| - | - | - |\n| AS-V-1 | INIT | `sctp_as_v_1` |\n| V-02 | loop | `vulnerability_02_loop` |\n";
    let tests = ("src/x.rs", "fn sctp_as_v_1() {} fn vulnerability_02_loop() {} fn sctp_as_i_1() {}");
    let tree = Tree::new("purposes", &[tests, ("docs/conformance.md", table)]);
    let check = || purposes(&tree.0, &[("AS", 1), ("V", 1)]);
    none(check());
    for (from, to, what) in [
        ("| AS-V-1 |", "| AT-V-1 |", "0 purposes of AS, not 1"),
        ("`sctp_as_v_1`", "`sctp_as_i_1`", "AS-V-1: not its test: `sctp_as_i_1`"),
        ("02_loop", "02_never_written", "V-02: not its test"),
        ("`sctp_as_v_1`", "", "AS-V-1 has no test"),
        ("`sctp_as_v_1`", "—", "AS-V-1 has no test"),
    ] {
        tree.put("docs/conformance.md", &table.replace(from, to));
        one(&check(), "docs/conformance.md", what);
    }
}

#[test]
fn missing_scenarios_and_their_tests_are_found() {
    let table = "| id | what | answer | test |\n| - | - | - | - |\n| TC-01 | 30 80 | fine | `indefinite` |\n";
    let tree = Tree::new("scenarios", &[("src/x.rs", "fn indefinite() {}"), ("docs/conformance.md", table)]);
    none(scenarios(&tree.0, 1));
    for (from, to, what) in [
        ("| TC-01 |", "| TX-01 |", "0 rows of TCAP, not 1"),
        ("`indefinite`", "`definite`", "TC-01: there is no `definite`"),
        ("`indefinite`", "—", "TC-01 has no test"),
    ] {
        tree.put("docs/conformance.md", &table.replace(from, to));
        one(&scenarios(&tree.0, 1), "docs/conformance.md", what);
    }
}

#[test]
fn missing_pains_and_their_tests_are_found() {
    let table = "| pain | what | test |\n| - | - | - |\n| Pain 3 | 488 | `pain_03_any_worker`, `other` |\n";
    let tests = ("src/x.rs", "fn pain_03_any_worker() {} fn other() {}");
    let tree = Tree::new("pains", &[tests, ("docs/conformance.md", table)]);
    none(pains(&tree.0, &[3]));
    for (from, to, what) in [
        ("| Pain 3 |", "| Pain 4 |", "pain 3 has no row"),
        ("`pain_03_any_worker`, ", "", "pain 3 has no test of the name `pain_03_…`"),
        ("`other`", "`never_written`", "pain 3: there is no `never_written`"),
    ] {
        tree.put("docs/conformance.md", &table.replace(from, to));
        one(&pains(&tree.0, &[3]), "docs/conformance.md", what);
    }
}

#[test]
fn stale_names_and_machine_paths_are_found() {
    let tree = Tree::new(
        "documents",
        &[("src/mo.rs", "fn on_message() {}"), ("docs/flows/mo.md", "`mo::on_message` `src/mo.rs -c`")],
    );
    none(stale_documents(&tree.0));
    for (planted, what) in [
        ("`mo::on_nothing`", "mo::on_nothing"),
        ("`src/mt.rs`", "src/mt.rs"),
        ("[MT](mt.md#x)", "docs/flows/mt.md"),
    ] {
        tree.put("docs/flows/mo.md", &format!("[here](mo.md) [there](https://x.org/y)\n{planted}"));
        one(&stale_documents(&tree.0), "docs/flows/mo.md:2", what);
    }
    none(machine_paths(&tree.0));
    tree.put("tools/run", &format!("cd {}me/somebody", concat!("/", "ho")));
    one(&machine_paths(&tree.0), "tools/run:1", "path of one machine");
}
