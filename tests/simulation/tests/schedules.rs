//! What was found is kept as its recorded schedule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ottla_simulation::campaign::schedules;
use ottla_simulation::{Schedule, run};

#[test]
fn kept_schedules_keep_the_promises() {
    let files = std::fs::read_dir(schedules()).unwrap().map(|entry| entry.unwrap().path());
    let mut kept: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with("failed-"))
        .collect();
    kept.sort();
    assert!(!kept.is_empty());
    for file in kept {
        let name = file.display();
        let schedule: Schedule =
            std::fs::read_to_string(&file).unwrap().parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let outcome = run(&schedule);
        assert!(outcome.violations.is_empty(), "make simulate SCHEDULE={name}: {:#?}", outcome.violations);
    }
}
