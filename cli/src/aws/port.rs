//! Stack as the commands use it, by the clients of AWS.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_sqs::types::QueueAttributeName;
use redrive_aws::{LedgerTable, LetterTable};
use redrive_core::ids::QueueArn;
use redrive_core::time::Timestamp;
use redrive_doctor::Indexed;
use redrive_operator::readings::{AlarmStatus, Depths};
use serde_json::Value;

use super::StackAccess;
use crate::completion::Error;
use crate::out;
use crate::reach::{self, Service, failed};
use crate::replay_function::ReplayFunction;
use crate::stack::Stack;
use crate::stack_port::{IndexerFunction, StackPort};
use crate::text::queue_name;

/// Timeout of the question who calls.
const CALLER: Duration = Duration::from_secs(3);

impl ReplayFunction for StackAccess {
    async fn ask(&self, request: &Value) -> Result<Value, Error> {
        Self::ask(self, request).await
    }
}

impl IndexerFunction for StackAccess {
    async fn sweep(&self) -> Result<Value, Error> {
        Self::sweep(self).await
    }

    async fn depths(&self) -> Result<Option<Depths>, Error> {
        match self.stack.get("DeadLetterQueueUrl") {
            Some(url) => self.queue_depths(url).await.map(Some),
            None => Ok(None),
        }
    }
}

impl StackPort for StackAccess {
    type Letters = LetterTable;
    type Ledger = Option<LedgerTable>;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn queues(&self) -> Option<Vec<QueueArn>> {
        let call = self.lambda.get_function_configuration().function_name(self.stack.get("IndexerFunctionName")?);
        let environment = call.send().await.ok()?.environment?;
        let variables: BTreeMap<_, _> = environment.variables?.into_iter().collect();
        let pairs = Indexed::read(&self.with_pairs(variables))?;
        Some(pairs.into_iter().filter_map(|pair| QueueArn::new(pair.source)).collect())
    }

    fn letters(&self) -> Result<LetterTable, Error> {
        Ok(self.aws.letters(self.stack.need("DeadLetterTableName")?))
    }

    fn ledger(&self) -> Option<LedgerTable> {
        self.stack.get("LedgerTableName").map(|table| self.aws.ledger(table))
    }

    async fn caller(&self) -> Option<String> {
        let timeouts = TimeoutConfig::builder().connect_timeout(CALLER).operation_timeout(CALLER).build();
        let config = aws_sdk_sts::config::Builder::from(self.aws.config())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::disabled());
        let answer = aws_sdk_sts::Client::from_conf(config.build()).get_caller_identity().send().await;
        let place = reach::here(self.aws.config(), Service::Sts);
        let arn = answer.map_err(|why| failed(&place, "STS did not say who calls, so it is not verified,", &why));
        arn.inspect_err(|why| out::say(&why.to_string())).ok()?.arn
    }

    async fn replay_environment(&self) -> Option<HashMap<String, String>> {
        let function = self.stack.need("ReplayFunctionName").ok()?;
        let answer = self.lambda.get_function_configuration().function_name(function).send().await.ok()?;
        answer.environment?.variables.map(|variables| self.with_pairs(variables))
    }

    async fn wake(&self) -> Result<(), Error> {
        let function = self.stack.need("ReplayFunctionName")?;
        let payload = Blob::new(r#"{"redrive":"work"}"#);
        let call = self.lambda.invoke().function_name(function).invocation_type(InvocationType::Event).payload(payload);
        call.send()
            .await
            .map_err(|why| self.failed(Service::Lambda, "the replay function could not be woken", &why))?;
        Ok(())
    }

    async fn queue_depths(&self, url: &str) -> Result<Depths, Error> {
        use QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
            Name::MessageRetentionPeriod,
        ];
        let call = self.aws.sqs().get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let answer = call.send().await.map_err(|why| {
            self.failed(Service::Sqs, &format!("queue {} did not say how deep it is", queue_name(url)), &why)
        })?;
        let all = answer.attributes.unwrap_or_default();
        let numbers = names.map(|name| all.get(&name).and_then(|text| text.parse().ok()));
        let [visible, in_flight, delayed, retention] = numbers;
        Ok(Depths { visible, in_flight, delayed, retention: retention.map(Duration::from_secs) })
    }

    async fn moving(&self, arn: &str) -> Option<u64> {
        let answer = self.aws.sqs().list_message_move_tasks().source_arn(arn).max_results(10).send().await.ok()?;
        let running = answer.results().iter().find(|task| task.status() == Some("RUNNING"))?;
        u64::try_from(running.approximate_number_of_messages_moved()).ok()
    }

    async fn alarms(&self, stack: &str) -> Result<Vec<AlarmStatus>, Error> {
        Self::alarms(self, stack).await
    }

    async fn first_expiry(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        Self::first_expiry(self, now).await
    }

    async fn age(&self, url: &str, now: Timestamp) -> Result<Option<Duration>, Error> {
        Self::age(self, url, now).await
    }
}
