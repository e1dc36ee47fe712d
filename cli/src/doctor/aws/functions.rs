//! Event source mappings and functions, as Lambda tells of them.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType};
use redrive_doctor::{Consumer, Fact, Function, Indexed, PolicyDocument, ProcessorSettings, Settings, Unread};

use super::alarms::AlarmReader;
use super::unread;
use crate::pairs_file::PairsFile;

/// The function that a mapping invokes: its ARN, which may name a version or an alias.
fn function_arn(mapping: &EventSourceMappingConfiguration) -> &str {
    mapping.function_arn().unwrap_or_default()
}

/// The name of that function.
pub(super) fn invoked(mapping: &EventSourceMappingConfiguration) -> String {
    name(function_arn(mapping)).to_owned()
}

/// The name in an ARN or an ARN with a qualifier, or the name that it is.
fn name(function: &str) -> &str {
    if function.starts_with("arn:") { function.split(':').nth(6).unwrap_or(function) } else { function }
}

fn most(pollers: i32) -> u32 {
    whole(Some(pollers))
}

fn whole<T: TryFrom<i32> + Default>(number: Option<i32>) -> T {
    number.and_then(|number| T::try_from(number).ok()).unwrap_or_default()
}

/// Reader of functions and of their event source mappings.
#[derive(Debug)]
pub(super) struct FunctionReader {
    lambda: aws_sdk_lambda::Client,
    /// Queue pairs of the functions' package.
    pairs: PairsFile,
    /// Reader of the functions' metrics.
    metrics: AlarmReader,
}

impl FunctionReader {
    pub(super) fn new(config: &SdkConfig, pairs: PairsFile, metrics: AlarmReader) -> Self {
        Self { lambda: aws_sdk_lambda::Client::new(config), pairs, metrics }
    }

    pub(super) async fn mappings(&self, queue: &str) -> Fact<Vec<EventSourceMappingConfiguration>> {
        let pages = self.lambda.list_event_source_mappings().event_source_arn(queue).into_paginator().items().send();
        let all = pages.collect::<Result<Vec<_>, SdkError<_, _>>>().await;
        all.map_err(|error| unread("lambda:ListEventSourceMappings", &error))
    }

    /// The mappings of a queue, with their functions; nobody has asked about their roles yet.
    pub(super) async fn consumers(&self, queue: &str) -> Fact<Vec<Consumer>> {
        let mut consumers = Vec::new();
        let account = self.account_concurrency().await;
        for mapping in self.mappings(queue).await? {
            let types = mapping.function_response_types();
            let scaling = mapping.scaling_config();
            consumers.push(Consumer {
                state: mapping.state().unwrap_or("unknown").to_owned(),
                last_result: mapping.last_processing_result().unwrap_or_default().to_owned(),
                batch_size: whole(mapping.batch_size()),
                window: whole(mapping.maximum_batching_window_in_seconds()),
                partial_responses: types.contains(&FunctionResponseType::ReportBatchItemFailures),
                maximum_concurrency: scaling.and_then(|scaling| scaling.maximum_concurrency()).map(|n| whole(Some(n))),
                pollers: mapping.provisioned_poller_config().map(|pollers| pollers.maximum_pollers().map_or(200, most)),
                account_concurrency: account.clone(),
                function: self.function(function_arn(&mapping)).await,
                mapping: mapping.uuid.unwrap_or_default(),
            });
        }
        Ok(consumers)
    }

    async fn account_concurrency(&self) -> Fact<u32> {
        let call = self.lambda.get_account_settings().send().await;
        let answer = call.map_err(|error| unread("lambda:GetAccountSettings", &error))?;
        let limit = answer.account_limit().map(|limit| limit.concurrent_executions()).filter(|limit| *limit > 0);
        limit.and_then(|limit| u32::try_from(limit).ok()).ok_or_else(|| {
            Unread::Because("lambda:GetAccountSettings: no concurrent executions in its answer".to_owned())
        })
    }

    /// Reads the policy of a function, which says who may invoke it.
    pub(super) async fn invokers(&self, function: &str) -> Fact<PolicyDocument> {
        let call = self.lambda.get_policy().function_name(function).send().await;
        let answer = call.map_err(|error| unread("lambda:GetPolicy", &error))?;
        answer.policy().map_or(Err(Unread::Absent), PolicyDocument::parse)
    }

