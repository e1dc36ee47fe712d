//! Replay jobs as a terminal shows them.

use redrive_core::replay::job::{Job, JobEvent, JobState};
use redrive_core::replay::{Filter, Selection};
use redrive_core::time::Timestamp;
pub(crate) use redrive_operator::jobs::{
    JobOverview, dispositions, document, documents, gather, gather_recent, overview, read,
};
use redrive_operator::who::short;

use crate::text::{ago, count, hanging, indented, instant, shown, table_rows};

/// The jobs as a table, each with what it is about.
pub(crate) fn render(overviews: &[JobOverview], now: Timestamp, width: usize) -> String {
    if overviews.is_empty() {
        return "No jobs: none is open, and none was closed within a day.\n".to_owned();
    }
    let (head, rows) = rows(overviews, now, width);
    let entries = rows.into_iter().zip(overviews).map(|(row, one)| {
        let lines = [matter(&one.job), latest_event(&one.job, now)];
        row + &lines.iter().map(|line| hanging(&format!("  {}", shown(line)), 2, width)).collect::<String>()
    });
    head.into_iter().chain(entries).collect()
}

/// The jobs as a table, one a row.
pub(crate) fn render_rows(overviews: &[JobOverview], now: Timestamp, width: usize) -> String {
    let (head, rows) = rows(overviews, now, width);
    head.into_iter().chain(rows).collect()
}

fn rows(overviews: &[JobOverview], now: Timestamp, width: usize) -> (Option<String>, Vec<String>) {
    let rows: Vec<_> = overviews
        .iter()
        .map(|one| {
            let progress = one.progress(now);
            let letters = progress.letters.map_or_else(|| "?".to_owned(), |letters| letters.to_string());
            vec![
                one.job.id.to_string(),
                one.job.state.as_str().to_owned(),
                ago(now, one.job.created_at),
                format!("{:>9}", format!("{}/{letters}", progress.done)),
                format!("{:>6}", progress.failed),
            ]
        })
        .collect();
    table_rows(&["JOB", "STATE", "BEGAN", "     DONE", "FAILED"], &rows, width)
}

/// Describes what a job is about: its letters, why they are sent, for whom, and where to.
pub(crate) fn matter(job: &Job) -> String {
    let why = job.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    let to = job.to.as_ref().map_or(String::new(), |to| format!(", to {}", to.name()));
    format!("{}{to}, by {}{why}", chosen(&job.selection), short(&job.by))
}

/// Describes which letters a job means.
fn chosen(selection: &Selection) -> String {
    match selection {
        Selection::Ids(ids) => count(ids.len() as u64, "named letter", "named letters"),
        Selection::Shown(shown) => count(shown.letters.len() as u64, "letter", "letters"),
        Selection::Listed(listed) => count(u64::from(listed.letters), "letter", "letters"),
        Selection::Filter(filter) => filtered(filter),
    }
}

fn filtered(filter: &Filter) -> String {
    let named = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let parts = [
        filter.fingerprint.clone(),
        filter.error_type.map(|class| class.as_str().to_owned()),
        named("code", filter.error_code.clone()),
        named("text", filter.text.as_ref().map(|text| format!("{text:?}"))),
        named("version", filter.function_version.clone()),
        named("since", filter.since.map(instant)),
        named("until", filter.until.map(instant)),
        named("deaths from", filter.min_deaths.map(|least| least.to_string())),
        named("deaths to", filter.max_deaths.map(|most| most.to_string())),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let queue = filter.source_topic.as_ref().map_or("?", |source| source.name());
    if parts.is_empty() { format!("all of {queue}") } else { parts.join(", ") }
}

/// Describes what happened to a job last: by whom, when, and why.
pub(crate) fn latest_event(job: &Job, now: Timestamp) -> String {
    let event = job.history.last().map_or_else(String::new, |event| happened(job, event, now));
    match job.closed_at {
        None if !job.state.runs() && !matches!(job.state, JobState::Paused { .. } | JobState::Listing { .. }) => {
            format!("{event}; open, until the outcome of all that was sent is known")
        }
        _ => event,
    }
}

fn happened(job: &Job, event: &JobEvent, now: Timestamp) -> String {
    let who = if event.who == job.name() { "itself" } else { short(&event.who) };
    let why = event.why.as_ref().filter(|why| job.why.as_ref() != Some(why));
    let why = why.map_or(String::new(), |why| format!(": {why}"));
    format!("{} {} by {who}{why}", event.became, ago(now, event.at))
}

/// Renders a job, with its history and the account of its letters.
pub(crate) fn account(overview: &JobOverview, width: usize) -> String {
    let job = &overview.job;
    let mut text = String::new();
    let mut add = |indent: usize, value: &str| text.push_str(&indented(value, indent, width));
    add(0, &format!("Job {} is {}", job.id, job.state.as_str()));
    if let JobState::Stopped { why } = &job.state {
        add(2, &shown(&format!("stopped by itself: {why}")));
    }
    add(2, &shown(&format!("means {}", chosen(&job.selection))));
    add(2, &shown(&format!("asked for by {}", job.by)));
    if let Some(to) = &job.to {
        add(2, &shown(&format!("sends to {to}, not back")));
    }
    for event in &job.history {
        let why = event.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        let who = if event.who == job.name() { "itself" } else { &event.who };
        add(2, &shown(&format!("{}  {} by {who}{why}", instant(event.at), event.became)));
    }
    add(2, &format!("letters: {}", dispositions(&overview.known)));
    text
}
