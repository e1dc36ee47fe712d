//! Steering of a job: pause, resume, cancel, each with a reason.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::response::{IntoResponse, Redirect};
use redrive_core::ids::JobId;
use serde_json::{Value, json};

use crate::acts;
use crate::fields::Fields;
use crate::installation::InstallationPort;
use crate::page;
use crate::state::Here;

/// Changes that a person makes to a job.
const CHANGES: [&str; 3] = ["pause", "resume", "cancel"];

/// Asks the replay function to change a job, and shows the job again: with the reason, if it was refused.
pub(crate) async fn steer<I: InstallationPort>(
    State(console): Here<I>,
    Path((id, change)): Path<(String, String)>,
    form: Bytes,
) -> Response<Body> {
    let fields = Fields::read(&form);
    if !console.gate.is_own_form(fields.get("form_token")) {
        return acts::stale(&console);
    }
    if let Some(why) = acts::barred(&console) {
        return page::problem(&console, StatusCode::FORBIDDEN, "Nothing was changed", &why);
    }
    let (Some(job), true) = (JobId::parse(&id), CHANGES.contains(&change.as_str())) else {
        return page::problem(&console, StatusCode::NOT_FOUND, "There is no such act", "Go on from the job's page.");
    };
    let Some(why) = fields.get("why") else {
        let message = Some("A reason must be given: it is written down with the job.".to_owned());
        return super::shown(&console, &id, message, StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let request = json!({"action": change, "job": job, "by": console.installation.place().by, "why": why});
    let message = match console.installation.ask(&request).await {
        Ok(report) => report.get("refused").and_then(Value::as_str).map(|why| format!("Not done: {why}.")),
        Err(why) => Some(acts::failed(&console, &why)),
    };
    match message {
        Some(message) => super::shown(&console, &id, Some(message), StatusCode::CONFLICT).await,
        None => Redirect::to(&format!("/jobs/{job}")).into_response(),
    }
}
