//! Reach of AWS: the endpoints of requests, and one sentence for a request without an answer, with what was tried and
//! the mend.

use aws_config::SdkConfig;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::config::ProvideCredentials;
use redrive_core::ports::Unavailable;

use crate::completion::Error;
use crate::stack::Stack;
use crate::text::shown;

/// The variable of another endpoint for everything; with a service's name behind it, for that service.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// A service of AWS, as the SDK's own variables name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    CloudFormation,
    CloudWatch,
    DynamoDb,
    Lambda,
    Sqs,
    Sts,
}

impl Service {
    const fn word(self) -> &'static str {
        match self {
            Self::CloudFormation => "CLOUDFORMATION",
            Self::CloudWatch => "CLOUDWATCH",
            Self::DynamoDb => "DYNAMODB",
            Self::Lambda => "LAMBDA",
            Self::Sqs => "SQS",
            Self::Sts => "STS",
        }
    }
}

/// Tells where a service's requests go: the region, and the endpoint unless that is AWS's own.
pub(crate) fn place(config: &SdkConfig, service: Service, variable: impl Fn(&str) -> Option<String>) -> String {
    let region = config.region().map_or("no region", |region| region.as_ref());
    // As the SDK chooses it: what the command line says, then the service's own variable, then what is for all.
    let own = || variable(&format!("{ENDPOINT}_{}", service.word()));
    let configured = config.endpoint_url().map(str::to_owned);
    let endpoint = if config.get_origin("endpoint_url").is_client_config() { configured } else { own().or(configured) };
    match endpoint {
        Some(url) => format!("in {region} at {url}"),
        None => format!("in {region}"),
    }
}

/// The same, by this process's variables.
pub(crate) fn here(config: &SdkConfig, service: Service) -> String {
    place(config, service, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// The error of a call, in the service's own words, which hold nothing of a message here, or why there was no answer.
pub(crate) fn failed<E>(place: &str, what: &str, why: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata,
{
    let answer = match why.as_service_error().map(|error| (error.code(), error.message())) {
        Some((Some(code), Some(message))) => format!("{code}: {message}"),
        _ => redrive_aws::describe(why),
    };
    Error::Service(shown(&format!("{what} {place}: {answer}")))
}

/// A table that gave no good answer, with its name and where it was looked for.
pub(crate) fn table(place: &str, stack: &Stack, why: &Unavailable) -> Error {
    let output = match why.service {
        "ledger table" => "LedgerTableName",
        _ => "DeadLetterTableName",
    };
    let name = stack.get(output).unwrap_or("without a name");
    let Unavailable { service, action, why } = why;
    Error::Service(shown(&format!("{service} {name} {place} did not {action}: {why}")))
}

/// Refuses a configuration with which no request can be signed, before any is made.
pub(crate) async fn check(config: SdkConfig) -> Result<SdkConfig, Error> {
    if config.region().is_none() {
        return Err(Error::Usage(
            "no AWS region is configured: give --region, AWS_REGION, a profile that names one, or \"region\" in the file \
             of outputs"
                .to_owned(),
        ));
    }
    let Some(provider) = config.credentials_provider() else { return Err(no_credentials("none are configured")) };
    if let Err(why) = provider.provide_credentials().await {
        return Err(no_credentials(&tried(&innermost(&why))));
    }
    Ok(config)
}

/// The SDK tells in a line each what it tried, and why in vain: the names are enough for a sentence.
fn tried(answer: &str) -> String {
    let names: Vec<_> = answer.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    match names.as_slice() {
        [] => answer.trim().to_owned(),
        names => format!("tried in vain were {}", names.join(", ")),
    }
}

/// The innermost reason of an error: it tells the most.
fn innermost(why: &(dyn std::error::Error + 'static)) -> String {
    why.source().map_or_else(|| why.to_string(), innermost)
}

fn no_credentials(why: &str) -> Error {
    let profile = std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    let profile = profile.map_or_else(String::new, |name| format!(" (profile {name})"));
    Error::Service(shown(&format!(
        "no AWS credentials were found{profile}: {why}; log in, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY"
    )))
}

#[cfg(test)]
mod tests {
    use aws_config::Region;
    use aws_sdk_sqs::config::BehaviorVersion;

    use super::*;

    fn config() -> aws_config::SdkConfig {
        let builder = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        builder.region(Region::new("eu-west-1")).build()
    }

    #[test]
    fn the_place_is_the_one_that_the_sdk_asks() {
        let none = |_: &str| None;
        assert_eq!(place(&config(), Service::Sqs, none), "in eu-west-1");
        let own = |name: &str| (name == "AWS_ENDPOINT_URL_DYNAMODB").then(|| "http://dynamo".to_owned());
        assert_eq!(place(&config(), Service::DynamoDb, own), "in eu-west-1 at http://dynamo");
        assert_eq!(place(&config(), Service::Sqs, own), "in eu-west-1");
    }

    #[test]
    fn of_credentials_only_the_places_are_told_that_were_looked_at() {
        let text = "no credentials found in chain. Attempted:\n  Environment: the provider was not enabled: not set\n  Profile: none";
        assert_eq!(tried(text), "tried in vain were Environment, Profile");
        assert_eq!(tried("the token has expired"), "the token has expired");
    }

    #[test]
    fn a_table_is_told_by_its_name_and_place() {
        let outputs = [("LedgerTableName", "ledger-1"), ("DeadLetterTableName", "letters-1")];
        let stack = Stack::new(outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let gone = Unavailable { service: "dead-letter table", action: "list candidates", why: "gone".to_owned() };
        let text = table("in eu-west-1", &stack, &gone).to_string();
        assert_eq!(text, "dead-letter table letters-1 in eu-west-1 did not list candidates: gone");
        let ledger = Unavailable { service: "ledger table", ..gone };
        assert!(table("here", &stack, &ledger).to_string().contains("ledger-1 here"));
    }
}
