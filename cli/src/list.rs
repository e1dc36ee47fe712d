//! Letters, one a line, as the index knows them; and whole ones.

use std::ops::ControlFlow;

use redrive_core::letters::letter::Status;
use redrive_core::ports::{LedgerReader, Letters};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::completion::{Completion, Error};
use crate::out::{Out, UNCUT};
use crate::text::{ago, fit, shown, stacked};
use redrive_operator::done::done;
use redrive_operator::find::FoundBy;
use redrive_operator::listing::{document, gather_oldest};
use redrive_operator::waiting::JOINED;
use redrive_operator::walk::{Wanted, look};

/// Columns that the table needs, without its errors and with them.
const NARROW: usize = 74;
const WIDE: usize = 120;
/// Columns of a key, where an error stands behind it.
const KEY: usize = 24;
/// Mark of a letter that the ledger shows as done.
const DONE: &str = "[done by the ledger] ";
/// Mark of a letter whose message only points to a body in S3.
const MARK: &str = "[S3] ";
const MARKED: &str = "[S3]: the body stands in S3, and the message only points there (redrive show ID says where)";

/// Marks of a letter's line, before its error.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineMarks {
    /// True for a letter whose message only points to a body in S3.
    pub(crate) in_s3: bool,
    /// True for one that the ledger shows as done and that does not say so yet.
    pub(crate) done: bool,
    /// Place in which a text was found.
    pub(crate) found: Option<FoundBy>,
}

impl LineMarks {
    fn text(&self) -> String {
        let found = self.found.map_or(String::new(), |by| format!("[{}] ", by.words()));
        format!("{found}{}{}", if self.done { DONE } else { "" }, if self.in_s3 { MARK } else { "" })
    }
}

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

    /// Columns of letters of any status.
    pub(crate) const fn of_any(now: Timestamp, width: usize) -> Self {
        Self { several: true, oldest: false, now, width }
    }

    /// The same for a list in the order of first failures.
    pub(crate) const fn of_oldest(self) -> Self {
        Self { oldest: true, ..self }
    }

    /// The table's head; nothing on a narrow terminal, where each value is named.
    pub(crate) fn head(self) -> String {
        let names = self.names();
        if self.width < NARROW { String::new() } else { self.row(names.map(str::to_owned)) }
    }

    /// A row of the table: one line where there is room for key and error, else the error in a line of its own; on a narrow
    /// terminal some lines of named values.
    pub(crate) fn line(self, found: &Candidate, marks: &LineMarks) -> String {
        let second = match (self.several, self.oldest) {
            (_, true) => ago(self.now, found.first_failed_at),
            (true, false) => found.status.to_string(),
            (false, false) => ago(self.now, found.last_failed_at),
        };
        let code = found.error_code.as_deref().unwrap_or_default();
        let between = if code.is_empty() || found.error_message.is_empty() { "" } else { ": " };
        let error = shown(&format!("{}{code}{between}{}", marks.text(), found.error_message));
        let key = found.key.as_ref().map_or(String::new(), |key| shown(key.as_str()));
        let cells =
            [found.id.to_string(), second, found.deaths.to_string(), found.error_type.as_str().to_owned(), key, error];
        if self.width < NARROW { stacked(&self.names(), &cells, self.width) } else { self.row(cells) }
    }

    const fn names(self) -> [&'static str; 6] {
        let second = match (self.several, self.oldest) {
            (_, true) => "FIRST",
            (true, false) => "STATUS",
            (false, false) => "FAILED",
        };
        ["ID", second, "DIED", "CLASS", "KEY", "ERROR"]
    }

    fn row(self, [id, second, deaths, class, key, error]: [String; 6]) -> String {
        let first = format!("{id:<36}  {second:<9}  {deaths:>4}  {class:<9}  ");
        if self.width < WIDE {
            let below = if error.is_empty() || error == "ERROR" { String::new() } else { format!("    {error}") };
            let rows = [format!("{first}{key}"), below];
            let rows = rows.iter().filter(|row| !row.is_empty());
            return rows.map(|row| format!("{}\n", fit(row.trim_end(), self.width))).collect();
        }
        let key = if self.width < UNCUT { fit(&key, KEY) } else { key };
        let gap = KEY.saturating_sub(key.width());
        format!("{}\n", fit(format!("{first}{key}{:gap$}  {error}", "").trim_end(), self.width))
    }
}

