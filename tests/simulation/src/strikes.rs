//! How often each kind of fault happened, and how often it struck a request in flight: a fault that never struck proves nothing.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by the name of the fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strikes(BTreeMap<String, (u64, u64)>);

impl Strikes {
    /// A fault happened, with this many requests in flight.
    pub fn add(&mut self, fault: &str, in_flight: usize) {
        let (happened, struck) = self.0.entry(fault.to_owned()).or_default();
        *happened += 1;
        *struck += u64::from(in_flight > 0);
    }

    /// A rule was in force and struck so often.
    pub fn add_rule(&mut self, fault: &str, hits: u64) {
        let (happened, struck) = self.0.entry(fault.to_owned()).or_default();
        *happened += 1;
        *struck += hits;
    }

    /// Adds another run's counts.
    pub fn merge(&mut self, other: &Self) {
        for (fault, (happened, struck)) in &other.0 {
            let mine = self.0.entry(fault.clone()).or_default();
            mine.0 += happened;
            mine.1 += struck;
        }
    }

    /// How often this fault struck a request in flight.
    #[must_use]
    pub fn struck(&self, fault: &str) -> u64 {
        self.0.get(fault).map_or(0, |(_, struck)| *struck)
    }
}

impl fmt::Display for Strikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<40} {:>10} {:>22}", "fault", "happened", "with work in flight")?;
        for (fault, (happened, struck)) in &self.0 {
            writeln!(f, "{fault:<40} {happened:>10} {struck:>22}")?;
        }
        Ok(())
    }
}
