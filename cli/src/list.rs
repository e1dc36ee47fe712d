//! Letters, one a line, as the index knows them; and whole ones.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;
use redrive_core::ports::Letters;
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::completion::{Completion, Error};
use crate::json;
use crate::out::Out;
use crate::text::{ago, fit, shown};
use crate::walk::Wanted;

/// Number of whole letters in memory at once, because they are large.
const WHOLE: usize = 10;

/// Columns that a letter's line has beside its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    several: bool,
    /// True: the first failure is told instead of the last.
    oldest: bool,
    now: Timestamp,
    width: usize,
}

impl Columns {
    pub(crate) const fn new(wanted: &Wanted, now: Timestamp, width: usize) -> Self {
        Self { several: wanted.statuses.len() > 1, oldest: false, now, width }
    }

    /// The same for a list in the order of first failures.
    pub(crate) const fn of_oldest(self) -> Self {
        Self { oldest: true, ..self }
    }

    pub(crate) fn head(self) -> String {
        let second = match (self.several, self.oldest) {
            (_, true) => "FIRST",
            (true, false) => "STATUS",
            (false, false) => "FAILED",
        };
        self.row("ID", second, "DIED", "CLASS", "ERROR")
    }

    pub(crate) fn line(self, found: &Candidate) -> String {
        let second = match (self.several, self.oldest) {
            (_, true) => ago(self.now, found.first_failed_at),
            (true, false) => found.status.to_string(),
            (false, false) => ago(self.now, found.last_failed_at),
        };
        let code = found.error_code.as_deref().unwrap_or_default();
        let between = if code.is_empty() || found.error_message.is_empty() { "" } else { ": " };
        let error = shown(&format!("{code}{between}{}", found.error_message));
        let deaths = found.deaths.to_string();
        self.row(&found.id.to_string(), &second, &deaths, found.error_type.as_str(), &error)
    }

    fn row(self, id: &str, second: &str, deaths: &str, class: &str, error: &str) -> String {
        let line = format!("{id:<36}  {second:<9}  {deaths:>4}  {class:<9}  {error}");
        format!("{}\n", fit(line.trim_end(), self.width))
    }
}

/// A letter as the index knows it, with the letter's field names.
pub(crate) fn document(found: &Candidate) -> Value {
    json!({
        "dlq_message_id": found.id,
        "status": found.status,
        "source_topic": found.source,
        "error_type": found.error_type,
        "error_code": found.error_code,
        "error_message": found.error_message,
        "fingerprint": found.fingerprint,
        "first_failed_at": found.first_failed_at.to_rfc3339(),
        "last_failed_at": found.last_failed_at.to_rfc3339(),
        "deaths": found.deaths,
        "number": found.number,
        "function_version": found.function_version,
        "message_group_id": found.group,
        "sequence_number": found.sequence,
        "idempotency_key": found.key,
        "scope": found.scope,
    })
}

/// Takes from a page what the limit leaves, and says whether there is more to take.
fn some(mut page: Vec<Candidate>, left: &mut usize) -> (Vec<Candidate>, ControlFlow<()>) {
    page.truncate(*left);
    *left -= page.len();
    (page, if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

/// Lists what is wanted while it is read.
pub(crate) async fn run<L: Letters>(
    letters: &L,
    wanted: &Wanted,
    limit: Option<usize>,
    now: Timestamp,
    out: Out,
) -> Result<Completion, Error> {
    let columns = Columns::new(wanted, now, out.width);
    let mut left = limit.unwrap_or(usize::MAX);
    if !out.json {
        out.text(&columns.head())?;
    }
    let mut met = 0;
    let each = async |page: Vec<Candidate>| {
        let (page, next) = some(page, &mut left);
        met += page.len() as u64;
        if out.json {
            page.iter().try_for_each(|found| out.line(&document(found)))?;
        } else {
            let lines: String = page.iter().map(|found| columns.line(found)).collect();
            out.exact(lines.as_bytes())?;
        }
        Ok(next)
    };
    wanted.each(letters, each).await?;
    told(wanted, limit, met)
}

/// Letters in the order of their first failures.
pub(crate) type Oldest = BTreeMap<(Timestamp, LetterId), Candidate>;

/// Reads the `limit` letters that failed first, of all that are wanted.
pub(crate) async fn gather_oldest<L: Letters>(letters: &L, wanted: &Wanted, limit: usize) -> Result<Oldest, Error> {
    let keep = move |kept: &mut Oldest, found: Candidate| {
        kept.insert((found.first_failed_at, found.id), found);
        if kept.len() > limit {
            kept.pop_last();
        }
    };
    let mut all = Oldest::new();
    for shard in wanted.sums(letters, keep).await? {
        shard.into_values().for_each(|found| keep(&mut all, found));
    }
    Ok(all)
}

/// Lists what is wanted once all of it is read, the oldest first.
pub(crate) async fn oldest<L: Letters>(
    letters: &L,
    wanted: &Wanted,
    limit: Option<usize>,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let found = gather_oldest(letters, wanted, limit.unwrap_or(usize::MAX)).await?;
    if out.json {
        found.values().try_for_each(|found| out.line(&document(found)))?;
    } else {
        let columns = Columns::new(wanted, now, out.width).of_oldest();
        let lines: String = found.values().map(|found| columns.line(found)).collect();
        out.text(&columns.head())?;
        out.exact(lines.as_bytes())?;
    }
    told(wanted, limit, found.len() as u64)
}

/// Ends a list of so many letters.
fn told(wanted: &Wanted, limit: Option<usize>, letters: u64) -> Result<Completion, Error> {
    if letters > 0 || limit == Some(0) {
        return Ok(Completion::Done);
    }
    crate::out::say("no letters");
    wanted.met(0)
}

/// Writes whole letters while they are read. A letter that lost its body is written without it, and told of.
pub(crate) async fn export<L: Letters>(
    letters: &L,
    wanted: &Wanted,
    limit: Option<usize>,
    out: Out,
) -> Result<Completion, Error> {
    let (mut left, mut bodiless, mut met) = (limit.unwrap_or(usize::MAX), 0, 0);
    let each = async |page: Vec<Candidate>| {
        let (page, next) = some(page, &mut left);
        met += page.len() as u64;
        for few in page.chunks(WHOLE) {
            let ids: Vec<_> = few.iter().map(|found| found.id).collect();
            // One that is gone, or has left its status since the index was written, is not what was asked for.
            let here = |status: Status| wanted.statuses.contains(&status);
            for letter in letters.read(&ids).await?.into_iter().flatten().filter(|letter| here(letter.status)) {
                bodiless += usize::from(letter.body.check().is_err());
                out.line(&json::letter(&letter))?;
            }
        }
        Ok(next)
    };
    wanted.each(letters, each).await?;
    if bodiless > 0 {
        crate::out::say(&format!("{bodiless} of them without their bodies: erased, expired or lost"));
        return Ok(Completion::NotAsAsked);
    }
    if limit == Some(0) { Ok(Completion::Done) } else { wanted.met(met) }
}
