//! Gate of the console: who is let in, and what every answer binds a browser to.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use redrive_console::POLICY;

use crate::browser::{Browser, HOST, NOW, PORT, send};
use crate::incident::Incident;

/// Pages and files of every kind.
const PATHS: [&str; 4] = ["/", "/nowhere", "/assets/console.css", "/assets/console.js"];

#[tokio::test(start_paused = true)]
async fn the_token_opens_one_session_once_and_a_wrong_one_opens_none() {
    let incident = Incident::at(NOW);
    let console = incident.console(PORT);
    let start = console.start_url().unwrap();
    let router = redrive_console::router(console.clone());
    let path = start.strip_prefix("http://127.0.0.1:7717").unwrap().to_owned();
    let get = |path: &str| Request::get(path).header("host", HOST).body(Body::empty()).unwrap();
    for wrong in ["/start", "/start?token=", "/start?token=0", &format!("{path}0"), &path[..path.len() - 1]] {
        let answer = send(&router, get(wrong)).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, ""), "{wrong}");
    }
    let answer = send(&router, get(&path)).await;
    let cookie = answer.header("set-cookie").to_owned();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
    assert!(!answer.body.contains("orders-prod"), "nothing of the installation before the session");
    let again = send(&router, get(&path)).await;
    assert_eq!((again.status, again.header("set-cookie")), (StatusCode::FORBIDDEN, ""), "it works once");
    assert!(console.start_url().is_none());
}

#[tokio::test(start_paused = true)]
async fn without_its_own_cookie_nothing_of_the_installation_is_shown() {
    let browser = Browser::open(&Incident::at(NOW)).await;
    for cookie in ["", "redrive-7717=", "redrive-7717=00", "redrive-1=x", &browser.cookie.replace("7717", "7718")] {
        let request = Request::get("/").header("host", HOST).header("cookie", cookie).body(Body::empty()).unwrap();
        let answer = send(&browser.router, request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{cookie}");
        assert!(!answer.body.contains("orders-prod"));
    }
    assert_ne!(browser.get("/").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_resolves_to_this_machine_is_not_answered() {
    let browser = Browser::open(&Incident::at(NOW)).await;
    for host in ["evil.example:7717", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:7717", ""] {
        for path in PATHS.into_iter().chain(["/start?token=x"]) {
            let request = Request::get(path).header("host", host).header("cookie", &browser.cookie);
            let answer = send(&browser.router, request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{host} {path}");
        }
    }
    let unnamed = Request::get("/").header("cookie", &browser.cookie).body(Body::empty()).unwrap();
    assert_eq!(send(&browser.router, unnamed).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn a_form_of_another_page_is_refused_before_it_is_read() {
    let browser = Browser::open(&Incident::at(NOW)).await;
    let post = |origin: Option<&str>, site: Option<&str>| {
        let mut request = Request::post("/act").header("host", HOST).header("cookie", &browser.cookie);
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.body(Body::from("what=discard")).unwrap()
    };
    let own = format!("http://{HOST}");
    for (origin, site) in [
        (None, None),
        (Some("null"), None),
        (Some("http://evil.example"), None),
        (Some("https://127.0.0.1:7717"), None),
        (Some("http://localhost:7717"), None),
        (Some(own.as_str()), Some("cross-site")),
        (Some(own.as_str()), Some("same-site")),
    ] {
        let answer = send(&browser.router, post(origin, site)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?} {site:?}");
        assert!(answer.body.contains("was not sent by a page of this console"), "{}", answer.body);
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/").header("host", HOST).header("cookie", &browser.cookie);
        let answer = send(&browser.router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_binds_the_browser() {
    let browser = Browser::open(&Incident::at(NOW)).await;
    for path in PATHS {
        let answer = browser.get(path).await;
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        for inline in ["<style", "style=\"", "onclick", "onload", "javascript:", "https://", "//cdn"] {
            assert!(path.starts_with("/assets") || !answer.body.contains(inline), "{path} has {inline}");
        }
    }
}
