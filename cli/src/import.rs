//! Import of whole letters from a file into the table, exactly as `export` wrote them.
//!
//! The table is written here and not by the replay function, whose payload holds 6 MB: it takes the operator's own
//! permission to put items. Each letter is written only if there is none of its id.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::cause::Cause;
use redrive_core::letters::letter::{Body, Letter, LetterWrite, Status};
use redrive_core::ports::{Causes, Letters, Unavailable, WriteError};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::act::{confirm, confirmable};
use crate::causes;
use crate::completion::{Completion, Error};
use crate::out::{self, Out};
use crate::text::{count, counted, hanging, shown};
use redrive_operator::json::read::{self, Proof};
use redrive_operator::policies::Policies;

/// Number of letters that are written at once.
const LETTERS: usize = 100;
/// Limit in bytes of the letters that are written at once.
const BYTES: usize = 8 << 20;
/// No letter is longer, however its body is escaped.
const LINE: u64 = 16 << 20;
/// Time for which a cause is remembered from now on: as long as resolved letters are kept, by default.
const CAUSE: Duration = Duration::from_secs(90 * 86_400);

/// The letters of a file, one after the other.
struct ImportLines {
    name: String,
    from: BufReader<File>,
    line: u64,
}

impl ImportLines {
    fn open(path: &Path) -> Result<Self, Error> {
        let name = shown(&path.display().to_string());
        let wrong = |why: &dyn std::fmt::Display| Error::Usage(format!("{name}: {why}"));
        let file = File::open(path).map_err(|why| wrong(&why))?;
        // It is read twice: to show what is in it, and to write that.
        if !file.metadata().map_err(|why| wrong(&why))?.is_file() {
            return Err(wrong(&"not a file; write it to one first"));
        }
        Ok(Self { from: BufReader::new(file), name, line: 0 })
    }

    fn wrong(&self, why: &str) -> Error {
        Error::Usage(format!("{}, line {}: {why}", self.name, self.line))
    }

    fn letter(&mut self) -> Result<Option<(Letter, Proof)>, Error> {
        loop {
            self.line += 1;
            let mut line = Vec::new();
            let read = self.from.by_ref().take(LINE).read_until(b'\n', &mut line);
            let bytes = read.map_err(|why| self.wrong(&why.to_string()))?;
            if bytes == 0 {
                return Ok(None);
            }
            if bytes as u64 == LINE {
                return Err(self.wrong("longer than any letter"));
            }
            if !line.trim_ascii().is_empty() {
                return read::letter(&line).map(Some).map_err(|why| self.wrong(&why));
            }
        }
    }
}

/// Reason for which a letter of a file cannot be in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Not {
    /// The letter was exported without its body, which is lost.
    NoBody,
    /// The table would delete it at once.
    Expired,
}

fn importable(letter: &Letter, now: Timestamp) -> Result<(), Not> {
    match &letter.body {
        Body::Missing { .. } => Err(Not::NoBody),
        _ if letter.expires.is_some_and(|at| at < now) => Err(Not::Expired),
        _ => Ok(()),
    }
}

/// Contents of a file of letters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    causes: causes::CauseRows,
    statuses: BTreeMap<Status, u64>,
    /// Number of letters of queues that are not configured.
    unlisted: u64,
    /// Number of letters whose payload has another hash than they say.
    unproven: u64,
    no_body: u64,
    expired: u64,
    /// The records of the causes of letters that wait, without counts.
    waiting: BTreeMap<(QueueArn, String), Cause>,
}

impl Contents {
    /// Reads a file; `listed` are the queues that are configured, if that is known.
    pub(crate) fn read(path: &Path, listed: Option<&[QueueArn]>, now: Timestamp) -> Result<Self, Error> {
        let (mut contents, mut lines) = (Self::default(), ImportLines::open(path)?);
        while let Some((letter, proof)) = lines.letter()? {
            contents.add(&letter, listed, now);
            contents.unproven += u64::from(proof == Proof::None && importable(&letter, now).is_ok());
        }
        Ok(contents)
    }

    pub(crate) fn add(&mut self, letter: &Letter, listed: Option<&[QueueArn]>, now: Timestamp) {
        match importable(letter, now) {
            Err(Not::NoBody) => return self.no_body += 1,
            Err(Not::Expired) => return self.expired += 1,
            Ok(()) => {}
        }
        *self.statuses.entry(letter.status).or_default() += 1;
        self.unlisted += u64::from(listed.is_some_and(|listed| !listed.contains(&letter.source)));
        if let Some(cause) = Cause::of_import(letter, now.after(CAUSE).whole_seconds()) {
            let of = (cause.source.clone(), cause.fingerprint.clone());
            let known = self.waiting.remove(&of);
            let cause = Cause { seen: 0, ..cause };
            self.waiting.insert(of, known.map_or(cause.clone(), |known| known.with(cause)));
        }
        causes::join(&mut self.causes, &Candidate::of(letter), false);
    }

    fn letters(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Renders the contents for the question.
    pub(crate) fn render(&self, now: Timestamp, width: usize) -> String {
        let mut text = causes::preview(&causes::sorted(self.causes.clone(), &Policies::default()), now, width);
        let statuses: Vec<_> = self.statuses.iter().map(|(status, n)| format!("{n} {status}")).collect();
        let by_status = if statuses.is_empty() { String::new() } else { format!(": {}", statuses.join(", ")) };
        let mut add = |line: String| text.push_str(&hanging(&line, 2, width));
        add(format!("{} to be imported{by_status}.", count(self.letters(), "letter", "letters")));
        if self.unlisted > 0 {
            add(format!("{} of them of queues that are not configured here.", self.unlisted));
        }
        if self.unproven > 0 {
            add(format!("{}: payload_hash is not of the whole payload. Is PayloadHash configured, or", self.unproven));
            add("were they changed after the export?".to_owned());
        }
        text
    }
}

/// Outcomes of the letters of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) imported: u64,
    pub(crate) existing: u64,
    pub(crate) no_body: u64,
    pub(crate) expired: u64,
    /// Written or not: the table did not answer.
    pub(crate) unavailable: u64,
}

