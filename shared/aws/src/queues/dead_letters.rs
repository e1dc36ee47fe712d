use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName};
use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::message::envelope::Record;
use redrive_core::ports::{DeadLetterQueue, Unavailable};

use super::message::to_record;
use super::{BATCH, refused};
use crate::failure::{Failure, unavailable};
use crate::http::ATTEMPT;

/// The longest that SQS waits for messages, in seconds.
const LONGEST_WAIT: u64 = 20;

/// The dead-letter queue, as the indexer empties it.
#[derive(Debug, Clone)]
pub struct SqsDeadLetterQueue {
    client: Client,
    url: String,
}

impl SqsDeadLetterQueue {
    /// The queue at this URL.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Makes one call. Returns the entries that were not deleted, by their places, with SQS's code.
    async fn delete_ten(&self, messages: &[(MessageId, ReceiptHandle)]) -> Vec<(usize, String)> {
        let all = |word: String| (0..messages.len()).map(|place| (place, word.clone())).collect();
        let entries = messages.iter().enumerate().map(|(place, (_, handle))| entry(place, handle));
        let Ok(entries) = entries.collect::<Result<Vec<_>, _>>() else { return all(Failure::NotBuilt.word()) };
        let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        match call.send().await {
            Ok(answer) => refused(answer.failed()).collect(),
            Err(error) => all(Failure::of(&error).word()),
        }
    }
}

fn entry(place: usize, handle: &ReceiptHandle) -> Result<DeleteMessageBatchRequestEntry, BuildError> {
    DeleteMessageBatchRequestEntry::builder().id(place.to_string()).receipt_handle(handle.as_str()).build()
}

/// A receive answers only when its wait is over: its time limits are counted from there.
fn timeouts(wait: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(wait + ATTEMPT).operation_timeout((wait + ATTEMPT) * 2).build()
}

impl DeadLetterQueue for SqsDeadLetterQueue {
    async fn receive(&self, wait: Duration) -> Result<Vec<Record>, Unavailable> {
        let seconds = wait.as_secs().min(LONGEST_WAIT);
        let call = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(i32::try_from(seconds).unwrap_or_default())
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .customize()
            .config_override(aws_sdk_sqs::Config::builder().timeout_config(timeouts(Duration::from_secs(seconds))));
        match call.send().await {
            Ok(answer) => Ok(answer.messages.unwrap_or_default().into_iter().map(to_record).collect()),
            Err(error) => Err(unavailable("dead-letter queue", "give messages", &error)),
        }
    }

    async fn delete(&self, messages: Vec<(MessageId, ReceiptHandle)>) -> Vec<(MessageId, String)> {
        let mut left = Vec::new();
        for chunk in messages.chunks(BATCH) {
            let failed = self.delete_ten(chunk).await;
            left.extend(failed.into_iter().filter_map(|(place, code)| Some((chunk.get(place)?.0.clone(), code))));
        }
        left
    }
}
