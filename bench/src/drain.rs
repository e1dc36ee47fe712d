//! The indexer beside a plain drain with boto3: one queue, one table, one run.

use std::time::{Duration, Instant};

use redrive_engine::{IndexSettings, Indexer};

use crate::Error;
use crate::counting::{Memory, cpu, memory_kb};
use crate::lab::{Case, Figures, Now, ask, config, contender, policy, reading, tables, timed};
use crate::server::Server;

/// Pollers of a queue, as the functions set them in `shared/redrive/src/indexer.rs`.
const POLLERS: usize = 4;

/// Measures both, each in a process of its own, with this Python for boto3.
pub(crate) fn run(python: Option<&str>, messages: u64) -> Result<(), Error> {
    let server = Server::start("serve-drain")?;
    let speed = [0, 5].map(|delay| Case { messages, delay });
    println!("draining {messages} messages of 300 bytes: the indexer, with {POLLERS} pollers, and a plain boto3 loop");
    println!("(receive ten, put_item each, delete ten; it reads no ledger, and its writes are unconditional)");
    println!("{HEADER}");
    for case in speed {
        let ours = measure(&server, case, None)?;
        println!("{}", line("redrive", case, &ours, None));
        if python.is_some() {
            let theirs = measure(&server, case, python)?;
            println!("{}", line("boto3", case, &theirs, Some(&ours)));
        }
    }
    println!("memory of the draining process, at its peak");
    for messages in [1_000, 10_000, 100_000] {
        let case = Case { messages, delay: 0 };
        println!("{}", line("redrive", case, &measure(&server, case, None)?, None));
    }
    Ok(())
}

const HEADER: &str =
    "            messages  ms a call     msg/s  receives   deletes    writes     reads  (calls a message)  peak MB";

fn line(who: &str, case: Case, figures: &Figures, ours: Option<&Figures>) -> String {
    let calls = |names: &[&str]| figures.calls(names, case);
    let (receives, deletes) = (calls(&["ReceiveMessage"]), calls(&["DeleteMessageBatch"]));
    let writes = calls(&["PutItem", "UpdateItem", "BatchExecuteStatement", "TransactWriteItems"]);
    let reads = calls(&["GetItem", "BatchGetItem"]);
    let slower = ours.map(|ours| format!("  1/{:.1} of the speed", figures.seconds / ours.seconds));
    format!(
        "{who:<10} {:>9} {:>10} {:>9.0} {receives:>9.3} {deletes:>9.3} {writes:>9.3} {reads:>9.3} {:>27.1}{}",
        case.messages,
        case.delay,
        figures.speed(case),
        figures.peak_mb,
        slower.unwrap_or_default()
    )
}

fn measure(server: &Server, case: Case, python: Option<&str>) -> Result<Figures, Error> {
    drained(&server.endpoint, &tables(&server.endpoint)?, case, python)
}

/// Fills the queue and drains it into these tables.
pub(crate) fn drained(endpoint: &str, table: &str, case: Case, python: Option<&str>) -> Result<Figures, Error> {
    ask(endpoint, &format!("/reset?{},{}", case.messages, case.delay))?;
    let mut contender = contender(python, "drain_boto3.py", "drain-once")?;
    contender.args([endpoint, table]);
    let (figures, report) = timed(contender, endpoint)?;
    if report["deleted"].as_u64() != Some(case.messages) {
        return Err(format!("of {} messages {} were deleted", case.messages, report["deleted"]).into());
    }
    Ok(figures)
}

/// Drains the queue at this address once, in this process, and says how that went.
pub(crate) fn once(endpoint: &str, table: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let aws = redrive_aws::AwsClients::new(config(endpoint).await);
        let queue = aws.dead_letter_queue(format!("{endpoint}/000000000000/bench-dead"));
        let (ledger, letters) = (aws.ledger(format!("{table}-ledger")), aws.letters(table));
        let settings = IndexSettings {
            reading: reading()?,
            policy: policy(),
            pollers: POLLERS,
            wait: Duration::from_secs(1),
            reserve: Duration::from_secs(3),
        };
        let indexer = Indexer::new(queue, ledger, letters, Now, settings);
        let (start, cpu_before) = (Instant::now(), cpu());
        let report = indexer.drain(tokio::time::Instant::now() + Duration::from_secs(900)).await;
        let seconds = start.elapsed().as_secs_f64();
        if report.created != report.deleted || report.received != report.deleted {
            return Err(format!("{report:?}").into());
        }
        println!(
            "{}",
            serde_json::json!({ "seconds": seconds, "cpu": (cpu() - cpu_before).as_secs_f64(), "peak_kb": memory_kb("self", Memory::Peak) })
        );
        Ok(())
    })
}
