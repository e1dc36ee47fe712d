//! Taking the dead-letter queue in now, instead of with the next alarm or sweep.

use std::time::Duration;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::completion::{Completion, Error};
use crate::out::{self, Out};
use crate::stack_port::{IndexerFunction, StackPort};
use crate::text::{count, hanging, queue_name, shown};
use redrive_operator::readings::Depths;

/// Interval between looks at the queue while the indexer works.
const LOOK: Duration = Duration::from_secs(1);
/// Limit of runs of the indexer, after which a person must look.
const RUNS: u32 = 1_000;

/// Answer of one run of the indexer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DrainRun {
    received: u64,
    created: u64,
    changed: u64,
    resolved: u64,
    deleted: u64,
    new_fingerprints: u64,
    // What stays in the queue, and why.
    lease_live: u64,
    unavailable: u64,
    skipped: u64,
    unlisted: u64,
    source_unsaid: u64,
    repeated: u64,
    delete_failures: u64,
    failed_receives: u64,
}

impl DrainRun {
    /// Merges this answer with an earlier one: counts of what was done add up, what stayed is as it is now.
    const fn after(self, earlier: Self) -> Self {
        Self {
            received: self.received + earlier.received,
            created: self.created + earlier.created,
            changed: self.changed + earlier.changed,
            resolved: self.resolved + earlier.resolved,
            deleted: self.deleted + earlier.deleted,
            new_fingerprints: self.new_fingerprints + earlier.new_fingerprints,
            ..self
        }
    }

    const fn left(&self) -> [(&'static str, &'static str, u64); 8] {
        [
            ("lease_live", "somebody still runs them", self.lease_live),
            ("unavailable", "a table did not answer, or not in time", self.unavailable),
            ("skipped", "they lack an id, a receipt handle, a body or a timestamp", self.skipped),
            ("unlisted", "SQS moved them from a queue that is not listed: see `redrive doctor`", self.unlisted),
            ("source_unsaid", "several queues share it, and nothing says whose they are", self.source_unsaid),
            ("repeated", "they came a second time within one run", self.repeated),
            ("delete_failures", "they are letters already, but could not be deleted", self.delete_failures),
            ("failed_receives", "receives that the queue did not answer", self.failed_receives),
        ]
    }
}

/// Result of emptying the queue.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DrainResult {
    pub(crate) run: DrainRun,
    /// Depth of the queue after it, if the stack names it.
    pub(crate) depths: Option<Depths>,
}

impl DrainResult {
    /// Returns the number of messages still in the queue, as far as it says so.
    fn still(&self) -> u64 {
        self.depths.map_or(0, |depths| depths.all())
    }

    fn is_empty(&self) -> bool {
        self.still() == 0 && self.run.left().iter().all(|(.., n)| *n == 0)
    }

    pub(crate) fn ended(&self) -> Completion {
        if self.is_empty() { Completion::Done } else { Completion::NotAsAsked }
    }

    pub(crate) fn json(&self) -> Value {
        let mut all = json!(self.run);
        all["dead_letter_queue"] = json!(self.depths);
        all["empty"] = json!(self.is_empty());
        all
    }

    /// Renders what was taken in, and what stays and why.
    pub(crate) fn render(&self, queue: &str, width: usize) -> String {
        let (run, mut text) = (&self.run, String::new());
        let mut add = |line: String| text.push_str(&hanging(&line, 2, width));
        add(format!("Taken in: {}", count(run.deleted, "message", "messages")));
        for (words, n) in [
            ("new letters", run.created),
            ("deaths of letters that were known", run.changed),
            ("found done in the ledger", run.resolved),
            ("causes that nobody had seen before", run.new_fingerprints),
        ] {
            if n > 0 {
                add(format!("{n:>7}  {words}"));
            }
        }
        if self.is_empty() {
            add(format!("{queue} is empty."));
            return text;
        }
        add(format!("{} in {queue}.", count(self.still(), "message stays", "messages stay")));
        let mut has_left = false;
        for (_, why, n) in run.left().into_iter().filter(|(.., n)| *n > 0) {
            add(format!("{n:>7}  {why}"));
            has_left = true;
        }
        if !has_left {
            add(self.unseen().to_owned());
        }
        text
    }

    /// Explains why a message may stay that the indexer did not even receive.
    fn unseen(&self) -> &'static str {
        match self.depths {
            Some(depths) if depths.visible.unwrap_or(0) == 0 => {
                "Somebody has received them: they come back when their visibility timeout ends."
            }
            _ => "The indexer received none of them. If that stays so for a minute: is custody on?",
        }
    }
}

