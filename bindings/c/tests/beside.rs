//! Beside librdkafka itself: its header's layouts, numbers and functions, and what its newest library exports and says. Run by
//! `make proof`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails so")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use support::librdkafka::{librdkafka, newest_librdkafka};
use support::{compile, library, out, ran, root, run};

/// What a C program says of the sizes and places in the public structs, and of numbers, compiled with the headers of a folder.
fn layouts(name: &str, include: &Path, numbers: &BTreeSet<String>) -> String {
    let folder = out(name);
    let members = [
        ("rd_kafka_message_t", "err rkt partition payload len key key_len offset _private"),
        ("rd_kafka_topic_partition_t", "topic partition offset metadata metadata_size opaque err _private"),
        ("rd_kafka_topic_partition_list_t", "cnt size elems"),
        ("rd_kafka_metadata_t", "broker_cnt brokers topic_cnt topics orig_broker_id orig_broker_name"),
        ("rd_kafka_metadata_broker_t", "id host port"),
        ("rd_kafka_metadata_topic_t", "topic partition_cnt partitions err"),
        ("rd_kafka_metadata_partition_t", "id err leader replica_cnt replicas isr_cnt isrs"),
        ("rd_kafka_vu_t", "vtype u u.mem.ptr u.mem.size u.header.name u.header.val u.header.size"),
        ("struct rd_kafka_err_desc", "code name desc"),
        (
            "struct rd_kafka_group_member_info",
            "member_id client_id client_host member_metadata member_metadata_size member_assignment member_assignment_size",
        ),
        ("struct rd_kafka_group_info", "broker group err state protocol_type protocol members member_cnt"),
        ("struct rd_kafka_group_list", "groups group_cnt"),
    ];
    let mut source = String::from("#include <stddef.h>\n#include <stdio.h>\n#include \"rdkafka.h\"\nint main(void) {\n");
    for (kind, names) in members {
        source += &format!("printf(\"{kind} %zu\\n\", sizeof({kind}));\n");
        for member in names.split(' ') {
            source += &format!("printf(\"{kind}.{member} %zu\\n\", offsetof({kind}, {member}));\n");
        }
    }
    for number in NUMBERS.iter().map(|number| (*number).to_owned()).chain(numbers.iter().cloned()) {
        source += &format!("printf(\"{number} %lld\\n\", (long long)({number}));\n");
    }
    source += "return 0; }\n";
    let file = folder.join("layouts.c");
    std::fs::write(&file, source).unwrap();
    let program = folder.join("layouts");
    let compiled = Command::new("cc").arg("-I").arg(include).arg(&file).arg("-o").arg(&program).output().expect("cc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    ran("layouts", &Command::new(program).output().unwrap())
}

/// Numbers that are made by a macro.
const NUMBERS: [&str; 1] = ["RD_KAFKA_OFFSET_TAIL(7)"];

/// What the headers of a folder are once they are preprocessed.
fn preprocessed(include: &Path, flags: &[&str]) -> String {
    let file = out("preprocessed").join("header.c");
    std::fs::write(&file, "#include \"rdkafka.h\"\n").unwrap();
    let done = Command::new("cc").args(["-E", "-P"]).args(flags).arg("-I").arg(include).arg(&file).output().expect("cc");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// The constants of a folder's headers: those of enums, and those that are defined.
fn constants(include: &Path) -> BTreeSet<String> {
    let text = preprocessed(include, &[]);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let enums = words.filter(|word| word.starts_with("RD_KAFKA_")).map(str::to_owned);
    let text = preprocessed(include, &["-dM"]);
    let defined = text.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' ')).filter(|(name, value)| {
        name.starts_with("RD_KAFKA_") && !name.contains('(') && !value.contains('"') && !value.contains("__attribute__")
    });
    enums.chain(defined.map(|(name, _)| name.to_owned())).collect()
}

