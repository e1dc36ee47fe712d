//! A server on loopback, for handlers whose clients ask one: a table of DynamoDB, say, or a service of yours.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

/// Answer that every request gets.
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

    fn bytes(&self) -> Vec<u8> {
        let Self { status, body } = self;
        let head = "content-type: application/x-amz-json-1.0\r\nconnection: close";
        format!("HTTP/1.1 {status} -\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}

/// HTTP server on 127.0.0.1 that gives each request the same answer. The server ends with the test's process.
#[derive(Debug)]
pub struct JsonServer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl JsonServer {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// If no port of loopback is free.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that cannot listen on loopback cannot go on")]
    pub fn answering(answer: JsonAnswer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback is free");
        let address = listener.local_addr().expect("the port is known");
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away has had enough.
                let _ = answered(stream, &answer, &counted);
            }
        });
        Self { address, requests }
    }

    /// Returns the URL to ask.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Reads one request whole, and answers it.
fn answered(mut stream: TcpStream, answer: &JsonAnswer, counted: &AtomicUsize) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    counted.fetch_add(1, Ordering::SeqCst);
    stream.write_all(&answer.bytes())
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
}
