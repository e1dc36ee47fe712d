//! Acts on letters: shown first, confirmed with a reason, and then asked of the replay function for exactly what was shown.

mod carry;
mod differences;
mod kind;
mod pinned;
mod preview;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};

use crate::fields::Fields;
use crate::installation::{AskError, Changes, InstallationPort};
use crate::page;
use crate::state::{Console, Here};
use kind::ActKind;
use pinned::Pinned;

/// Answers with the preview of an act, or with the form for what it needs first.
pub(crate) async fn look<I: InstallationPort>(State(console): Here<I>, uri: Uri) -> Response<Body> {
    looked(&console, &Fields::of(&uri)).await
}

/// Answers with the preview of an act whose fields are too large for an address. Nothing is changed by it.
pub(crate) async fn preview<I: InstallationPort>(State(console): Here<I>, form: axum::body::Bytes) -> Response<Body> {
    let fields = Fields::read(&form);
    if !console.gate.is_own_form(fields.get("form_token")) {
        return stale(&console);
    }
    looked(&console, &fields).await
}

async fn looked<I: InstallationPort>(console: &Console<I>, fields: &Fields) -> Response<Body> {
    let Some(kind) = fields.get("what").and_then(ActKind::read) else {
        return page::problem(
            console,
            StatusCode::BAD_REQUEST,
            "There is no such act",
            "Go on from a letter or a list.",
        );
    };
    match preview::gather(console, kind, fields).await {
        Ok(gathered) => preview::answer(console, gathered, StatusCode::OK),
        Err(why) => why.answer(console),
    }
}

pub(crate) fn stale<I: InstallationPort>(console: &Console<I>) -> Response<Body> {
    let why = "The form is not one of this console, or of an earlier run of it. Nothing was done: open the page anew.";
    page::problem(console, StatusCode::FORBIDDEN, "This form is not known", why)
}

/// Carries out what was confirmed.
pub(crate) async fn act<I: InstallationPort>(State(console): Here<I>, form: axum::body::Bytes) -> Response<Body> {
    let fields = Fields::read(&form);
    if !console.gate.is_own_form(fields.get("form_token")) {
        return stale(&console);
    }
    if let Some(why) = barred(&console) {
        return page::problem(&console, StatusCode::FORBIDDEN, "Nothing was changed", &why);
    }
    let Some(pinned) = fields.exact("pinned").and_then(Pinned::read) else {
        let why = "What was confirmed cannot be read. Nothing was done: look at it anew.";
        return page::problem(&console, StatusCode::BAD_REQUEST, "This form is incomplete", why);
    };
    if let Err(why) = pinned.is_confirmed(&fields) {
        let gathered = preview::again(&console, pinned, &fields, why).await;
        return match gathered {
            Ok(gathered) => preview::answer(&console, gathered, StatusCode::UNPROCESSABLE_ENTITY),
            Err(why) => why.answer(&console),
        };
    }
    carry::out(&console, &pinned, &fields).await
}

/// Returns why nothing may be changed, if so.
pub(crate) fn barred<I: InstallationPort>(console: &Console<I>) -> Option<String> {
    match console.changes() {
        Changes::Allowed => None,
        Changes::ReadOnly => Some("This console is read-only: start it with --allow-changes.".to_owned()),
        Changes::Denied(permission) => Some(format!("AWS denies you {permission}.")),
    }
}

/// Tells why the replay function did not do something; a permission that is missing bars the buttons from now on.
pub(crate) fn failed<I: InstallationPort>(console: &Console<I>, why: &AskError) -> String {
    match why {
        AskError::Denied { permission, .. } => {
            console.deny(permission);
            format!("Nothing was done: {why}")
        }
        AskError::Refused(_) => format!("Nothing was done: {why}"),
        AskError::Failed(_) => format!("It may have been done, or a part of it: {why}"),
    }
}

/// Reason for which an act cannot be shown.
pub(crate) enum Cannot {
    /// Wrong request, and the reason.
    BadRequest(String),
    /// A table did not answer.
    Unavailable(redrive_core::ports::Unavailable),
}

impl From<redrive_core::ports::Unavailable> for Cannot {
    fn from(why: redrive_core::ports::Unavailable) -> Self {
        Self::Unavailable(why)
    }
}

impl Cannot {
    fn answer<I: InstallationPort>(self, console: &Console<I>) -> Response<Body> {
        match self {
            Self::BadRequest(why) => page::problem(console, StatusCode::BAD_REQUEST, "This cannot be done so", &why),
            Self::Unavailable(why) => page::unavailable(console, &why),
        }
    }
}
