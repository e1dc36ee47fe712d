//! Answers that no emulator can be made to give, from a server that says what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use redrive_aws::{AwsClients, Writes};
use redrive_core::ids::{LetterId, MessageId, ReplayNumber};
use redrive_core::message::envelope::Attribute;
use redrive_core::ports::{CommitError, DeadLetterQueue, Ledger, LedgerReader, Letters, Outbox, WriteError};
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::Outgoing;

use crate::samples::{entry, first, key, next, queue};

/// Answers each request with the next of its lines, the last one for ever, and counts them. Or, if it is routed, with the line of its
/// action, whatever comes first.
pub(crate) struct Script {
    endpoint: String,
    asked: Arc<AtomicUsize>,
}

impl Script {
    pub(crate) fn play(lines: &[(u16, &str)]) -> Self {
        Self::serve(lines.iter().map(|line| (None, *line)))
    }

    pub(crate) fn route(lines: &[(&str, u16, &str)]) -> Self {
        Self::serve(lines.iter().map(|(action, status, body)| (Some(*action), (*status, *body))))
    }

    fn serve<'a>(lines: impl Iterator<Item = (Option<&'a str>, (u16, &'a str))>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let line = |(action, (status, body)): (Option<&str>, (u16, &str))| Line {
            target: action.map(|action| format!("DynamoDB_20120810.{action}").to_ascii_lowercase()),
            status,
            body: body.to_owned(),
        };
        let lines: Arc<Vec<Line>> = Arc::new(lines.map(line).collect());
        let counter = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (lines, counter) = (Arc::clone(&lines), Arc::clone(&counter));
                std::thread::spawn(move || while answer(&stream, &lines, &counter).is_some() {});
            }
        });
        Self { endpoint, asked }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) async fn aws(&self) -> AwsClients {
        aws(&self.endpoint).await
    }
}

/// Line of a script.
struct Line {
    /// Header of the requests that it is for, in lower case; `None`: any.
    target: Option<String>,
    status: u16,
    body: String,
}

fn answer(mut stream: &TcpStream, lines: &[Line], counter: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut target) = (String::new(), 0, None);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok()?,
            Some(("x-amz-target", value)) => target = Some(value.trim().to_owned()),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let place = counter.fetch_add(1, Ordering::SeqCst).min(lines.len() - 1);
    let routed = target.and_then(|target| lines.iter().find(|line| line.target.as_ref() == Some(&target)));
    let Line { status, body, .. } = routed.unwrap_or(&lines[place]);
    let head = format!("HTTP/1.1 {status} X\r\nx-amzn-requestid: r-1\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()
}

async fn aws(endpoint: &str) -> AwsClients {
    let keys = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).credentials_provider(keys);
    let retries = aws_config::retry::RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    AwsClients::new(config.region(Region::new("us-east-1")).retry_config(retries).load().await)
}

fn cancelled(reasons: &str) -> String {
    format!("{{\"__type\":\"TransactionCanceledException\",\"CancellationReasons\":[{reasons}]}}")
}

fn effects(aws: &AwsClients) -> Writes {
    Writes::one(aws.table("orders", "order_id").update("o-1").add("charges", 1))
}

async fn commit(reasons: &str) -> CommitError {
    let aws = Script::play(&[(400, &cancelled(reasons))]).aws().await;
    aws.ledger("ledger").commit(next(&key(), &entry()), &effects(&aws)).await.unwrap_err()
}

#[tokio::test]
async fn a_transaction_in_the_way_is_a_conflict_however_it_is_told() {
    let none = "{\"Code\":\"None\"}";
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let reason = format!("{{\"Code\":\"{code}\",\"Message\":\"secret\"}}");
        assert_eq!(commit(&format!("{none},{reason}")).await, CommitError::Conflict, "{code}");
        assert_eq!(commit(&format!("{reason},{none}")).await, CommitError::Conflict, "{code}");
    }
    let aws = Script::play(&[(400, "{\"__type\":\"TransactionConflictException\"}")]).aws().await;
    let answer = aws.ledger("ledger").commit(next(&key(), &entry()), &effects(&aws)).await;
    assert_eq!(answer, Err(CommitError::Conflict));
}

#[tokio::test]
async fn a_cancellation_that_blames_nobody_is_no_answer() {
    for reasons in ["", "{\"Code\":\"None\"},{\"Code\":\"None\"}", "{\"Code\":\"ValidationError\"},{\"Code\":\"None\"}"]
    {
        assert!(matches!(commit(reasons).await, CommitError::Unavailable(_)), "{reasons}");
    }
}

