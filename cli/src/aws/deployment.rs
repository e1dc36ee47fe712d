//! Deployment of stacks: CloudFormation's deletion of one, and the code of one function.

use std::time::Duration;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent, StackStatus, TemplateStage};
use aws_sdk_lambda::client::Waiters;
use aws_sdk_lambda::primitives::Blob;

use super::StackAccess;
use crate::completion::Error;
use crate::deployed::{Architecture, DeletionState, Deployed, DeployedCode, FunctionHost, StackHost};
use crate::reach::{self, Service};

/// Time that Lambda may take to put new code in place.
const UPDATE: Duration = Duration::from_secs(300);

impl StackAccess {
    /// Tells where the stack is: its region, and the endpoint unless that is AWS's own.
    pub(crate) fn place(&self) -> String {
        reach::here(self.aws.config(), Service::CloudFormation)
    }
}

/// A stack by its id: the name of a deleted stack is free for another.
#[derive(Debug)]
struct DeployedStack<'a> {
    access: &'a StackAccess,
    client: aws_sdk_cloudformation::Client,
    id: String,
}

impl DeployedStack<'_> {
    /// Reads why resources could not be deleted, from the events of the deletion that failed last.
    async fn failures(&self) -> Vec<String> {
        let mut pages = self.client.describe_stack_events().stack_name(&self.id).into_paginator().send();
        let mut all = Vec::new();
        while let Some(Ok(page)) = pages.next().await {
            let events = page.stack_events.unwrap_or_default();
            let began = events.iter().position(|event| self.begins(event));
            all.extend(events.into_iter().take(began.unwrap_or(usize::MAX)).filter_map(|event| self.failure(&event)));
            if began.is_some() {
                break;
            }
        }
        all.reverse();
        all
    }

    fn begins(&self, event: &StackEvent) -> bool {
        event.physical_resource_id() == Some(&self.id)
            && event.resource_status() == Some(&ResourceStatus::DeleteInProgress)
    }

    /// Of the stack itself CloudFormation repeats only the names of what failed.
    fn failure(&self, event: &StackEvent) -> Option<String> {
        let failed = event.resource_status() == Some(&ResourceStatus::DeleteFailed);
        let resource =
            event.logical_resource_id().filter(|_| failed && event.physical_resource_id() != Some(&self.id))?;
        Some(format!("{resource}: {}", event.resource_status_reason().unwrap_or("no reason is given")))
    }
}

impl Deployed for DeployedStack<'_> {
    async fn delete(&self) -> Result<(), Error> {
        let answer = self.client.delete_stack().stack_name(&self.id).send().await;
        let failed = |why| self.access.failed(Service::CloudFormation, "the stack was not deleted", &why);
        answer.map(drop).map_err(failed)
    }

    async fn state(&self) -> Result<DeletionState, Error> {
        let answer = match self.client.describe_stacks().stack_name(&self.id).send().await {
            Err(why) if why.message().is_some_and(|text| text.contains("does not exist")) => {
                return Ok(DeletionState::Gone);
            }
            answer => answer.map_err(|why| {
                self.access.failed(
                    Service::CloudFormation,
                    "the stack that is being deleted could not be described",
                    &why,
                )
            })?,
        };
        Ok(match answer.stacks().first().and_then(|stack| stack.stack_status()) {
            None | Some(StackStatus::DeleteComplete) => DeletionState::Gone,
            Some(StackStatus::DeleteFailed) => DeletionState::Failed(self.failures().await),
            Some(_) => DeletionState::Deleting,
        })
    }

    async fn packages(&self) -> Vec<String> {
        let call = self.client.get_template().stack_name(&self.id).template_stage(TemplateStage::Original);
        let template = call.send().await.ok().and_then(|answer| answer.template_body).unwrap_or_default();
        addresses(&template)
    }
}

/// Addresses in S3 that a text has, each once and in order.
fn addresses(template: &str) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || ['"', '\'', ',', '}', ']'].contains(&c);
    let mut all: Vec<_> = template.split(ends).filter(|word| word.starts_with("s3://")).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

impl StackHost for StackAccess {
    async fn deployed(&self, name: &str) -> Result<impl Deployed, Error> {
        let client = aws_sdk_cloudformation::Client::new(self.aws.config());
        let answer = client.describe_stacks().stack_name(name).send().await;
        let what = format!("stack {name} could not be described");
        let answer = answer.map_err(|why| self.failed(Service::CloudFormation, &what, &why))?;
        let absent = || Error::Absent(format!("there is no stack {name}"));
        let id = answer.stacks().iter().find_map(|stack| stack.stack_id()).ok_or_else(absent)?.to_owned();
        Ok(DeployedStack { access: self, client, id })
    }
}

impl FunctionHost for StackAccess {
    async fn code(&self, function: &str) -> Result<DeployedCode, Error> {
        let answer = self.lambda.get_function_configuration().function_name(function).send().await;
        let what = format!("function {function} could not be described");
        let answer = answer.map_err(|why| self.failed(Service::Lambda, &what, &why))?;
        let architecture = answer.architectures().first().map_or("x86_64", |one| one.as_str());
        let strange = || Error::NotSetUp(format!("function {function} is for {architecture}, which is not known here"));
        Ok(DeployedCode {
            architecture: Architecture::parse(architecture).ok_or_else(strange)?,
            sha256: answer.code_sha256().unwrap_or_default().to_owned(),
        })
    }

    async fn replace(&self, function: &str, zip: Vec<u8>) -> Result<(), Error> {
        let what = format!("the code of function {function} was not replaced");
        let call = self.lambda.update_function_code().function_name(function).zip_file(Blob::new(zip));
        call.send().await.map_err(|why| self.failed(Service::Lambda, &what, &why))?;
        let waiting = self.lambda.wait_until_function_updated_v2().function_name(function).wait(UPDATE).await;
        waiting.map(drop).map_err(|why| Error::Service(format!("{what} {}: {why}", self.place())))
    }
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn packages_are_found_in_a_template_of_either_form() {
        let json = r#"{"CodeUri": "s3://bucket/orders/1a2b", "Other": ["s3://bucket/orders/3c"]}"#;
        assert_eq!(addresses(json), ["s3://bucket/orders/1a2b", "s3://bucket/orders/3c"]);
        let yaml = "CodeUri: s3://bucket/orders/1a2b\n    CodeUri: s3://bucket/orders/1a2b\nArn: arn:aws:s3:::bucket\n";
        assert_eq!(addresses(yaml), ["s3://bucket/orders/1a2b"]);
        assert!(addresses("").is_empty());
    }
}
