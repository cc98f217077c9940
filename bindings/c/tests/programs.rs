//! C programs, compiled against the header and linked with the library, on a broker in this process.

use std::path::{Path, PathBuf};
use std::process::Command;

use ottla_bindings::TestBroker;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Where the library lies that this test was built with.
fn libraries() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let folder = here.parent().unwrap().to_owned();
    assert!(folder.join("librdkafka.so").exists(), "no librdkafka.so in {}", folder.display());
    folder
}

/// The library under the name that programs look for.
fn named(out: &Path) -> PathBuf {
    let folder = out.join("lib");
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join("librdkafka.so.1");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(libraries().join("librdkafka.so"), &link).unwrap();
    folder
}

fn out(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Compiles a program.
fn compile(source: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let folder = out(name);
    let program = folder.join("program");
    let include = root().join("../../c-include");
    let compiled = Command::new("cc")
        .args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-g", "-I"])
        .arg(&include)
        .arg("-I")
        .arg(root().join("tests"))
        .args(flags)
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg(named(&folder).join("librdkafka.so.1"))
        .args(["-lpthread", "-lm"])
        .output()
        .expect("a C compiler: cc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    program
}

/// Runs a program of ours with the broker's address.
fn run(name: &str, options: &[(&str, &str)]) {
    let program = compile(&root().join("tests").join(format!("{name}.c")), name, &[]);
    let broker = TestBroker::start(options.iter().copied()).unwrap();
    let ran = Command::new(&program)
        .arg(broker.bootstrap_servers())
        .env("LD_LIBRARY_PATH", program.parent().unwrap().join("lib"))
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{name}: {:?}\n{stdout}\n{stderr}", ran.status);
}

#[test]
fn a_record_out_and_in() {
    run("roundtrip", &[("topic", "roundtrip:1")]);
}
