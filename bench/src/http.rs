//! HTTP/1.1 as the servers of the benches speak it: one request at a time on a connection, bodies of a known length.

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream as Stream;

/// HTTP message as it came.
pub(crate) struct HttpMessage {
    pub(crate) bytes: Vec<u8>,
    head: usize,
}

impl HttpMessage {
    /// Reads the next message; `None` where the connection ends.
    pub(crate) async fn read(stream: &mut Stream) -> Option<Self> {
        let mut bytes = Vec::with_capacity(16 << 10);
        let mut looked = 0;
        let head = loop {
            if let Some(end) = bytes[looked..].windows(4).position(|four: &[u8]| four == b"\r\n\r\n") {
                break looked + end + 4;
            }
            looked = bytes.len().saturating_sub(3);
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let mut message = Self { bytes, head };
        let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        message.bytes.reserve(length);
        while message.bytes.len() < head + length {
            if stream.read_buf(&mut message.bytes).await.ok()? == 0 {
                return None;
            }
        }
        Some(message)
    }

    /// Returns the value of a header, whatever its name's case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head().lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(header, _)| header.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    /// Returns the path of a request.
    pub(crate) fn path(&self) -> &str {
        self.head().split(' ').nth(1).unwrap_or("/")
    }

    /// Returns the body as it came.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// Returns the body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body()).unwrap_or_default()
    }

    fn head(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.head]).unwrap_or_default()
    }
}

/// Makes an answer of AWS's JSON protocol.
pub(crate) fn answer(body: &Value) -> Vec<u8> {
    respond("200 OK", body)
}

/// Makes an answer of AWS's JSON protocol with a status.
pub(crate) fn respond(status: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status}\r\nx-amzn-requestid: bench\r\ncontent-type: application/x-amz-json-1.0");
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
