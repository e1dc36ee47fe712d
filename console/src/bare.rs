//! Pages without a frame, and how a page becomes an answer: nothing of the installation is in them.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;

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
