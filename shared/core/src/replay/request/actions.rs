//! Actions of replay, the fields of each, and the texts for a wrong request.

pub(super) const WAYS_IN: &str = "{\"redrive\":\"schedule\"}, {\"redrive\":\"work\"}, or an \"action\": \
    replay, job, add, pause, resume, cancel, show, jobs, eject, discard, restore, note, erase or free";
pub(super) const SELECT: &str = "\"ids\" (letters), \"shown\" (letters, each with the version that was shown; \"named\": true if by id) or \
    \"select\" (error_type, error_code, fingerprint, source_topic, since, until, min_deaths, max_deaths, function_version, text, as_of, recent)";
/// Fields that select letters, in the actions that take some.
pub(super) const SELECTING: [&str; 4] = ["ids", "shown", "named", "select"];
pub(super) const GUARD: [&str; 11] = [
    "canary",
    "rate",
    "max_failed_percent",
    "max_backlog",
    "alarm",
    "outcome_seconds",
    "step_seconds",
    "forgotten_ok",
    "as_new",
    "after_replayed",
    "allow_key_change",
];

/// The actions, the fields that each takes, and how that is told.
pub(super) const ACTIONS: [(&str, &[&str], &str); 14] = [
    (
        "replay",
        &[
            "ids",
            "select",
            "by",
            "to",
            "forgotten_ok",
            "as_new",
            "after_replayed",
            "dry_run",
            "edit",
            "patch",
            "allow_key_change",
        ],
        "\"by\", and to (the ARN of a listed destination), forgotten_ok, as_new, after_replayed, dry_run, edit (one letter's whole \
         body) or patch (RFC 6902, a list or its text), and allow_key_change",
    ),
    (
        "job",
        &["ids", "select", "listed", "by", "why", "job", "to", "edit", "patch"],
        "\"listed\" (source_topic, letters: how many; \"add\" hands them over), \"by\", and why, job (a UUID of your own), to (the ARN of a listed destination), canary, rate, \
         max_failed_percent, max_backlog, alarm, outcome_seconds, step_seconds, forgotten_ok, as_new, after_replayed, edit (one letter's whole body) or patch (RFC 6902, a list or its text), and allow_key_change",
    ),
    (
        "add",
        &["job", "part", "letters", "edited", "by"],
        "\"job\", \"part\" (its number, from 0), \"letters\" (500 pairs of id and version; the last part has the rest), \"by\", and edited \
         (true if the job has an edit or a patch)",
    ),
    ("pause", &["job", "by", "why"], "\"job\", \"by\", and why"),
    ("resume", &["job", "by", "why"], "\"job\", \"by\", and why"),
    ("cancel", &["job", "by", "why"], "\"job\", \"by\", and why"),
    ("show", &["job", "from"], "\"job\", and from (the number of a batch)"),
    ("jobs", &["closed"], "closed (true for the closed jobs)"),
    ("eject", &["ids", "select", "by"], "\"by\""),
    ("discard", &["ids", "select", "note", "by"], "\"note\" and \"by\""),
    ("restore", &["ids", "select", "note", "by"], "\"note\" and \"by\""),
    ("note", &["ids", "select", "note", "by"], "\"note\" and \"by\""),
    ("erase", &["ids", "select", "note", "by"], "\"note\" and \"by\""),
    ("free", &["ids", "select", "note", "by"], "\"note\" and \"by\""),
];
