//! State and letters of a job, as its page shows them.

use std::collections::BTreeMap;

use askama::Template;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::fingerprint::normalised;
use redrive_core::ports::{Jobs, Letters, Unavailable};
use redrive_core::replay::job::{Account, Disposition, Job, JobState};
use redrive_core::time::Timestamp;
use redrive_operator::job_progress::JobProgress;
use redrive_operator::jobs::{self, JobOverview};
use redrive_operator::text::{ago, words};
use redrive_operator::who::short;

use crate::installation::InstallationPort;
use crate::plot;
use crate::shown_text::ShownText;

/// Limit of failed letters that are grouped by their new reasons.
const FAILED: usize = 1_000;
/// Number of letters of a group that are linked.
const SAMPLES: usize = 3;

/// Part of a selection, for whoever follows the job.
pub(crate) struct JobPart {
    pub(crate) class: &'static str,
    pub(crate) words: &'static str,
    pub(crate) letters: u32,
}

/// Letters of a job by the part of the selection that they are in.
pub(crate) struct Bar {
    pub(crate) parts: Vec<JobPart>,
    pub(crate) split: ShownText,
    pub(crate) total: u32,
    /// True if the number of all letters is known, and not only of those that the job has come to.
    pub(crate) is_all: bool,
}

const PARTS: [(&str, &str); 6] = [
    ("noted", "done"),
    ("underway", "sent, outcome awaited"),
    ("used", "failed again"),
    ("person", "unknown"),
    ("gone", "left out"),
    ("none", "not sent"),
];

const fn has_failed(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::FailedAgain | Disposition::Refused)
}

fn counts(known: &Account) -> BTreeMap<Disposition, u32> {
    serde_json::to_value(known).and_then(serde_json::from_value).unwrap_or_default()
}

impl Bar {
    pub(crate) fn of(progress: &JobProgress) -> Self {
        let JobProgress { done, sent, failed, unknown, left_out, unsent, .. } = *progress;
        let letters = [done, sent, failed, unknown, left_out, unsent];
        let part = |((class, words), letters): (&(&'static str, &'static str), u32)| JobPart { class, words, letters };
        let parts: Vec<_> = PARTS.iter().zip(letters).map(part).collect();
        let split: Vec<_> = parts.iter().map(|part| (part.class, u64::from(part.letters))).collect();
        Self { split: plot::split(&split), total: letters.iter().sum(), is_all: progress.letters.is_some(), parts }
    }
}

/// Name of the colour of a job's state.
pub(crate) fn class(job: &Job) -> &'static str {
    match job.state {
        JobState::Stopped { .. } => "used",
        JobState::Done => "noted",
        JobState::Cancelled => "gone",
        JobState::Paused { .. } => "person",
        _ => "underway",
    }
}

/// Failures with one new reason.
pub(crate) struct Failures {
    pub(crate) reason: ShownText,
    pub(crate) count: usize,
    pub(crate) samples: Vec<LetterId>,
}

/// Event of the job.
pub(crate) struct JobMoment {
    pub(crate) at: Timestamp,
    pub(crate) what: ShownText,
    pub(crate) who: ShownText,
    pub(crate) why: Option<ShownText>,
}

/// The part of the page that changes while a job runs.
#[derive(Template)]
#[template(path = "job_panel.html")]
pub(crate) struct Panel {
    pub(crate) id: JobId,
    pub(crate) state: &'static str,
    class: &'static str,
    pub(crate) is_open: bool,
    message: Option<ShownText>,
    stopped: Option<ShownText>,
    by: ShownText,
    why: ShownText,
    what: ShownText,
    edits: bool,
    created_at: Timestamp,
    bar: Bar,
    outcomes: Vec<(String, u32)>,
    pace: String,
    rule: String,
    failures: Vec<Failures>,
    failed_more: usize,
    has_rest: bool,
    moments: Vec<JobMoment>,
    closed: Option<(Timestamp, String)>,
}

impl Panel {
    /// Reads a job with all its letters; `None`: there is no such job.
    pub(crate) async fn gather<I: InstallationPort>(here: &I, id: JobId) -> Result<Option<Self>, Unavailable> {
        let Some(overview) = jobs::read(here.letters(), id).await? else { return Ok(None) };
        let ended = !overview.job.state.runs();
        let (failures, failed_more) = if ended { failures(here.letters(), &overview).await? } else { (Vec::new(), 0) };
        Ok(Some(Self::of(&overview, (failures, failed_more), here.now())))
    }

