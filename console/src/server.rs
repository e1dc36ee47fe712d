//! Server of the console: which address shows what, on loopback alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Response, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Router, http::HeaderMap};
use tokio::net::TcpListener;

use crate::fields::Fields;
use crate::gate::{self, SessionAnswer};
use crate::installation::InstallationPort;
use crate::state::{Console, Here};
use crate::{acts, bare, causes, jobs, letter, overview, page, search};

/// Limit in bytes of a form. A body of 1 MiB has up to three times as many, encoded; the letters that were shown stand beside it.
const FORM: usize = 8 << 20;

/// Binds a port of loopback; 0 is any free one.
///
/// # Errors
/// Errors of the system, such as that the port is taken.
pub async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves a console until the process ends.
///
/// # Errors
/// Errors of the system about the listener.
pub async fn serve<I: InstallationPort>(console: Arc<Console<I>>, listener: TcpListener) -> std::io::Result<()> {
    axum::serve(listener, router(console)).await
}

/// Makes the routes of a console, behind its gate.
pub fn router<I: InstallationPort>(console: Arc<Console<I>>) -> Router {
    let gate = Arc::clone(&console.gate);
    Router::new()
        .route(gate::START, get(start::<I>))
        .route("/assets/console.css", get(|| asset("text/css; charset=utf-8", include_str!("../assets/console.css"))))
        .route(
            "/assets/console.js",
            get(|| asset("text/javascript; charset=utf-8", include_str!("../assets/console.js"))),
        )
        .route("/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("../assets/icon.svg"))))
        .route("/", get(causes::page::<I>))
        .route("/overview", get(overview::page::<I>))
        .route("/search", get(search::page::<I>))
        .route("/letters/{id}", get(letter::page::<I>))
        .route("/letters/{id}/body", get(letter::body::<I>))
        .route("/act", get(acts::look::<I>).post(acts::act::<I>))
        .route("/act/preview", post(acts::preview::<I>))
        .route("/jobs", get(jobs::list::<I>))
        .route("/jobs/{id}", get(jobs::page::<I>))
        .route("/jobs/{id}/events", get(jobs::events::<I>))
        .route("/jobs/{id}/{change}", post(jobs::steer::<I>))
        .fallback(nowhere::<I>)
        .with_state(console)
        .layer(DefaultBodyLimit::max(FORM))
        .layer(middleware::from_fn_with_state(gate, gate::keep))
}

async fn start<I: InstallationPort>(State(console): Here<I>, headers: HeaderMap, uri: Uri) -> Response<Body> {
    match console.gate.admit(Fields::of(&uri).get("token").unwrap_or_default()) {
        SessionAnswer::Admitted(cookie) => bare::begun(&cookie),
        SessionAnswer::Refused if console.gate.has_session(&headers) => Redirect::to("/").into_response(),
        SessionAnswer::Refused => bare::bare(
            StatusCode::FORBIDDEN,
            "This address was used before, or is not the one that was printed: it opens one session, once. Start `redrive console` anew.",
        ),
    }
}

async fn nowhere<I: InstallationPort>(State(console): Here<I>) -> Response<Body> {
    page::problem(
        &console,
        StatusCode::NOT_FOUND,
        "There is no such page",
        "Go on from the causes, or find a letter above.",
    )
}

async fn asset(kind: &'static str, text: &'static str) -> Response<Body> {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}
