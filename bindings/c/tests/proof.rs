//! What takes longer, or needs librdkafka's sources: its examples unmodified, its layouts, and our programs under the tools that watch
//! memory. Run by `make proof`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails so")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{compile, libraries, library, on_both, out, ran, root, run};

/// librdkafka's sources, out of the crate `rdkafka-sys` in cargo's registry, where cargo puts it if it is not there.
fn librdkafka() -> PathBuf {
    const CRATE: &str = "rdkafka-sys-4.10.0+2.12.1";
    let home = std::env::var("CARGO_HOME");
    let home = home.map_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap()).join(".cargo"), PathBuf::from);
    let find = || {
        let registries = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
        registries.map(|registry| registry.path().join(CRATE).join("librdkafka")).find(|folder| folder.exists())
    };
    find().unwrap_or_else(|| {
        let project = out("fetch");
        std::fs::create_dir_all(project.join("src")).unwrap();
        std::fs::write(project.join("src/lib.rs"), "").unwrap();
        let manifest =
            "[package]\nname = \"fetch\"\nedition = \"2024\"\n[dependencies]\nrdkafka-sys = \"=4.10.0\"\n[workspace]\n";
        std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
        let fetched = Command::new("cargo").arg("fetch").current_dir(&project).output().expect("cargo");
        assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
        find().expect("librdkafka's sources: the crate rdkafka-sys 4.10.0 in cargo's registry")
    })
}

/// An example of librdkafka's, compiled against our header: its own folder's order is kept, for those that look into `../src`.
fn example(name: &str) -> PathBuf {
    let work = out(name);
    for folder in ["examples", "src"] {
        std::fs::create_dir_all(work.join(folder)).unwrap();
    }
    let source = work.join("examples").join(format!("{name}.c"));
    std::fs::copy(librdkafka().join("examples").join(format!("{name}.c")), &source).unwrap();
    for header in std::fs::read_dir(librdkafka().join("src")).unwrap().flatten().map(|entry| entry.path()) {
        if header.extension().is_some_and(|extension| extension == "h") {
            std::fs::copy(&header, work.join("src").join(header.file_name().unwrap())).unwrap();
        }
    }
    std::fs::copy(root().join("../../c-include/rdkafka.h"), work.join("src/rdkafka.h")).unwrap();
    // What its configure script finds out about the compiler.
    let config = "#define HAVE_ATOMICS_32 1\n#define HAVE_ATOMICS_64 1\n\
        #define ATOMIC_OP32(OP1, OP2, PTR, VAL) __atomic_##OP1##_##OP2(PTR, VAL, __ATOMIC_SEQ_CST)\n\
        #define ATOMIC_OP64 ATOMIC_OP32\n";
    std::fs::write(work.join("config.h"), config).unwrap();
    let headers = format!("-I{}", work.join("src").display());
    compile(&source, name, &["-Wno-error", "-Wno-unused-parameter", "-Wno-sign-compare", headers.as_str()])
}

#[test]
#[ignore = "needs librdkafka's sources; make proof"]
fn librdkafkas_examples_produce_and_consume() {
    on_both("examples", 1, produce_and_consume);
}

