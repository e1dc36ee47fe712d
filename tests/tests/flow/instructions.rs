//! Calls, instructions and allocations that a message takes: `make bench-check`. No clock is asked, so a busy machine changes nothing.
//!
//! The processor, the ledger's adapter and the SDK work in virtual time, over a DynamoDB that agrees to everything. Valgrind counts
//! what this binary does twice, with few batches and with more: the difference is what those batches take. The build is the tests'
//! own, with the SDK unoptimised, so figures show a change and not what a release takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::bench::{event, record};
use crate::throughput::{Agrees, bench, deployed};

/// Sizes of batches, and the numbers of batches that are compared.
const SIZES: [(usize, [usize; 2]); 2] = [(10, [2, 12]), (1_000, [0, 1])];
/// Most by which instructions may differ from the stored figure, in thousandths of it. Two runs differ by 0.2, for the seeds of hash
/// maps. A processor without AVX2 takes 9 more, for the C library's other ways to copy.
const INSTRUCTIONS_BAND: i64 = 20;
/// Most by which blocks and bytes of memory may differ, in thousandths. They are the same in every run, on any processor; a field
/// more in a type that every message has is one of them. One clone of a body is 14 of the bytes.
const MEMORY_BAND: i64 = 3;
/// Variable that says what the counted work is: a size and a number of batches.
const WORK: &str = "COUNTED_WORK";

/// Figures of a size of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SizeFigures {
    calls_a_batch: usize,
    instructions_a_message: i64,
    /// Blocks of memory that are allocated.
    blocks_a_message: i64,
    /// Bytes of these blocks.
    bytes_a_message: i64,
}

/// Figures as they are stored.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredFigures {
    /// Compiler and architecture whose instructions these are.
    compiler: String,
    sizes: BTreeMap<usize, SizeFigures>,
}

impl StoredFigures {
    fn file() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flow/instructions.json")
    }

    fn read() -> Self {
        serde_json::from_slice(&std::fs::read(Self::file()).unwrap()).unwrap()
    }

    fn write(&self) {
        std::fs::write(Self::file(), serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
    }
}

/// Makes the event of a batch of orders of 1 KB, as Lambda's text.
fn batch(count: usize) -> String {
    let order = |n: usize| {
        let note = "x".repeat(850);
        let body = format!(
            r#"{{"order_id":"{n:036}","customer_id":"c-1","amount_minor":500,"currency":"EUR","note":"{note}"}}"#
        );
        record(&format!("3f333df6-90a4-4fda-8dd3-{n:012}"), &body)
    };
    event(&(0..count).map(order).collect::<Vec<_>>()).to_string()
}

/// Processes batches with a handler that does nothing. Returns the calls of each batch.
async fn process(size: usize, batches: usize) -> Vec<usize> {
    let agrees = Agrees::default();
    let (bench, event) = (bench(&agrees, |_| Duration::ZERO, deployed()), batch(size));
    let mut calls = Vec::with_capacity(batches);
    for _ in 0..batches {
        // The runtime hands the event over as its text, after it has found its end.
        let (before, event) = (agrees.calls(), serde_json::from_str::<Box<RawValue>>(&event).unwrap());
        let report = bench.process_text(event.get(), Duration::from_secs(800)).await.unwrap();
        assert_eq!(report.counts.completed, size, "{:?}", report.counts);
        calls.push(agrees.calls() - before);
    }
    calls
}

#[tokio::test(start_paused = true)]
#[ignore = "work that valgrind counts, for make bench-check"]
async fn counted_work() {
    let asked = std::env::var(WORK).expect("a size and a number of batches");
    let (size, batches) = asked.split_once(',').unwrap();
    process(size.parse().unwrap(), batches.parse().unwrap()).await;
}

