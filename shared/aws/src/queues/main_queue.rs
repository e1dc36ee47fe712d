use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, QueueAttributeName};
use futures_util::StreamExt;
use redrive_core::ids::MessageId;
use redrive_core::ports::{MainQueue, VisibilityChange};
use tokio::time::Instant;

use super::{BATCH, WIDTH, refused};
use crate::failure::Failure;

/// Time for which the queue's own number of messages in flight is good: SQS counts it no more often.
const FRESH: Duration = Duration::from_secs(60);
/// The most that SQS hides a message for, in seconds.
const MOST: u64 = 12 * 60 * 60;

/// The main queue, as the processor changes it.
#[derive(Debug, Clone)]
pub struct SqsMainQueue {
    client: Client,
    url: String,
    last_count: Arc<Mutex<Option<InFlight>>>,
}

/// Number of messages in flight as the queue told it, and the time of asking.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    at: Instant,
    in_flight: u64,
}

impl SqsMainQueue {
    /// The queue at this URL.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into(), last_count: Arc::default() }
    }

    /// Makes one call. Returns the entries that were not changed, with SQS's code.
    async fn change(&self, changes: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
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

    async fn count_in_flight(&self) -> Option<u64> {
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let answer = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone()).send().await;
        answer.ok()?.attributes?.get(&name)?.parse().ok()
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

fn entry(place: usize, change: &VisibilityChange) -> Result<ChangeMessageVisibilityBatchRequestEntry, BuildError> {
    let seconds = change.delay.as_secs().min(MOST);
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(place.to_string())
        .receipt_handle(change.receipt_handle.as_str())
        .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
        .build()
}

impl MainQueue for SqsMainQueue {
    async fn change_visibility(&self, changes: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
        let chunks: Vec<Vec<VisibilityChange>> = changes.chunks(BATCH).map(<[VisibilityChange]>::to_vec).collect();
        let calls = futures_util::stream::iter(chunks).map(|chunk| self.change(chunk));
        calls.buffered(WIDTH).concat().await
    }

    async fn in_flight(&self) -> Option<u64> {
        let fresh = |count: &InFlight| count.at.elapsed() < FRESH;
        let known = *self.last_count.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.filter(fresh) {
            return Some(count.in_flight);
        }
        let in_flight = self.count_in_flight().await?;
        let count = InFlight { at: Instant::now(), in_flight };
        *self.last_count.lock().unwrap_or_else(PoisonError::into_inner) = Some(count);
        Some(in_flight)
    }
}