    fn of(overview: &JobOverview, (failures, failed_more): (Vec<Failures>, usize), now: Timestamp) -> Self {
        let (job, progress) = (&overview.job, overview.progress(now));
        let name = job.name();
        let moment = |event: &redrive_core::replay::job::JobEvent| JobMoment {
            at: event.at,
            what: ShownText::of(&event.became),
            who: ShownText::of(if event.who == name { "itself" } else { &event.who }),
            why: event.why.as_deref().map(ShownText::of),
        };
        let stopped = match &job.state {
            JobState::Stopped { why } => Some(ShownText::of(&why.to_string())),
            _ => None,
        };
        Self {
            id: job.id,
            state: job.state.as_str(),
            class: class(job),
            is_open: job.is_open(),
            message: None,
            stopped,
            by: ShownText::of(short(&job.by)),
            why: ShownText::of(job.why.as_deref().unwrap_or("no reason given")),
            what: ShownText::of(&super::selection(&job.selection)),
            edits: job.edit.is_some(),
            created_at: job.created_at,
            bar: Bar::of(&progress),
            outcomes: counts(&overview.known).into_iter().map(|(of, n)| (outcome(of), n)).collect(),
            pace: pace(job, &progress),
            rule: rule(job),
            failures,
            failed_more,
            has_rest: matches!(job.state, JobState::Stopped { .. } | JobState::Cancelled),
            moments: job.history.iter().rev().map(moment).collect(),
            closed: job.closed_at.map(|at| (at, ago(now, at))),
        }
    }

    pub(crate) fn with_message(self, message: Option<String>) -> Self {
        Self { message: message.as_deref().map(ShownText::of), ..self }
    }
}

fn outcome(of: Disposition) -> String {
    let name = serde_json::to_value(of).unwrap_or_default();
    words(name.as_str().unwrap_or_default())
}

fn pace(job: &Job, progress: &JobProgress) -> String {
    if let Some(pace) = progress.pace_in_words() {
        return pace[..1].to_uppercase() + &pace[1..] + ".";
    }
    let pace = match &job.state {
        JobState::Paused { .. } => "Paused: nothing is sent until somebody resumes it.",
        JobState::Stopped { .. } => "It stopped by itself, and sends nothing more.",
        JobState::Cancelled => "It was cancelled, and sends nothing more.",
        _ if job.is_open() => "It looks at its letters.",
        _ => "It came to its end.",
    };
    pace.to_owned()
}

fn rule(job: &Job) -> String {
    let guard = &job.guard;
    let alarm = guard.alarm.as_ref().map_or(String::new(), |alarm| format!(", or {alarm} is in ALARM"));
    let backlog = guard.max_backlog.map_or(String::new(), |most| format!(", over {most} messages wait in the queue"));
    format!(
        "It stops by itself if over {} % fail again{backlog}{alarm}, or nothing is heard of a letter for {} s.",
        guard.max_failed_percent, guard.outcome_seconds
    )
}

/// Groups the letters that failed again by their new reasons, the largest group first.
async fn failures<T: Letters + Jobs>(table: &T, overview: &JobOverview) -> Result<(Vec<Failures>, usize), Unavailable> {
    if counts(&overview.known).iter().all(|(of, _)| !has_failed(*of)) {
        return Ok((Vec::new(), 0));
    }
    let batches = table.batches(overview.job.id, 0).await?;
    let failed = batches.iter().flat_map(|batch| &batch.lines).filter(|line| has_failed(line.disposition));
    let mut ids: Vec<_> = failed.map(|line| line.letter).collect();
    let more = ids.len().saturating_sub(FAILED);
    ids.truncate(FAILED);
    let mut groups: BTreeMap<String, Failures> = BTreeMap::new();
    for few in ids.chunks(100) {
        for look in table.look(few).await?.into_iter().flatten() {
            let found = look.candidate;
            let name = format!("{} {}", found.fingerprint, normalised(&found.error_message));
            let reason = || ShownText::of(&format!("{}: {}", found.fingerprint, found.error_message));
            let group =
                groups.entry(name).or_insert_with(|| Failures { reason: reason(), count: 0, samples: Vec::new() });
            group.count += 1;
            if group.samples.len() < SAMPLES {
                group.samples.push(found.id);
            }
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    Ok((groups, more))
}
