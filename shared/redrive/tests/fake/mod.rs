//! Lambda's runtime interface and an AWS that says yes to everything, or no in the caller's own words, on one port of
//! this machine.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// An invocation's end: `response` or `error`, and what was said.
pub(crate) type Answer = (String, Value);

struct Invocation {
    payload: String,
    time: Duration,
}

/// Surroundings in which the function under test believes itself to be.
pub(crate) struct World {
    address: SocketAddr,
    invocations: Sender<Invocation>,
    answers: Receiver<Answer>,
    traces: Arc<Mutex<Vec<String>>>,
    calls: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Server {
    invocations: Arc<Mutex<Receiver<Invocation>>>,
    answers: Sender<Answer>,
    aws: fn(&str) -> (u16, String),
    traces: Arc<Mutex<Vec<String>>>,
    invoked: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with_aws(|asked| (200, agreeable(asked)))
    }

    /// An AWS that answers to a request's body with this status and body.
    pub(crate) fn with_aws(aws: fn(&str) -> (u16, String)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (invocations, waiting) = channel();
        let (said, answers) = channel();
        let (traces, invoked, calls) = (Arc::default(), Arc::default(), Arc::<AtomicUsize>::default());
        let waiting = Arc::new(Mutex::new(waiting));
        let (all_traces, all_calls) = (Arc::clone(&traces), Arc::clone(&calls));
        let server = Server { invocations: waiting, answers: said, aws, traces: all_traces, invoked, calls: all_calls };
        thread::spawn(move || {
            for connection in listener.incoming() {
                let server = server.clone();
                thread::spawn(move || server.serve(connection.unwrap()));
            }
        });
        Self { address, invocations, answers, traces, calls }
    }

    /// Invokes the function with all of these at once, and waits for all answers.
    pub(crate) fn invoke_at_once(&self, payloads: &[Value], time: Duration) -> Vec<Answer> {
        for payload in payloads {
            self.invocations.send(Invocation { payload: payload.to_string(), time }).unwrap();
        }
        payloads.iter().map(|_| self.answers.recv_timeout(time).expect("it answers before its deadline")).collect()
    }

    /// Number of calls to AWS so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The trace headers of the calls to AWS, each once.
    pub(crate) fn traces(&self) -> Vec<String> {
        let mut traces = self.traces.lock().unwrap().clone();
        traces.sort();
        traces.dedup();
        traces
    }

    /// Invokes the function with `time` until its deadline, and waits for its answer for no longer.
    pub(crate) fn invoke(&self, payload: &Value, time: Duration) -> Answer {
        self.invocations.send(Invocation { payload: payload.to_string(), time }).unwrap();
        self.answers.recv_timeout(time).expect("the function answers before its deadline")
    }

    /// Runs the ignored test `function` of this binary as a function in this world until `work` is done.
    pub(crate) fn run(&self, function: &str, settings: &[(&str, &str)], work: impl FnOnce(&Self)) -> Output {
        let mut running = Running(Some(self.command(function, settings).spawn().unwrap()));
        work(self);
        let mut child = running.0.take().unwrap();
        child.kill().unwrap();
        child.wait_with_output().unwrap()
    }

    /// The same for a function that ends by itself.
    pub(crate) fn run_to_its_end(&self, function: &str, settings: &[(&str, &str)]) -> Output {
        self.command(function, settings).output().unwrap()
    }

    fn command(&self, function: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", function, "--ignored", "--nocapture"]).env_clear();
        command.env("AWS_ENDPOINT_URL", format!("http://{}", self.address)).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_LAMBDA_RUNTIME_API", self.address.to_string()).env("AWS_LAMBDA_FUNCTION_NAME", function);
        command.env("AWS_LAMBDA_FUNCTION_VERSION", "1").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A function that does not outlive its test.
struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The JSON lines of a function's output. The test harness around it writes other ones, and may begin one of these.
pub(crate) fn log_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().filter_map(|line| line.find('{').map(|at| serde_json::from_str(&line[at..]).unwrap())).collect()
}

impl Server {
    fn serve(&self, connection: TcpStream) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let mut writer = connection;
        while let Some((path, trace, body)) = request(&mut reader) {
            self.traces.lock().unwrap().extend(trace);
            let Some(answer) = self.answer(&path, &body) else { return };
            if writer.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, path: &str, body: &[u8]) -> Option<String> {
        match path.rsplit_once('/') {
            Some((_, "next")) => {
                let invocation = self.invocations.lock().unwrap().recv().ok()?;
                let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + invocation.time;
                let headers = format!(
                    "lambda-runtime-aws-request-id: r-1\r\nlambda-runtime-deadline-ms: {}\r\n\
                     lambda-runtime-trace-id: Root=1-{}\r\n",
                    deadline.as_millis(),
                    self.invoked.fetch_add(1, Ordering::SeqCst)
                );
                Some(response(200, &headers, &invocation.payload))
            }
            Some((_, kind @ ("response" | "error"))) => {
                self.answers.send((kind.to_owned(), serde_json::from_slice(body).unwrap())).ok()?;
                Some(response(200, "", ""))
            }
            _ => {
                self.calls.fetch_add(1, Ordering::SeqCst);
                let (status, said) = (self.aws)(&String::from_utf8_lossy(body));
                Some(response(status, "", &said))
            }
        }
    }
}

/// AWS's yes to everything: an empty object, and one for each statement of a batch.
pub(crate) fn agreeable(asked: &str) -> String {
    let asked: Value = serde_json::from_str(asked).unwrap_or_default();
    match asked["Statements"].as_array() {
        Some(statements) => json!({ "Responses": vec![json!({}); statements.len()] }).to_string(),
        None => "{}".to_owned(),
    }
}

fn response(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// The path, trace header and body of the next request, `None` when there is none.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Option<String>, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, headers.remove("x-amzn-trace-id"), body))
}
