//! C programs, compiled against the header and linked with the library, and kcat, on a broker in this process and on a live Apache
//! Kafka.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails so")]

mod kcat;
#[path = "../support/mod.rs"]
mod support;

use ottla_bindings::TestBroker;
use support::{compile, on_both, ran, root, run, written};

/// Runs a program of ours on both brokers, with a topic of its own.
fn on_brokers(name: &str, partitions: i32) {
    let program = compile(&root().join("tests").join(format!("{name}.c")), name, &[]);
    on_both(name, partitions, |servers, topic| drop(ran(name, &run(&program, &[servers, topic]))));
}

/// Runs a program of ours with the address of a broker in this process.
fn on_broker(name: &str) {
    let program = compile(&root().join("tests").join(format!("{name}.c")), name, &[]);
    let broker = TestBroker::start([]).unwrap();
    ran(name, &run(&program, &[broker.bootstrap_servers()]));
}

#[test]
fn a_record_out_and_in() {
    on_brokers("roundtrip", 1);
}

#[test]
fn events_and_loops_that_are_woken() {
    on_brokers("events", 1);
}

#[test]
fn a_group() {
    on_brokers("group", 2);
}

#[test]
fn the_legacy_consumer() {
    on_brokers("simple", 2);
}

#[test]
fn whose_the_values_are() {
    on_brokers("ownership", 1);
}

#[test]
fn a_hundred_clients_leave_nothing_behind() {
    on_brokers("many", 1);
}

#[test]
fn callbacks_signals_and_the_end_of_a_process() {
    on_brokers("callbacks", 1);
}

#[test]
fn programs_that_end_with_records_left() {
    on_brokers("exit", 1);
}

#[test]
fn a_library_that_is_closed_with_records_left() {
    // Not linked with the library: it loads and closes it.
    let program = compile(&root().join("tests/closed.c"), "closed", &["-ldl", "-Wl,--as-needed"]);
    on_both("closed", 1, |servers, topic| {
        ran("closed", &run(&program, &[servers, topic]));
        assert_eq!(written(servers, topic), 1);
    });
}

#[test]
fn a_fork() {
    on_brokers("fork", 1);
}

#[test]
fn configuration_lists_errors_and_misuse() {
    on_broker("conf");
}

#[test]
fn a_broker_that_throttles() {
    let program = compile(&root().join("tests/throttle.c"), "throttle", &[]);
    let broker = TestBroker::start([]).unwrap();
    broker.add_fault([("api", "Produce"), ("throttle_ms", "7"), ("times", "1")]).unwrap();
    ran("throttle", &run(&program, &[broker.bootstrap_servers()]));
}

#[test]
fn queues_that_are_changed_while_others_wait() {
    on_broker("queues");
}

#[test]
fn a_mock_cluster_in_the_process() {
    on_broker("mock");
}

#[test]
fn the_example_brings_files_back_byte_for_byte() {
    let source = root().join("../../c-include/examples/files.c");
    let program = compile(&source, "files", &[]);
    let out = program.parent().unwrap().join("out");
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).unwrap();
    let files = [source, program.clone()];
    let mut arguments = vec!["mock", "files", out.to_str().unwrap()];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    ran("files", &run(&program, &arguments));
    for file in files {
        let back = std::fs::read(out.join(file.file_name().unwrap())).unwrap();
        assert!(back == std::fs::read(&file).unwrap(), "{} is not what was sent", file.display());
    }
}
