//! What takes longer: librdkafka's examples unmodified, and our programs under the tools that watch memory. Run by `make proof`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails so")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::librdkafka::librdkafka;
use support::{compile, libraries, on_both, out, ran, root, run, run_with};

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
        // The other one makes up its values.
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
    let made_up = (0..13).map(|number| format!("Idempotent Producer example message #{number}"));
    for value in ["one", "two", "three"].map(str::to_owned).into_iter().chain(made_up) {
        let line = format!("Value: {value}\n");
        assert_eq!(text.matches(&line).count(), 1, "{line}{text}{}", String::from_utf8_lossy(&output.stderr));
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
    let ran = |name, arguments: &[&str], said: &str| {
        let output = run(program, arguments);
        let printed = ran(name, &output) + &String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains(said), "{name}: {printed}");
    };
    let delivered = "20000 messages produced (2000000 bytes), 20000 delivered";
    let consumed = "20000 messages (2000000 bytes) consumed";
    ran("produce", &["-P", "-t", topic, "-p", "0", "-b", servers, "-s", "100", "-c", "20000", "-q"], delivered);
    ran("consume", &["-C", "-t", topic, "-p", "0", "-b", servers, "-o", "beginning", "-c", "20000", "-q", "-e"], consumed);
    let group = ["-G", topic, "-t", topic, "-b", servers, "-c", "20000", "-q", "-e", "-X", "auto.offset.reset=earliest"];
    ran("group", &group, consumed);
}

/// Our programs, with the number of partitions that they want: none for those that take only an address.
const PROGRAMS: [(&str, i32); 12] = [
    ("conf", 0),
    ("roundtrip", 1),
    ("group", 2),
    ("simple", 2),
    ("ownership", 1),
    ("events", 1),
    ("queues", 0),
    ("callbacks", 1),
    ("fork", 1),
    ("many", 1),
    ("mock", 0),
    ("exit", 1),
];

/// Runs each of our programs, compiled with `flags`, on both brokers.
fn each_program(tool: &str, flags: &[&str], run: impl Fn(&str, &Path, &[&str]) -> Output) {
    for (name, partitions) in PROGRAMS {
        let program = compile(&root().join("tests").join(format!("{name}.c")), &format!("{tool}-{name}"), flags);
        on_both(name, partitions.max(1), |servers, topic| {
            let arguments = if partitions == 0 { &[servers][..] } else { &[servers, topic] };
            ran(name, &run(name, &program, arguments));
        });
    }
}

#[test]
#[ignore = "slow; make proof"]
fn our_programs_under_valgrind() {
    each_program("valgrind", &[], |name, program, arguments| {
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "300", "valgrind", "--quiet", "--error-exitcode=9"]);
        // A child has its parent's memory without the threads that hold it, and `exit` leaves clients open: both count as leaks.
        // What a child says of its errors is found in its exit code, and would be taken for what the program wrote.
        if ["callbacks", "fork", "exit"].contains(&name) {
            command.args(["--leak-check=no", "--child-silent-after-fork=yes"]);
        } else {
            command.args(["--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
        }
        let folder = program.parent().unwrap().file_name().unwrap().to_str().unwrap();
        command.arg(program).args(arguments).env("LD_LIBRARY_PATH", libraries(folder)).output().expect("valgrind")
    });
}

#[test]
#[ignore = "slow; make proof"]
fn our_programs_under_address_sanitizer() {
    each_program("asan", &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"], |name, program, arguments| {
        // It leaves clients open, in processes that were forked from ones with threads.
        let options = if name == "exit" { "detect_leaks=0" } else { "detect_leaks=1" };
        run_with(program, arguments, &[("ASAN_OPTIONS", options)])
    });
}