/// The declarations of functions in a header that was preprocessed, by the functions' names.
fn prototypes(text: &str) -> BTreeMap<String, String> {
    let (mut found, mut statement, mut depth) = (BTreeMap::new(), String::new(), 0);
    for c in text.chars() {
        statement.push(c);
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth > 0 || !(c == ';' || c == '}' && statement.contains("inline")) {
            continue;
        }
        let declared = std::mem::take(&mut statement);
        let name =
            declared.find("rd_kafka_").into_iter().flat_map(|_| declared.match_indices("rd_kafka_")).find_map(|(at, _)| {
                let name: &str = declared[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
                declared[at + name.len()..].starts_with('(').then(|| name.to_owned())
            });
        if let Some(name) = name.filter(|_| !declared.contains('{') && !declared.trim_start().starts_with("typedef")) {
            found.insert(name, declared);
        }
    }
    found
}

#[test]
#[ignore = "needs librdkafka's sources; make proof"]
fn structs_and_numbers_are_laid_out_as_librdkafkas() {
    let (our_include, their_include) = (root().join("../../c-include"), librdkafka().join("src"));
    let mut numbers: BTreeSet<String> = constants(&our_include).intersection(&constants(&their_include)).cloned().collect();
    // Its sources are not of its newest version, whose numbers are compared with its library's.
    for newer in ["RD_KAFKA_VERSION", "RD_KAFKA_RESP_ERR_END_ALL"] {
        assert!(numbers.remove(newer), "{newer}");
    }
    println!("{} numbers", numbers.len());
    assert!(numbers.len() > 180, "{numbers:?}");
    let ours = layouts("layouts-ours", &our_include, &numbers);
    assert_eq!(ours, layouts("layouts-theirs", &their_include, &numbers));
}

#[test]
#[ignore = "needs librdkafka's sources; make proof"]
fn functions_are_declared_as_librdkafkas() {
    let theirs = prototypes(&preprocessed(&librdkafka().join("src"), &[]));
    let ours = prototypes(&preprocessed(&root().join("../../c-include"), &[]));
    let both: Vec<&String> = theirs.iter().filter(|(name, _)| ours.contains_key(*name)).map(|(_, declared)| declared).collect();
    println!("{} functions", both.len());
    assert!(both.len() > 180, "{}", both.len());
    // Declared once more as librdkafka does it: what is not the same is an error of the compiler's.
    let file = out("prototypes").join("prototypes.c");
    let declared: String = both.into_iter().map(String::as_str).collect();
    std::fs::write(&file, format!("#include <rdkafka.h>\n{declared}\n")).unwrap();
    let include = root().join("../../c-include");
    let compiled = Command::new("cc").args(["-Wall", "-fsyntax-only", "-I"]).arg(include).arg(&file).output().expect("cc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

/// All that a library exports.
fn exported(library: &Path) -> BTreeSet<String> {
    let symbols = Command::new("nm").args(["-D", "--defined-only"]).arg(library).output().expect("nm, of binutils");
    let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
    let names = symbols.lines().filter_map(|line| line.split_whitespace().last()?.split('@').next());
    names.map(str::to_owned).collect()
}

#[test]
#[ignore = "fetches librdkafka's newest library; make proof"]
fn what_is_exported_and_what_is_said_not_to_be_there_is_the_newest_librdkafka() {
    let (ours, theirs) = (exported(&library()), exported(&newest_librdkafka()));
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), Vec::<&String>::new(), "exported, and not librdkafka's");
    let compat = std::fs::read_to_string(root().join("COMPAT.md")).unwrap();
    let (_, section) = compat.split_once("\n## Not there\n").unwrap();
    let lines = section.split("\n## ").next().unwrap().lines();
    let named = |line: &str| line.strip_prefix("- `")?.split_once('`').map(|(name, _)| name.to_owned());
    let listed: BTreeSet<String> = lines.filter_map(named).collect();
    println!("librdkafka exports {}; here {} are there, {} are not", theirs.len(), ours.len(), listed.len());
    let missing: BTreeSet<String> = theirs.difference(&ours).cloned().collect();
    assert_eq!(missing.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not there, and not said to be so");
    assert_eq!(
        listed.difference(&missing).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "said not to be there, and there or unknown"
    );
    // And each that is there has its line.
    let (_, section) = compat.split_once("\n## Functions\n").unwrap();
    let lines = section.split("\n## ").next().unwrap().lines();
    let said: BTreeSet<String> =
        lines.filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned()).collect();
    assert_eq!(said, ours, "the table of functions, and what is exported");
}

#[test]
#[ignore = "fetches librdkafka's newest library; make proof"]
fn errors_have_the_names_and_texts_of_the_newest_librdkafka() {
    let program = compile(&root().join("tests/errors.c"), "errors", &["-ldl", "-Wl,--as-needed"]);
    let of = |library: &Path| ran("errors", &run(&program, &[library.to_str().unwrap()]));
    let theirs = of(&newest_librdkafka());
    println!("{} errors", theirs.lines().filter(|line| line.starts_with("described ")).count());
    assert!(theirs.lines().count() > 500, "{theirs}");
    assert_eq!(of(&library()), theirs);
}

/// What a library says of each property: `G name` and `T name` of what it dumps, `GR name` and `TR name` of its tables' rows, without
/// the descriptions, which are each library's own words.
fn properties(program: &Path, library: &Path) -> BTreeMap<String, String> {
    let printed = ran("properties", &run(program, &[library.to_str().unwrap()]));
    let mut rows = BTreeMap::new();
    let mut table = "";
    for line in printed.lines() {
        if line.starts_with("## Global") {
            table = "GR";
        } else if line.starts_with("## Topic") {
            table = "TR";
        } else if table.is_empty() {
            let (name, value) = line.split_once(" = ").unwrap_or((line, ""));
            // A function's address says only that there is one.
            let value = if value.starts_with("0x") { "0x" } else { value };
            rows.insert(name.to_owned(), value.to_owned());
        } else if let [name, scope, range, default, importance, text] = line.splitn(6, '|').map(str::trim).collect::<Vec<_>>()[..]
            && !name.is_empty()
            && name != "Property"
            && !name.starts_with("--")
        {
            let alias = text.split_once("Alias for `").and_then(|(_, rest)| rest.split('`').next()).unwrap_or("");
            let kind = text.rsplit_once("<br>*Type: ").map_or("", |(_, kind)| kind.trim_end_matches('*'));
            let row = format!("{scope} | {range} | {default} | {importance} | {alias} | {kind}");
            assert!(rows.insert(format!("{table} {name}"), row).is_none(), "{table} {name} twice");
        }
    }
    rows
}

#[test]
#[ignore = "fetches librdkafka's newest library; make proof"]
fn properties_are_printed_as_the_newest_librdkafka_prints_them() {
    let program = compile(&root().join("tests/properties.c"), "properties", &["-ldl"]);
    let (theirs, ours) = (properties(&program, &newest_librdkafka()), properties(&program, &library()));
    let tables =
        |rows: &BTreeMap<String, String>| rows.keys().filter(|row| row.starts_with("GR ") || row.starts_with("TR ")).count();
    let aliases = theirs.iter().filter(|(row, value)| row.contains("R ") && !value.rsplit(" | ").nth(1).unwrap_or("").is_empty());
    assert_eq!((tables(&theirs), aliases.count()), (199, 13), "librdkafka's rows, and how many of them are aliases");
    println!("librdkafka: {} rows; here {}", tables(&theirs), tables(&ours));
    // What differs stands in COMPAT.md, and nothing else: a line is `| rows | why |`.
    let compat = std::fs::read_to_string(root().join("COMPAT.md")).unwrap();
    let (_, section) = compat.split_once("## Properties that are printed otherwise\n").unwrap();
    let lines = section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let named: BTreeSet<&str> = lines.flat_map(|rows| rows.split('`').skip(1).step_by(2)).collect();
    let all: BTreeSet<&str> = theirs.keys().chain(ours.keys()).map(String::as_str).collect();
    let differ: BTreeSet<&str> = all.into_iter().filter(|row| theirs.get(*row) != ours.get(*row)).collect();
    for row in &differ {
        println!("{row}\n  librdkafka: {:?}\n  here:       {:?}", theirs.get(*row), ours.get(*row));
    }
    assert_eq!(differ, named, "what differs, and what COMPAT.md says of it");
}
