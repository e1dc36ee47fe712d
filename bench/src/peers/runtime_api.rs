//! Lambda's Runtime API, as a function process meets it: it polls, gets an event, and posts what came of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream as Stream};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::Error;
use crate::http::{HttpMessage, answer};

/// Time that an invocation gets.
const DEADLINE: Duration = Duration::from_secs(300);

/// Outcome of one invocation.
pub(crate) struct Invoked {
    /// Time from the event's first byte to the answer's last.
    pub(crate) took: Duration,
    pub(crate) answer: Vec<u8>,
}

/// Place where an invocation's outcome is waited for.
type Done = oneshot::Sender<Result<Invoked, String>>;

struct Waiting {
    event: Vec<u8>,
    done: Done,
}

/// Server of one function process.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    events: mpsc::Sender<Waiting>,
    polled: Mutex<mpsc::Receiver<Instant>>,
}

struct Polls {
    events: Mutex<mpsc::Receiver<Waiting>>,
    /// Invocation that is under way: when it began, and who waits for it.
    current: Mutex<Option<(Instant, Done)>>,
    polled: mpsc::Sender<Instant>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::channel(1);
        let (polled, polls) = mpsc::channel(64);
        let shared = Arc::new(Polls { events: Mutex::new(waiting), current: Mutex::default(), polled });
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).ok();
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { shared.attend(client).await });
            }
        });
        Ok(Self { address, events, polled: Mutex::new(polls) })
    }

    /// Waits until the process asks for its first event.
    pub(crate) async fn first_poll(&self) -> Result<Instant, Error> {
        let polled = async { self.polled.lock().await.recv().await };
        let polled = tokio::time::timeout(Duration::from_secs(60), polled).await?;
        polled.ok_or_else(|| "the runtime API has ended".into())
    }

    pub(crate) async fn invoke(&self, event: Vec<u8>) -> Result<Invoked, Error> {
        let (done, outcome) = oneshot::channel();
        self.events.send(Waiting { event, done }).await.map_err(|_| "the runtime API has ended")?;
        let outcome = tokio::time::timeout(DEADLINE, outcome).await??;
        Ok(outcome?)
    }
}

impl Polls {
    async fn attend(&self, mut client: Stream) -> Option<()> {
        loop {
            let request = HttpMessage::read(&mut client).await?;
            let path = request.path();
            if path.ends_with("/invocation/next") {
                self.polled.try_send(Instant::now()).ok();
                let Waiting { event, done } = self.events.lock().await.recv().await?;
                *self.current.lock().await = Some((Instant::now(), done));
                client.write_all(&head(event.len())).await.ok()?;
                client.write_all(&event).await.ok()?;
                continue;
            }
            let ended = Instant::now();
            let body = request.body().to_vec();
            let failed = path.ends_with("/error").then(|| String::from_utf8_lossy(&body).into_owned());
            let answered = answer(&serde_json::json!({"status": "OK"}));
            client.write_all(&answered).await.ok()?;
            if let Some((begun, done)) = self.current.lock().await.take() {
                let outcome = failed.map_or_else(|| Ok(Invoked { took: ended - begun, answer: body }), Err);
                done.send(outcome).ok();
            }
        }
    }
}

/// Head of an event.
fn head(length: usize) -> Vec<u8> {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + DEADLINE;
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:bench";
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         lambda-runtime-aws-request-id: {}\r\nlambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: {arn}\r\nlambda-runtime-trace-id: {trace}\r\n\r\n",
        uuid::Uuid::new_v4(),
        deadline.as_millis(),
    )
    .into_bytes()
}
