//! Server that plays DynamoDB and SQS for the contestants, in a process of its own: each call takes a set time and is counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream as Stream};

use super::table::{PeerTables, Refused};
use crate::Error;
use crate::http::{HttpMessage, answer, respond};

#[derive(Default)]
struct EndpointState {
    delay: Duration,
    tables: PeerTables,
    dynamodb: u64,
    sqs: u64,
    sent: u64,
    received: u64,
    refused: u64,
    in_flight: u64,
    most_in_flight: u64,
}

impl EndpointState {
    /// Says what was counted, and begins anew.
    fn counted(&mut self) -> Value {
        let answer = json!({
            "dynamodb": self.dynamodb, "sqs": self.sqs, "sent": self.sent, "received": self.received,
            "write_units": self.tables.write_units, "read_units": self.tables.read_units, "refused": self.refused, "in_flight": self.most_in_flight,
        });
        let Self { delay, in_flight, .. } = *self;
        let mut tables = std::mem::take(&mut self.tables);
        (tables.write_units, tables.read_units) = (0.0, 0.0);
        *self = Self { delay, in_flight, tables, ..Self::default() };
        answer
    }

    /// `/counts`, `/delay?MS` or `/table?NAME,KEY`.
    fn tell(&mut self, path: &str) -> Value {
        match path.split_once('?') {
            Some(("/delay", delay)) => self.delay = Duration::from_millis(delay.parse().unwrap_or(0)),
            Some(("/table", named)) => {
                let (name, key) = named.split_once(',').unwrap_or((named, "pk"));
                self.tables.create(name, key);
            }
            _ => return self.counted(),
        }
        json!({})
    }

    fn call(&mut self, target: &str, request: &Value) -> Vec<u8> {
        let (service, action) = target.split_once('.').unwrap_or(("", target));
        if service == "AmazonSQS" {
            self.sqs += 1;
            let entries = request["Entries"].as_array().into_iter().flatten();
            let done: Vec<_> = entries.map(|entry| json!({"Id": entry["Id"]})).collect();
            return answer(&json!({"Successful": done, "Failed": []}));
        }
        self.dynamodb += 1;
        match self.tables.call(action, request) {
            Ok(answered) => answer(&answered),
            Err(Refused { code, why, found }) => {
                self.refused += 1;
                let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
                let mut body = json!({"__type": kind, "message": why});
                if let Some(found) = found {
                    body["Item"] = found.into();
                }
                respond("400 Bad Request", &body)
            }
        }
    }
}

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let state = Arc::new(Mutex::new(EndpointState::default()));
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let state = Arc::clone(&state);
        tokio::spawn(async move { attend(&state, client).await });
    }
}

async fn attend(state: &Mutex<EndpointState>, mut client: Stream) -> Option<()> {
    let state = || state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let request = HttpMessage::read(&mut client).await?;
        let Some(target) = request.header("x-amz-target") else {
            let answer = answer(&state().tell(request.path()));
            client.write_all(&answer).await.ok()?;
            continue;
        };
        let delay = {
            let mut state = state();
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            state.delay
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let answered = {
            let mut state = state();
            let answered = state.call(target, &request.json());
            state.in_flight -= 1;
            state.sent += request.bytes.len() as u64;
            state.received += answered.len() as u64;
            answered
        };
        client.write_all(&answered).await.ok()?;
    }
}
