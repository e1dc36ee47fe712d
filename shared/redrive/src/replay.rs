use std::time::Duration;

use redrive_aws::{AwsGauges, LedgerTable, LetterTable, SqsOutbox};
use redrive_core::ports::Clock;
use redrive_core::replay::Request;
use redrive_engine::{Destination, ReplayError, ReplayReport, ReplaySettings, Replayer, replay_all};
use redrive_lambda::config::{Pair, ReplayConfig, ReplayedPair, environment};
use redrive_lambda::run::{Failure, Flow, Invocation, serve};
use redrive_lambda::{System, telemetry};
use serde_json::{Value, json};
use tracing::warn;

use crate::Error;
use crate::error::log;
use crate::meter::{self, Meter};

/// How long a claim holds: claim, send and mark are three calls of at most ten seconds.
const LEASE: Duration = Duration::from_secs(60);
/// A batch takes less; what is left is the next run's.
const RESERVE: Duration = Duration::from_secs(3);

/// Where a metric names a queue, what is of none that is configured.
const UNLISTED: &str = "unlisted";

/// Runs replay until Lambda ends the process.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_replay() -> Result<(), Error> {
    telemetry::init(environment);
    let ended = start();
    ended.inspect_err(log)
}

fn start() -> Result<(), Error> {
    let config = ReplayConfig::read(environment)?;
    let function = config.function.clone();
    serve(&function, |_| replaying(config))
}

async fn replaying(config: ReplayConfig) -> Result<Replaying, Error> {
    let aws = redrive_aws::Aws::load().await;
    let ReplayConfig { function, ledger_table, ledger_retention, letter_table, pairs } = config;
    let queues = pairs.into_iter().map(|listed| {
        let dead_letters = listed.ejects_to().map(|url| aws.outbox(url));
        let others = listed.destinations.iter().map(|other| {
            let (outbox, gauges) = (aws.outbox(other.url.clone()), aws.gauges(other.url.clone()));
            Destination { arn: other.arn.clone(), outbox, gauges }
        });
        let others = others.collect();
        let ReplayedPair { pair: Pair { name, reading, policy, ledger, .. }, main_queue_url, sends, .. } = listed;
        let settings = ReplaySettings { reading, policy, lease: LEASE, ledger_retention, reserve: RESERVE };
        let ledger = ledger_table.clone().filter(|_| ledger).map(|table| aws.ledger(table));
        let letters = aws.letters(letter_table.clone());
        let gauges = aws.gauges(main_queue_url.clone());
        let replayer = Replayer::new(aws.outbox(main_queue_url), ledger, letters, gauges, System, settings);
        let replayer = replayer.with_destinations(others);
        let replayer = if sends { replayer } else { replayer.without_destination() };
        let replayer = match dead_letters {
            Some(dead_letters) => replayer.with_ejection(dead_letters),
            None => replayer,
        };
        (replayer, Meter::new(function.name.clone(), name))
    });
    let (replayers, meters) = queues.unzip();
    let of_no_queue = Meter::new(function.name.clone(), UNLISTED.to_owned());
    Ok(Replaying { function: function.name, replayers, meters, of_no_queue })
}

/// AWS, behind all of replay's ports.
type Aws = (SqsOutbox, Option<LedgerTable>, LetterTable, AwsGauges, System);

struct Replaying {
    function: String,
    replayers: Vec<Replayer<Aws>>,
    /// Of each, in the same order.
    meters: Vec<Meter>,
    of_no_queue: Meter,
}

impl Flow for Replaying {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, Failure> {
        let request = Request::parse(&invocation.payload).map_err(|why| Failure::new("RequestNotUnderstood", why))?;
        let reports = replay_all(&self.replayers, &request, invocation.deadline).await.map_err(failure)?;
        let now = System.now();
        for (meter, report) in self.meters.iter().zip(&reports.pairs) {
            meter::emit(&meter.replay(report, now));
        }
        let together = reports.together();
        if let Some(standing) = &together.standing {
            meter::emit(&[meter::whole_standing(&self.function, standing, now)]);
        }
        // What was told of jobs is no number.
        if reports.rest.jobs.is_empty() && reports.rest != ReplayReport::default() {
            meter::emit(&self.of_no_queue.replay(&reports.rest, now));
        }
        if reports.rest.unlisted > 0 {
            warn!(count = reports.rest.unlisted, "letters are of queues that are not configured; they were left alone");
        }
        answer(self.meters.iter().map(Meter::queue), &together, &reports.pairs)
    }
}

fn failure(error: ReplayError) -> Failure {
    let kind = match error {
        ReplayError::Unavailable(_) => "Unavailable",
        ReplayError::NotListed(_) => "QueueNotListed",
        ReplayError::InCustody => "InCustody",
        ReplayError::NotADestination(_) => "NotADestination",
    };
    Failure::new(kind, error)
}

/// All together, and where there are several queues, each by its name.
fn answer<'a>(
    names: impl ExactSizeIterator<Item = &'a str>,
    together: &ReplayReport,
    pairs: &[ReplayReport],
) -> Result<Value, Failure> {
    let mut answer = serde_json::to_value(together).map_err(|why| Failure::new("NoAnswer", why))?;
    if let Some(fields) = answer.as_object_mut().filter(|_| names.len() > 1) {
        let queues = names.zip(pairs).map(|(name, report)| (name.to_owned(), json!(report)));
        fields.insert("queues".to_owned(), queues.collect());
    }
    Ok(answer)
}
