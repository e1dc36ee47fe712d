//! `redrive console` over the stage: pages of real tables, and an act that the real replay function carries out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stage::{PATIENCE, Stage};

/// Console that is served by the command, and a browser's session with it.
struct ServedConsole {
    process: Child,
    host: String,
    cookie: String,
}

impl Drop for ServedConsole {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl ServedConsole {
    /// Starts the command, and opens the address that it prints.
    fn open(stage: &Stage, arguments: &[&str]) -> Self {
        let mut process = stage.start(&[&["console", "--port", "0"], arguments].concat());
        let mut printed = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        while serde_json::from_str::<Value>(&printed).is_err() {
            assert!(output.read_line(&mut printed).unwrap() > 0, "it ended: {printed}");
        }
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let (host, path) = printed["url"].as_str().unwrap().strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut console = Self { process, host: host.to_owned(), cookie: String::new() };
        let (head, _) = console.answer("GET", &format!("/{path}"), "", "");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a session");
        console.cookie = cookie.split(';').next().unwrap().to_owned();
        console
    }

    /// Sends one request; its answer's head and body.
    fn answer(&self, method: &str, path: &str, headers: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let (host, cookie, length) = (&self.host, &self.cookie, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\nconnection: close\r\ncontent-length: {length}\r\n"
        );
        stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn page(&self, path: &str) -> String {
        let (head, body) = self.answer("GET", path, "", "");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}\n{body}");
        body
    }

    /// Waits until a page has a text. While tables, queues and alarms are read, a page says so and is asked for again.
    async fn until(&self, path: &str, text: &str) {
        let started = Instant::now();
        while !self.page(path).contains(text) {
            assert!(started.elapsed() < PATIENCE, "{path} does not show {text}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Sends the form of an act's page with a reason, as a browser does.
    fn confirm(&self, page: &str, why: &str) -> (String, String) {
        let fields = [("form_token", hidden(page, "form_token")), ("pinned", hidden(page, "pinned"))];
        let fields = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let body = format!("{}&why={}", fields.collect::<Vec<_>>().join("&"), encoded(why));
        let headers = format!("origin: http://{}\r\ncontent-type: application/x-www-form-urlencoded\r\n", self.host);
        self.answer("POST", "/act", &headers, &body)
    }
}

fn hidden(page: &str, name: &str) -> String {
    let field = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {page}"));
    field.split('"').next().unwrap().replace("&#34;", "\"").replace("&#38;", "&")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn the_console_shows_a_real_letter_and_gives_it_up_through_the_replay_function() {
    let stage = Stage::connect().await;
    let order = uuid::Uuid::new_v4();
    let id = stage.send("Main", &format!("no json <b>{order}</b>")).await.to_string();
    stage.shown(&id, "PENDING").await;

    let shows = ServedConsole::open(&stage, &[]);
    shows.until("/", "SCHEMA/not-json").await;
    let letter = shows.page(&format!("/letters/{id}"));
    assert!(letter.contains(&order.to_string()) && !letter.contains(&format!("<b>{order}")), "its body, escaped");
    shows.until("/overview", "DeadLetterQueue").await;
    let act = format!("/act?what=discard&ids={id}");
    let (head, _) = shows.confirm(&shows.page(&act), "nobody wants it");
    assert!(head.starts_with("HTTP/1.1 403"), "it only shows: {head}");
    stage.shown(&id, "PENDING").await;

    let acts = ServedConsole::open(&stage, &["--allow-changes"]);
    let (head, answer) = acts.confirm(&acts.page(&act), "nobody wants it");
    assert!(head.starts_with("HTTP/1.1 200") && answer.contains("1 letter discarded"), "{head}\n{answer}");
    let shown = stage.shown(&id, "DISCARDED").await;
    assert_eq!(shown["letter"]["resolution_note"], "nobody wants it");
    let who = shown["letter"]["history"].as_array().unwrap().last().unwrap()["who"].as_str().unwrap();
    assert!(who.starts_with("arn:aws:") && who.ends_with(" (e2e)"), "{who}");
}
