use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures_util::StreamExt;
use redrive_core::ids::MessageId;
use redrive_core::ports::{Hide, MainQueue};

use super::{BATCH, WIDTH, refused};
use crate::failure::Failure;

/// The most that SQS hides a message for, in seconds.
const MOST: u64 = 12 * 60 * 60;

/// The main queue, as the processor changes it.
#[derive(Debug, Clone)]
pub struct SqsMainQueue {
    client: Client,
    url: String,
}

impl SqsMainQueue {
    /// The queue at this URL.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// One call: the entries that were not changed, with SQS's code.
    async fn change(&self, changes: Vec<Hide>) -> Vec<(MessageId, String)> {
        let entries = changes.iter().enumerate().map(|(place, change)| entry(place, change));
        let failed = match entries.collect::<Result<Vec<_>, _>>() {
            Ok(entries) => self.call(entries).await,
            Err(_) => Err(Failure::NotBuilt),
        };
        match failed {
            Ok(failed) => {
                let id = |place: usize| changes.get(place).map(|change| change.message_id.clone());
                failed.into_iter().filter_map(|(place, code)| Some((id(place)?, code))).collect()
            }
            Err(failure) => changes.into_iter().map(|change| (change.message_id, failure.word())).collect(),
        }
    }

    async fn call(
        &self,
        entries: Vec<ChangeMessageVisibilityBatchRequestEntry>,
    ) -> Result<Vec<(usize, String)>, Failure> {
        let call = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = call.send().await.map_err(|error| Failure::of(&error))?;
        Ok(refused(answer.failed()).collect())
    }
}

fn entry(place: usize, change: &Hide) -> Result<ChangeMessageVisibilityBatchRequestEntry, BuildError> {
    let seconds = change.delay.as_secs().min(MOST);
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(place.to_string())
        .receipt_handle(change.receipt_handle.as_str())
        .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
        .build()
}

impl MainQueue for SqsMainQueue {
    async fn hide(&self, changes: Vec<Hide>) -> Vec<(MessageId, String)> {
        let chunks: Vec<Vec<Hide>> = changes.chunks(BATCH).map(<[Hide]>::to_vec).collect();
        let calls = futures_util::stream::iter(chunks).map(|chunk| self.change(chunk));
        calls.buffered(WIDTH).concat().await
    }
}
