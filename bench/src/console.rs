//! The console over many waiting letters: the time of each of its pages.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Error;
use crate::counting::{Memory, memory_kb};

/// Number of times that each page is asked for, of which the longest counts: the first of them reads, later ones read anew.
const TIMES: usize = 3;
/// Time between two of them: longer than what was read counts as fresh.
const PAUSE: Duration = Duration::from_millis(2_500);
const PAGES: [&str; 6] =
    ["/", "/overview", "/search", "/search?q=no+such+text", "/search?cause=PERMANENT%2Fcode-7", "/jobs"];

/// Console that the command serves, and a browser's session with it.
struct ConsoleProcess {
    process: Child,
    host: String,
    cookie: String,
}

impl Drop for ConsoleProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Longest time of each page that this command serves, its bytes then, and the most memory in MB that the process was seen to have.
pub(crate) struct PageTimes {
    pub(crate) pages: Vec<(&'static str, Duration, usize)>,
    pub(crate) peak_mb: f64,
}

/// Serves the console by this command, and asks for its pages.
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn measure(mut command: Command) -> Result<PageTimes, Error> {
    let console = ConsoleProcess::open(command.args(["console", "--port", "0", "--json"]))?;
    let mut pages = Vec::new();
    for path in PAGES {
        let (mut longest, mut bytes) = (Duration::ZERO, 0);
        for n in 0..TIMES {
            if n > 0 {
                std::thread::sleep(PAUSE);
            }
            let start = Instant::now();
            let (head, body) = console.ask(path)?;
            longest = longest.max(start.elapsed());
            bytes = body.len();
            if !head.starts_with("HTTP/1.1 200") {
                return Err(format!("{path} answered {}", head.lines().next().unwrap_or_default()).into());
            }
        }
        pages.push((path, longest, bytes));
    }
    let peak_mb = memory_kb(&console.process.id().to_string(), Memory::Peak) as f64 / 1024.0;
    Ok(PageTimes { pages, peak_mb })
}

impl ConsoleProcess {
    /// Starts the command, and opens the address that it prints.
    fn open(command: &mut Command) -> Result<Self, Error> {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut output = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut console = Self { process, host: String::new(), cookie: String::new() };
        let mut printed = String::new();
        let url = loop {
            if output.read_line(&mut printed)? == 0 {
                return Err(format!("the console ended: {printed}").into());
            }
            if let Ok(answer) = serde_json::from_str::<Value>(&printed) {
                break answer["url"].as_str().ok_or("no address")?.to_owned();
            }
        };
        let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("an address")?;
        host.clone_into(&mut console.host);
        let (head, _) = console.ask(&format!("/{path}"))?;
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no session")?;
        cookie.split(';').next().unwrap_or_default().clone_into(&mut console.cookie);
        Ok(console)
    }

    /// Asks for a page. Returns its head and its body.
    fn ask(&self, path: &str) -> Result<(String, String), Error> {
        let mut stream = TcpStream::connect(&self.host)?;
        let (host, cookie) = (&self.host, &self.cookie);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n")?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
        Ok((head.to_owned(), body.to_owned()))
    }
}
