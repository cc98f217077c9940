//! librdkafka's sources and its newest library, fetched once.

use std::path::PathBuf;
use std::process::Command;

use super::out;

/// librdkafka's sources, out of the crate `rdkafka-sys` in cargo's registry, where cargo puts it if it is not there.
pub(crate) fn librdkafka() -> PathBuf {
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

/// librdkafka's library out of the newest confluent-kafka wheel, which pip puts here once.
pub(crate) fn newest_librdkafka() -> PathBuf {
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
