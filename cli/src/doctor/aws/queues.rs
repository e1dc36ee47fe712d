//! Queues, as SQS tells of them.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use redrive_doctor::{Allow, Encryption, Fact, MoveTask, PolicyDocument, QueueAttributes, RedrivePolicy, Unread};
use serde_json::Value;

use super::{needed, unread};
use crate::completion::Error;

/// Reader of queues and their attributes.
#[derive(Debug)]
pub(super) struct QueueReader {
    sqs: aws_sdk_sqs::Client,
}

impl QueueReader {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { sqs: aws_sdk_sqs::Client::new(config) }
    }

    /// The URL of a queue of this region.
    pub(super) async fn url(&self, arn: &str) -> Fact<String> {
        let parts: Vec<_> = arn.split(':').collect();
        let [_, _, _, _, account, name] = parts.as_slice() else {
            return Err(Unread::Because(format!("{arn} is no ARN of a queue")));
        };
        let call = self.sqs.get_queue_url().queue_name(*name).queue_owner_aws_account_id(*account);
        let answer = call.send().await.map_err(|error| unread("sqs:GetQueueUrl", &error))?;
        answer.queue_url.ok_or_else(|| Unread::Because("sqs:GetQueueUrl: no URL in its answer".to_owned()))
    }

    async fn every_attribute(&self, url: &str) -> Fact<HashMap<Name, String>> {
        let call = self.sqs.get_queue_attributes().queue_url(url).attribute_names(Name::All);
        let answer = call.send().await.map_err(|error| unread("sqs:GetQueueAttributes", &error))?;
        Ok(answer.attributes.unwrap_or_default())
    }

    pub(super) async fn attributes(&self, url: &str) -> Fact<QueueAttributes> {
        read(&self.every_attribute(url).await?)
    }

    /// The ARNs of the sources that are meant: the queue itself, or, if it is a dead-letter queue, those whose dead it gets.
    pub(super) async fn sources_of(&self, named: &str) -> Result<Vec<String>, Error> {
        let url = if named.contains("://") {
            named.to_owned()
        } else if named.starts_with("arn:") {
            needed(named, self.url(named).await)?
        } else {
            let call = self.sqs.get_queue_url().queue_name(named).send().await;
            let answer = needed(named, call.map_err(|error| unread("sqs:GetQueueUrl", &error)))?;
            answer.queue_url.unwrap_or_default()
        };
        let attributes = match self.every_attribute(&url).await {
            // Its ARN is all that is needed here; the rules tell of what is denied.
            Err(Unread::Because(_)) if named.starts_with("arn:") => return Ok(vec![named.to_owned()]),
            read => needed(named, read)?,
        };
        let sources = if attributes.contains_key(&Name::RedrivePolicy) {
            Vec::new()
        } else {
            self.given_by(&url).await.unwrap_or_default()
        };
        if !sources.is_empty() {
            return Ok(sources);
        }
        let arn = attributes.get(&Name::QueueArn).cloned();
        Ok(vec![arn.ok_or_else(|| Error::Service(format!("{named}: SQS does not return its ARN")))?])
    }

    /// The tasks that move messages out of this queue now.
    pub(super) async fn move_tasks(&self, arn: &str) -> Fact<Vec<MoveTask>> {
        let call = self.sqs.list_message_move_tasks().source_arn(arn).max_results(10).send().await;
        let answer = call.map_err(|error| unread("sqs:ListMessageMoveTasks", &error))?;
        let running = answer.results().iter().filter(|task| task.status() == Some("RUNNING"));
        Ok(running
            .map(|task| MoveTask {
                to: task.destination_arn().map(str::to_owned),
                moved: u64::try_from(task.approximate_number_of_messages_moved()).unwrap_or(0),
                handle: task.task_handle().unwrap_or_default().to_owned(),
            })
            .collect())
    }

    /// The ARNs of the queues whose dead-letter queue this is, as far as SQS tells them.
    pub(super) async fn given_by(&self, url: &str) -> Fact<Vec<String>> {
        let pages =
            self.sqs.list_dead_letter_source_queues().queue_url(url).max_results(1_000).into_paginator().items();
        let urls = pages.send().collect::<Result<Vec<_>, _>>().await;
        let urls = urls.map_err(|error| unread("sqs:ListDeadLetterSourceQueues", &error))?;
        let mut arns = Vec::new();
        for url in urls {
            let arn = self.every_attribute(&url).await?.remove(&Name::QueueArn);
            arns.push(arn.ok_or_else(|| Unread::Because(format!("sqs:GetQueueAttributes: no ARN of {url}")))?);
        }
        Ok(arns)
    }
}

