//! Letters, one a line, as the index knows them; and whole ones.

use std::ops::ControlFlow;

use redrive_core::letters::letter::Status;
use redrive_core::ports::Letters;
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;

use crate::completion::{Completion, Error};
use crate::out::Out;
use crate::text::{ago, fit, shown, stacked};
use redrive_operator::json;
use redrive_operator::listing::{document, gather_oldest};
use redrive_operator::walk::{Wanted, look};

/// Number of whole letters in memory at once, because they are large.
const WHOLE: usize = 10;
/// Columns that the table needs.
const NARROW: usize = 74;
/// Mark of a letter whose message only points to a body in S3.
const MARK: &str = "[S3] ";
const MARKED: &str = "[S3]: the body stands in S3, and the message only points there (redrive show ID says where)";

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

    /// The table's head; nothing on a narrow terminal, where each value is named.
    pub(crate) fn head(self) -> String {
        let names = self.names();
        if self.is_narrow() { String::new() } else { self.row(names) }
    }

    /// A row of the table; on a narrow terminal some lines of named values.
    pub(crate) fn line(self, found: &Candidate, in_s3: bool) -> String {
        let second = match (self.several, self.oldest) {
            (_, true) => ago(self.now, found.first_failed_at),
            (true, false) => found.status.to_string(),
            (false, false) => ago(self.now, found.last_failed_at),
        };
        let code = found.error_code.as_deref().unwrap_or_default();
        let between = if code.is_empty() || found.error_message.is_empty() { "" } else { ": " };
        let mark = if in_s3 { MARK } else { "" };
        let error = shown(&format!("{mark}{code}{between}{}", found.error_message));
        let (id, deaths) = (found.id.to_string(), found.deaths.to_string());
        let cells = [id, second, deaths, found.error_type.as_str().to_owned(), error];
        if self.is_narrow() {
            stacked(&self.names(), &cells, self.width)
        } else {
            self.row(cells.each_ref().map(String::as_str))
        }
    }

    const fn is_narrow(self) -> bool {
        self.width < NARROW
    }

    const fn names(self) -> [&'static str; 5] {
        let second = match (self.several, self.oldest) {
            (_, true) => "FIRST",
            (true, false) => "STATUS",
            (false, false) => "FAILED",
        };
        ["ID", second, "DIED", "CLASS", "ERROR"]
    }

    fn row(self, [id, second, deaths, class, error]: [&str; 5]) -> String {
        let line = format!("{id:<36}  {second:<9}  {deaths:>4}  {class:<9}  {error}");
        format!("{}\n", fit(line.trim_end(), self.width))
    }
}

/// Takes from a page what the limit leaves, and says whether there is more to take.
fn some(mut page: Vec<Candidate>, left: &mut usize) -> (Vec<Candidate>, ControlFlow<()>) {
    page.truncate(*left);
    *left -= page.len();
    (page, if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

/// A list as it is written, page by page.
struct ListedLetters<'a, L> {
    letters: &'a L,
    columns: Columns,
    out: Out,
    /// Number of letters written.
    met: u64,
    /// Number of those whose bodies stand in S3.
    in_s3: u64,
}

impl<'a, L: Letters> ListedLetters<'a, L> {
    const fn new(letters: &'a L, columns: Columns, out: Out) -> Self {
        Self { letters, columns, out, met: 0, in_s3: 0 }
    }

    /// Writes a page, the first one under its head. No index says where a body stands: the letters' heads do.
    async fn write(&mut self, page: &[&Candidate]) -> Result<(), Error> {
        let ids: Vec<_> = page.iter().map(|found| found.id).collect();
        let looks = look(self.letters, &ids).await?;
        let checks: Vec<_> = looks.into_iter().map(|look| look.and_then(|look| look.body_in_s3)).collect();
        let lines = page.iter().zip(&checks);
        if self.out.json {
            lines.clone().try_for_each(|(found, check)| self.out.line(&document(found, check.as_ref())))?;
        } else {
            if self.met == 0 && !page.is_empty() {
                self.out.text(&self.columns.head())?;
            }
            let lines: String = lines.map(|(found, check)| self.columns.line(found, check.is_some())).collect();
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
        if self.met > 0 || limit == Some(0) {
            return Ok(Completion::Done);
        }
        wanted.met(0)?;
        crate::out::say("no letters");
        Ok(Completion::Done)
    }
}

/// Lists what is wanted while it is read.
pub(crate) async fn run<L: Letters>(
    letters: &L,
    wanted: &Wanted,
    limit: Option<usize>,
    now: Timestamp,
    out: Out,
) -> Result<Completion, Error> {
    let mut listing = ListedLetters::new(letters, Columns::new(wanted, now, out.width), out);
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
pub(crate) async fn oldest<L: Letters>(
    letters: &L,
    wanted: &Wanted,
    limit: Option<usize>,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let found = gather_oldest(letters, wanted, limit.unwrap_or(usize::MAX)).await?;
    let mut listing = ListedLetters::new(letters, Columns::new(wanted, now, out.width).of_oldest(), out);
    listing.write(&found.values().collect::<Vec<_>>()).await?;
    listing.end(wanted, limit)
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
        Ok::<_, Error>(next)
    };
    wanted.each(letters, each).await?;
    if bodiless > 0 {
        crate::out::say(&format!("{bodiless} of them without their bodies: erased, expired or lost"));
        return Ok(Completion::NotAsAsked);
    }
    if limit != Some(0) {
        wanted.met(met)?;
    }
    Ok(Completion::Done)
}