impl Imported {
    const fn counts(&self) -> [(&'static str, &'static str, u64); 5] {
        [
            ("imported", "imported", self.imported),
            ("existing", "are there already, and were left alone", self.existing),
            ("no_body", "were exported without their bodies: not imported", self.no_body),
            ("expired", "have expired meanwhile: not imported", self.expired),
            ("unavailable", "without an answer of the table: import the file again", self.unavailable),
        ]
    }

    pub(crate) fn json(&self) -> Value {
        self.counts().into_iter().map(|(name, _, n)| (name.to_owned(), json!(n))).collect()
    }

    pub(crate) fn render(&self, width: usize) -> String {
        let counts = self.counts().into_iter().filter(|(name, _, n)| *n > 0 || *name == "imported");
        counts.map(|(_, words, n)| counted(n, words, width)).collect()
    }

    pub(crate) const fn ended(&self) -> Completion {
        if self.no_body + self.expired + self.unavailable == 0 { Completion::Done } else { Completion::NotAsAsked }
    }

    const fn done(&self) -> u64 {
        self.imported + self.existing + self.unavailable
    }
}

/// Writes the letters of a file. A cause is known before its first letter, as the indexer has it.
///
/// It ends at the first that has no answer; what is imported by then stays.
pub(crate) async fn write<T: Letters + Causes>(
    table: &T,
    path: &Path,
    contents: &Contents,
    now: Timestamp,
    mut report_progress: impl FnMut(u64),
) -> Result<(Imported, Option<Unavailable>), Error> {
    let mut all = Imported { no_body: contents.no_body, expired: contents.expired, ..Imported::default() };
    let mut causes = contents.waiting.clone();
    record(table, causes.values().cloned().collect(), now).await?;
    let (mut lines, mut few, mut bytes) = (ImportLines::open(path)?, Vec::new(), 0);
    let failure = loop {
        let next = lines.letter()?.map(|(letter, _)| letter);
        let last = next.is_none();
        if let Some(letter) = next.filter(|letter| importable(letter, now).is_ok()) {
            bytes += letter.body_bytes() + letter.head_bytes();
            few.push(letter);
        }
        if last || few.len() == LETTERS || bytes > BYTES {
            let failure = some(table, std::mem::take(&mut few), &mut causes, &mut all).await;
            bytes = 0;
            report_progress(all.done());
            if last || failure.is_some() {
                break failure;
            }
        }
    };
    let counted: Vec<_> = causes.into_values().filter(|cause| cause.seen > 0).collect();
    // Their letters are there; a count is only roughly right anyway.
    let counted = record(table, counted, now).await;
    Ok((all, failure.or(counted.err())))
}

async fn record<T: Causes>(table: &T, causes: Vec<Cause>, now: Timestamp) -> Result<(), Unavailable> {
    table.record(causes, now).await.into_iter().try_for_each(|sighted| sighted.map(drop))
}

/// Writes a few, and says what the table did not answer.
async fn some<T: Letters>(
    table: &T,
    few: Vec<Letter>,
    causes: &mut BTreeMap<(QueueArn, String), Cause>,
    all: &mut Imported,
) -> Option<Unavailable> {
    let mut failure = None;
    let of: Vec<_> = few.iter().map(|one| (one.status, (one.source.clone(), one.fingerprint.clone()))).collect();
    let written = table.write(few.into_iter().map(LetterWrite::create).collect()).await;
    for ((status, of), written) in of.into_iter().zip(written) {
        match written {
            Ok(()) => {
                all.imported += 1;
                if let Some(cause) = causes.get_mut(&of).filter(|_| status == Status::Pending) {
                    cause.seen += 1;
                }
            }
            Err(WriteError::Condition(_)) => all.existing += 1,
            Err(WriteError::Unavailable(why)) => {
                all.unavailable += 1;
                failure = Some(why);
            }
        }
    }
    failure
}

/// Carries out the command: shows, asks, and imports.
pub(crate) async fn run<T: Letters + Causes>(
    table: &T,
    path: &Path,
    listed: Option<&[QueueArn]>,
    yes: bool,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    confirmable(yes)?;
    let contents = Contents::read(path, listed, now)?;
    out::say(contents.render(now, out.width).trim_end());
    if contents.letters() > 0 {
        if listed.is_none() {
            out::say(
                "Which queues are configured could not be read (lambda:GetFunctionConfiguration of the indexer; a list in a file is \
                 not read): letters of others wait until theirs is listed.",
            );
        }
        confirm(yes, "What is there already is left alone. Go on?")?;
        if contents.unlisted > 0 {
            confirm(
                yes,
                "Letters of a queue that is not configured cannot be replayed until it is listed. Import them, too?",
            )?;
        }
    }
    let bar = out::bar(out);
    bar.set_length(contents.letters());
    let written = write(table, path, &contents, now, |done| bar.set_position(done)).await;
    bar.finish_and_clear();
    let (all, failure) = written?;
    out.either(|| all.json(), |width| all.render(width))?;
    match failure {
        Some(why) => Err(why.into()),
        None => Ok(all.ended()),
    }
}

#[cfg(test)]
mod tests;
