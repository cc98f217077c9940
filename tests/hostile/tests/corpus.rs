//! The fuzzer's corpus (`tests/fuzz/corpus`), fed once by the usual toolchain: what reached something new there goes on to be read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use ottla_hostile_tests::fuzz;

type Feed = fn(&[u8]);

const TARGETS: [(&str, Feed); 4] =
    [("messages", fuzz::messages), ("frames", fuzz::frames), ("batches", fuzz::batches), ("codecs", fuzz::codecs)];

#[test]
fn each_input_of_the_corpus_is_read_within_its_bounds() {
    for (target, feed) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let mut inputs = 0;
        for entry in std::fs::read_dir(&folder).expect("a corpus") {
            let path = entry.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            if let Err(panic) = std::panic::catch_unwind(|| feed(&input)) {
                eprintln!("{}", path.display());
                std::panic::resume_unwind(panic);
            }
            inputs += 1;
        }
        assert!(inputs > 0, "{target} has no corpus");
    }
}