/// Lets the indexer work until the queue is empty, or until it gets no further.
pub(crate) async fn drain(
    indexer: &impl IndexerFunction,
    bar: &ProgressBar,
    tell: impl Fn(&str),
) -> Result<DrainResult, Error> {
    let before = indexer.depths().await?;
    let deep = before.map_or(0, |depths| depths.all());
    bar.set_length(deep);
    tell(&opening(deep));
    let mut all = DrainRun::default();
    for _ in 0..RUNS {
        let answer = watched(indexer, bar, deep).await?;
        let strange = |_| Error::Service("the indexer's answer is not understood".to_owned());
        let run: DrainRun = serde_json::from_value(answer).map_err(strange)?;
        all = run.after(all);
        let depths = indexer.depths().await?;
        let more = depths.is_some_and(|depths| depths.visible.unwrap_or(0) > 0);
        if !more || run.deleted == 0 {
            return Ok(DrainResult { run: all, depths });
        }
    }
    Ok(DrainResult { run: all, depths: indexer.depths().await? })
}

/// Announces the first run. SQS counts late: a queue that says that it is empty may have messages all the same.
fn opening(deep: u64) -> String {
    match deep {
        0 => "the queue counts no messages, and is looked through all the same".to_owned(),
        n => format!("about {} to index", count(n, "message", "messages")),
    }
}

/// Runs the indexer once, while the bar follows the queue.
async fn watched(indexer: &impl IndexerFunction, bar: &ProgressBar, deep: u64) -> Result<Value, Error> {
    let follow = async {
        loop {
            // A look that fails is one look less.
            if let Ok(Some(depths)) = indexer.depths().await {
                bar.set_length(deep.max(depths.all()));
                bar.set_position(deep.saturating_sub(depths.all()));
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        answer = indexer.sweep() => answer,
        () = follow => Err(Error::Service("the queue was watched to no end".to_owned())),
    }
}

/// Carries out the command: empties the queue, and reports.
pub(crate) async fn run<S: StackPort>(access: &S, out: Out) -> Result<Completion, Error> {
    access
        .stack()
        .is_of_sqs("its mapping hands dead records to the indexer as they come, and nothing has to be drained")?;
    let bar = out::bar(out);
    let tell = |line: &str| {
        bar.set_message(line.to_owned());
        if bar.is_hidden() {
            out::say(line);
        }
    };
    let drained = drain(access, &bar, tell).await;
    bar.finish_and_clear();
    let drained = drained?;
    let queue = access.stack().get("DeadLetterQueueUrl").map_or("the dead-letter queue", queue_name);
    out.either(|| drained.json(), |width| drained.render(&shown(queue), width))?;
    Ok(drained.ended())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Answers in their order, and a queue from which each takes what it says.
    struct Script(RefCell<(Vec<Value>, u64)>);

    impl IndexerFunction for Script {
        async fn sweep(&self) -> Result<Value, Error> {
            let (answers, depth) = &mut *self.0.borrow_mut();
            let answer = answers.remove(0);
            *depth -= answer["deleted"].as_u64().unwrap_or(0);
            if answer.is_null() { Err(Error::Service("no table answered".to_owned())) } else { Ok(answer) }
        }

        async fn depths(&self) -> Result<Option<Depths>, Error> {
            Ok(Some(Depths { visible: Some(self.0.borrow().1), ..Depths::default() }))
        }
    }

    async fn drained(answers: &[Value], depth: u64) -> (Result<DrainResult, Error>, usize) {
        let script = Script(RefCell::new((answers.to_vec(), depth)));
        let drained = drain(&script, &ProgressBar::hidden(), |_| ()).await;
        (drained, answers.len() - script.0.borrow().0.len())
    }

    #[tokio::test]
    async fn the_indexer_is_asked_until_the_queue_is_empty_and_what_it_did_adds_up() {
        let first = json!({"received": 900, "created": 899, "deleted": 899, "lease_live": 1, "woken_by": "sweep"});
        let last = json!({"received": 101, "created": 100, "changed": 1, "deleted": 101});
        let (all, runs) = drained(&[first, last], 1_000).await;
        let all = all.unwrap();
        assert_eq!((all.run.created, all.run.changed, all.run.deleted, runs), (999, 1, 1_000, 2));
        assert_eq!(all.ended(), Completion::Done, "what stayed in the first run was taken in by the second");
    }

    #[test]
    fn a_queue_that_counts_nothing_is_not_announced_as_so_many_messages() {
        assert_eq!(opening(0), "the queue counts no messages, and is looked through all the same");
        assert_eq!(opening(1), "about 1 message to index");
    }

    #[tokio::test]
    async fn it_ends_where_nothing_moves_and_says_what_stays_and_why() {
        let stuck = json!({"received": 3, "lease_live": 2, "skipped": 1});
        let (all, runs) = drained(&[stuck.clone(), stuck], 3).await;
        let all = all.unwrap();
        assert_eq!((runs, all.ended()), (1, Completion::NotAsAsked));
        let text = all.render("orders-dlq", 80);
        assert!(text.contains("3 messages stay") && text.contains("      2  somebody still runs them"), "{text}");
        let (all, _) = drained(&[json!({})], 3).await;
        assert!(all.unwrap().render("orders-dlq", 80).contains("custody"));
        let (all, _) = drained(&[Value::Null], 3).await;
        assert!(matches!(all, Err(Error::Service(why)) if why.contains("no table answered")));
        let (all, _) = drained(&[json!("what")], 3).await;
        assert!(matches!(all, Err(Error::Service(_))));
    }
}
