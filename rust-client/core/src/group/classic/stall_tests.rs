//! A rebalance that stalls is told in the log.

use std::fmt::Write;
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::super::assignor::builtin;
use super::*;

/// Keeps warnings, each as a line of its fields.
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn what_holds_a_rebalance_up_is_logged_every_ten_seconds() {
    let settings = ClassicSettings {
        group_id: "billing".into(),
        group_instance_id: None,
        assignors: vec![builtin("range").unwrap()],
        session_timeout: Duration::from_secs(45),
        heartbeat_interval: Duration::from_secs(3),
        max_poll_interval: Duration::from_secs(300),
        request_timeout: Duration::from_secs(30),
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_secs(1),
        client_rack: None,
    };
    let mut member = ClassicMembership::new(settings, Rng::from_seed(1)).unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::with_default(Warnings(lines.clone()), || {
        let mut now = Instant::from_micros(1_000_000);
        member.handle(now, MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
        for _ in 0..25 {
            member.poll(now, &mut Vec::new());
            now = now + Duration::from_secs(1);
        }
    });
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, seconds) in lines.iter().zip(["10 s", "20 s"]) {
        for part in ["billing", "Unjoined", "the group's coordinator is not known", seconds] {
            assert!(line.contains(part), "{part:?} in {line}");
        }
    }
}
