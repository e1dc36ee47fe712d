//! Measurements. `redrive-bench ledger [--endpoint URL] [--rounds N]` measures the ledger's two ways of writing side
//! by side; without an endpoint it serves a DynamoDB in a process of its own (feature `dynoxide`).
//! `redrive-bench peers --bundle FILE --python PATH --into FOLDER [--source sqs|kafka] [--sizes 10,100] [--percent N]` measures Redrive
//! beside Powertools and the bare SDK, on batches of each size.
//! `redrive-bench drain [--python PATH] [--messages N]` measures the indexer beside a plain drain with boto3, if that Python
//! has it; `redrive-bench replay`, with the same options, the replay beside plain movers with boto3. `redrive-bench command --command
//! PATH [--endpoint URL]` measures the command over many waiting letters.

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

mod command;
mod console;
mod counting;
mod drain;
mod drive;
#[cfg(feature = "dynoxide")]
mod front;
mod http;
mod lab;
mod ledger;
mod peers;
mod replay;
mod server;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).cloned();
    let messages = || option("--messages").map_or(Ok(2_000), |n| n.parse());
    match arguments.first().map(String::as_str) {
        Some("ledger") => ledger::run(option("--endpoint"), option("--rounds").map_or(Ok(300), |n| n.parse())?),
        Some("drain") => drain::run(option("--python").as_deref(), messages()?),
        Some("replay") => replay::run(option("--python").as_deref(), messages()?),
        Some("peers") => peers::run(&peers::PeerPlan {
            source: peers::EventSource::parse(option("--source").as_deref().unwrap_or("sqs"))?,
            programs: peers::Programs {
                bundle: option("--bundle").ok_or("--bundle FILE")?,
                python: option("--python").ok_or("--python PATH")?,
            },
            sizes: option("--sizes").map_or(Ok(vec![]), |sizes| sizes.split(',').map(str::parse).collect())?,
            percent: option("--percent").map_or(Ok(100), |percent| percent.parse())?,
            into: option("--into").ok_or("--into FOLDER")?.into(),
        }),
        Some("serve-peers") => peers::serve(),
        Some("drain-once") => match &arguments[..] {
            [_, endpoint, table] => drain::once(endpoint, table),
            _ => Err("drain-once ENDPOINT TABLE".into()),
        },
        Some("replay-once") => match &arguments[..] {
            [_, endpoint, table, messages] => replay::once(endpoint, table, messages.parse()?),
            _ => Err("replay-once ENDPOINT TABLE MESSAGES".into()),
        },
        Some("command") => {
            let command = option("--command").ok_or("command --command PATH [--endpoint URL]")?;
            command::run(&command, option("--endpoint"))
        }
        Some("serve") => server::serve(false),
        Some("serve-drain") => server::serve(true),
        _ => Err(
            "usage: redrive-bench ledger [--endpoint URL] [--rounds N] | drain|replay [--python PATH] [--messages N] | \
             peers --bundle FILE --python PATH --into FOLDER [--source kafka] | \
             command --command PATH [--endpoint URL]"
                .into(),
        ),
    }
}
