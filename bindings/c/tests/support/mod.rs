//! Compiling and running C programs.

#![allow(dead_code, reason = "each test file uses what it needs of this")]

pub(crate) mod librdkafka;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use ottla::{Client, NewTopic};
use ottla_bindings::TestBroker;
use ottla_tests::kafka::{LiveKafka, unique_name};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The library that this test was built with.
pub(crate) fn library() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let library = here.parent().unwrap().join("librdkafka.so");
    assert!(library.exists(), "there is no {}", library.display());
    library
}

/// A folder of a test's own.
pub(crate) fn out(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A folder with the library under the name that programs look for.
pub(crate) fn libraries(name: &str) -> PathBuf {
    let folder = out(name).join("lib");
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join("librdkafka.so.1");
    if std::fs::read_link(&link).ok().as_deref() != Some(library().as_path()) {
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(library(), &link).unwrap();
    }
    folder
}

/// Compiles a program against our header and links it with our library.
pub(crate) fn compile(source: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let program = out(name).join("program");
    let compiled = Command::new("cc")
        .args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-g", "-I"])
        .arg(root().join("../../c-include"))
        .arg("-I")
        .arg(root().join("tests"))
        .args(flags)
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg(libraries(name).join("librdkafka.so.1"))
        .args(["-lpthread", "-lm"])
        .output()
        .expect("a C compiler: cc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    program
}

/// Runs a program with our library, for two minutes at the longest.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Output {
    run_with(program, arguments, &[])
}

/// The same, with something more in its environment.
pub(crate) fn run_with(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let name = program.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "120"]).arg(program).args(arguments);
    command.env("LD_LIBRARY_PATH", libraries(name)).envs(environment.iter().copied());
    command.output().expect("timeout, of coreutils")
}

/// The output of a program that succeeded.
pub(crate) fn ran(name: &str, output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {:?}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

/// A live Apache Kafka: the one in the environment or, where there is none, one of this process's own.
fn live() -> &'static str {
    static SERVERS: OnceLock<String> = OnceLock::new();
    SERVERS.get_or_init(|| match std::env::var("OTTLA_LIVE_KAFKA") {
        Ok(servers) if !servers.is_empty() => servers,
        _ => LiveKafka::shared().bootstrap_servers().to_owned(),
    })
}

/// Runs a test on a broker in this process and on a live Apache Kafka: what it gets is their address and a topic of its own.
pub(crate) fn on_both(topic: &str, partitions: i32, test: impl Fn(&str, &str)) {
    let name = unique_name(topic);
    let broker = TestBroker::start([("topic", format!("{name}:{partitions}").as_str())]).unwrap();
    test(broker.bootstrap_servers(), &name);
    make_topic(live(), &name, partitions);
    test(live(), &name);
}

/// Makes a topic.
pub(crate) fn make_topic(servers: &str, name: &str, partitions: i32) {
    let client = Client::builder().set("bootstrap.servers", servers).unwrap().build().unwrap();
    client.admin().create_topic_blocking(NewTopic::new(name).partitions(partitions).replication_factor(1)).unwrap();
}

/// How many records were written to a topic of one partition.
pub(crate) fn written(servers: &str, topic: &str) -> i64 {
    let client = Client::builder().set("bootstrap.servers", servers).unwrap().build().unwrap();
    client.consumer_builder().build().unwrap().watermarks_blocking(topic, 0).unwrap().1
}
