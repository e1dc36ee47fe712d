//! An effect of somebody else's service, over HTTP: the key is sent on, and a call that fails is repeated within the
//! attempt's own deadline.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use redrive::{Class, Classify, Context, Error, Fault, Handler};
use tokio::time::{sleep, timeout};

/// Pause before the second call; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Time that a call needs: with less left, the message is tried again later instead.
const CALL: Duration = Duration::from_secs(2);

#[derive(serde::Deserialize, serde::Serialize)]
struct Charge {
    order_id: String,
    amount_minor: i64,
}

#[derive(Debug, thiserror::Error)]
enum PaymentError {
    #[error("payments answered {0}")]
    Refused(StatusCode),
    #[error("payments could not be reached, or did not answer in time")]
    NoAnswer,
    #[error("the charge is no valid request")]
    Request,
}

impl PaymentError {
    /// Returns true if the same call may succeed a moment later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Refused(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::NoAnswer => true,
            Self::Request => false,
        }
    }
}

impl Classify for PaymentError {
    fn class(&self) -> Class {
        if self.may_pass() { Class::Transient } else { Class::Permanent }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "payments-refused",
            Self::NoAnswer => "payments-no-answer",
            Self::Request => "payments-request",
        }
    }
}

struct Charger {
    payments: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Charger {
    fn new(payments: String) -> Self {
        Self { payments, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn call(&self, charge: &Charge, context: &Context) -> Result<(), PaymentError> {
        let body = serde_json::to_vec(charge).map_err(|_| PaymentError::Request)?;
        let request = Request::post(format!("{}/charges", self.payments))
            .header("content-type", "application/json")
            // A second call, after a crash or a lost answer, is recognised by it.
            .header("idempotency-key", context.key.as_str())
            .body(Full::from(body))
            .map_err(|_| PaymentError::Request)?;
        let answer = timeout(CALL.min(context.remaining()), self.client.request(request)).await;
        match answer.map(|answer| answer.map(|answer| answer.status())) {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(PaymentError::Refused(status)),
            Ok(Err(_)) | Err(_) => Err(PaymentError::NoAnswer),
        }
    }
}

impl Handler for Charger {
    type Message = Charge;
    type Effects = ();

    async fn handle(&self, charge: &Charge, context: &Context) -> Result<(), Fault> {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(error) = self.call(charge, context).await else { return Ok(()) };
            if !error.may_pass() || context.remaining() < pause + CALL {
                return Err(error.into());
            }
            sleep(pause).await;
            pause *= 2;
        }
    }
}

/// Runs the function until Lambda ends it.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), Error> {
    redrive::run(|aws| Ok(Charger::new(aws.setting("PAYMENTS_URL", None, str::parse)?)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use redrive::testing::{JsonAnswer, Scenario};
    use serde_json::json;

    use super::*;

    const ORDER: &str = r#"{"order_id": "o-1", "amount_minor": 1999}"#;

    /// An order for a provider on loopback, which answers its first calls with these statuses and all others with 201.
    fn scenario(statuses: &'static [u16]) -> Scenario<Charger> {
        let scenario = Scenario::of(move |world| {
            let calls = AtomicUsize::new(0);
            let answer = move || statuses.get(calls.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(201);
            Charger::new(world.server("payments", move |_| JsonAnswer::json(answer(), &json!({}))))
        });
        scenario.key_at("/order_id").with_sockets().send(ORDER)
    }

    #[test]
    fn each_call_for_an_order_carries_its_key_wherever_the_process_dies() {
        let mut crashed = 0;
        for outcome in scenario(&[]).under_every_fault() {
            let requests = outcome.requests("payments");
            assert!(!requests.is_empty() && outcome.dead().is_empty(), "{outcome}");
            assert!(requests.iter().all(|request| request.header("idempotency-key") == Some("o-1")), "{outcome}");
            crashed += usize::from(outcome.fault().contains("await"));
        }
        assert!(crashed > 0, "the handler waits for its answer");
    }

    #[test]
    fn two_attempts_make_the_same_call() {
        let twice = scenario(&[]).run_twice();
        assert_eq!((twice.first.len(), twice.difference()), (1, None));
    }

    #[test]
    fn a_call_that_fails_is_repeated_within_the_attempt() {
        let outcome = scenario(&[503, 429]).run();
        assert_eq!((outcome.requests("payments").len(), outcome.attempts_of("o-1")), (3, 1), "{outcome}");
    }

    #[test]
    fn without_time_for_another_call_the_message_is_tried_again_later() {
        let outcome = scenario(&[503]).handler_timeout(CALL).run();
        assert_eq!((outcome.requests("payments").len(), outcome.attempts_of("o-1")), (2, 2), "{outcome}");
    }

    #[test]
    fn what_the_provider_refuses_for_good_is_dead_at_once() {
        let outcome = scenario(&[402]).run();
        assert_eq!((outcome.requests("payments").len(), outcome.dead()[0].code.as_str()), (1, "payments-refused"));
    }
}
