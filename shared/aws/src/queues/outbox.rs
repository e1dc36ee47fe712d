use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use redrive_core::ids::MessageId;
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::Outgoing;

use super::message::to_sqs;
use super::{place, refused};
use crate::failure::Failure;

const SERVICE: &str = "destination queue";
const ACTION: &str = "take messages";

/// Results of the messages: each its new id, or SQS's code for refusing it.
type SendResults = Vec<Result<MessageId, String>>;

/// The queue that replay sends to.
#[derive(Debug, Clone)]
pub struct SqsOutbox {
    client: Client,
    url: String,
}

impl SqsOutbox {
    /// The queue at this URL.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// FIFO queues want a deduplication id, and standard ones refuse it.
    fn entry(&self, place: usize, message: Outgoing) -> Result<SendMessageBatchRequestEntry, BuildError> {
        let deduplication = self.url.ends_with(".fifo").then_some(message.deduplication);
        SendMessageBatchRequestEntry::builder()
            .id(place.to_string())
            .message_body(message.body)
            .set_message_attributes(Some(to_sqs(message.attributes)?).filter(|attributes| !attributes.is_empty()))
            .set_message_group_id(message.group)
            .set_message_deduplication_id(deduplication)
            .build()
    }
}

/// Returns one answer for each of `count` messages. An entry that SQS does not mention may have been sent.
fn answers(count: usize, answer: &SendMessageBatchOutput) -> Result<SendResults, Unavailable> {
    let mut sent: Vec<Option<Result<MessageId, String>>> = vec![None; count];
    let taken = answer.successful().iter().filter_map(|entry| {
        let id = MessageId::new(entry.message_id.clone())?;
        Some((place(&entry.id)?, Ok(id)))
    });
    for (place, result) in taken.chain(refused(answer.failed()).map(|(place, code)| (place, Err(code)))) {
        if let Some(slot) = sent.get_mut(place) {
            *slot = Some(result);
        }
    }
    let answered = sent.iter().flatten().count();
    let why = format!("it answered for {answered} of {count} messages");
    sent.into_iter().collect::<Option<_>>().ok_or(Unavailable { service: SERVICE, action: ACTION, why })
}

/// A call that failed as a whole: if SQS itself refused it, nothing was sent.
fn failed(count: usize, failure: &Failure) -> Result<SendResults, Unavailable> {
    match failure.did_nothing() {
        Some(code) => Ok(vec![Err(code.to_owned()); count]),
        None => Err(failure.unavailable(SERVICE, ACTION)),
    }
}

