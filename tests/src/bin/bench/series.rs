//! What the runs of a client come to: medians and spread, as lines of `tests/bench/results/latest.jsonl` and as a table.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use ottla_tests::kafka::workspace_root;
use serde_json::{Map, Value, json};

const FIGURES: [&str; 5] = ["records_per_s", "cpu_us_per_record", "max_rss_mb", "p50_us", "p99_us"];

/// All runs of one client in one case.
pub(super) struct Series {
    pub(super) case: String,
    pub(super) client: String,
    pub(super) records: u64,
    pub(super) runs: Vec<Value>,
}

impl Series {
    pub(super) fn new(case: &str, client: &str, records: u64) -> Self {
        Self { case: case.to_owned(), client: client.to_owned(), records, runs: Vec::new() }
    }

    /// The lowest, the median and the highest of a figure over the runs; none where the client does not give it.
    pub(super) fn spread(&self, figure: &str) -> Option<[f64; 3]> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(|run| run.get(figure)?.as_f64()).collect();
        values.sort_by(f64::total_cmp);
        let median = (values.get((values.len().checked_sub(1)?) / 2)? + values.get(values.len() / 2)?) / 2.0;
        Some([*values.first()?, median, *values.last()?])
    }

    /// This one's median by the other one's.
    pub(super) fn ratio(&self, other: &Self, figure: &str) -> Option<f64> {
        let ([_, ours, _], [_, theirs, _]) = (self.spread(figure)?, other.spread(figure)?);
        Some(ours / theirs)
    }

    /// The object that is a line of the results.
    pub(super) fn line(&self) -> Map<String, Value> {
        let version = self.runs.first().and_then(|run| run.get("version")).cloned().unwrap_or(Value::Null);
        let mut line = Map::new();
        for (name, value) in [
            ("case", json!(self.case)),
            ("client", json!(self.client)),
            ("version", version),
            ("records", json!(self.records)),
            ("runs", json!(self.runs.len())),
        ] {
            line.insert(name.to_owned(), value);
        }
        for figure in FIGURES {
            let values = self.spread(figure);
            line.insert(figure.to_owned(), json!(values.map(|[_, median, _]| median)));
            line.insert(format!("{figure}_spread"), json!(values.map(|[lowest, _, highest]| [lowest, highest])));
        }
        line
    }

    /// Records a second, CPU and memory, as words of a table.
    pub(super) fn words(&self) -> [String; 3] {
        let speed = self
            .spread("records_per_s")
            .map(|[lowest, median, highest]| format!("{median:.0} ({:.2}-{:.2} M)", lowest / 1e6, highest / 1e6));
        let cpu =
            self.spread("cpu_us_per_record").map(|[lowest, median, highest]| format!("{median:.3} ({lowest:.3}-{highest:.3})"));
        [speed.unwrap_or_default(), cpu.unwrap_or_default(), self.median("max_rss_mb")]
    }

    fn median(&self, figure: &str) -> String {
        self.spread(figure).map_or_else(|| "-".to_owned(), |[_, median, _]| format!("{median:.0}"))
    }
}

pub(super) fn table(all: &[Series]) -> String {
    let mut text = format!(
        "{:<8} {:<11} {:>27} {:>6} {:>24} {:>6} {:>8} {:>9} {:>9}\n",
        "case", "client", "records/s", "ratio", "CPU us/record", "ratio", "RSS MB", "p50 us", "p99 us"
    );
    for series in all {
        // Ratios are of the case's first client to this one.
        let first = all.iter().find(|other| other.case == series.case);
        let ratio = |figure: &str| {
            first.and_then(|first| first.ratio(series, figure)).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
        };
        let [speed, cpu, memory] = series.words();
        let _ = writeln!(
            text,
            "{:<8} {:<11} {:>27} {:>6} {:>24} {:>6} {:>8} {:>9} {:>9}",
            series.case,
            series.client,
            speed,
            ratio("records_per_s"),
            cpu,
            ratio("cpu_us_per_record"),
            memory,
            series.median("p50_us"),
            series.median("p99_us")
        );
    }
    text
}

/// The file of the results.
pub(super) fn results() -> Result<PathBuf, Box<dyn Error>> {
    let folder = workspace_root().join("tests/bench/results");
    fs::create_dir_all(&folder)?;
    Ok(folder.join("latest.jsonl"))
}

/// Writes a line for each object, behind the lines that are there of other cases and clients.
pub(super) fn write(rows: &[Value]) -> Result<(), Box<dyn Error>> {
    let path = results()?;
    let case = |row: &Value| (row.get("case").cloned(), row.get("client").cloned());
    let measured: Vec<_> = rows.iter().map(case).collect();
    let mut text = String::new();
    // None yet is as good as none.
    for line in fs::read_to_string(&path).unwrap_or_default().lines() {
        if serde_json::from_str(line).is_ok_and(|row| !measured.contains(&case(&row))) {
            let _ = writeln!(text, "{line}");
        }
    }
    for row in rows {
        let _ = writeln!(text, "{row}");
    }
    fs::write(&path, text)?;
    Ok(())
}
