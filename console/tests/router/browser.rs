//! A browser as far as these tests need one: it keeps its cookie, and sends what a browser sends.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use redrive_core::time::Timestamp;
use tower::ServiceExt;

use crate::incident::Incident;

pub const PORT: u16 = 7717;
pub const HOST: &str = "127.0.0.1:7717";
pub const NOW: Timestamp = Timestamp::from_millis(1_795_352_400_000);

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, 64 << 20).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// A browser with a session.
pub struct Browser {
    pub router: Router,
    pub cookie: String,
}

impl Browser {
    /// Opens the address that the console prints.
    pub async fn open(incident: &Incident) -> Self {
        let console = incident.console(PORT);
        let start = console.start_url().unwrap();
        let router = redrive_console::router(console);
        let path = start.strip_prefix("http://127.0.0.1:7717").unwrap();
        let answer = send(&router, Request::get(path).header("host", HOST).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { router, cookie }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("host", HOST).header("cookie", &self.cookie);
        send(&self.router, request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form as one of the console's own pages does.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header("host", HOST)
            .header("origin", format!("http://{HOST}"))
            .header("cookie", &self.cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        send(&self.router, request.body(Body::from(body)).unwrap()).await
    }
}

/// Returns the value of a hidden field of a page.
pub fn hidden(html: &str, name: &str) -> String {
    let field = html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {html}"));
    let value = field.split('"').next().unwrap();
    value.replace("&#34;", "\"").replace("&quot;", "\"").replace("&#38;", "&").replace("&amp;", "&")
}
