//! A server on loopback, for handlers whose clients ask one: a table of DynamoDB, say, or a service of yours.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::lock;

/// Request that a server got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonRequest {
    /// Method of HTTP, in capitals.
    pub method: String,
    /// Path without its query.
    pub path: String,
    /// Header `x-amz-target`, in which AWS's JSON protocol names service and action; empty if it is not there.
    pub target: String,
    /// Other headers by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Body as text; bytes that are none are replaced.
    pub body: String,
}

impl JsonRequest {
    /// Returns the value of a header by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Answer to a request.
#[derive(Debug, Clone)]
pub struct JsonAnswer {
    status: u16,
    body: String,
}

impl JsonAnswer {
    /// Makes an answer with a status code of HTTP and a JSON document.
    #[must_use]
    pub fn json(status: u16, document: &Value) -> Self {
        Self { status, body: document.to_string() }
    }

    /// Makes an answer with a status code of HTTP whose body is this text: some services of AWS answer in XML.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self { status, body: body.to_owned() }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { status, body } = self;
        let head = "content-type: application/x-amz-json-1.0\r\nconnection: close";
        format!("HTTP/1.1 {status} -\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}

/// HTTP server on 127.0.0.1, which answers one request after the other. The server ends when it is dropped.
#[derive(Debug)]
pub struct JsonServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<JsonRequest>>>,
    ends: Arc<AtomicBool>,
}

impl JsonServer {
    /// Starts a server on a free port that gives each request the same answer.
    ///
    /// # Panics
    /// If no port of loopback is free.
    #[must_use]
    pub fn answering(answer: JsonAnswer) -> Self {
        Self::answering_by(move |_| answer.clone())
    }

    /// Starts a server on a free port that answers each request by what it is.
    ///
    /// # Panics
    /// If no port of loopback is free.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that cannot listen on loopback cannot go on")]
    pub fn answering_by(answer: impl Fn(&JsonRequest) -> JsonAnswer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback is free");
        let address = listener.local_addr().expect("the port is known");
        let (received, ends) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (kept, ended) = (Arc::clone(&received), Arc::clone(&ends));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away has had enough.
                let _ = answered(stream, &answer, &kept);
            }
        });
        Self { address, received, ends }
    }

    /// Returns the URL to ask.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        lock(&self.received).len()
    }

    /// Returns the requests so far, in the order of their arrival.
    #[must_use]
    pub fn received(&self) -> Vec<JsonRequest> {
        lock(&self.received).clone()
    }
}

impl Drop for JsonServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for the next client.
        drop(TcpStream::connect(self.address));
    }
}

/// Reads one request whole, and answers it.
fn answered(
    mut stream: TcpStream,
    answer: &impl Fn(&JsonRequest) -> JsonAnswer,
    received: &Mutex<Vec<JsonRequest>>,
) -> io::Result<()> {
    let Some(request) = read(&stream)? else { return Ok(()) };
    lock(received).push(request.clone());
    stream.write_all(&answer(&request).bytes())
}

/// Reads one request; `None` if the client sent none.
fn read(stream: &TcpStream) -> io::Result<Option<JsonRequest>> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().and_then(|path| path.split('?').next()).unwrap_or_default().to_owned();
    let (mut target, mut length, mut headers) = (String::new(), 0, BTreeMap::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "x-amz-target" => target = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            other => drop(headers.insert(other.to_owned(), value.trim().to_owned())),
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(Some(JsonRequest { method, path, target, headers, body: String::from_utf8_lossy(&body).into_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_gets_the_answer_and_is_counted() {
        let server = JsonServer::answering(JsonAnswer::json(404, &serde_json::json!({"gone": true})));
        for n in 1..=2 {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert!(text.starts_with("HTTP/1.1 404 ") && text.ends_with("{\"gone\":true}"), "{text}");
            assert_eq!(server.requests(), n);
        }
    }

    #[test]
    fn an_answer_may_depend_on_the_whole_request() {
        let server = JsonServer::answering_by(|request| JsonAnswer::text(200, &format!("{request:?}")));
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head = "POST /letters?limit=1 HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.Query\r\nX-Key: k\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let [method, path, target, body] = ["POST", "/letters", "DynamoDB_20120810.Query", "{}"].map(str::to_owned);
        let headers = [("x-key".to_owned(), "k".to_owned())].into();
        let expected = JsonRequest { method, path, target, headers, body };
        assert!(text.ends_with(&format!("{expected:?}")), "{text}");
        assert_eq!((server.received(), expected.header("x-key")), (vec![expected.clone()], Some("k")));
    }

    #[test]
    fn a_server_that_is_dropped_hears_nobody_any_more() {
        let server = JsonServer::answering(JsonAnswer::text(200, ""));
        let address = server.address;
        drop(server);
        let asked = TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)
        });
        assert!(!asked.is_ok_and(|bytes| bytes > 0));
    }
}
