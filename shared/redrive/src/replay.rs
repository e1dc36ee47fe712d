use std::fmt::Display;
use std::time::Duration;

use redrive_aws::{AwsGauges, LedgerTable, LetterTable, SqsOutbox};
use redrive_core::json::member;
use redrive_core::ports::{Clock, Gauges, Outbox};
use redrive_core::replay::{Act, AllowedActions, Request};
use redrive_core::time::Timestamp;
use redrive_engine::{Announced, Destination, QueuePair, ReplayError, ReplayReport, ReplaySettings, Replayer, Reports};
use redrive_lambda::config::{PairConfig, ReplayConfig, ReplayedPair, environment};
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, serve};
use redrive_lambda::telemetry::AUDIT;
use redrive_lambda::{System, telemetry};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::Error;
use crate::ages::MainQueueAges;
use crate::announcing::{Announcing, announcer};
use crate::error::log;
use crate::meter::{self, Meter};
use crate::traced::Traced;

/// Time for which a claim holds: claim, send and mark are three calls of at most ten seconds.
const LEASE: Duration = Duration::from_secs(60);
/// A batch takes less; what is left is the next run's.
const RESERVE: Duration = Duration::from_secs(3);

/// Places that an erasure leaves alone, because the dead-letter table is not there; told to whoever asked for it.
const STAYS: [&str; 4] = [
    "the ledger's entry (key, and the text of its last failure) until the ledger forgets it",
    "earlier versions of the tables, for as long as point-in-time recovery goes back (35 days at most)",
    "requests of failed invocations, with an edit's body, in the queue for them (14 days at most)",
    "what handlers and consumers have logged themselves, for as long as the logs are kept",
];

/// The name of a request that cannot be read.
const NOT_UNDERSTOOD: &str = "RequestNotUnderstood";

/// Queue dimension for letters of a queue that is not configured.
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
    serve(&function, |_| async { replaying(config).await.map(Traced) })
}

async fn replaying(config: ReplayConfig) -> Result<Announcing<Replaying<SqsOutbox, AwsGauges>>, Error> {
    let aws = redrive_aws::AwsClients::load(redrive_engine::trace::current).await;
    let ReplayConfig {
        function,
        ledger_table,
        ledger_retention,
        letter_table,
        pairs,
        reads_ages,
        allowed_actions,
        event_bus,
    } = config;
    let announcer = announcer(&aws, event_bus);
    let letters = Announced::new(aws.letters(letter_table), announcer.clone());
    let sources = pairs.iter().map(|listed| listed.pair.reading.source.clone());
    let ages = reads_ages.then(|| MainQueueAges::new(sources, aws.queue_ages()));
    let queues = pairs.into_iter().map(|listed| {
        let dead_letters = listed.ejects_to().map(|url| (aws.outbox(url), aws.gauges(url)));
        let others = listed.destinations.iter().map(|other| {
            let (outbox, gauges) = (aws.outbox(other.url.clone()), aws.gauges(other.url.clone()));
            Destination { arn: other.arn.clone(), outbox, gauges }
        });
        let destinations = others.collect();
        let ReplayedPair { pair: PairConfig { name, reading, policy, ledger, .. }, main_queue_url, sends, .. } = listed;
        let ledger = ledger_table.clone().filter(|_| ledger).map(|table| aws.ledger(table));
        let gauges = aws.gauges(main_queue_url.clone());
        let outbox = sends.then(|| aws.outbox(main_queue_url));
        let pair = QueuePair { reading, policy, outbox, dead_letters, destinations, ledger, gauges };
        (pair, Meter::new(function.name.clone(), name))
    });
    let (pairs, meters) = queues.unzip();
    let settings = settings(ledger_retention);
    let replayer = Replayer::new(letters, System, settings, pairs);
    let of_no_queue = of_no_queue(&function.name);
    let name = function.name;
    let flow = Replaying { function: name.clone(), allowed_actions, replayer, meters, of_no_queue, ages };
    Ok(Announcing { flow, function: name, announcer })
}

pub(crate) const fn settings(ledger_retention: Duration) -> ReplaySettings {
    ReplaySettings { lease: LEASE, ledger_retention, reserve: RESERVE }
}

pub(crate) fn of_no_queue(function: &str) -> Meter {
    Meter::new(function.to_owned(), UNLISTED.to_owned())
}

/// AWS's tables and a source's own queue or topic, behind all of replay's ports.
pub(crate) type SourcePorts<O, G> = (O, Option<LedgerTable>, Announced<LetterTable>, G, System);

/// Replay of the letters of queues or topics, whichever `O` sends to.
pub(crate) struct Replaying<O, G>
where
    O: Outbox,
    G: Gauges,
{
    pub(crate) function: String,
    /// Requests that this function carries out.
    pub(crate) allowed_actions: AllowedActions,
    pub(crate) replayer: Replayer<SourcePorts<O, G>>,
    /// Meters of the pairs, in the same order.
    pub(crate) meters: Vec<Meter>,
    /// Meter of letters that are of no pair.
    pub(crate) of_no_queue: Meter,
    /// Ages of the main queues, where no alarm looks at each of them.
    pub(crate) ages: Option<MainQueueAges>,
}

