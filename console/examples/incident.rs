//! Serves the console over an incident in memory, to look at and for the tests in a browser: the real pages, the real replay, a
//! consumer that does as an order says, and no AWS.
//!
//! The program prints an address for each of three operators, and runs until its standard input ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "it is for tests")]
#![allow(unreachable_pub, clippy::cast_possible_wrap, reason = "it is for tests")]

#[path = "../tests/incident/mod.rs"]
mod incident;
#[path = "../tests/incident/story.rs"]
mod story;

use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use incident::{Does, Incident};
use redrive_core::replay::Request;
use redrive_core::time::Timestamp;

#[tokio::main]
async fn main() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let incident = Incident::at(Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap()));
    let letters = std::env::args().nth(1).and_then(|n| n.parse().ok());
    story::fill(&incident, letters.unwrap_or(0));
    for (operator, reads_only) in [("ann", false), ("bob", false), ("eve", true)] {
        let seen = incident.seen_by(operator);
        let seen = if reads_only { seen.read_only() } else { seen };
        let listener = redrive_console::bind(0).await.unwrap();
        let console = seen.console(listener.local_addr().unwrap().port());
        println!("{operator} {}", console.start_url().unwrap());
        tokio::spawn(redrive_console::serve(console, listener));
    }
    let consumed = incident.clone();
    tokio::spawn(async move {
        loop {
            // What fails again says so in its body: the customers whose number ends with 7.
            consumed.consume(|body| if body.contains("7\",\"amount") { Does::Fail } else { Does::Succeed });
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    let scheduled = incident.clone();
    tokio::spawn(async move {
        loop {
            let _ = scheduled.replay(&Request::Work).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    // Whoever started it ends it by closing the pipe.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
    std::process::exit(0);
}
