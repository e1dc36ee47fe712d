//! Measurements. `redrive-bench ledger [--endpoint URL] [--rounds N]` measures the ledger's two ways of writing side
//! by side; without an endpoint it serves a DynamoDB in a process of its own (feature `dynoxide`).

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

mod counting;
mod drive;
mod ledger;
mod server;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).cloned();
    match arguments.first().map(String::as_str) {
        Some("ledger") => ledger::run(option("--endpoint"), option("--rounds").map_or(Ok(300), |n| n.parse())?),
        Some("serve") => server::serve(),
        _ => Err("usage: redrive-bench ledger [--endpoint URL] [--rounds N]".into()),
    }
}
