//! Server of the console: which address shows what, on loopback alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Response, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Router, http::HeaderMap};
use tokio::net::TcpListener;

use crate::fields::Fields;
use crate::gate::{self, Admission, Gate};
use crate::installation::{Changes, Installation};
use crate::latest::Latest;
use crate::overview::Read;
use crate::snapshot::Snapshots;
use crate::{acts, causes, jobs, letter, overview, page, search};

/// Limit in bytes of a form. A body of 1 MiB has up to three times as many, encoded; the letters that were shown stand beside it.
const FORM: usize = 8 << 20;

/// Console of one installation.
pub struct Console<I> {
    pub(crate) installation: I,
    pub(crate) gate: Arc<Gate>,
    pub(crate) snapshots: Snapshots,
    pub(crate) read: Latest<Arc<Read>>,
    /// Permission that AWS was found to deny.
    denied: OnceLock<&'static str>,
}

impl<I: Installation> Console<I> {
    /// Makes a console that is served at this port of loopback.
    #[must_use]
    pub fn new(installation: I, port: u16) -> Arc<Self> {
        let gate = Arc::new(Gate::new(port));
        let (snapshots, read, denied) = (Snapshots::default(), Latest::default(), OnceLock::new());
        Arc::new(Self { installation, gate, snapshots, read, denied })
    }

    /// Returns the address that opens a session; `None` once it was used.
    #[must_use]
    pub fn start_url(&self) -> Option<String> {
        self.gate.start_url()
    }

    pub(crate) fn changes(&self) -> Changes {
        match (self.installation.changes(), self.denied.get()) {
            (Changes::Allowed, Some(permission)) => Changes::Denied(permission),
            (changes, _) => changes,
        }
    }

    /// Bars what needs a permission that AWS denies.
    pub(crate) fn deny(&self, permission: &'static str) {
        let _ = self.denied.set(permission);
    }
}

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
pub async fn serve<I: Installation>(console: Arc<Console<I>>, listener: TcpListener) -> std::io::Result<()> {
    axum::serve(listener, router(console)).await
}

/// Makes the routes of a console, behind its gate.
pub fn router<I: Installation>(console: Arc<Console<I>>) -> Router {
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

/// State that every page is made with.
pub(crate) type Here<I> = State<Arc<Console<I>>>;

async fn start<I: Installation>(State(console): Here<I>, headers: HeaderMap, uri: Uri) -> Response<Body> {
    match console.gate.admit(Fields::of(&uri).get("token").unwrap_or_default()) {
        Admission::Admitted(cookie) => page::begun(&cookie),
        Admission::Refused if console.gate.has_session(&headers) => Redirect::to("/").into_response(),
        Admission::Refused => page::bare(
            StatusCode::FORBIDDEN,
            "This address was used before, or is not the one that was printed: it opens one session, once. Start `redrive console` anew.",
        ),
    }
}

async fn nowhere<I: Installation>(State(console): Here<I>) -> Response<Body> {
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
