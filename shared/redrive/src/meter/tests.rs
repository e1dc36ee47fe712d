use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use redrive_core::letters::letter::ErrorType;
use serde_json::{Value, json};

use super::descriptions::DESCRIPTIONS;
use super::*;

#[test]
fn what_stayed_is_told_by_its_reason_and_by_when_it_will_be_lost() {
    let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
    let (lease_live, unavailable, skipped) = (1, 2, 3);
    let report = DrainReport { lease_live, unavailable, skipped, repeated: 9, ..DrainReport::default() };
    let told = |report: &DrainReport, now| {
        let metrics = of_drain(report, Duration::from_secs(100), at(now));
        let seen: Vec<_> = metrics.iter().filter(|(_, value, _)| *value > 0.0).copied().collect();
        seen
    };
    let seen = told(&report, 150);
    assert!(seen.contains(&("Unindexable", 6.0, Unit::Count)) && seen.contains(&("SeenAgain", 9.0, Unit::Count)));
    assert!(seen.iter().all(|(name, ..)| *name != "TimeToExpiry"), "nothing is known to wait");
    let report = DrainReport { oldest_left: Some(at(90)), ..report };
    let expiry = |now| told(&report, now).into_iter().find(|(name, ..)| *name == "TimeToExpiry");
    assert_eq!(expiry(150), Some(("TimeToExpiry", 40.0, Unit::Seconds)));
    assert_eq!(expiry(500), Some(("TimeToExpiry", 1.0, Unit::Seconds)));
}

#[test]
fn what_waits_is_told_at_zero_too() {
    let now = Timestamp::from_millis(90_000);
    let values = |waiting: &PendingSummary| of_waiting(waiting, now).into_iter().map(|(_, value, _)| value).collect();
    let none: Vec<_> = values(&PendingSummary::default());
    assert_eq!(none, [0.0, 0.0, 0.0]);
    let oldest = Some(Timestamp::from_millis(30_000));
    let some: Vec<_> = values(&PendingSummary { pending: 3, for_a_person: 2, oldest });
    assert_eq!(some, [3.0, 2.0, 60.0]);
}

#[test]
fn no_age_is_told_of_queues_that_could_not_be_read() {
    let told = |ages: &Ages| whole_ages("f", ages).values().into_iter().map(|(name, value, _)| (name, value)).collect();
    let none: Vec<_> = told(&Ages { unread: 2, ..Ages::default() });
    assert_eq!(none, [("MainQueuesUnread", 2.0)]);
    let queue = redrive_core::ids::QueueArn::new("arn:aws:sqs:eu-west-1:1:q").unwrap();
    let idle: Vec<_> = told(&Ages { read: 2, ..Ages::default() });
    assert_eq!(idle, [("MainQueuesUnread", 0.0), ("MainQueueOldestAge", 0.0)]);
    let some: Vec<_> = told(&Ages { oldest: Some((queue, Duration::from_secs(90))), read: 1, unread: 0 });
    assert_eq!(some[1], ("MainQueueOldestAge", 90.0));
}

#[test]
fn faults_are_named_after_their_classes() {
    let counts = Counts { received: 3, faults: [1, 0, 0, 2], ..Counts::default() };
    let seen: Vec<_> = of_batch(&counts)
        .into_iter()
        .filter(|(_, value, _)| *value > 0.0)
        .map(|(name, value, _)| (name, value))
        .collect();
    assert_eq!(seen, [("Received", 3.0), ("FaultsTransient", 1.0), ("FaultsSchema", 2.0)]);
}

fn letters() -> PendingCounts {
    let waiting = PendingSummary { pending: 1, for_a_person: 1, oldest: Some(Timestamp::from_millis(1)) };
    PendingCounts { types: TYPES.map(|class| (class.as_str(), waiting)).into(), ..PendingCounts::default() }
}

const TYPES: [ErrorType; 6] = [
    ErrorType::Transient,
    ErrorType::Permanent,
    ErrorType::Timeout,
    ErrorType::Schema,
    ErrorType::NeverRan,
    ErrorType::Unknown,
];
const NOW: Timestamp = Timestamp::from_millis(10_000);
const RETENTION: Duration = Duration::from_secs(1_209_600);

fn meter() -> Meter {
    Meter::new("f".to_owned(), "q".to_owned())
}

fn one_of_each_class() -> DrainReport {
    let pending = TYPES.map(|class| (class.as_str(), 1)).into();
    DrainReport { pending, oldest_left: Some(NOW), ..DrainReport::default() }
}