fn produce_and_consume(servers: &str, topic: &str) {
    for name in ["producer", "idempotent_producer"] {
        let program = example(name);
        let mut child = Command::new("timeout")
            .args(["-k", "5", "60"])
            .arg(&program)
            .args([servers, topic])
            .env("LD_LIBRARY_PATH", libraries(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"one\ntwo\nthree\n").unwrap();
        let output = child.wait_with_output().unwrap();
        if name == "producer" {
            ran(name, &output);
        } else {
            // It makes up a fatal error, and ends as failed.
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(text.contains("FATAL ERROR: OUT_OF_ORDER_SEQUENCE_NUMBER") && text.contains("delivered, 0 failed"), "{text}");
        }
    }
    // It reads until it is told to stop, and leaves its group then.
    let program = example("consumer");
    let mut child = Command::new("timeout")
        .args(["--signal", "INT", "-k", "20", "15"])
        .arg(&program)
        .args([servers, topic, "classic", topic])
        .env("LD_LIBRARY_PATH", libraries("consumer"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for value in ["Value: one", "Value: two", "Value: three"] {
        assert!(text.contains(value), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("Closing consumer"), "it closes");
}

#[test]
#[ignore = "needs librdkafka's sources; make proof"]
fn rdkafka_performance_runs_both_ways() {
    let program = example("rdkafka_performance");
    on_both("performance", 1, |servers, topic| performs(&program, servers, topic));
}

fn performs(program: &Path, servers: &str, topic: &str) {
    ran("produce", &run(program, &["-P", "-t", topic, "-p", "0", "-b", servers, "-s", "100", "-c", "20000", "-q"]));
    ran("consume", &run(program, &["-C", "-t", topic, "-p", "0", "-b", servers, "-o", "beginning", "-c", "20000", "-q", "-e"]));
    ran(
        "group",
        &run(program, &["-G", topic, "-t", topic, "-b", servers, "-c", "20000", "-q", "-e", "-X", "auto.offset.reset=earliest"]),
    );
}

/// What a C program says of the sizes and places in the public structs, compiled with the headers of a folder.
fn layouts(name: &str, include: &Path) -> String {
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
    for number in [
        "RD_KAFKA_PRODUCER",
        "RD_KAFKA_CONSUMER",
        "RD_KAFKA_VTYPE_HEADERS",
        "RD_KAFKA_MSG_F_PARTITION",
        "RD_KAFKA_OFFSET_TAIL(7)",
        "RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS",
        "RD_KAFKA_RESP_ERR__NOENT",
        "RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE",
        "RD_KAFKA_RESP_ERR_REBOOTSTRAP_REQUIRED",
        "RD_KAFKA_MSG_STATUS_PERSISTED",
        "RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME",
        "RD_KAFKA_CONF_UNKNOWN",
        "RD_KAFKA_PURGE_F_NON_BLOCKING",
        "RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE",
        "RD_KAFKA_EVENT_STATS",
    ] {
        source += &format!("printf(\"{} %d\\n\", (int)({number}));\n", number.replace('%', ""));
    }
    source += "return 0; }\n";
    let file = folder.join("layouts.c");
    std::fs::write(&file, source).unwrap();
    let program = folder.join("layouts");
    let compiled = Command::new("cc").arg("-I").arg(include).arg(&file).arg("-o").arg(&program).output().expect("cc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    ran("layouts", &Command::new(program).output().unwrap())
}

#[test]
#[ignore = "needs librdkafka's sources; make proof"]
fn structs_and_numbers_are_laid_out_as_librdkafkas() {
    let ours = layouts("layouts-ours", &root().join("../../c-include"));
    assert_eq!(ours, layouts("layouts-theirs", &librdkafka().join("src")));
}

#[test]
#[ignore = "needs librdkafka's sources; make proof"]
fn all_that_is_exported_is_librdkafkas() {
    let symbols = Command::new("nm").args(["-D", "--defined-only"]).arg(library()).output().expect("nm, of binutils");
    let header = std::fs::read_to_string(librdkafka().join("src/rdkafka.h")).unwrap()
        + &std::fs::read_to_string(librdkafka().join("src/rdkafka_mock.h")).unwrap();
    let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
    let mut count = 0;
    for symbol in
        symbols.lines().filter_map(|line| line.split_whitespace().last()).filter(|symbol| symbol.starts_with("rd_kafka_"))
    {
        assert!(header.contains(&format!("{symbol}(")), "{symbol} is not librdkafka's");
        count += 1;
    }
    assert!(count > 150, "{count}");
}

const PROGRAMS: [(&str, i32); 7] =
    [("conf", 0), ("roundtrip", 1), ("group", 2), ("simple", 2), ("ownership", 1), ("events", 1), ("queues", 0)];

/// Runs each of our programs, compiled with `flags`, on both brokers.
fn each_program(tool: &str, flags: &[&str], run: impl Fn(&Path, &[&str]) -> Output) {
    for (name, partitions) in PROGRAMS {
        let program = compile(&root().join("tests").join(format!("{name}.c")), &format!("{tool}-{name}"), flags);
        on_both(name, partitions.max(1), |servers, topic| {
            let arguments = if partitions == 0 { &[servers][..] } else { &[servers, topic] };
            ran(name, &run(&program, arguments));
        });
    }
}

#[test]
#[ignore = "slow; make proof"]
fn our_programs_under_valgrind() {
    each_program("valgrind", &[], |program, arguments| {
        let name = program.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let options = ["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"];
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "300", "valgrind"]).args(options).arg(program).args(arguments);
        command.env("LD_LIBRARY_PATH", libraries(name)).output().expect("valgrind")
    });
}

#[test]
#[ignore = "slow; make proof"]
fn our_programs_under_address_sanitizer() {
    each_program("asan", &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"], run);
}

/// librdkafka's library out of the newest confluent-kafka wheel, which pip puts here once.
fn newest_librdkafka() -> PathBuf {
    let folder = out("wheel");
    let find = || {
        let libraries = std::fs::read_dir(folder.join("confluent_kafka.libs")).into_iter().flatten().flatten();
        libraries.map(|file| file.path()).find(|path| path.file_name().unwrap().to_string_lossy().starts_with("librdkafka"))
    };
    find().unwrap_or_else(|| {
        let steps: [&[&str]; 2] = [
            &["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "confluent-kafka"],
            &["-c", "import glob, zipfile; zipfile.ZipFile(glob.glob('*.whl')[0]).extractall()"],
        ];
        for step in steps {
            let done = Command::new("python3").args(step).current_dir(&folder).output().expect("python3");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        find().expect("librdkafka's library in the wheel")
    })
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