/// Runs the counted work under a tool of valgrind. Returns what the tool said.
fn valgrind(tool: &str, size: usize, batches: usize) -> String {
    let program = std::env::var("VALGRIND").expect("VALGRIND: path of valgrind; make bench-check finds it");
    let mut counted = Command::new(program);
    counted
        .args([format!("--tool={tool}"), format!("--{tool}-out-file=/dev/null")])
        .arg(std::env::current_exe().unwrap());
    counted.args(["--exact", "instructions::counted_work", "--ignored", "--test-threads=1"]);
    let output = counted.env(WORK, format!("{size},{batches}")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    said
}

/// Finds the number after a word that a tool of valgrind says.
fn number_after(said: &str, word: &str) -> i64 {
    let after = said.split_once(word).unwrap_or_else(|| panic!("valgrind told no {word:?}: {said}")).1;
    let number = after.trim_start().split([' ', '\n']).next().unwrap_or_default();
    number.replace(',', "").parse().unwrap_or_else(|_| panic!("{word:?} stands before no number: {said}"))
}

fn instructions(size: usize, batches: usize) -> i64 {
    number_after(&valgrind("callgrind", size, batches), "Collected :")
}

/// Blocks and bytes that are allocated.
fn allocated(size: usize, batches: usize) -> [i64; 2] {
    let said = valgrind("dhat", size, batches);
    ["bytes in", "Total:"].map(|word| number_after(&said, word))
}

/// Counts what a message takes in batches of this size.
fn figures(size: usize, [few, more]: [usize; 2]) -> SizeFigures {
    let a_message = |before: i64, after: i64| (after - before) / i64::try_from(size * (more - few)).unwrap();
    thread::scope(|scope| {
        let memory = scope.spawn(move || (allocated(size, few), allocated(size, more)));
        let instructions_a_message = a_message(instructions(size, few), instructions(size, more));
        let ([blocks, bytes], [more_blocks, more_bytes]) = memory.join().unwrap();
        let (blocks_a_message, bytes_a_message) = (a_message(blocks, more_blocks), a_message(bytes, more_bytes));
        SizeFigures { calls_a_batch: 0, instructions_a_message, blocks_a_message, bytes_a_message }
    })
}

/// Compiler in the path, which compiled this binary, and the architecture it compiles for.
fn compiler() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    format!("rustc {} {}", line("release:"), line("host:"))
}

/// Says how a figure compares with the stored one. An error if it is off by more than the band, in thousandths.
fn compare(what: &str, found: i64, stored: i64, band: i64) -> Result<String, String> {
    let off = found - stored;
    let told = format!("{found} {what}, {stored} are stored");
    if off.abs() * 1_000 > stored * band { Err(format!("{told}: {off:+}")) } else { Ok(told) }
}

#[tokio::test(start_paused = true)]
async fn a_message_takes_the_calls_that_are_stored() {
    let stored = StoredFigures::read();
    for (size, _) in SIZES {
        let calls = stored.sizes[&size].calls_a_batch;
        assert_eq!(process(size, 2).await, [calls, calls], "batches of {size}");
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "takes valgrind: make bench-check"]
async fn a_message_takes_no_more_work_than_is_stored() {
    let mut found = StoredFigures { compiler: compiler(), sizes: BTreeMap::new() };
    for (size, batches) in SIZES {
        let calls_a_batch = process(size, 1).await[0];
        found.sizes.insert(size, SizeFigures { calls_a_batch, ..figures(size, batches) });
    }
    if std::env::var_os("WRITE_INSTRUCTIONS").is_some() {
        return found.write();
    }
    let stored = StoredFigures::read();
    let mut off: Vec<String> = Vec::new();
    for (size, now) in &found.sizes {
        let before = stored.sizes[size];
        let calls = [now.calls_a_batch, before.calls_a_batch].map(|calls| i64::try_from(calls).unwrap());
        let mut compared = vec![
            compare("calls a batch", calls[0], calls[1], 0),
            compare("blocks of memory a message", now.blocks_a_message, before.blocks_a_message, MEMORY_BAND),
            compare("bytes of memory a message", now.bytes_a_message, before.bytes_a_message, MEMORY_BAND),
        ];
        let (count, of) = (now.instructions_a_message, before.instructions_a_message);
        compared.push(match found.compiler == stored.compiler {
            true => compare("instructions a message", count, of, INSTRUCTIONS_BAND),
            // Another compiler makes other instructions of the same code. Calls and memory are held all the same.
            false => Ok(format!(
                "{count} instructions a message by {}, not compared with {of} by {}",
                found.compiler, stored.compiler
            )),
        });
        for told in compared {
            match told {
                Ok(told) => eprintln!("batch of {size}: {told}"),
                Err(told) => off.push(format!("batch of {size}: {told}")),
            }
        }
    }
    assert!(off.is_empty(), "{}; if that is meant, make bench-check WRITE_INSTRUCTIONS=1", off.join("; "));
}
