//! Pages: what stands around each of them.

use askama::Template;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use redrive_core::ports::Unavailable;
use redrive_core::time::Timestamp;

pub(crate) use crate::bare::answer;
use crate::bare::answer_with;
use crate::installation::{Changes, InstallationPort, StackPlace};
use crate::shown_text::ShownText;
use crate::state::Console;

/// Pages that stand in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Causes,
    Overview,
    Jobs,
    None,
}

/// Everything around the content of a page.
pub(crate) struct PageFrame<'a> {
    pub(crate) title: String,
    pub(crate) tab: Tab,
    pub(crate) place: &'a StackPlace,
    pub(crate) changes: Changes,
    pub(crate) now: Timestamp,
    pub(crate) form_token: &'a str,
    /// Text of the find box.
    pub(crate) find: String,
    /// Seconds after which the content is read anew; 0: never.
    pub(crate) refresh: u32,
}

impl<'a> PageFrame<'a> {
    pub(crate) fn new<I: InstallationPort>(console: &'a Console<I>, title: impl Into<String>, tab: Tab) -> Self {
        Self {
            title: title.into(),
            tab,
            place: console.installation.place(),
            changes: console.changes(),
            now: console.installation.now(),
            form_token: console.gate.form_token(),
            find: String::new(),
            refresh: 0,
        }
    }

    pub(crate) fn refreshed(self, seconds: u32) -> Self {
        Self { refresh: seconds, ..self }
    }

    pub(crate) fn is_at(&self, tab: Tab) -> bool {
        self.tab == tab
    }

    /// Returns why nothing can be changed here, if so.
    pub(crate) fn barred(&self) -> Option<String> {
        match self.changes {
            Changes::Allowed => None,
            Changes::ReadOnly => Some("read-only: start with --allow-changes".to_owned()),
            Changes::Denied(permission) => Some(format!("denied to you: {permission}")),
        }
    }
}

/// An instant of a page, which the script puts beside the viewer's own time.
pub(crate) fn instant(at: &Timestamp) -> String {
    if *at == Timestamp::NEVER {
        return "never".to_owned();
    }
    let text = at.to_rfc3339();
    format!("{} UTC", text.get(..19).unwrap_or(&text).replace('T', " "))
}

/// Page about something that went wrong, in the frame of the others.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: PageFrame<'a>,
    heading: &'a str,
    why: ShownText,
}

/// Tells what went wrong, and what did not happen.
pub(crate) fn problem<I: InstallationPort>(
    console: &Console<I>,
    status: StatusCode,
    heading: &str,
    why: &str,
) -> Response<Body> {
    let frame = PageFrame::new(console, heading, Tab::None);
    answer_with(status, &ProblemPage { frame, heading, why: ShownText::of(why) })
}

/// Tells that a table did not answer.
pub(crate) fn unavailable<I: InstallationPort>(console: &Console<I>, why: &Unavailable) -> Response<Body> {
    problem(console, StatusCode::BAD_GATEWAY, "AWS did not answer", &why.to_string())
}
