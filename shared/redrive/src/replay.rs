use std::time::Duration;

use redrive_aws::{AwsGauges, LedgerTable, LetterTable, SqsOutbox};
use redrive_core::ports::Clock;
use redrive_core::replay::Request;
use redrive_engine::{ReplaySettings, Replayer};
use redrive_lambda::config::{ReplayConfig, environment};
use redrive_lambda::run::{Failure, Flow, Invocation, serve};
use redrive_lambda::{System, telemetry};
use serde_json::Value;

use crate::Error;
use crate::error::log;
use crate::meter::{self, Meter};

/// How long a claim holds: claim, send and mark are three calls of at most ten seconds.
const LEASE: Duration = Duration::from_secs(60);
/// A batch takes less; what is left is the next run's.
const RESERVE: Duration = Duration::from_secs(3);

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
    let settings = ReplaySettings {
        reading: config.reading,
        policy: config.policy,
        lease: LEASE,
        ledger_retention: config.ledger_retention,
        reserve: RESERVE,
    };
    let gauges = aws.gauges(config.main_queue_url.clone());
    let outbox = aws.outbox(config.main_queue_url);
    let ledger = config.ledger_table.map(|table| aws.ledger(table));
    let letters = aws.letters(config.letter_table);
    Ok(Replaying {
        replayer: Replayer::new(outbox, ledger, letters, gauges, System, settings),
        meter: Meter::new(config.function.name, config.main_queue_name),
    })
}

struct Replaying {
    replayer: Replayer<SqsOutbox, Option<LedgerTable>, LetterTable, AwsGauges, System>,
    meter: Meter,
}

impl Flow for Replaying {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, Failure> {
        let request = Request::parse(&invocation.payload).map_err(|why| Failure::new("RequestNotUnderstood", why))?;
        let report = self.replayer.run(&request, invocation.deadline).await;
        let report = report.map_err(|why| Failure::new("Unavailable", why))?;
        self.meter.emit(&meter::of_replay(&report), &[]);
        if let Some(standing) = &report.standing {
            let now = System.now();
            self.meter.gauge(&meter::of_waiting(&standing.total(), now));
            for (class, waiting) in &standing.types {
                self.meter.emit_class(class, &meter::of_waiting(waiting, now));
            }
        }
        serde_json::to_value(report).map_err(|why| Failure::new("NoAnswer", why))
    }
}
