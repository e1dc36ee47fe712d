//! Sending letters with another body. Before such a letter is claimed, its former copies are withdrawn in the ledger: one that
//! is still under way somewhere would else run the body that somebody found wrong.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use redrive_core::ids::OwnerToken;
use redrive_core::letters::letter::{Letter, Send, Status};
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::ports::{Clock, Entropy, LedgerMarker, LedgerReader, WriteError};
use redrive_core::processing::ledger::{Entry, EntryWrite, Withdrawal, Withdrawing, withdraw};
use redrive_core::replay::job::{Disposition, JobEntry};
use redrive_core::replay::{Edit, EditTerms, Outgoing, Prepared};
use tracing::{info, warn};

use super::send::{Ready, line};
use super::{Ports, ReplayReport, Replayer, Sending};
use crate::ROUNDS;

/// What letters are sent with instead of their bodies, and who says so.
#[derive(Clone, Copy)]
pub(super) struct Editing<'a> {
    pub(super) edit: &'a Edit,
    pub(super) by: &'a str,
    pub(super) allow_key_change: bool,
}

/// Why a letter is not edited, for logs and jobs, and for whoever asked: those may read its keys.
struct Refusal {
    logged: String,
    told: String,
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self { logged: why.to_owned(), told: why.to_owned() }
    }
}

const FULL: &str = "the ledger remembers too many dead lives of its key, and an edited copy could not run";
const NO_ROOM: &str = "with its edited body it has no room for redrive's own attribute (SQS takes ten, and the queue its \
     MaximumMessageSize)";
const NO_LEDGER: &str =
    "it may have been sent before, nobody knows, and without a ledger that copy cannot be withdrawn";
const UNKNOWN_COPY: &str =
    "it may have been sent before without redrive's own attribute, nobody knows, and such a copy cannot be withdrawn";
const ELSEWHERE: &str = "it may have been sent to another queue, nobody knows, and a copy there cannot be withdrawn";

/// What came of withdrawing a letter's former copies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// None of them runs any more.
    Clear,
    /// One of them has had its effect.
    Done(PayloadHash),
    Waits,
    Full,
    Unavailable,
}

/// One key of one letter whose copies are to be withdrawn; the letter by its place.
type Asking = (usize, Withdrawal);

