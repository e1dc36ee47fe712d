//! A queue and a DynamoDB at one address, for both contenders alike: calls are counted by their names, and each takes so
//! much longer than it would. The queue is SQS's JSON protocol as far as draining and moving need it; tables are dynoxide's.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream as Stream};

use crate::Error;
use crate::counting::cpu;
use crate::http::{HttpMessage, answer};

const HOUR: Duration = Duration::from_secs(3_600);

/// State of a run: what is asked for, and what came of it.
#[derive(Default)]
struct RunState {
    delay: Duration,
    /// Messages that nobody has received.
    waiting: u64,
    deleted: u64,
    /// Messages that came to the main queue, and what they are, each once.
    sent: u64,
    arrived: HashSet<u64>,
    calls: BTreeMap<String, u64>,
    /// CPU time of the server before the run.
    cpu: Duration,
}

impl RunState {
    /// Takes a message into the main queue.
    fn take(&mut self, entry: &Value) -> Value {
        let mut hasher = DefaultHasher::new();
        entry["MessageBody"].as_str().hash(&mut hasher);
        self.arrived.insert(hasher.finish());
        self.sent += 1;
        json!({ "Id": entry["Id"], "MessageId": format!("9f333df6-90a4-4fda-8dd3-{:012}", self.sent), "MD5OfMessageBody": "" })
    }
}

struct Front {
    tables: SocketAddr,
    state: Mutex<RunState>,
}

/// Serves until it is killed, in front of the tables at this address.
pub(crate) async fn serve(tables: SocketAddr) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let front = Arc::new(Front { tables, state: Mutex::default() });
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let front = Arc::clone(&front);
        tokio::spawn(async move { front.attend(client).await });
    }
}

impl Front {
    fn state<T>(&self, with: impl FnOnce(&mut RunState) -> T) -> T {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn attend(&self, mut client: Stream) -> Option<()> {
        let mut tables: Option<Stream> = None;
        loop {
            let request = HttpMessage::read(&mut client).await?;
            let Some(target) = request.header("x-amz-target") else {
                client.write_all(&answer(&self.answer_to(request.path()))).await.ok()?;
                continue;
            };
            let (service, action) = target.split_once('.')?;
            let delay = self.state(|state| {
                *state.calls.entry(action.to_owned()).or_default() += 1;
                state.delay
            });
            tokio::time::sleep(delay).await;
            if service == "AmazonSQS" {
                client.write_all(&answer(&self.queue(action, &request.json()))).await.ok()?;
                continue;
            }
            if tables.is_none() {
                let stream = Stream::connect(self.tables).await.ok()?;
                stream.set_nodelay(true).ok()?;
                tables = Some(stream);
            }
            let upstream = tables.as_mut()?;
            upstream.write_all(&request.bytes).await.ok()?;
            client.write_all(&HttpMessage::read(upstream).await?.bytes).await.ok()?;
        }
    }

    /// `/reset?<messages>,<delay in ms>` begins a run; anything else says how it went.
    fn answer_to(&self, path: &str) -> Value {
        self.state(|state| {
            let settings = path.strip_prefix("/reset?").and_then(|settings| settings.split_once(','));
            if let Some((messages, delay)) = settings {
                *state = RunState {
                    waiting: messages.parse().unwrap_or(0),
                    delay: Duration::from_millis(delay.parse().unwrap_or(0)),
                    cpu: cpu(),
                    ..RunState::default()
                };
            }
            let arrived = state.arrived.len();
            let cpu = cpu().saturating_sub(state.cpu).as_secs_f64();
            json!({ "calls": state.calls, "deleted": state.deleted, "sent": state.sent, "arrived": arrived, "cpu": cpu })
        })
    }

    fn queue(&self, action: &str, request: &Value) -> Value {
        self.state(|state| match action {
            "ReceiveMessage" => {
                let ten = state.waiting.min(10);
                state.waiting -= ten;
                json!({ "Messages": (0..ten).map(|n| message(state.waiting + n)).collect::<Vec<_>>() })
            }
            "DeleteMessageBatch" => {
                let entries = request["Entries"].as_array().cloned().unwrap_or_default();
                state.deleted += entries.len() as u64;
                let done: Vec<_> = entries.iter().map(|entry| json!({ "Id": entry["Id"] })).collect();
                json!({ "Successful": done, "Failed": [] })
            }
            "DeleteMessage" => {
                state.deleted += 1;
                json!({})
            }
            "SendMessageBatch" => {
                let entries = request["Entries"].as_array().cloned().unwrap_or_default();
                let taken: Vec<_> = entries.iter().map(|entry| state.take(entry)).collect();
                json!({ "Successful": taken, "Failed": [] })
            }
            "SendMessage" => state.take(request),
            _ => json!({}),
        })
    }
}

/// A dead order of some 300 bytes.
fn message(n: u64) -> Value {
    let order = format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let body = json!({
        "order_id": format!("o-{order}"), "customer_id": format!("c-{order}"), "amount_minor": n % 10_000,
        "currency": "EUR", "note": "x".repeat(180),
    });
    // Long enough ago to have died, and not so long that the ledger could have forgotten it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (sent, received) = (now - HOUR, now - HOUR / 2);
    json!({
        "MessageId": format!("3f333df6-90a4-4fda-8dd3-{n:012}"),
        "ReceiptHandle": format!("{n}-{}", "h".repeat(180)),
        "Body": body.to_string(),
        "Attributes": {
            "SentTimestamp": sent.as_millis().to_string(), "ApproximateReceiveCount": "12", "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": received.as_millis().to_string(),
            "DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:000000000000:bench",
        },
        "MessageAttributes": { "type": { "DataType": "String", "StringValue": "charge" } },
    })
}