impl Outbox for SqsOutbox {
    /// A single try, without the SDK's retries: only then does a refusal mean that nothing was sent, and no copy
    /// is sent behind the back of whoever counts them.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<SendResults, Unavailable> {
        let count = messages.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let entries = messages.into_iter().enumerate().map(|(place, message)| self.entry(place, message));
        let Ok(entries) = entries.collect::<Result<Vec<_>, _>>() else {
            return Ok(vec![Err(Failure::NotBuilt.word()); count]);
        };
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).customize();
        let once = aws_sdk_sqs::Config::builder().retry_config(RetryConfig::disabled());
        match call.config_override(once).send().await {
            Ok(answer) => answers(count, &answer),
            Err(error) => failed(count, &Failure::of(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchResultEntry};

    fn taken(place: &str) -> SendMessageBatchResultEntry {
        let entry = SendMessageBatchResultEntry::builder().id(place).message_id(format!("m-{place}"));
        entry.md5_of_message_body("x").build().unwrap()
    }

    fn refusal(place: &str) -> BatchResultErrorEntry {
        BatchResultErrorEntry::builder().id(place).code("InvalidMessageContents").sender_fault(true).build().unwrap()
    }

    fn output(taken: Vec<SendMessageBatchResultEntry>, failed: Vec<BatchResultErrorEntry>) -> SendMessageBatchOutput {
        SendMessageBatchOutput::builder().set_successful(Some(taken)).set_failed(Some(failed)).build().unwrap()
    }

    #[test]
    fn answers_are_put_in_the_order_of_the_messages() {
        let sent = answers(3, &output(vec![taken("2"), taken("0")], vec![refusal("1")])).unwrap();
        let id = |text: &str| Ok(MessageId::new(text).unwrap());
        assert_eq!(sent, [id("m-0"), Err("InvalidMessageContents".to_owned()), id("m-2")]);
    }

    #[test]
    fn a_message_that_sqs_does_not_mention_may_have_been_sent() {
        let why = answers(3, &output(vec![taken("0"), taken("7")], vec![refusal("1")])).unwrap_err().why;
        assert_eq!(why, "it answered for 2 of 3 messages");
    }

    #[test]
    fn a_refused_call_sent_nothing_and_a_lost_one_may_have_sent_everything() {
        let refused = Failure::Refused { code: "QueueDoesNotExist".to_owned(), status: 400, request: "r".to_owned() };
        assert_eq!(failed(2, &refused), Ok(vec![Err("QueueDoesNotExist".to_owned()); 2]));
        let broken = Failure::Refused { code: "InternalFailure".to_owned(), status: 500, request: "r".to_owned() };
        for doubtful in [broken, Failure::NoAnswer("timed out"), Failure::Garbled(200)] {
            assert!(failed(2, &doubtful).is_err(), "{doubtful}");
        }
    }

    /// An endpoint of which no connection outlives the time between two invocations: it answers the first request on each, and
    /// closes it when a second one comes.
    fn forgetful() -> std::net::SocketAddr {
        use std::io::{BufRead, BufReader, Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(connection.unwrap());
                    let mut read = || {
                        let mut length = 0;
                        loop {
                            let mut line = String::new();
                            let read = reader.read_line(&mut line).unwrap_or(0);
                            let header = line.to_ascii_lowercase();
                            if let Some(bytes) = header.strip_prefix("content-length:") {
                                length = bytes.trim().parse().unwrap();
                            }
                            if read == 0 || line == "\r\n" {
                                break;
                            }
                        }
                        reader.read_exact(&mut vec![0; length]).unwrap();
                    };
                    read();
                    let body = r#"{"Successful":[{"Id":"0","MessageId":"m-0","MD5OfMessageBody":"x"}],"Failed":[]}"#;
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length";
                    let answer = format!("{head}: {}\r\n\r\n{body}", body.len());
                    reader.get_mut().write_all(answer.as_bytes()).unwrap();
                    let mut next = [0];
                    let _ = reader.read(&mut next);
                });
            }
        });
        address
    }

    /// Sends twice, one after the other. Returns which sends were answered.
    async fn sends(idle: std::time::Duration) -> [bool; 2] {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(aws_sdk_sqs::config::Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", forgetful()))
            .credentials_provider(aws_sdk_sqs::config::Credentials::new("test", "test", None, None, "test"))
            .http_client(crate::http::fresh_within(idle))
            .build();
        let outbox = SqsOutbox::new(Client::from_conf(config), "http://localhost/1/orders");
        let message = Outgoing {
            letter: redrive_core::ids::LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap(),
            number: redrive_core::ids::ReplayNumber(1),
            body: "{}".to_owned(),
            attributes: Default::default(),
            group: None,
            deduplication: "d".to_owned(),
            record: None,
        };
        let first = outbox.send(vec![message.clone()]).await.is_ok();
        [first, outbox.send(vec![message]).await.is_ok()]
    }

    #[tokio::test]
    async fn no_send_is_in_doubt_because_its_connection_was_idle_for_too_long() {
        assert_eq!(sends(std::time::Duration::from_secs(90)).await, [true, false], "as the SDK's own client does it");
        assert_eq!(sends(std::time::Duration::ZERO).await, [true, true], "every connection has been idle for too long");
    }
}