impl<P: Ports> Replayer<P> {
    /// Letters as they are to be claimed: with the edit, if there is one, and without copies that could still run.
    pub(super) async fn edited(
        &self,
        open: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<JobEntry>,
    ) -> Vec<Ready> {
        let Some(editing) = sending.edit else { return open.into_iter().map(Ready::unchanged).collect() };
        let (mut ready, mut fresh) = (Vec::new(), Vec::new());
        for letter in open {
            if letter.status == Status::Replaying {
                // This job's own claim has edited it. Another's is taken over first, as it is.
                match sending.job.filter(|job| letter.sent_for(*job).is_some()) {
                    Some(_) => ready.push(Ready::unchanged(letter)),
                    None => report.edit_waits += 1,
                }
                continue;
            }
            match self.prepared(&letter, editing) {
                Ok(prepared) => fresh.push((letter, prepared)),
                Err(why) => refuse(&letter, why, report, lines),
            }
        }
        let verdicts = self.withdraw_all(&fresh).await;
        for ((letter, prepared), verdict) in fresh.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Clear => {
                    info!(letter_id = %letter.id, by = editing.by, "letter is about to be edited");
                    ready.push(Ready { letter: prepared.letter, former: letter.edited });
                }
                Verdict::Done(hash) => {
                    let id = letter.id;
                    if self.resolve(letter, &hash, "found done before it was edited", report).await {
                        report.resolved_instead += 1;
                        lines.push(line(id, Disposition::ResolvedBefore));
                    }
                }
                // Of a job it stays planned, and its next turn asks again.
                Verdict::Waits => report.edit_waits += 1,
                Verdict::Full => refuse(&letter, FULL.into(), report, lines),
                Verdict::Unavailable => report.unavailable += 1,
            }
        }
        ready
    }

    /// What would become of an edit.
    pub(super) fn look_at_edit(&self, letter: &Letter, sending: Sending<'_>, report: &mut ReplayReport) {
        let Some(editing) = sending.edit else { return };
        match self.prepared(letter, editing) {
            _ if letter.status == Status::Replaying => report.edit_waits += 1,
            Ok(prepared) => {
                report.would_send += 1;
                report.warn_of(&prepared.letter, self.world.now());
            }
            Err(why) => report.refuse_edit(letter.id, why.told),
        }
    }

    /// A letter with its edit, or why that is not to be.
    fn prepared(&self, letter: &Letter, editing: Editing<'_>) -> Result<Prepared, Refusal> {
        let Editing { edit, by, allow_key_change } = editing;
        let kept = self.ledger.is_kept();
        let terms = EditTerms { by, reading: &self.settings.reading, ours: kept, allow_key_change };
        let prepared = edit.prepare(letter, terms, self.world.now());
        let prepared = prepared.map_err(|why| Refusal { logged: why.to_string(), told: why.told() })?;
        let mut unknown = letter.sends.iter().filter(|send| send.message_id.is_none());
        let elsewhere = unknown.clone().any(|send| send.to.is_some());
        if !Outgoing::has_room_within(
            &prepared.letter,
            prepared.letter.payload_now(),
            prepared.key.as_ref(),
            self.known_limit(),
        ) {
            Err(NO_ROOM.into())
        } else if elsewhere {
            Err(ELSEWHERE.into())
        } else if !kept && unknown.next().is_some() {
            Err(NO_LEDGER.into())
        } else if unknown.any(|send| is_bare(letter, send, self.known_limit())) {
            Err(UNKNOWN_COPY.into())
        } else {
            Ok(prepared)
        }
    }

    /// The entries in which copies of a letter may run: of every key that they may have had.
    fn withdrawals(&self, letter: &Letter, prepared: &Prepared) -> Vec<Withdrawal> {
        let reading = &self.settings.reading;
        // Where it died for want of a key or a type, the configuration may have been mended since.
        let read =
            [letter.payload.as_str(), letter.payload_now()].map(|body| reading.identify(body, &letter.attributes));
        let mut keys: BTreeSet<_> = letter.key.iter().chain(letter.sends.iter().flat_map(|send| &send.key)).collect();
        keys.extend(read.iter().filter_map(|(_, key)| key.as_ref()?.as_ref().ok()));
        let mut scopes = vec![&letter.scope, &prepared.scope];
        scopes.extend(read.iter().filter_map(|(kind, _)| kind.as_ref().ok().map(|kind| &kind.scope)));
        let entries: BTreeSet<_> =
            scopes.iter().flat_map(|scope| keys.iter().map(|key| LedgerKey::owned(scope, key))).collect();
        let number = redrive_core::ids::SendId { letter: letter.id, number: letter.number };
        let of = |key| Withdrawal {
            key,
            send: number,
            messages: letter.unnumbered(|send| is_bare(letter, send, self.known_limit())),
            token: OwnerToken::from_random(self.world.bits()),
            hash: letter.hash_now().clone(),
            expires: self.world.now().after(self.settings.ledger_retention).whole_seconds(),
        };
        entries.into_iter().map(of).collect()
    }

    /// Withdraws the copies of many letters. One answer for each, in order.
    async fn withdraw_all(&self, edits: &[(Letter, Prepared)]) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Clear; edits.len()];
        if !self.ledger.is_kept() || edits.is_empty() {
            return verdicts;
        }
        let of = |(place, (letter, prepared)): (usize, &(Letter, Prepared))| {
            self.withdrawals(letter, prepared).into_iter().map(move |asked| (place, asked)).collect::<Vec<_>>()
        };
        let mut open: Vec<Asking> = edits.iter().enumerate().flat_map(of).collect();
        let keys: BTreeSet<_> = open.iter().map(|(_, asked)| asked.key.clone()).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let mut known: BTreeMap<_, _> = match self.ledger.read(&keys).await {
            Ok(entries) => keys.into_iter().zip(entries).collect(),
            Err(error) => {
                warn!(%error, count = edits.len(), "ledger could not be read; nothing was edited");
                return vec![Verdict::Unavailable; edits.len()];
            }
        };
        for _ in 0..ROUNDS {
            let (asking, rest) = self.decide(open, edits, &known, &mut verdicts);
            open = rest;
            if asking.is_empty() {
                return verdicts;
            }
            let (asked, writes): (Vec<_>, Vec<_>) = asking.into_iter().unzip();
            let answers = self.ledger.withdraw(writes.clone()).await;
            for (((place, asked), write), answer) in asked.into_iter().zip(writes).zip(answers) {
                match answer {
                    Ok(()) => drop(known.insert(write.key, Some(write.entry))),
                    // Decided anew; a lost answer shows as done.
                    Err(WriteError::Condition(found)) => {
                        known.insert(write.key, found.map(|entry| *entry));
                        open.push((place, asked));
                    }
                    Err(WriteError::Unavailable(error)) => {
                        warn!(key = write.key.log_hash(), %error, "copies could not be withdrawn");
                        verdicts[place] = Verdict::Unavailable;
                    }
                }
            }
        }
        open.iter().for_each(|(place, _)| verdicts[*place] = Verdict::Waits);
        verdicts
    }

    /// What is to be written now, one write of a key, and what is left for the next round. A letter that is not to be edited
    /// now withdraws nothing.
    fn decide(
        &self,
        open: Vec<Asking>,
        edits: &[(Letter, Prepared)],
        known: &BTreeMap<LedgerKey, Option<Entry>>,
        verdicts: &mut [Verdict],
    ) -> (Vec<(Asking, EntryWrite)>, Vec<Asking>) {
        let mut writes = Vec::new();
        for (place, asked) in open {
            let found = known.get(&asked.key).and_then(Option::as_ref);
            let verdict = match withdraw(found, &asked, self.world.now()) {
                Withdrawing::Write(write) => {
                    writes.push(((place, asked), *write));
                    continue;
                }
                Withdrawing::Completed(hash) if edits[place].0.is_effect(&hash) => Verdict::Done(hash),
                // Another payload holds the key: copies of this one are refused.
                Withdrawing::Completed(_) | Withdrawing::Done => continue,
                Withdrawing::Waits => Verdict::Waits,
                Withdrawing::Full => Verdict::Full,
            };
            if !matches!(verdicts[place], Verdict::Done(_)) {
                verdicts[place] = verdict;
            }
        }
        writes.retain(|((place, _), _)| verdicts[*place] == Verdict::Clear);
        let mut first = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = writes.into_iter().partition(|(_, write)| first.insert(write.key.clone()));
        (now, later.into_iter().map(|(asking, _)| asking).collect())
    }
}

/// Whether a send went without redrive's own attribute: elsewhere each does, and back none with an edited body.
fn is_bare(letter: &Letter, send: &Send, limit: usize) -> bool {
    let room = || Outgoing::has_room_within(letter, &letter.payload, send.key.as_ref(), limit);
    send.to.is_some() || send.edited.is_none() && !room()
}

fn refuse(letter: &Letter, why: Refusal, report: &mut ReplayReport, lines: &mut Vec<JobEntry>) {
    warn!(letter_id = %letter.id, why = why.logged, "letter was not edited, and not sent");
    lines.push(JobEntry { note: Some(why.logged), ..line(letter.id, Disposition::EditFailed) });
    report.refuse_edit(letter.id, why.told);
}
