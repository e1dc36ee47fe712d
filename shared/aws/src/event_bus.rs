//! Bus of EventBridge on which other systems are told of letters and jobs.

use std::time::SystemTime;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use redrive_core::integration_event::{IntegrationEvent, SOURCE};
use redrive_core::ports::{EventBus, Unavailable};
use redrive_core::time::Timestamp;

use crate::failure::unavailable;

const SERVICE: &str = "event bus";
const ACTION: &str = "take events";

/// The bus with this name or ARN.
#[derive(Debug, Clone)]
pub struct AwsEventBus {
    client: Client,
    bus: String,
}

impl AwsEventBus {
    /// The bus with this name or ARN.
    #[must_use]
    pub fn new(client: Client, bus: impl Into<String>) -> Self {
        Self { client, bus: bus.into() }
    }

    fn entry(&self, event: &IntegrationEvent) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(event.detail_type.as_str())
            .detail(&event.detail)
            .time(time(event.at))
            .set_resources(event.queue.as_ref().map(|queue| vec![queue.as_str().to_owned()]))
            .build()
    }
}

fn time(at: Timestamp) -> DateTime {
    DateTime::from(SystemTime::UNIX_EPOCH + at.since(Timestamp::from_millis(0)))
}

impl EventBus for AwsEventBus {
    async fn put(&self, events: &[IntegrationEvent]) -> Result<Vec<Result<(), String>>, Unavailable> {
        let entries = events.iter().map(|event| self.entry(event)).collect();
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| unavailable(SERVICE, ACTION, &error))?;
        answers(events.len(), answer.entries())
    }
}

/// Returns one answer for each of `count` events. EventBridge answers in their order.
fn answers(count: usize, entries: &[PutEventsResultEntry]) -> Result<Vec<Result<(), String>>, Unavailable> {
    if entries.len() != count {
        let why = format!("it answered for {} of {count} events", entries.len());
        return Err(Unavailable { service: SERVICE, action: ACTION, why });
    }
    let answer = |entry: &PutEventsResultEntry| entry.error_code().map_or(Ok(()), |code| Err(code.to_owned()));
    Ok(entries.iter().map(answer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_own_answer_and_a_short_answer_is_none() {
        let taken = PutEventsResultEntry::builder().event_id("e").build();
        let refused = PutEventsResultEntry::builder().error_code("ThrottlingException").error_message("SECRET").build();
        let both = answers(2, &[taken.clone(), refused]).unwrap();
        assert_eq!(both, [Ok(()), Err("ThrottlingException".to_owned())]);
        assert_eq!(answers(2, &[taken]).unwrap_err().why, "it answered for 1 of 2 events");
    }
}
