//! Many runs together.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::checker::Checked;
use crate::group_history::GroupChecked;
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
    groups: GroupChecked,
    with_groups: u64,
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
        self.groups.merge(&outcome.groups);
        self.with_groups += u64::from(outcome.groups.generations > 0);
        self.sent += outcome.sent;
        self.bounded_calls += outcome.bounded_calls;
        self.virtual_ms += outcome.virtual_ms;
    }
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { acknowledged, reads, neighbours, not_written, possibly_written } = self.checked;
        write!(f, "{}", self.strikes)?;
        writeln!(f, "records sent                 {:>10}", self.sent)?;
        writeln!(f, "  acknowledged, looked for   {acknowledged:>10}")?;
        writeln!(f, "  failed, perhaps written    {possibly_written:>10}")?;
        writeln!(f, "  failed for sure            {not_written:>10}")?;
        writeln!(f, "records read, in order       {reads:>10}")?;
        writeln!(f, "idempotent neighbours        {neighbours:>10}")?;
        let GroupChecked { generations, handed, at_least_once, commits, refused_commits, given_up, settled } = self.groups;
        writeln!(f, "runs with groups             {:>10}", self.with_groups)?;
        writeln!(f, "  members' generations       {generations:>10}")?;
        writeln!(f, "  handed out to members      {handed:>10}")?;
        writeln!(f, "  at least once, looked for  {at_least_once:>10}")?;
        writeln!(f, "  offsets committed          {commits:>10}")?;
        writeln!(f, "  late commits refused       {refused_commits:>10}")?;
        writeln!(f, "  partitions given up        {given_up:>10}")?;
        writeln!(f, "  groups settled and drained {settled:>10}")?;
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
    write_schedule(schedule, &outcome.violations)
}

pub(crate) fn write_schedule(schedule: &Schedule, violations: &[String]) -> PathBuf {
    let file = schedules().join(format!("failed-{}.txt", schedule.seed));
    let violations: String = violations.iter().map(|what| format!("# {}\n", what.replace('\n', " "))).collect();
    // Also without the file the seed is known.
    if let Err(error) = std::fs::write(&file, format!("{violations}{schedule}")) {
        println!("{}: {error}", file.display());
    }
    file
}
