//! Pages of replay jobs: which there are, and one of them, live.

mod panel;
mod steer;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use redrive_core::ids::JobId;
use redrive_core::ports::Unavailable;
use redrive_core::replay::Selection;
use redrive_core::time::Timestamp;
use redrive_operator::jobs::{self, JobOverview};
use redrive_operator::text::ago;
use redrive_operator::who::short;

use crate::bare;
use crate::installation::InstallationPort;
use crate::page::{self, PageFrame, Tab};
use crate::shown_text::ShownText;
use crate::state::{Console, Here};
use panel::{Bar, Panel};

pub(crate) use steer::steer;

/// Interval between two looks at a job that somebody follows.
const LOOK: Duration = Duration::from_secs(1);
/// Number of closed jobs that are listed.
const CLOSED: usize = 30;

/// A job as a row.
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) state: &'static str,
    pub(crate) class: &'static str,
    pub(crate) bar: Bar,
    pub(crate) by: ShownText,
    pub(crate) why: ShownText,
    pub(crate) what: ShownText,
    pub(crate) at: Timestamp,
    pub(crate) ago: String,
}

impl JobRow {
    pub(crate) fn of(overview: &JobOverview, now: Timestamp) -> Self {
        let job = &overview.job;
        let at = job.closed_at.unwrap_or(job.created_at);
        Self {
            id: job.id,
            state: job.state.as_str(),
            class: panel::class(job),
            bar: Bar::of(&overview.progress(now)),
            by: ShownText::of(short(&job.by)),
            why: ShownText::of(job.why.as_deref().unwrap_or("no reason given")),
            what: ShownText::of(&selection(&job.selection)),
            at,
            ago: ago(now, at),
        }
    }
}

/// Says in words which letters a job means.
pub(crate) fn selection(selection: &Selection) -> String {
    match selection {
        Selection::Filter(filter) => {
            let fields = serde_json::to_value(filter).unwrap_or_default();
            let fields = fields.as_object().cloned().unwrap_or_default();
            let filters = fields.iter().filter(|(name, _)| !["as_of", "asked_at", "recent"].contains(&name.as_str()));
            let filters = filters.map(|(name, value)| {
                format!(
                    "{} {}",
                    name.replace('_', " "),
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                )
            });
            filters.collect::<Vec<_>>().join(", ")
        }
        named => format!("{} letters by id", named.count().unwrap_or(0)),
    }
}

/// Reads the open jobs, and the latest of the closed ones.
pub(crate) async fn both<I: InstallationPort>(here: &I) -> Result<(Vec<JobOverview>, Vec<JobOverview>), Unavailable> {
    let open = jobs::gather(here.letters(), true).await?;
    let mut closed = jobs::gather(here.letters(), false).await?;
    closed.sort_by_key(|overview| std::cmp::Reverse(overview.job.closed_at));
    closed.truncate(CLOSED);
    Ok((open, closed))
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct JobList<'a> {
    frame: PageFrame<'a>,
    open: Vec<JobRow>,
    closed: Vec<JobRow>,
}

/// Answers with the jobs.
pub(crate) async fn list<I: InstallationPort>(State(console): Here<I>) -> Response<Body> {
    let (open, closed) = match both(&console.installation).await {
        Ok(found) => found,
        Err(why) => return page::unavailable(&console, &why),
    };
    let frame = PageFrame::new(&console, "Jobs", Tab::Jobs).refreshed(3);
    let now = frame.now;
    let rows = |jobs: &[JobOverview]| jobs.iter().map(|overview| JobRow::of(overview, now)).collect();
    page::answer(&JobList { open: rows(&open), closed: rows(&closed), frame })
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobsPage<'a> {
    frame: PageFrame<'a>,
    id: JobId,
    panel: Panel,
    is_open: bool,
    is_paused: bool,
    command: String,
}

/// Answers with one job.
pub(crate) async fn page<I: InstallationPort>(State(console): Here<I>, Path(id): Path<String>) -> Response<Body> {
    shown(&console, &id, None, StatusCode::OK).await
}

/// Shows a job, with what a person is to be told first.
async fn shown<I: InstallationPort>(
    console: &Console<I>,
    id: &str,
    message: Option<String>,
    status: StatusCode,
) -> Response<Body> {
    let missing = || {
        page::problem(
            console,
            StatusCode::NOT_FOUND,
            "There is no such job",
            "It was deleted after its time, or never was.",
        )
    };
    let Some(id) = JobId::parse(id) else { return missing() };
    let here = &console.installation;
    let panel = match Panel::gather(here, id).await {
        Ok(Some(panel)) => panel,
        Ok(None) => return missing(),
        Err(why) => return page::unavailable(console, &why),
    };
    let page = JobsPage {
        frame: PageFrame::new(console, format!("Job {id}"), Tab::Jobs),
        id,
        is_open: panel.is_open,
        is_paused: panel.state == "PAUSED",
        command: format!("redrive watch {id}"),
        panel: panel.with_message(message),
    };
    bare::answer_with(status, &page)
}

/// Answers with a job's panel whenever it changes, until the job is closed.
pub(crate) async fn events<I: InstallationPort>(State(console): Here<I>, Path(id): Path<String>) -> Response<Body> {
    let Some(id) = JobId::parse(&id) else {
        return page::problem(&console, StatusCode::NOT_FOUND, "There is no such job", "A job's id is a UUID.");
    };
    let events = stream::unfold(Follow { console, id, last: String::new(), closed: false }, Follow::next);
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// A browser that follows a job.
struct Follow<I> {
    console: Arc<Console<I>>,
    id: JobId,
    last: String,
    closed: bool,
}

impl<I: InstallationPort> Follow<I> {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.closed {
            return None;
        }
        loop {
            if !self.last.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
            // A table that does not answer for a moment ends nothing: the next look may.
            let Ok(panel) = Panel::gather(&self.console.installation, self.id).await else {
                self.last.push(' ');
                continue;
            };
            let panel = panel?;
            if !panel.is_open {
                self.closed = true;
                return Some((Ok(Event::default().event("closed").data("closed")), self));
            }
            let html = panel.render().unwrap_or_default().replace('\r', "");
            if html != self.last {
                self.last.clone_from(&html);
                return Some((Ok(Event::default().event("job").data(html)), self));
            }
        }
    }
}
