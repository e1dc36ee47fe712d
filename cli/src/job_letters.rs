//! Letters of a job: what became of each, why they failed again, and what is left to do.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use redrive_core::ids::LetterId;
use redrive_core::letters::fingerprint::fingerprint;
use redrive_core::letters::letter::{ErrorType, Status};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Jobs, LedgerReader, Letters, Unavailable};
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::Candidate;
use redrive_core::replay::job::{Disposition, JobEntry, JobState};
use redrive_core::time::Timestamp;
use redrive_operator::job_failures::{FailureGroup, FailureReason, grouped};
use redrive_operator::listing::document;
use redrive_operator::walk::look;
use serde_json::{Value, json};

use crate::completion::{Completion, Error};
use crate::jobs::{self, JobOverview};
use crate::out::{self, Out};
use crate::text::{count, counted, fit, hanging, indented, shown, table_rows, words};

/// Number of ledger entries that are read at once.
const READ: usize = 30;
/// Reason of a letter that failed, as the ledger says, and whose new reason nobody has written down yet.
const ON_ITS_WAY: &str = "on its way back";

/// Letters of a job, as they are now.
#[derive(Debug, Clone)]
pub(crate) struct JobLetters {
    /// Lines of the job, in the order of their batches.
    lines: Vec<JobEntry>,
    /// Letters as they stand now; of those that are done none is looked at.
    now: HashMap<LetterId, Candidate>,
    /// Reasons, as the ledger knows them, of those that are not back yet.
    faults: HashMap<LetterId, FailureReason>,
}

const fn is_done(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Resolved | Disposition::Assumed | Disposition::ResolvedBefore)
}

/// Reads what became of the letters of a job.
pub(crate) async fn gather<T: Jobs + Letters, R: LedgerReader>(
    (table, ledger): (&T, &R),
    overview: &JobOverview,
) -> Result<JobLetters, Unavailable> {
    let batches = table.batches(overview.job.id, 0).await?;
    let lines: Vec<_> =
        batches.into_iter().filter(|batch| batch.n < overview.job.batches).flat_map(|one| one.lines).collect();
    let ids: Vec<_> = lines.iter().filter(|line| !is_done(line.disposition)).map(|line| line.letter).collect();
    let looks = look(table, &ids).await?.into_iter().flatten();
    let now: HashMap<_, _> = looks.map(|look| (look.candidate.id, look.candidate)).collect();
    let away: Vec<_> = lines.iter().filter(|line| is_away(line, &now)).collect();
    let faults = if ledger.is_kept() { faults(ledger, &away).await? } else { HashMap::new() };
    Ok(JobLetters { lines, now, faults })
}

/// Returns true for a letter that failed again and is not back in the table.
fn is_away(line: &JobEntry, now: &HashMap<LetterId, Candidate>) -> bool {
    let back = now.get(&line.letter).is_some_and(|one| !matches!(one.status, Status::Replaying | Status::Replayed));
    line.disposition == Disposition::FailedAgain && !back
}

/// Reads why these letters failed, as the ledger says.
async fn faults<R: LedgerReader>(
    ledger: &R,
    away: &[&JobEntry],
) -> Result<HashMap<LetterId, FailureReason>, Unavailable> {
    let mut found = HashMap::new();
    for few in away.chunks(READ) {
        let keys = few.iter().filter_map(|line| Some((line.letter, line.send()?, line.sent.as_ref()?)));
        let keys: Vec<_> = keys
            .flat_map(|(letter, send, sent)| {
                let keyless = Some(LedgerKey::of_send(send, &sent.hash));
                [keyless, sent.owned()].into_iter().flatten().map(move |key| (letter, key))
            })
            .collect();
        let (letters, keys): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        for (letter, entry) in letters.into_iter().zip(ledger.read(&keys).await?) {
            if let Some(reason) = entry.as_ref().and_then(reason) {
                found.entry(letter).or_insert(reason);
            }
        }
    }
    Ok(found)
}

