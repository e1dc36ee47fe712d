//! Gate before every page: who may ask, from where, and what a browser may do with an answer.
//!
//! Any program on this machine can reach a port of loopback, and so can any page in the browser. The gate answers the session's
//! own pages alone:
//!
//! | threat | what holds it |
//! |---|---|
//! | another user or program of this machine | a session's cookie, got for a token that works once |
//! | a name of somebody's that resolves to 127.0.0.1 | the `Host` header, checked before all else |
//! | a form or script of another page | the cookie is `SameSite=Strict`; a POST needs our `Origin` and the form's token |
//! | a text of a message that runs as a script | escaped by the templates, and a policy without inline scripts |
//! | another page around ours, or a copy in a cache | `frame-ancestors 'none'`, `no-store` |

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use uuid::Uuid;

use crate::bare;

/// Policy of every answer: our own script, stylesheet and pictures, and nothing else.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Path at which the token of the start is exchanged for a session.
pub(crate) const START: &str = "/start";
/// Path under which the stylesheet, the script and the icon stand. They hold nothing of an installation.
pub(crate) const ASSETS: &str = "/assets/";

/// Random text that nobody guesses.
#[derive(Clone)]
struct Secret(String);

impl Secret {
    fn new() -> Self {
        Self(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    /// Compares in a time that tells nothing about where a guess went wrong.
    fn is(&self, guess: &str) -> bool {
        let (own, guess) = (self.0.as_bytes(), guess.as_bytes());
        let differs = own.iter().zip(guess).fold(0, |sum, (one, other)| sum | (one ^ other));
        own.len() == guess.len() && differs == 0
    }
}

/// Secrets of one console, and the port that it listens at.
pub(crate) struct Gate {
    port: u16,
    start: Mutex<Option<Secret>>,
    session: Secret,
    form: Secret,
}

/// Answer to a token of the start.
pub(crate) enum SessionAnswer {
    /// The token was right; this cookie is the session.
    Admitted(String),
    /// The token was wrong, or was used before.
    Refused,
}

impl Gate {
    pub(crate) fn new(port: u16) -> Self {
        let start = Mutex::new(Some(Secret::new()));
        Self { port, start, session: Secret::new(), form: Secret::new() }
    }

    /// Returns the address that opens a session, once.
    pub(crate) fn start_url(&self) -> Option<String> {
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        start.as_ref().map(|token| format!("http://127.0.0.1:{}{START}?token={}", self.port, token.0))
    }

    /// Returns the token that each form carries.
    pub(crate) fn form_token(&self) -> &str {
        &self.form.0
    }

    /// Cookies know no ports: the name keeps two consoles apart.
    fn cookie(&self) -> String {
        format!("redrive-{}", self.port)
    }

    pub(crate) fn admit(&self, token: &str) -> SessionAnswer {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        if !start.as_ref().is_some_and(|secret| secret.is(token)) {
            return SessionAnswer::Refused;
        }
        *start = None;
        SessionAnswer::Admitted(format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie(), self.session.0))
    }

    fn own_hosts(&self) -> [String; 2] {
        ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port))
    }

    fn is_own_host(&self, headers: &HeaderMap) -> bool {
        let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        named.is_some_and(|host| self.own_hosts().iter().any(|own| own == host))
    }

    pub(crate) fn has_session(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie();
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = sent.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(cookie, value)| cookie == name && self.session.is(value))
    }

    /// Returns true if a page of ours asks.
    fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
        let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        origin.and_then(|origin| origin.strip_prefix("http://")) == Some(host)
            && site.is_none_or(|site| site == "same-origin")
    }

    /// Returns true if a form is one that this console made.
    pub(crate) fn is_own_form(&self, token: Option<&str>) -> bool {
        token.is_some_and(|token| self.form.is(token))
    }

    fn refusal(&self, request: &Request) -> Option<(StatusCode, &'static str)> {
        let (headers, path) = (request.headers(), request.uri().path());
        if !self.is_own_host(headers) {
            return Some((StatusCode::FORBIDDEN, "This console answers to 127.0.0.1 and localhost alone."));
        }
        if ![Method::GET, Method::HEAD, Method::POST].contains(request.method()) {
            return Some((StatusCode::METHOD_NOT_ALLOWED, "Pages are read with GET, and acts are sent with POST."));
        }
        let public = path == START || path.starts_with(ASSETS);
        if !public && !self.has_session(headers) {
            return Some((
                StatusCode::FORBIDDEN,
                "There is no session here. Open the address that `redrive console` printed, or start it anew.",
            ));
        }
        (*request.method() == Method::POST && !self.is_own_origin(headers))
            .then_some((StatusCode::FORBIDDEN, "This was not sent by a page of this console. Nothing was done."))
    }
}

/// Lets through what may ask, and gives every answer the headers that bind the browser.
pub(crate) async fn keep(State(gate): State<std::sync::Arc<Gate>>, request: Request, next: Next) -> Response<Body> {
    let mut answer = match gate.refusal(&request) {
        Some((status, why)) => bare::bare(status, why),
        None => next.run(request).await,
    };
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Nothing goes to another site. Under `no-referrer` a browser would send no origin with our own forms either.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), "clipboard-write=(self)"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