/// Reads a queue's attributes, which SQS returns as texts.
fn read(all: &HashMap<Name, String>) -> Fact<QueueAttributes> {
    let value_of = |name: &Name| all.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let number = |name: Name| {
        let unsaid = || Unread::Because(format!("sqs:GetQueueAttributes: no {name} in its answer"));
        value_of(&name).and_then(|text| text.parse().ok()).ok_or_else(unsaid)
    };
    let encryption = match (value_of(&Name::KmsMasterKeyId), value_of(&Name::SqsManagedSseEnabled)) {
        (Some(key), _) => Encryption::Key(key.to_owned()),
        (None, Some("true")) => Encryption::Sqs,
        _ => Encryption::None,
    };
    Ok(QueueAttributes {
        visibility: number(Name::VisibilityTimeout)?,
        retention: number(Name::MessageRetentionPeriod)?,
        largest: value_of(&Name::MaximumMessageSize).and_then(|text| text.parse().ok()),
        redrive: value_of(&Name::RedrivePolicy).map(redrive).transpose()?,
        allow: value_of(&Name::RedriveAllowPolicy).map_or(Ok(Allow::All), allow)?,
        encryption,
        policy: value_of(&Name::Policy).map(PolicyDocument::parse),
        visible: number(Name::ApproximateNumberOfMessages)?,
        in_flight: number(Name::ApproximateNumberOfMessagesNotVisible)?,
    })
}

fn not_understood(what: &str) -> Unread {
    Unread::Because(format!("its {what} is not understood"))
}

/// SQS tells the limit as a number or as a text, as it was set.
fn redrive(text: &str) -> Fact<RedrivePolicy> {
    let bad = || not_understood("redrive policy");
    let policy: Value = serde_json::from_str(text).map_err(|_| bad())?;
    let receives = match policy.get("maxReceiveCount").ok_or_else(bad)? {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|n| u32::try_from(n).ok()),
    };
    let target = policy.get("deadLetterTargetArn").and_then(Value::as_str).ok_or_else(bad)?.to_owned();
    Ok(RedrivePolicy { target, receives: receives.ok_or_else(bad)? })
}

fn allow(text: &str) -> Fact<Allow> {
    let bad = || not_understood("redrive allow policy");
    let policy: Value = serde_json::from_str(text).map_err(|_| bad())?;
    match policy.get("redrivePermission").and_then(Value::as_str) {
        Some("allowAll") => Ok(Allow::All),
        Some("denyAll") => Ok(Allow::Nobody),
        Some("byQueue") => {
            let arns = policy.get("sourceQueueArns").and_then(Value::as_array).ok_or_else(bad)?;
            Ok(Allow::Queues(arns.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(more: &[(Name, &str)]) -> Fact<QueueAttributes> {
        let least = [
            (Name::VisibilityTimeout, "30"),
            (Name::MessageRetentionPeriod, "345600"),
            (Name::ApproximateNumberOfMessages, "2"),
            (Name::ApproximateNumberOfMessagesNotVisible, "1"),
        ];
        read(&least.iter().chain(more).map(|(name, value)| (name.clone(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_bare_queue_has_neither_policy_nor_encryption_and_allows_all() {
        let read = attributes(&[]).unwrap();
        assert_eq!((read.visibility, read.retention, read.visible, read.in_flight), (30, 345_600, 2, 1));
        assert_eq!((read.redrive, read.allow, read.encryption), (None, Allow::All, Encryption::None));
        assert_eq!((read.policy, read.largest), (None, None));
        assert_eq!(attributes(&[(Name::MaximumMessageSize, "262144")]).unwrap().largest, Some(262_144));
    }

    #[test]
    fn policies_are_read_in_the_forms_that_sqs_tells_them_in() {
        let limits = [
            r#"{"deadLetterTargetArn":"d","maxReceiveCount":11}"#,
            r#"{"maxReceiveCount":"11","deadLetterTargetArn":"d"}"#,
        ];
        for policy in limits {
            let read = attributes(&[(Name::RedrivePolicy, policy)]).unwrap();
            assert_eq!(read.redrive, Some(RedrivePolicy { target: "d".to_owned(), receives: 11 }));
        }
        let by_queue = r#"{"redrivePermission":"byQueue","sourceQueueArns":["s"]}"#;
        let read = attributes(&[(Name::RedriveAllowPolicy, by_queue), (Name::SqsManagedSseEnabled, "true")]).unwrap();
        assert_eq!((read.allow, read.encryption), (Allow::Queues(vec!["s".to_owned()]), Encryption::Sqs));
        let read = attributes(&[(Name::KmsMasterKeyId, "alias/k"), (Name::SqsManagedSseEnabled, "false")]).unwrap();
        assert_eq!(read.encryption, Encryption::Key("alias/k".to_owned()));
    }

    #[test]
    fn what_is_not_understood_is_not_read() {
        assert!(attributes(&[(Name::VisibilityTimeout, "soon")]).is_err());
        assert!(attributes(&[(Name::RedrivePolicy, "{}")]).is_err());
        assert!(attributes(&[(Name::RedriveAllowPolicy, r#"{"redrivePermission":"perhaps"}"#)]).is_err());
        assert!(matches!(attributes(&[(Name::Policy, "no policy")]).unwrap().policy, Some(Err(_))));
    }
}