fn reason(entry: &Entry) -> Option<FailureReason> {
    let fault = entry.fault.as_ref()?;
    let code = Some(fault.code.as_str()).filter(|code| !code.is_empty());
    let cause = fingerprint(ErrorType::from(fault.class).as_str(), code, &fault.text);
    Some(FailureReason { cause, text: fault.text.clone() })
}

impl JobLetters {
    /// Groups what did not end well, each group with its reason: what failed again by its new one.
    pub(crate) fn groups(&self) -> Vec<FailureGroup> {
        let bad = self.lines.iter().filter(|line| !is_done(line.disposition) && line.disposition.is_final());
        let bad = bad.filter(|line| !matches!(line.disposition, Disposition::NotReached | Disposition::HeldUp));
        grouped(bad.map(|line| (line.letter, self.reason(line))))
    }

    fn reason(&self, line: &JobEntry) -> FailureReason {
        if line.disposition != Disposition::FailedAgain {
            let word = serde_json::to_value(line.disposition).unwrap_or_default();
            let cause = words(word.as_str().unwrap_or_default());
            return FailureReason { cause, text: line.note.clone().unwrap_or_default() };
        }
        if let Some(reason) = self.faults.get(&line.letter) {
            return reason.clone();
        }
        match self.now.get(&line.letter).filter(|_| !is_away(line, &self.now)) {
            Some(now) => FailureReason { cause: now.fingerprint.clone(), text: now.error_message.clone() },
            None => FailureReason {
                cause: ON_ITS_WAY.to_owned(),
                text: "the indexer has not written its new reason down yet".to_owned(),
            },
        }
    }

    /// Statuses of the letters that are not done, and how many have each.
    fn statuses(&self) -> BTreeMap<String, u64> {
        let left = self.lines.iter().filter(|line| !is_done(line.disposition));
        let mut statuses = BTreeMap::new();
        for line in left {
            let status = self.now.get(&line.letter).map_or("not there".to_owned(), |now| now.status.to_string());
            *statuses.entry(status).or_default() += 1;
        }
        statuses
    }

    /// Renders the end of a job: its account, the failures by reason, what was never sent, and what to do next.
    pub(crate) fn account(&self, overview: &JobOverview, now: Timestamp, width: usize) -> String {
        let (job, progress) = (&overview.job, overview.progress(now));
        let mut text = jobs::account(overview, width);
        let groups = self.groups();
        if !groups.is_empty() {
            text.push_str("\nNOT DONE\n");
            groups.iter().for_each(|group| text.push_str(&group_lines(group, width)));
        }
        if progress.unsent > 0 {
            text.push_str("\nNEVER SENT\n");
            text.push_str(&counted(u64::from(progress.unsent), "as they were: nothing of them was touched", width));
        }
        let statuses = self.statuses();
        if !statuses.is_empty() {
            let parts: Vec<_> = statuses.iter().map(|(status, n)| format!("{n} {status}")).collect();
            let _ = write!(text, "\n{}", hanging(&format!("Not done, and now: {}", parts.join(", ")), 2, width));
        }
        let over = matches!(job.state, JobState::Stopped { .. } | JobState::Cancelled);
        if over && progress.unsent > 0 {
            text.push_str(&hanging("Send what it never sent, once the cause is mended:", 2, width));
            text.push_str(&indented(&format!("redrive replay --job {} --rest", job.id), 2, width));
        }
        if !groups.is_empty() {
            text.push_str(&hanging("See each letter:", 2, width));
            text.push_str(&indented(&format!("redrive list --job {}", job.id), 2, width));
        }
        text
    }

    /// Lines of the job, what a person has to look at first.
    fn sorted(&self) -> Vec<&JobEntry> {
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by_key(|line| order(line.disposition));
        lines
    }