/// Returns all lines that the functions can emit, as the flows make them.
fn everything() -> [(&'static str, Vec<MetricRow>); 3] {
    let drained = one_of_each_class();
    let mut indexer = meter().drain(&drained, RETENTION, NOW);
    indexer.push(whole_drain("f", [(&drained, RETENTION)].into_iter(), NOW));
    indexer.push(whole_events("f", EventCounts::default()));
    let replayed = ReplayReport { pending_counts: Some(letters()), ..ReplayReport::default() };
    let mut replay = meter().replay(&replayed, NOW);
    replay.push(whole_pending_counts("f", &letters(), NOW));
    replay.push(whole_ages("f", &Ages { read: 1, ..Ages::default() }));
    replay.push(whole_events("f", EventCounts::default()));
    [("indexer", indexer), ("processor", meter().batch(&Counts::default())), ("replay", replay)]
}

#[derive(Default)]
struct Group {
    metrics: BTreeMap<&'static str, String>,
    classes: BTreeSet<String>,
}

/// Lists metrics with their units, and the classes, by function and names of dimensions.
fn listed() -> Value {
    let mut list = Vec::new();
    for (function, lines) in everything() {
        let mut groups: BTreeMap<Vec<&str>, Group> = BTreeMap::new();
        for line in lines {
            let names = line.dimensions.iter().map(|(name, _)| *name).collect();
            let Group { metrics, classes } = groups.entry(names).or_default();
            let many = line.distributions.iter().map(|(name, _, unit)| (*name, *unit));
            let all = line.metrics.iter().map(|(name, _, unit)| (*name, *unit)).chain(many);
            metrics.extend(all.map(|(name, unit)| (name, format!("{unit:?}"))));
            classes.extend(line.dimensions.into_iter().filter(|(name, _)| *name == "Class").map(|(_, class)| class));
        }
        for (dimensions, Group { metrics, classes }) in groups {
            let mut group = json!({"function": function, "dimensions": dimensions, "metrics": metrics});
            if !classes.is_empty() {
                group["classes"] = json!(classes);
            }
            list.push(group);
        }
    }
    let about: serde_json::Map<_, _> =
        DESCRIPTIONS.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    json!({"namespace": NAMESPACE, "emitted": list, "about": about})
}

/// `infra/gates` holds every alarm and widget to this list. To write it anew: `WRITE_METRICS=1 cargo test --workspace --locked --lib metrics`.
#[test]
fn the_list_of_metrics_in_infra_is_what_the_functions_emit() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/metrics.json");
    if std::env::var_os("WRITE_METRICS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&listed()).unwrap() + "\n").unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        written,
        listed(),
        "write infra/metrics.json anew: WRITE_METRICS=1 cargo test --workspace --locked --lib metrics"
    );
}

#[test]
fn each_metric_is_explained_once() {
    let emitted: BTreeSet<_> = everything()
        .into_iter()
        .flat_map(|(_, lines)| lines)
        .flat_map(|line| {
            let counts = line.metrics.into_iter().map(|(name, ..)| name);
            counts.chain(line.distributions.into_iter().map(|(name, ..)| name)).collect::<Vec<_>>()
        })
        .collect();
    let explained: Vec<_> = DESCRIPTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(explained.iter().copied().collect::<BTreeSet<_>>(), emitted);
    assert_eq!(explained.len(), emitted.len());
}

#[test]
fn gauges_are_told_at_zero_and_counts_are_not_but_the_first() {
    let names = |line: &MetricRow| line.values().into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
    let whole = whole_pending_counts("f", &PendingCounts::default(), NOW);
    assert_eq!(names(&whole), ["LettersPending", "LettersForAPerson", "OldestPendingAge"]);
    assert_eq!(names(&meter().drain(&DrainReport::default(), RETENTION, NOW)[0]), ["DeadReceived"]);
    assert_eq!(names(&whole_drain("f", std::iter::empty(), NOW)), ["DeadReceived"]);
}

#[test]
fn of_all_queues_together_counts_are_added_and_what_expires_first_counts() {
    let day = Duration::from_secs(86_400);
    let new = |new_fingerprints, skipped| DrainReport {
        new_fingerprints,
        skipped,
        oldest_left: Some(NOW),
        ..DrainReport::default()
    };
    let (one, other) = (new(1, 0), new(2, 3));
    let whole = whole_drain("f", [(&one, 2 * day), (&other, day)].into_iter(), NOW);
    let expected = [
        ("DeadReceived", 0.0, Unit::Count),
        ("NewFingerprints", 3.0, Unit::Count),
        ("Unindexable", 3.0, Unit::Count),
        ("TimeToExpiry", 86_400.0, Unit::Seconds),
    ];
    assert_eq!((whole.values(), whole.dimensions), (expected.to_vec(), vec![("Function", "f".to_owned())]));
}

#[test]
fn times_to_resolution_are_an_even_choice_of_as_many_as_a_line_takes() {
    let took = (0..1_000).map(Duration::from_secs).collect();
    let report = ReplayReport { took, ..ReplayReport::default() };
    let (name, values, unit) = resolution_of(&report);
    // Every sixteenth: every eighth would be more than a hundred.
    assert_eq!((name, unit, values.len()), ("TimeToResolution", Unit::Seconds, 63));
    assert!(values.windows(2).all(|two| (two[1] - two[0] - 16.0).abs() < 0.5), "{values:?}");
    assert!(resolution_of(&ReplayReport::default()).1.is_empty());
}