    /// Reads a function by name or ARN.
    async fn function(&self, function: &str) -> Function {
        let short = name(function);
        let configuration = self.configuration(function).await;
        let reserved = self.lambda.get_function_concurrency().function_name(short).send().await;
        let reserved = reserved.map_err(|error| unread("lambda:GetFunctionConcurrency", &error));
        Function {
            name: short.to_owned(),
            settings: configuration.map(settings),
            reserved: reserved.map(|answer| answer.reserved_concurrent_executions().map(|n| whole(Some(n)))),
            errors: self.metrics.last_hour("Errors", short).await,
            dropped: self.metrics.last_hour("RecursiveInvocationsDropped", short).await,
            throttles: self.metrics.last_hour("Throttles", short).await,
            failure_destination: Ok(None),
            permissions: Ok(Vec::new()),
        }
    }

    /// Our indexer or replay, which are invoked asynchronously.
    pub(super) async fn woken(&self, function: &str) -> Function {
        let call = self.lambda.get_function_event_invoke_config().function_name(function).send().await;
        let failure_destination = match call.map_err(|error| unread("lambda:GetFunctionEventInvokeConfig", &error)) {
            Ok(answer) => {
                let failure = answer.destination_config().and_then(|config| config.on_failure());
                Ok(failure.and_then(|failure| failure.destination()).map(str::to_owned))
            }
            // It has none of these settings.
            Err(Unread::Absent) => Ok(None),
            Err(why) => Err(why),
        };
        Function { failure_destination, ..self.function(function).await }
    }

    async fn configuration(&self, function: &str) -> Fact<GetFunctionConfigurationOutput> {
        let call = self.lambda.get_function_configuration().function_name(function).send().await;
        call.map_err(|error| unread("lambda:GetFunctionConfiguration", &error))
    }

    /// Returns true if the replay reads the ages of the main queues that it is told of.
    pub(super) async fn reads_ages(&self, replay: &str) -> bool {
        let Ok(configuration) = self.configuration(replay).await else { return false };
        let variables_of_it = variables(&configuration).ok();
        variables_of_it
            .is_some_and(|variables_of_it| variables_of_it.get("MAIN_QUEUE_AGES").is_some_and(|ages| ages == "on"))
    }

    /// The queues that the indexer is told of, and whether it empties the dead-letter queue of each.
    pub(super) async fn indexed(&self, indexer: &str) -> BTreeMap<String, bool> {
        let Ok(configuration) = self.configuration(indexer).await else { return BTreeMap::new() };
        let Ok(mut variables) = variables(&configuration) else { return BTreeMap::new() };
        self.pairs.fill(&mut variables);
        let pairs = Indexed::read(&variables).unwrap_or_default();
        pairs.into_iter().map(|pair| (pair.source, pair.custody)).collect()
    }
}

fn variables(configuration: &GetFunctionConfigurationOutput) -> Fact<BTreeMap<String, String>> {
    let Some(environment) = configuration.environment() else { return Ok(BTreeMap::new()) };
    match environment.error().and_then(|error| error.error_code()) {
        Some(code) => Err(Unread::Because(format!("its environment is not shown: {code}"))),
        None => {
            let variables = environment.variables().into_iter().flatten();
            Ok(variables.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
    }
}

fn settings(configuration: GetFunctionConfigurationOutput) -> Settings {
    let word = |value: Option<&str>| value.unwrap_or("unknown").to_owned();
    Settings {
        timeout: whole(configuration.timeout()),
        state: word(configuration.state().map(|state| state.as_str())),
        last_update: word(configuration.last_update_status().map(|status| status.as_str())),
        processor: variables(&configuration).map(|variables| ProcessorSettings::read(&variables)),
        role: configuration.role.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_without_version_or_alias() {
        assert_eq!(name("arn:aws:lambda:eu-central-1:123456789012:function:charge:live"), "charge");
        assert_eq!(name("arn:aws:lambda:eu-central-1:123456789012:function:charge"), "charge");
        assert_eq!(name("charge"), "charge");
    }
}
