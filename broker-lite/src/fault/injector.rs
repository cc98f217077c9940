//! The rules that are in force, and whom they strike.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ottla_protocol::{ApiKey, Text};

use super::subjects::{Asked, Named, Subjects};
use super::verdict::{Ending, InjectedError, Verdict};
use super::{Effect, Rule, RuleId, RuleStatus, rule_check};
use crate::cluster::Cluster;
use crate::random::Random;

struct Active {
    status: RuleStatus,
    /// Its own, so that one rule's draws do not shift another's.
    random: Random,
}

#[derive(Default)]
struct Rules {
    active: Vec<Active>,
    last_id: u64,
}

/// All rules of a cluster.
pub(crate) struct Faults {
    seed: u64,
    rules: Mutex<Rules>,
    /// Whether there are any, so that requests need not look.
    any: AtomicBool,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, rules: Mutex::default(), any: AtomicBool::new(false) }
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, rule: Rule) -> Result<RuleId, String> {
        rule_check::check(&rule)?;
        let mut rules = self.rules();
        rules.last_id += 1;
        let id = RuleId(rules.last_id);
        let random = Random::seeded(Random::derive_seed(self.seed, id.0));
        rules.active.push(Active { status: RuleStatus { id, rule, matched: 0, hits: 0 }, random });
        self.any.store(true, Ordering::Relaxed);
        Ok(id)
    }

    pub(crate) fn remove(&self, id: RuleId) -> Option<RuleStatus> {
        let mut rules = self.rules();
        let at = rules.active.iter().position(|active| active.status.id == id)?;
        let removed = rules.active.remove(at);
        self.any.store(!rules.active.is_empty(), Ordering::Relaxed);
        Some(removed.status)
    }

    pub(crate) fn clear(&self) -> Vec<RuleStatus> {
        let removed = std::mem::take(&mut self.rules().active);
        self.any.store(false, Ordering::Relaxed);
        removed.into_iter().map(|active| active.status).collect()
    }

    pub(crate) fn list(&self) -> Vec<RuleStatus> {
        self.rules().active.iter().map(|active| active.status.clone()).collect()
    }

    fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Holds all rules against a request, in the order in which they were added.
    pub(crate) fn judge(&self, cluster: &Cluster, asked: &Asked<'_>, request: &impl Subjects) -> Verdict {
        let mut verdict = Verdict::default();
        if !self.any() {
            return verdict;
        }
        let mut named = Named::default();
        request.name(cluster, asked.node, &mut named);
        for active in &mut self.rules().active {
            if can_strike(&active.status.rule.effect, asked.api, &verdict) && active.strikes(asked, &named) {
                impose(&active.status.rule, &active.random, &mut verdict);
            }
        }
        verdict
    }

    /// Whether the batches of this partition, which are about to go out, get a wrong CRC.
    pub(crate) fn spoils_crc(&self, asked: &Asked<'_>, topic: &Text, partition: i32) -> bool {
        if !self.any() {
            return false;
        }
        let named = Named { partitions: vec![(topic.clone(), Some(partition))], ..Named::default() };
        let mut rules = self.rules();
        let mut spoilers = rules.active.iter_mut().filter(|active| active.status.rule.effect == Effect::WrongCrc);
        spoilers.any(|active| active.strikes(asked, &named))
    }
}

/// Whether an effect makes sense for this API, and beside what was decided already.
fn can_strike(effect: &Effect, api: ApiKey, so_far: &Verdict) -> bool {
    match effect {
        Effect::Close { .. } | Effect::Silence { .. } | Effect::Truncate { .. } => so_far.ending.is_none(),
        Effect::Corrupt { .. } => so_far.corrupt.is_none(),
        Effect::StaleMetadata { .. } => api == ApiKey::Metadata && so_far.stale_versions == 0,
        // That is decided when there is a batch.
        Effect::WrongCrc => false,
        Effect::Error { .. } | Effect::Delay { .. } | Effect::Throttle { .. } => true,
    }
}

fn impose(rule: &Rule, random: &Random, verdict: &mut Verdict) {
    match rule.effect {
        Effect::Error { code, applied } => {
            let (topic, partition) = (rule.topic.clone(), rule.partition);
            let coordinated = rule.group.clone().or_else(|| rule.transactional_id.clone());
            verdict.errors.push(InjectedError { topic, partition, coordinated, code, applied });
        }
        Effect::Delay { ms, applied: false } => verdict.delay_before += Duration::from_millis(ms),
        Effect::Delay { ms, applied: true } => verdict.delay_after += Duration::from_millis(ms),
        Effect::Throttle { ms } => verdict.throttle_ms = verdict.throttle_ms.max(ms),
        Effect::Close { applied } => verdict.ending = Some(Ending::Close { applied }),
        Effect::Silence { applied } => verdict.ending = Some(Ending::Silence { applied }),
        Effect::Truncate { keep } => verdict.ending = Some(Ending::Truncate { keep }),
        Effect::Corrupt { bits } => verdict.corrupt = Some((random.next(), bits)),
        Effect::StaleMetadata { versions } => verdict.stale_versions = versions,
        Effect::WrongCrc => {}
    }
}

impl Active {
    /// Counts a request that meets the conditions, and tells whether it is struck.
    fn strikes(&mut self, asked: &Asked<'_>, named: &Named) -> bool {
        let status = &mut self.status;
        let rule = &status.rule;
        if rule.times.is_some_and(|times| status.hits >= times) || !matches(rule, asked, named) {
            return false;
        }
        status.matched += 1;
        // Drawn for each request that is not skipped, so that the same requests make the same draws.
        let strikes = status.matched > rule.skip && self.random.chance(rule.probability);
        status.hits += u64::from(strikes);
        strikes
    }
}

fn matches(rule: &Rule, asked: &Asked<'_>, named: &Named) -> bool {
    let holds = |wanted: &Option<String>, named: &[Text]| wanted.as_deref().is_none_or(|id| named.iter().any(|it| **it == *id));
    let partitions = rule.topic.is_none() && rule.partition.is_none()
        || named.partitions.iter().any(|(topic, partition)| {
            let same_topic = rule.topic.as_deref().is_none_or(|name| **topic == *name);
            // A request about a topic is about its partitions too.
            let same_partition = rule.partition.is_none_or(|index| partition.is_none_or(|named| named == index));
            same_topic && same_partition
        });
    rule.api.is_none_or(|api| api == asked.api)
        && rule.broker.is_none_or(|id| id == asked.node.id)
        && rule.connection.is_none_or(|id| id == asked.connection)
        && rule.client_id.as_deref().is_none_or(|id| asked.client_id.as_deref() == Some(id))
        && holds(&rule.group, &named.groups)
        && holds(&rule.transactional_id, &named.transactional_ids)
        && partitions
}
