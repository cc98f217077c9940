//! Many runs together.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::checker::Checked;
use crate::strikes::Strikes;
use crate::{Outcome, Schedule};

/// What came of many runs.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// How many runs.
    pub runs: u64,
    /// The seeds that failed.
    pub failed: Vec<u64>,
    /// The faults.
    pub strikes: Strikes,
    checked: Checked,
    sent: u64,
    bounded_calls: u64,
    virtual_ms: u64,
}

impl Campaign {
    /// Adds a run.
    pub fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.runs += 1;
        if !outcome.violations.is_empty() {
            self.failed.push(seed);
        }
        self.strikes.merge(&outcome.strikes);
        self.checked.merge(&outcome.checked);
        self.sent += outcome.sent;
        self.bounded_calls += outcome.bounded_calls;
        self.virtual_ms += outcome.virtual_ms;
    }
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { acknowledged, reads, neighbours, not_written, truncated_reads, possibly_written } = self.checked;
        write!(f, "{}", self.strikes)?;
        writeln!(f, "records sent                 {:>10}", self.sent)?;
        writeln!(f, "  acknowledged, looked for   {acknowledged:>10}")?;
        writeln!(f, "  failed, perhaps written    {possibly_written:>10}")?;
        writeln!(f, "  failed for sure            {not_written:>10}")?;
        writeln!(f, "records read, in order       {reads:>10}")?;
        writeln!(f, "  truncated later            {truncated_reads:>10}")?;
        writeln!(f, "idempotent neighbours        {neighbours:>10}")?;
        writeln!(f, "calls within their bounds    {:>10}", self.bounded_calls)?;
        writeln!(f, "hours of virtual time        {:>10}", self.virtual_ms / 3_600_000)?;
        write!(f, "{} of {} schedules failed", self.failed.len(), self.runs)
    }
}

/// Where recorded schedules lie.
#[must_use]
pub fn schedules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules")
}

/// Keeps the schedule of a failed run, with what failed; answers the file.
#[must_use]
pub fn write_failed(schedule: &Schedule, outcome: &Outcome) -> PathBuf {
    let file = schedules().join(format!("failed-{}.txt", schedule.seed));
    let violations: String = outcome.violations.iter().map(|what| format!("# {}\n", what.replace('\n', " "))).collect();
    // Also without the file the seed is known.
    if let Err(error) = std::fs::write(&file, format!("{violations}{schedule}")) {
        println!("{}: {error}", file.display());
    }
    file
}