/// Takes from a page what the limit leaves, and says whether there is more to take.
pub(crate) fn some(mut page: Vec<Candidate>, left: &mut usize) -> (Vec<Candidate>, ControlFlow<()>) {
    page.truncate(*left);
    *left -= page.len();
    (page, if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

/// A list as it is written, page by page.
struct ListedLetters<'a, L, R> {
    letters: &'a L,
    ledger: &'a R,
    columns: Columns,
    out: Out,
    /// Number of letters written.
    met: u64,
    /// Number of those whose bodies stand in S3.
    in_s3: u64,
    /// Number of those about which the ledger was not asked.
    unjoined: u64,
}

impl<'a, L: Letters, R: LedgerReader> ListedLetters<'a, L, R> {
    const fn new((letters, ledger): (&'a L, &'a R), columns: Columns, out: Out) -> Self {
        Self { letters, ledger, columns, out, met: 0, in_s3: 0, unjoined: 0 }
    }

    /// Writes a page, the first one under its head. No index says where a body stands: the letters' heads do.
    async fn write(&mut self, page: &[&Candidate]) -> Result<(), Error> {
        let ids: Vec<_> = page.iter().map(|found| found.id).collect();
        let looks = look(self.letters, &ids).await?;
        let checks: Vec<_> = looks.into_iter().map(|look| look.and_then(|look| look.body_in_s3)).collect();
        // What was sent, and what waits, may be done by now: one more look says so, of the first that wait.
        let room = usize::try_from(JOINED.saturating_sub(self.met)).unwrap_or(usize::MAX);
        let joins = |n: usize, found: &Candidate| n < room || found.status != Status::Pending;
        let joined = page.iter().enumerate().filter(|(n, found)| joins(*n, found));
        let joined: Vec<_> = joined.map(|(_, found)| (*found).clone()).collect();
        self.unjoined += (page.len() - joined.len()) as u64;
        let done = done(self.letters, self.ledger, &joined, self.columns.now).await?;
        let lines = page.iter().zip(&checks);
        if self.out.json {
            lines.clone().enumerate().try_for_each(|(n, (found, check))| {
                let mut document = document(found, check.as_ref());
                document["done_by_ledger"] = json!(joins(n, found).then(|| done.contains(&found.id)));
                self.out.line(&document)
            })?;
        } else {
            if self.met == 0 && !page.is_empty() {
                self.out.text(&self.columns.head())?;
            }
            let marks = |found: &Candidate, in_s3| LineMarks { in_s3, done: done.contains(&found.id), found: None };
            let lines = lines.map(|(found, check)| self.columns.line(found, &marks(found, check.is_some())));
            let lines: String = lines.collect();
            self.out.exact(lines.as_bytes())?;
        }
        self.met += page.len() as u64;
        self.in_s3 += checks.iter().flatten().count() as u64;
        Ok(())
    }

    /// Ends the list. What is said beside it is said last; of a cause that is not there the error says all.
    fn end(self, wanted: &Wanted, limit: Option<usize>) -> Result<Completion, Error> {
        if self.in_s3 > 0 && !self.out.json {
            crate::out::say(MARKED);
        }
        if self.unjoined > 0 && self.ledger.is_kept() {
            crate::out::say(&format!("the ledger was asked about the first {JOINED} of the letters that wait"));
        }
        if self.met > 0 || limit == Some(0) {
            return Ok(Completion::Done);
        }
        wanted.met(0)?;
        crate::out::say("no letters");
        Ok(Completion::Done)
    }
}

/// Lists what is wanted while it is read.
pub(crate) async fn run<L: Letters, R: LedgerReader>(
    (letters, ledger): (&L, &R),
    wanted: &Wanted,
    limit: Option<usize>,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let mut listing = ListedLetters::new((letters, ledger), Columns::new(wanted, now, out.width), out);
    let mut left = limit.unwrap_or(usize::MAX);
    let each = async |page: Vec<Candidate>| {
        let (page, next) = some(page, &mut left);
        listing.write(&page.iter().collect::<Vec<_>>()).await?;
        Ok::<_, Error>(next)
    };
    wanted.each(letters, each).await?;
    listing.end(wanted, limit)
}

/// Lists what is wanted once all of it is read, the oldest first.
pub(crate) async fn oldest<L: Letters, R: LedgerReader>(
    (letters, ledger): (&L, &R),
    wanted: &Wanted,
    limit: Option<usize>,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let found = gather_oldest(letters, wanted, limit.unwrap_or(usize::MAX)).await?;
    let mut listing = ListedLetters::new((letters, ledger), Columns::new(wanted, now, out.width).of_oldest(), out);
    listing.write(&found.values().collect::<Vec<_>>()).await?;
    listing.end(wanted, limit)
}
