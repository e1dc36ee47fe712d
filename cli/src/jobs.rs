//! Replay jobs as a terminal shows them.

use redrive_core::replay::job::JobState;
pub(crate) use redrive_operator::jobs::{JobOverview, dispositions, document, documents, gather, overview, read};
use redrive_operator::who::short;

use crate::text::{indented, instant, shown, table};

/// The jobs as a table.
pub(crate) fn render(seen: &[JobOverview], width: usize) -> String {
    if seen.is_empty() {
        return "No jobs.\n".to_owned();
    }
    let number = |n: u32, head: &str| format!("{n:>0$}", head.len());
    let rows = seen.iter().map(|JobOverview { job, known }| {
        vec![
            job.id.to_string(),
            job.state.as_str().to_owned(),
            number(known.sent(), "SENT"),
            number(known.succeeded(), "   OK"),
            number(known.failed(), "FAILED"),
            // First where it goes: whoever asked may have a long name.
            job.to
                .as_ref()
                .map_or_else(|| shown(short(&job.by)), |to| shown(&format!("to {}, {}", to.name(), short(&job.by)))),
        ]
    });
    table(&["JOB", "STATE", "SENT", "   OK", "FAILED", "BY"], &rows.collect::<Vec<_>>(), width)
}

/// Renders a job, with its history and the account of its letters.
pub(crate) fn account(seen: &JobOverview, width: usize) -> String {
    let job = &seen.job;
    let mut text = String::new();
    let mut add = |indent: usize, value: &str| text.push_str(&indented(value, indent, width));
    add(0, &format!("Job {} is {}", job.id, job.state.as_str()));
    if let JobState::Stopped { why } = &job.state {
        add(2, &shown(&format!("stopped by itself: {why}")));
    }
    add(2, &shown(&format!("asked for by {}", job.by)));
    if let Some(to) = &job.to {
        add(2, &shown(&format!("sends to {to}, not back")));
    }
    for event in &job.history {
        let why = event.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        let who = if event.who == job.name() { "itself" } else { &event.who };
        add(2, &shown(&format!("{}  {} by {who}{why}", instant(event.at), event.became)));
    }
    add(2, &format!("letters: {}", dispositions(&seen.known)));
    text
}
