//! Calls and time that large batches take: the real ledger adapter in virtual time, over a DynamoDB that agrees to
//! everything after 5 ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents};
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_types::body::SdkBody;
use redrive_aws::LedgerTable;
use redrive_core::fault::Fault;
use redrive_core::processing::handler::{Context, Handler};
use redrive_engine::{Order, ProcessSettings};
use redrive_testkit::faults::Faults;
use redrive_testkit::store::ModelLedger;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::bench::{Bench, event, record, settings};

const CALL: Duration = Duration::from_millis(5);

/// A DynamoDB that carries out everything, and counts the calls and the bytes of requests: names and values of headers, and
/// bodies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agrees {
    calls: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl Agrees {
    /// Number of calls until now.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A request, of which nothing is read but the number of its statements.
#[derive(Deserialize)]
struct AskedStatements {
    #[serde(rename = "Statements")]
    statements: Option<Vec<IgnoredAny>>,
}

impl HttpConnector for Agrees {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let agrees = self.clone();
        HttpConnectorFuture::new(async move {
            let body: AskedStatements = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
            let headers: usize = request.headers().iter().map(|(name, value)| name.len() + value.len() + 4).sum();
            agrees.bytes.fetch_add(headers + request.body().bytes().map_or(0, <[u8]>::len), Ordering::SeqCst);
            agrees.calls.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(CALL).await;
            let answer = body.statements.map_or_else(
                || "{}".to_owned(),
                |statements| format!(r#"{{"Responses":[{}]}}"#, vec!["{}"; statements.len()].join(",")),
            );
            Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer)))
        })
    }
}

impl HttpClient for Agrees {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[derive(Deserialize)]
pub(crate) struct Numbered {
    order_id: String,
}

/// Takes this long for each message.
#[derive(Clone)]
pub(crate) struct Takes(fn(u64) -> Duration);

impl Handler for Takes {
    type Message = Numbered;
    type Effects = ();

    async fn handle(&self, order: &Numbered, _: &Context) -> Result<(), Fault> {
        let time = (self.0)(order.order_id.parse().unwrap());
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }
}

/// Figures of one batch.
#[derive(Debug, PartialEq, Eq)]
struct Took {
    time: Duration,
    calls: usize,
}

async fn processed(count: usize, takes: fn(u64) -> Duration, settings: ProcessSettings) -> Took {
    processed_by(&Agrees::default(), count, takes, settings).await
}

async fn processed_by(agrees: &Agrees, count: usize, takes: fn(u64) -> Duration, settings: ProcessSettings) -> Took {
    let numbered =
        |n: usize| record(&format!("3f333df6-90a4-4fda-8dd3-{n:012}"), &format!("{{\"order_id\":\"{n:036}\"}}"));
    let batch = event(&(0..count).map(numbered).collect::<Vec<_>>());
    let (bench, begun) = (bench(agrees, takes, settings), Instant::now());
    let report = bench.process(batch, Duration::from_secs(800)).await.unwrap();
    let time = begun.elapsed();
    assert_eq!((report.counts.completed, report.counts.received), (count, count), "{:?}", report.counts);
    Took { time, calls: agrees.calls() }
}

/// Makes a processor over that DynamoDB.
pub(crate) fn bench(
    agrees: &Agrees,
    takes: fn(u64) -> Duration,
    settings: ProcessSettings,
) -> Bench<Takes, LedgerTable> {
    let keys = Credentials::new("test", "test", None, None, "test");
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("us-east-1"));
    let client = Client::from_conf(config.credentials_provider(keys).http_client(agrees.clone()).build());
    let (ledger, faults) = (LedgerTable::new(client, "ledger"), Faults::none());
    Bench::complete(Takes(takes), ledger, ModelLedger::new(), faults, Handle::current(), settings, None)
}

/// As it is deployed.
pub(crate) fn deployed() -> ProcessSettings {
    let (handler_timeout, claim_hold) = (Duration::from_secs(20), Duration::from_millis(2_500));
    ProcessSettings { concurrency: 64, handler_timeout, claim_hold, ..settings() }
}

async fn at_once(count: usize) -> Took {
    processed(count, |_| Duration::ZERO, deployed()).await
}

fn took(millis: u64, calls: usize) -> Took {
    Took { time: Duration::from_millis(millis), calls }
}

#[tokio::test(start_paused = true)]
async fn a_batch_takes_eight_calls_for_a_hundred_messages_however_large_it_is() {
    let measured = [at_once(10).await, at_once(100).await, at_once(1_000).await, at_once(4_000).await];
    assert_eq!(measured, [took(10, 2), took(10, 8), took(40, 80), took(140, 320)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_a_batch_of_ten_takes_a_kilobyte_in_requests() {
    let agrees = Agrees::default();
    assert_eq!(processed_by(&agrees, 10, |_| Duration::ZERO, deployed()).await, took(10, 2));
    let bytes = agrees.bytes.load(Ordering::SeqCst) / 10;
    assert!(bytes <= 1_024, "{bytes} bytes a message");
}

#[tokio::test(start_paused = true)]
async fn handlers_are_never_kept_waiting_by_the_ledger() {
    const IDEAL: u64 = 1_000 * 50 / 64;
    let steady = processed(1_000, |_| Duration::from_millis(50), deployed()).await;
    let uneven = processed(1_000, |n| Duration::from_millis(20 + n * 7 % 61), deployed()).await;
    assert_eq!([&steady, &uneven], [&took(810, 87), &took(836, 83)]);
    for Took { time, calls } in [steady, uneven] {
        assert!(time.as_millis() * 9 <= u128::from(IDEAL * 10) && calls <= 100, "{time:?}, {calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn claims_that_find_no_slot_in_time_are_taken_back_and_made_again() {
    // Each handler takes longer than a claim may wait.
    let slow = ProcessSettings { concurrency: 4, ..deployed() };
    let slowly = processed(40, |_| Duration::from_secs(4), slow).await;
    // Ten rounds; what was claimed ahead in the first is taken back, and nobody claims ahead after that.
    assert_eq!(slowly, took(40_100, 23));
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queues_groups_are_claimed_side_by_side() {
    let settings = ProcessSettings { order: Order::Groups, ..deployed() };
    assert_eq!(processed(10, |_| Duration::ZERO, settings).await, took(10, 2));
}
