//! A durable execution of Lambda, started by a message and named by its key. An event source mapping of SQS starts one for
//! each delivery, duplicates included; this handler starts one for each key.
//!
//! Lambda keeps the names: the same name with the same payload is the same execution
//! (<https://docs.aws.amazon.com/lambda/latest/dg/durable-execution-idempotency.html>). It forgets a name when the
//! execution's retention has passed; the ledger is then still there, for as long as it is configured to remember.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use redrive::{Class, Classify, Context, Error, Fault, Handler};

#[derive(serde::Deserialize, serde::Serialize)]
struct Order {
    order_id: String,
    amount_minor: i64,
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("key is no name of an execution: 1 to 64 letters, digits, '-' and '_'")]
    Name,
    #[error("an execution of this name was started with another payload")]
    OtherPayload,
    #[error("order cannot be written as JSON")]
    Payload,
    #[error("Lambda did not start the execution: {0}")]
    Invoke(&'static str),
}

impl Classify for StartError {
    fn class(&self) -> Class {
        match self {
            Self::Name | Self::OtherPayload | Self::Payload => Class::Permanent,
            Self::Invoke(_) => Class::Transient,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Name => "execution-name",
            Self::OtherPayload => "execution-other-payload",
            Self::Payload => "execution-payload",
            Self::Invoke(_) => "execution-start",
        }
    }
}

/// Checks that a key may name an execution. A key that may not is refused: a name made of a part of it would be another
/// order's, too.
fn name(key: &str) -> Result<&str, StartError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=64).contains(&key.len()) && key.chars().all(fits) { Ok(key) } else { Err(StartError::Name) }
}

struct Starter {
    lambda: Client,
    /// ARN of a version or an alias of the durable function: an unqualified one is refused.
    function: String,
}

impl Handler for Starter {
    type Message = Order;
    type Effects = ();

    async fn handle(&self, order: &Order, context: &Context) -> Result<(), Fault> {
        let payload = serde_json::to_vec(order).map_err(|_| StartError::Payload)?;
        let start = self.lambda.invoke().function_name(&self.function).invocation_type(InvocationType::Event);
        let start = start.durable_execution_name(name(context.key.as_str())?).payload(Blob::new(payload));
        start.send().await.map(drop).map_err(|error| {
            let refused =
                error.as_service_error().is_some_and(InvokeError::is_durable_execution_already_started_exception);
            let why =
                if error.as_service_error().is_some() { "it answered with an error" } else { "it did not answer" };
            if refused { StartError::OtherPayload.into() } else { StartError::Invoke(why).into() }
        })
    }
}

/// Runs the function until Lambda ends it.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), Error> {
    redrive::run(|aws| {
        let function = aws.setting("DURABLE_FUNCTION_ARN", None, str::parse)?;
        Ok(Starter { lambda: Client::new(aws.config()), function })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use aws_sdk_lambda::Config;
    use aws_sdk_lambda::config::retry::RetryConfig;
    use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
    use redrive::testing::{JsonAnswer, JsonRequest, Scenario};
    use serde_json::json;

    use super::*;

    const ORDER: &str = r#"{"order_id": "o-1", "amount_minor": 1999}"#;
    const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:fulfil:live";

    /// Lambda, as far as names go: a name is kept with its payload, and another payload for it is refused.
    fn lambda() -> impl Fn(&JsonRequest) -> JsonAnswer + Send + 'static {
        let names = Mutex::new(BTreeMap::new());
        move |request| {
            let name = request.header("x-amz-durable-execution-name").unwrap_or_default().to_owned();
            let kept = names.lock().unwrap().entry(name).or_insert_with(|| request.body.clone()).clone();
            if kept == request.body {
                return JsonAnswer::json(202, &json!({}));
            }
            JsonAnswer::json(409, &json!({"__type": "DurableExecutionAlreadyStartedException", "Message": "started"}))
        }
    }

    fn starter(endpoint: String) -> Starter {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint);
        Starter { lambda: Client::from_conf(config.build()), function: FUNCTION.to_owned() }
    }

    fn scenario() -> Scenario<Starter> {
        Scenario::of(|world| starter(world.server("lambda", lambda()))).key_at("/order_id").with_sockets()
    }

    #[test]
    fn an_order_starts_one_execution_named_by_its_key_wherever_the_process_dies() {
        for outcome in scenario().send(ORDER).send(ORDER).under_every_fault() {
            assert!(outcome.dead().is_empty(), "{outcome}");
            let starts = outcome.requests("lambda").iter().map(|request| {
                let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
                (header("x-amz-durable-execution-name"), header("x-amz-invocation-type"), request.body.clone())
            });
            let starts: std::collections::BTreeSet<_> = starts.collect();
            let body = r#"{"order_id":"o-1","amount_minor":1999}"#.to_owned();
            assert_eq!(starts, [("o-1".to_owned(), "Event".to_owned(), body)].into(), "{outcome}");
        }
    }

    #[test]
    fn two_attempts_make_the_same_call() {
        assert_eq!(scenario().send(ORDER).run_twice().difference(), None);
    }

    #[test]
    fn a_key_that_is_no_name_and_a_name_that_is_taken_by_another_payload_are_dead_at_once() {
        let blank = r#"{"order_id": "o 1", "amount_minor": 1999}"#;
        let dead = scenario().send(blank).run();
        assert_eq!((dead.dead()[0].code.as_str(), dead.requests("lambda").len()), ("execution-name", 0), "{dead}");
        let taken = Scenario::of(|world| {
            let refused = json!({"__type": "DurableExecutionAlreadyStartedException", "Message": "started"});
            starter(world.server("lambda", move |_| JsonAnswer::json(409, &refused)))
        });
        let dead = taken.key_at("/order_id").with_sockets().send(ORDER).run();
        assert_eq!(dead.dead()[0].code, "execution-other-payload", "{dead}");
    }
}