    /// Renders the letters of the job, one a line, at most so many.
    pub(crate) fn render(&self, limit: usize, width: usize) -> String {
        let rows = self.sorted().into_iter().take(limit).map(|line| {
            let word = serde_json::to_value(line.disposition).unwrap_or_default();
            let status = self.now.get(&line.letter).map_or_else(|| "-".to_owned(), |now| now.status.to_string());
            let reason = match line.disposition {
                Disposition::FailedAgain => {
                    let FailureReason { cause, text } = self.reason(line);
                    format!("{cause}: {text}")
                }
                _ => line.note.clone().unwrap_or_default(),
            };
            vec![line.letter.to_string(), words(word.as_str().unwrap_or_default()), status, shown(&reason)]
        });
        let (head, rows) = table_rows(&["ID", "OUTCOME", "STATUS", "ERROR"], &rows.collect::<Vec<_>>(), width);
        head.into_iter().chain(rows).collect()
    }

    /// The job with its failures, as JSON.
    pub(crate) fn document(&self, overview: &JobOverview) -> Value {
        let mut all = jobs::document(overview);
        let group = |group: &FailureGroup| {
            let FailureGroup { reason, count, samples } = group;
            json!({"cause": reason.cause, "text": reason.text, "count": count, "samples": samples})
        };
        all["not_done"] = self.groups().iter().map(group).collect();
        all
    }
}

fn group_lines(group: &FailureGroup, width: usize) -> String {
    let mut text = counted(group.count, &group.reason.cause, width);
    if !group.reason.text.is_empty() {
        text.push_str(&indented(&fit(&shown(&group.reason.text), 2 * width), 9, width));
    }
    group.samples.iter().for_each(|id| text.push_str(&indented(&id.to_string(), 11, width)));
    let more = group.count.saturating_sub(group.samples.len() as u64);
    if more > 0 {
        text.push_str(&indented(&format!("and {more} more"), 11, width));
    }
    text
}

/// Order in which letters are listed: first what a person has to look at.
const fn order(disposition: Disposition) -> u8 {
    match disposition {
        Disposition::FailedAgain | Disposition::Refused => 0,
        Disposition::Unknown | Disposition::InDoubt => 1,
        Disposition::Sent | Disposition::Failing => 2,
        Disposition::Planned | Disposition::Behind | Disposition::Retrying => 3,
        Disposition::NotReached | Disposition::HeldUp => 4,
        Disposition::Resolved | Disposition::Assumed | Disposition::ResolvedBefore => 6,
        _ => 5,
    }
}

/// Lists the letters of a job, what failed again first.
pub(crate) async fn list<T: Jobs + Letters, R: LedgerReader>(
    (table, ledger): (&T, &R),
    id: redrive_core::ids::JobId,
    limit: Option<usize>,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let Some(overview) = jobs::read(table, id).await? else {
        return Err(Error::Absent(format!("there is no job {id}: `redrive jobs` lists them")));
    };
    let letters = gather((table, ledger), &overview).await?;
    let limit = limit.unwrap_or(usize::MAX);
    if out.json {
        for line in letters.sorted().into_iter().take(limit) {
            let mut all = letters.now.get(&line.letter).map_or_else(|| json!({}), |now| document(now, None));
            all["dlq_message_id"] = json!(line.letter);
            all["outcome"] = json!(line.disposition);
            all["outcome_note"] = json!(line.note);
            out.line(&all)?;
        }
    } else {
        out.text(&letters.render(limit, out.width))?;
    }
    let progress = overview.progress(now);
    let met = u32::try_from(letters.lines.len()).unwrap_or(u32::MAX);
    let unmet = progress.letters.map_or(0, |all| all.saturating_sub(met));
    if unmet > 0 && !out.json {
        let unmet = format!("and {} that the job has not come to", count(u64::from(unmet), "letter", "letters"));
        out::say(&unmet);
    }
    Ok(Completion::Done)
}
