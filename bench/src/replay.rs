//! Replay beside movers from queue to queue with boto3: one server, one run.

use std::time::{Duration, Instant};

use redrive_core::letters::letter::ErrorType;
use redrive_core::replay::{Filter, ReplayOptions, Request, Selection};
use redrive_engine::{QueuePair, ReplaySettings, Replayer};

use crate::Error;
use crate::counting::{Memory, cpu, memory_kb};
use crate::drain::drained;
use crate::lab::{Case, DAY, Figures, Now, ask, config, contender, policy, reading, tables, timed};
use crate::server::Server;

/// Lease of a claim, as the function sets it in `shared/redrive/src/replay.rs`.
const LEASE: Duration = Duration::from_secs(90);
const RESERVE: Duration = Duration::from_secs(10);

/// Contender that moves the messages.
#[derive(Clone, Copy)]
enum Mover<'a> {
    Redrive,
    /// A Python that has boto3, and how many messages it sends and deletes a call.
    Boto3(&'a str, &'static str),
}

/// Measures all of them, each in a process of its own, with this Python for boto3.
pub(crate) fn run(python: Option<&str>, messages: u64) -> Result<(), Error> {
    let server = Server::start("serve-drain")?;
    println!(
        "replaying {messages} messages of 300 bytes: letters of the table, each claimed, sent and marked under its condition"
    );
    println!(
        "after the ledger was asked; and boto3 loops from queue to queue: receive ten, send ten, delete ten, as sqsmover"
    );
    println!(
        "does, or receive ten, then send and delete each. StartMessageMoveTask moves 500 a second at most, by its documentation."
    );
    println!("{HEADER}");
    for delay in [0, 5] {
        let case = Case { messages, delay };
        let ours = measure(&server, Mover::Redrive, case)?;
        println!("{}", line("redrive", case, &ours, None));
        let Some(python) = python else { continue };
        for (who, at_once) in [("boto3, ten", "10"), ("boto3, each", "1")] {
            let theirs = measure(&server, Mover::Boto3(python, at_once), case)?;
            println!("{}", line(who, case, &theirs, Some(&ours)));
        }
    }
    println!("memory of the replaying process, at its peak");
    for messages in [1_000, 30_000] {
        let case = Case { messages, delay: 0 };
        println!("{}", line("redrive", case, &measure(&server, Mover::Redrive, case)?, None));
    }
    Ok(())
}

const HEADER: &str = "               messages  ms a call     msg/s   SQS calls  DynamoDB calls  CPU us  server's CPU us  (a message)  peak MB";

const SQS: [&str; 6] =
    ["ReceiveMessage", "SendMessage", "SendMessageBatch", "DeleteMessage", "DeleteMessageBatch", "GetQueueAttributes"];
const DYNAMODB: [&str; 8] = [
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchExecuteStatement",
    "TransactWriteItems",
];

fn line(who: &str, case: Case, figures: &Figures, ours: Option<&Figures>) -> String {
    let slower = ours.map(|ours| format!("  1/{:.1} of the speed", figures.seconds / ours.seconds));
    let [cpu, servers] = figures.cpu_each(case);
    // A run that lost any did not get here.
    format!(
        "{who:<13} {:>9} {:>10} {:>9.0} {:>11.3} {:>15.3} {cpu:>7.0} {servers:>16.0} {:>21.1}{}",
        case.messages,
        case.delay,
        figures.speed(case),
        figures.calls(&SQS, case),
        figures.calls(&DYNAMODB, case),
        figures.peak_mb,
        slower.unwrap_or_default()
    )
}

/// Measures one contender's run. Fails if any message is not in the main queue afterwards, or is there twice.
fn measure(server: &Server, who: Mover<'_>, case: Case) -> Result<Figures, Error> {
    let endpoint = server.endpoint.as_str();
    let mut contender = match who {
        Mover::Redrive => {
            // The indexer makes the letters of the same messages.
            let table = tables(endpoint)?;
            drained(endpoint, &table, Case { delay: 0, ..case }, None)?;
            ask(endpoint, &format!("/reset?0,{}", case.delay))?;
            let mut contender = contender(None, "", "replay-once")?;
            contender.args([endpoint, &table]);
            contender
        }
        Mover::Boto3(python, at_once) => {
            ask(endpoint, &format!("/reset?{},{}", case.messages, case.delay))?;
            let mut contender = contender(Some(python), "replay_boto3.py", "")?;
            contender.args([endpoint, at_once]);
            contender
        }
    };
    contender.arg(case.messages.to_string());
    let (figures, report) = timed(contender, endpoint)?;
    let (sent, arrived) = (report["sent"].as_u64(), report["arrived"].as_u64());
    if (sent, arrived) != (Some(case.messages), Some(case.messages)) {
        return Err(format!("of {} messages {arrived:?} arrived, in {sent:?} copies", case.messages).into());
    }
    Ok(figures)
}

/// Replays all letters of these tables once, in this process, and says how that went.
pub(crate) fn once(endpoint: &str, table: &str, messages: usize) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let aws = redrive_aws::AwsClients::new(config(endpoint).await);
        let main = format!("{endpoint}/000000000000/bench");
        let (ledger, letters) = (aws.ledger(format!("{table}-ledger")), aws.letters(table));
        let settings = ReplaySettings { lease: LEASE, ledger_retention: 30 * DAY, reserve: RESERVE };
        let gauges = aws.gauges(main.clone());
        let pair = QueuePair::new(reading()?, policy(), aws.outbox(main), ledger, gauges);
        let replayer = Replayer::new(letters, Now, settings, vec![pair]);
        // They died without an attempt that the ledger knows of.
        let filter = Filter { error_type: Some(ErrorType::NeverRan), ..Filter::default() };
        let selection = Selection::Filter(filter);
        let request = Request::Replay { selection, by: "bench".to_owned(), options: ReplayOptions::default() };
        let (start, cpu_before) = (Instant::now(), cpu());
        let report = replayer.run(&request, tokio::time::Instant::now() + Duration::from_secs(900)).await?.together();
        let seconds = start.elapsed().as_secs_f64();
        if report.sent != messages || report.considered != messages || report.more {
            return Err(format!("{report:?}").into());
        }
        println!(
            "{}",
            serde_json::json!({ "seconds": seconds, "cpu": (cpu() - cpu_before).as_secs_f64(), "peak_kb": memory_kb("self", Memory::Peak) })
        );
        Ok(())
    })
}
