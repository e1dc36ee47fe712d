//! Pages: what stands around each of them, and how it becomes an answer.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use redrive_core::ports::Unavailable;
use redrive_core::time::Timestamp;

use crate::installation::{Changes, Installation, Place};
use crate::server::Console;

/// Pages that stand in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Causes,
    Overview,
    Jobs,
    None,
}

/// Everything around the content of a page.
pub(crate) struct Frame<'a> {
    pub(crate) title: String,
    pub(crate) tab: Tab,
    pub(crate) place: &'a Place,
    pub(crate) changes: Changes,
    pub(crate) now: Timestamp,
    pub(crate) form_token: &'a str,
    /// Text of the find box.
    pub(crate) find: String,
    /// Seconds after which the content is read anew; 0: never.
    pub(crate) refresh: u32,
}

impl<'a> Frame<'a> {
    pub(crate) fn new<I: Installation>(console: &'a Console<I>, title: impl Into<String>, tab: Tab) -> Self {
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

/// Turns a template into an answer.
pub(crate) fn answer(page: &impl Template) -> Response<Body> {
    answer_with(StatusCode::OK, page)
}

/// Turns a template into an answer of this status.
pub(crate) fn answer_with(status: StatusCode, page: &impl Template) -> Response<Body> {
    match page.render() {
        Ok(html) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, kind)], html).into_response()
        }
        // Only a formatter that fails ends here.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Page for whom the gate does not let in: nothing of the installation is in it.
#[derive(Template)]
#[template(path = "bare.html")]
struct Bare<'a> {
    why: &'a str,
    next: bool,
}

pub(crate) fn bare(status: StatusCode, why: &str) -> Response<Body> {
    answer_with(status, &Bare { why, next: false })
}

/// Page that leads into a session that has just begun.
pub(crate) fn begun(cookie: &str) -> Response<Body> {
    let mut answer = answer(&Bare { why: "The session is open.", next: true });
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

/// Page about something that went wrong, in the frame of the others.
#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    frame: Frame<'a>,
    heading: &'a str,
    why: crate::seen::Seen,
}

/// Tells what went wrong, and what did not happen.
pub(crate) fn problem<I: Installation>(
    console: &Console<I>,
    status: StatusCode,
    heading: &str,
    why: &str,
) -> Response<Body> {
    let frame = Frame::new(console, heading, Tab::None);
    answer_with(status, &Problem { frame, heading, why: crate::seen::Seen::of(why) })
}

/// Tells that a table did not answer.
pub(crate) fn unavailable<I: Installation>(console: &Console<I>, why: &Unavailable) -> Response<Body> {
    problem(console, StatusCode::BAD_GATEWAY, "AWS did not answer", &why.to_string())
}