impl<O: Outbox, G: Gauges> Replaying<O, G> {
    /// Tells how old what waits in the main queues is, if it is time to.
    async fn tell_ages(&self, now: Timestamp) {
        let Some(ages) = &self.ages else { return };
        if let Some(ages) = ages.read(now).await {
            meter::emit(&[meter::whole_ages(&self.function, &ages)]);
        }
    }
}

impl<O: Outbox, G: Gauges> Flow for Replaying<O, G> {
    type Event = Box<RawValue>;

    async fn invoke(&self, invocation: Invocation<Box<RawValue>>) -> Result<Value, InvocationFailure> {
        let payload = invocation.payload.get();
        let request = match Request::read(payload) {
            Ok(request) => request,
            // Nobody reads what a schedule is answered: only a failure tells of it.
            Err(why) if member(payload, "redrive").is_some() => {
                return Err(InvocationFailure::new(NOT_UNDERSTOOD, why));
            }
            Err(why) => return Ok(refused(NOT_UNDERSTOOD, why)),
        };
        if let Err(why) = self.allowed_actions.check(&request) {
            if let Some(act) = request.act() {
                audit_refused(&act, &why);
            }
            return Ok(refused("NotAllowedHere", why));
        }
        if matches!(request, Request::Schedule) {
            self.tell_ages(System.now()).await;
        }
        let reports = self.replayer.run(&request, invocation.deadline).await;
        if let Some(act) = request.act() {
            audit(act, reports.as_ref().map(Reports::together));
        }
        let reports = match reports {
            Ok(reports) => reports,
            Err(ReplayError::Unavailable(why)) => return Err(InvocationFailure::new("Unavailable", why)),
            Err(why @ ReplayError::ChoosesAll) => return Ok(refused("RequestNotUnderstood", why)),
            Err(why @ ReplayError::NotListed(_)) => return Ok(refused("QueueNotListed", why)),
            Err(why @ ReplayError::InCustody) => return Ok(refused("InCustody", why)),
            Err(why @ ReplayError::NotADestination(_)) => return Ok(refused("NotADestination", why)),
        };
        let now = System.now();
        for (meter, report) in self.meters.iter().zip(&reports.pairs) {
            meter::emit(&meter.replay(report, now));
        }
        let together = reports.together();
        if let Some(pending_counts) = &together.pending_counts {
            meter::emit(&[meter::whole_pending_counts(&self.function, pending_counts, now)]);
        }
        // What was told of jobs is no number.
        if reports.rest.jobs.is_empty() && reports.rest != ReplayReport::default() {
            meter::emit(&self.of_no_queue.replay(&reports.rest, now));
        }
        if reports.rest.unlisted > 0 {
            warn!(count = reports.rest.unlisted, "letters are of queues that are not configured; they were left alone");
        }
        let mut answer = answer(self.meters.iter().map(Meter::queue), &together, &reports.pairs)?;
        if matches!(request, Request::Erase(_)) {
            answer["stays_elsewhere"] = json!(STAYS);
        }
        Ok(answer)
    }
}

/// Logs an act of a person in one line, however it ended: who did what to how many letters, and why. A letter keeps its
/// own account for as long as it lives. The log's is out of reach of whoever may only invoke the function.
fn audit(act: Act<'_>, report: Result<ReplayReport, &ReplayError>) {
    let Act { action, by, why, named } = act;
    match report {
        Ok(report) => {
            let job = report.jobs.first().map(|view| view.job.id.to_string());
            info!(
                target: AUDIT,
                action,
                by,
                why,
                named,
                considered = report.considered,
                done = done(action, &report),
                refused = report.refused,
                job,
                "a person acted"
            );
        }
        Err(error) => {
            info!(target: AUDIT, action, by, why, named, %error, "a person acted, and it was refused or cut off")
        }
    }
}

/// Logs an act that this function may not carry out in one line: who asked for what, and why it was refused.
fn audit_refused(act: &Act<'_>, refused: &impl Display) {
    let Act { action, by, why, named } = act;
    info!(target: AUDIT, action, by, why, named, %refused, "a person's act was refused, and nothing was touched");
}

/// Counts the letters that an act has changed.
fn done(action: &str, report: &ReplayReport) -> usize {
    match action {
        "discard" => report.discarded,
        "restore" => report.restored,
        "note" => report.noted,
        "erase" => report.erased,
        "eject" => report.ejected,
        "free" => report.freed,
        _ => report.sent,
    }
}

/// The answer to a person whose request was refused. It is no failure of the function: no alarm rings for a slip of the hand.
fn refused(kind: &'static str, why: impl Display) -> Value {
    let why = why.to_string();
    warn!(kind, error = why, "request was refused, and nothing was touched");
    json!({"refused": why, "refusal": kind})
}

/// Makes the answer: all pairs together, and where there are several queues, each by its name.
fn answer<'a>(
    names: impl ExactSizeIterator<Item = &'a str>,
    together: &ReplayReport,
    pairs: &[ReplayReport],
) -> Result<Value, InvocationFailure> {
    let mut answer = serde_json::to_value(together).map_err(|why| InvocationFailure::new("NoAnswer", why))?;
    if let Some(fields) = answer.as_object_mut().filter(|_| names.len() > 1) {
        let queues = names.zip(pairs).map(|(name, report)| (name.to_owned(), json!(report)));
        fields.insert("queues".to_owned(), queues.collect());
    }
    Ok(answer)
}