#[tokio::test]
async fn an_item_that_is_not_ours_is_told_by_attribute_without_its_data_or_key() {
    let body = "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":{\"pk\":{\"S\":\"secret\"},\"state\":{\"S\":\"secret\"}}}";
    let aws = Script::play(&[(400, body)]).aws().await;
    let key = key();
    let write = vec![first(&key, &entry())];
    let Some(Err(WriteError::Unavailable(error))) = Ledger::<()>::write(&aws.ledger("ledger"), write).await.pop()
    else {
        panic!("it is no entry")
    };
    let told = error.to_string();
    assert!(told.contains("state") && told.contains(&key.log_hash()), "{told}");
    assert!(!told.contains("secret") && !told.contains(key.as_str()), "{told}");
}

#[tokio::test]
async fn a_server_error_is_tried_three_times_and_then_no_answer() {
    let script = Script::play(&[(500, "{\"__type\":\"InternalServerError\"}")]);
    let ledger = script.aws().await.ledger("ledger");
    let answer: Vec<Result<(), WriteError<Entry>>> = Ledger::<()>::write(&ledger, vec![first(&key(), &entry())]).await;
    let Some(Err(WriteError::Unavailable(error))) = answer.into_iter().next() else { panic!("no answer") };
    assert_eq!(error.to_string(), "ledger table did not write an entry: InternalServerError (status 500, request r-1)");
    assert_eq!(script.asked(), 3);
}

#[tokio::test]
async fn a_send_is_tried_once_since_a_second_try_could_be_a_second_copy() {
    let message = Outgoing {
        letter: LetterId::derive(&queue(), &MessageId::new("m").unwrap()),
        number: ReplayNumber(1),
        body: "body".to_owned(),
        attributes: [("redrive".to_owned(), Attribute::text("{}"))].into(),
        group: None,
        deduplication: "once".to_owned(),
        record: None,
    };
    let script = Script::play(&[(503, "{\"__type\":\"ServiceUnavailable\"}")]);
    let answer = script.aws().await.outbox("http://q").send(vec![message.clone()]).await;
    assert!(answer.is_err() && script.asked() == 1, "{answer:?} after {} tries", script.asked());
    let script = Script::play(&[(403, "{\"__type\":\"com.amazonaws.sqs#RequestThrottled\"}")]);
    let answer = script.aws().await.outbox("http://q").send(vec![message]).await;
    assert_eq!((answer, script.asked()), (Ok(vec![Err("RequestThrottled".to_owned())]), 1));
}

#[tokio::test]
async fn keys_that_were_left_unprocessed_are_asked_for_again() {
    let key = key();
    let left = format!(
        "{{\"Responses\":{{\"ledger\":[]}},\"UnprocessedKeys\":{{\"ledger\":{{\"Keys\":[{{\"pk\":{{\"S\":\"{}\"}}}}]}}}}}}",
        key.as_str()
    );
    let end = "{\"Responses\":{\"ledger\":[]},\"UnprocessedKeys\":{}}";
    let script = Script::play(&[(200, &left), (200, &left), (200, end)]);
    assert_eq!(script.aws().await.ledger("ledger").read(std::slice::from_ref(&key)).await, Ok(vec![None]));
    assert_eq!(script.asked(), 3);
    let script = Script::play(&[(200, &left)]);
    let error = script.aws().await.ledger("ledger").read(&[key]).await.unwrap_err();
    assert!(error.why.contains("unprocessed"), "{error}");
}

#[tokio::test]
async fn who_is_out_of_reach_is_unavailable_and_nothing_else() {
    let aws = aws("http://127.0.0.1:9").await;
    let ledger = aws.ledger("ledger");
    let written = Ledger::<()>::write(&ledger, vec![first(&key(), &entry())]).await;
    assert!(matches!(written[..], [Err(WriteError::Unavailable(_))]));
    let committed = ledger.commit(next(&key(), &entry()), &effects(&aws)).await;
    assert!(matches!(committed, Err(CommitError::Unavailable(_))));
    assert!(ledger.read(&[key()]).await.is_err());
    let id = LetterId::derive(&queue(), &MessageId::new("m").unwrap());
    assert!(aws.letters("letters").read(&[id]).await.is_err());
    assert!(aws.dead_letter_queue("http://q").receive(Duration::ZERO).await.is_err());
    assert!(aws.table("orders", "order_id").get("o-1").await.is_err());
}
