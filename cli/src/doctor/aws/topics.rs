//! Topics and their keys, as SNS and KMS tell of them.

use aws_config::SdkConfig;
use aws_sdk_kms::types::KeyManagerType;
use redrive_doctor::{Fact, PolicyDocument, TopicAttributes, TopicKey, Unread};

use super::unread;

/// Reader of topics and of their keys.
#[derive(Debug)]
pub(super) struct TopicReader {
    sns: aws_sdk_sns::Client,
    kms: aws_sdk_kms::Client,
}

impl TopicReader {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { sns: aws_sdk_sns::Client::new(config), kms: aws_sdk_kms::Client::new(config) }
    }

    pub(super) async fn attributes(&self, arn: &str) -> Fact<TopicAttributes> {
        let call = self.sns.get_topic_attributes().topic_arn(arn).send().await;
        let all = call.map_err(|error| unread("sns:GetTopicAttributes", &error))?.attributes.unwrap_or_default();
        let value_of = |name: &str| all.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let unsaid = |name: &str| Unread::Because(format!("sns:GetTopicAttributes: no {name} in its answer"));
        let subscriptions = value_of("SubscriptionsConfirmed").and_then(|text| text.parse().ok());
        Ok(TopicAttributes {
            policy: value_of("Policy").map_or_else(|| Err(unsaid("Policy")), PolicyDocument::parse),
            key: match value_of("KmsMasterKeyId") {
                None => TopicKey::None,
                Some(key) => self.topic_key(key).await,
            },
            subscriptions: subscriptions.ok_or_else(|| unsaid("SubscriptionsConfirmed"))?,
        })
    }

    /// The key that a topic names by id, ARN or alias.
    async fn topic_key(&self, key: &str) -> TopicKey {
        if key.ends_with("alias/aws/sns") {
            return TopicKey::Managed;
        }
        let policy = match self.key(key).await {
            Ok(None) => return TopicKey::Managed,
            Ok(Some(id)) => self.key_policy(&id).await,
            Err(why) => Err(why),
        };
        TopicKey::Customer { id: key.to_owned(), policy }
    }

    /// The id of a customer's key; `None` for one that AWS manages.
    async fn key(&self, key: &str) -> Fact<Option<String>> {
        let call = self.kms.describe_key().key_id(key).send().await;
        let metadata = call.map_err(|error| unread("kms:DescribeKey", &error))?.key_metadata;
        let metadata = metadata.ok_or_else(|| Unread::Because("kms:DescribeKey: an empty answer".to_owned()))?;
        Ok((metadata.key_manager() != Some(&KeyManagerType::Aws)).then_some(metadata.key_id))
    }

    async fn key_policy(&self, id: &str) -> Fact<PolicyDocument> {
        let call = self.kms.get_key_policy().key_id(id).send().await;
        let policy = call.map_err(|error| unread("kms:GetKeyPolicy", &error))?.policy;
        PolicyDocument::parse(policy.as_deref().unwrap_or_default())
    }
}
