//! Writes what a fuzzer begins with: a folder for each target, in the folder that the argument names, and golden bytes with them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder to write to");
    let mut seeds = ottla_hostile_tests::fuzz::seeds();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/golden");
    for entry in std::fs::read_dir(&golden).expect("golden bytes") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("batch-") {
            // Inflated to 1 MiB at most; the CRC is checked.
            seeds.push(("batches", [&[7], &std::fs::read(&path).unwrap()[..]].concat()));
        }
    }
    for (number, (target, seed)) in seeds.iter().enumerate() {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
    }
    println!("{} seeds", seeds.len());
}
