use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Clock, LedgerReader, Letters, Unavailable};
use redrive_core::replay::ConsentTerms;
use redrive_core::replay::job::{
    Disposition, Job, JobBatch, JobEntry, JobState, SendOutcome, SentLetter, Stop, TRIES, outcome, passes, seen_again,
};
use redrive_core::time::Timestamp;

use super::edit::Editing;
use super::groups::Queueing;
use super::{Ports, ReplayReport, Replayer, Sending};

/// As long as a send is younger and the ledger is silent, the letter itself need not be read.
const YOUNG: Duration = Duration::from_secs(10);

impl<P: Ports> Replayer<P> {
    /// What is known of a batch's letters now; those that are planned are sent, if the job runs, and those again that SQS
    /// refused for now. With what must stop the job, if SQS refused in a way that does not pass, or does not end.
    pub(super) async fn advance(
        &self,
        job: &Job,
        batch: &JobBatch,
        mut queueing: Queueing<'_>,
        report: &mut ReplayReport,
    ) -> Result<(JobBatch, Option<Stop>), Unavailable> {
        let mut lines = batch.lines.clone();
        let (mut stop, now) = (None, self.world.now());
        let mut planned =
            ids(&lines, |line| line.is_next(now) || line.disposition == Disposition::Retrying && !job.state.runs());
        let paid = planned.len();
        planned.extend(ids(&lines, |line| queueing.concerns(line, job)));
        queueing.limit = queueing.limit.saturating_add(paid);
        if !planned.is_empty() {
            let sent = self.send_planned(job, &planned, queueing, report).await?;
            stop = report.stopped.take();
            take_over(&mut lines, sent, now);
        }
        let seen = self.observe(job, &lines, queueing, report).await?;
        stop = report.stopped.take().or(stop);
        take_over(&mut lines, seen, now);
        let stop =
            stop.filter(|code| !passes(code)).map(|code| Stop::Refused { code }).or_else(|| worn_out(batch, &lines));
        let expires = Job::batch_expires(&self.settings.policy, self.world.now());
        match batch.with(lines, expires) {
            Some(next) => Ok((self.batch(next).await?, stop)),
            None => Ok((batch.clone(), stop)),
        }
    }

    fn sending<'a>(&self, job: &'a Job, name: &'a str, queueing: Queueing<'a>) -> Sending<'a> {
        let named = job.selection.is_named();
        let (forgotten_ok, as_new) = (job.guard.forgotten_ok, job.guard.as_new);
        let asked = ConsentTerms { due_by: Timestamp::NEVER, named, forgotten_ok, as_new };
        let allow_key_change = job.guard.allow_key_change;
        let edit = job.edit.as_ref().map(|edit| Editing { edit, by: &job.by, allow_key_change });
        let (to, after_replayed) = (job.to.as_ref(), job.guard.after_replayed);
        Sending { by: name, asked, job: Some(job.id), edit, to, after_replayed, queueing: Some(queueing) }
    }

    /// Sends the planned letters of a batch that this job has not sent yet.
    async fn send_planned(
        &self,
        job: &Job,
        planned: &[LetterId],
        mut queueing: Queueing<'_>,
        report: &mut ReplayReport,
    ) -> Result<Vec<JobEntry>, Unavailable> {
        let letters = self.letters.read(planned).await?;
        let (mut lines, mut fresh) = (Vec::new(), Vec::new());
        for (id, letter) in planned.iter().zip(letters) {
            let disposition = match letter {
                None => Disposition::NotFound,
                Some(letter) if letter.sent_for(job.id).is_some() => {
                    let sent = SentLetter::of(&letter, job.id);
                    lines.push(JobEntry { disposition: Disposition::Sent, sent, ..JobEntry::planned(*id) });
                    queueing.limit = queueing.limit.saturating_sub(1);
                    continue;
                }
                Some(letter) if !job.means(&letter) => Disposition::ChangedMeanwhile,
                Some(_) if self.is_over_for(job) => Disposition::NotReached,
                Some(letter) if job.state.runs() => {
                    fresh.push(letter);
                    continue;
                }
                Some(_) => continue,
            };
            lines.push(JobEntry { disposition, ..JobEntry::planned(*id) });
        }
        let name = job.name();
        if !fresh.is_empty() {
            lines.extend(self.send(fresh, self.sending(job, &name, queueing), report).await);
        }
        Ok(lines)
    }

    /// Whether a job has ended so long ago that no run of it can still be sending.
    fn is_over_for(&self, job: &Job) -> bool {
        let ended = job.history.last().map_or(job.created_at, |event| event.at);
        let over = !job.state.runs() && !matches!(job.state, JobState::Paused { .. });
        over && self.world.now() > ended.after(self.settings.lease)
    }

    /// What became of the letters that were sent: first the ledger is asked, and only where it is silent the letter.
    async fn observe(
        &self,
        job: &Job,
        lines: &[JobEntry],
        queueing: Queueing<'_>,
        report: &mut ReplayReport,
    ) -> Result<Vec<JobEntry>, Unavailable> {
        let awaited: Vec<_> =
            lines.iter().filter(|line| matches!(line.disposition, Disposition::Sent | Disposition::Failing)).collect();
        if awaited.is_empty() {
            return Ok(Vec::new());
        }
        // The ledger may know the same message of another copy, but nothing of one that went to another queue.
        let kept = self.ledger.is_kept() && job.to.is_none();
        let outcomes = if kept { self.outcomes(&awaited).await? } else { vec![SendOutcome::Silent; awaited.len()] };
        let now = self.world.now();
        let (mut seen, mut silent) = (Vec::new(), Vec::new());
        for (line, outcome) in awaited.into_iter().zip(outcomes) {
            let age = line.sent.as_ref().map_or(Duration::MAX, |sent| now.since(sent.at));
            let over = age > job.guard.window();
            match outcome {
                SendOutcome::Succeeded => seen.push(line.with(Disposition::Resolved)),
                SendOutcome::Failed => seen.push(line.with(Disposition::FailedAgain)),
                SendOutcome::Failing if over => seen.push(line.with(Disposition::FailedAgain)),
                SendOutcome::Failing => seen.push(line.with(Disposition::Failing)),
                SendOutcome::Silent if age > YOUNG || over || !kept => silent.push((line, over)),
                SendOutcome::Silent => {}
            }
        }
        let ids: Vec<_> = silent.iter().map(|(line, _)| line.letter).collect();
        if ids.is_empty() {
            return Ok(seen);
        }
        let mut lapsed = Vec::new();
        for ((line, over), letter) in silent.into_iter().zip(self.letters.read(&ids).await?) {
            let Some(letter) = letter else {
                seen.push(line.with(Disposition::NotFound));
                continue;
            };
            let of_job = SentLetter::of(&letter, job.id);
            if of_job.is_none()
                && let Some(code) = taken_back(&letter, line)
            {
                // SQS had refused its send, and whoever heard that could not write it here.
                seen.push(JobEntry { sent: None, note: Some(code), ..line.with(Disposition::Refused) });
                continue;
            }
            let Some(sent) = of_job.or_else(|| line.sent.clone()) else { continue };
            let unheard = if kept { Disposition::Unknown } else { Disposition::Assumed };
            if letter.is_lapsed(now) {
                lapsed.push(letter);
            } else if let Some(disposition) = seen_again(&letter, &sent).or(over.then_some(unheard)) {
                seen.push(JobEntry { sent: Some(sent), ..line.with(disposition) });
            } else {
                seen.push(JobEntry { sent: Some(sent), ..line.clone() });
            }
        }
        if !lapsed.is_empty() {
            let name = job.name();
            seen.extend(self.send(lapsed, self.sending(job, &name, queueing), report).await);
        }
        Ok(seen)
    }

    /// What the ledger says of each of these sends.
    async fn outcomes(&self, awaited: &[&JobEntry]) -> Result<Vec<SendOutcome>, Unavailable> {
        let mut keys = Vec::with_capacity(awaited.len() * 3);
        for line in awaited {
            let Some((send, sent)) = line.send().zip(line.sent.as_ref()) else { continue };
            keys.extend(sent.owned());
            keys.extend([LedgerKey::of_send(send, &sent.hash), LedgerKey::of_send_without_hash(send)]);
        }
        let mut entries = if keys.is_empty() { Vec::new() } else { self.ledger.read(&keys).await? }.into_iter();
        let now = self.world.now();
        let of = |line: &&JobEntry| {
            let Some(sent) = &line.sent else { return SendOutcome::Silent };
            let owned = sent.owned().and_then(|_| entries.next().flatten());
            let (keyless, old) = (entries.next().flatten(), entries.next().flatten());
            let keyless = keyless.or(old);
            outcome(sent, line.letter, owned.as_ref(), keyless.as_ref(), now)
        };
        Ok(awaited.iter().map(of).collect())
    }
}

fn ids(lines: &[JobEntry], which: impl Fn(&JobEntry) -> bool) -> Vec<LetterId> {
    lines.iter().filter(|line| which(line)).map(|line| line.letter).collect()
}

/// Puts what is known now in the place of what was known before; what is final stays, and so does how often it was refused.
fn take_over(lines: &mut [JobEntry], known: Vec<JobEntry>, at: Timestamp) {
    for now in known {
        let Some(line) = lines.iter_mut().find(|line| line.letter == now.letter && !line.disposition.is_final()) else {
            continue;
        };
        *line = match now.disposition {
            // Not what may have been sent before: that is not for the job to send again.
            Disposition::Refused if now.sent.is_none() => line.refused(now.note, at),
            _ => JobEntry { sent: now.sent.or_else(|| line.sent.take()), refusals: line.refusals, ..now },
        };
    }
}

/// With which code SQS refused the send of a letter that has none of its job: it says so after the claim.
fn taken_back(letter: &Letter, line: &JobEntry) -> Option<String> {
    if matches!(letter.status, Status::Replaying | Status::Resolved) {
        return None;
    }
    let since = line.sent.as_ref().map(|sent| sent.at);
    let last = letter.history.iter().rev().find(|event| event.what == EventKind::NotSent);
    let last = last.filter(|event| since.is_none_or(|since| event.at >= since));
    match last {
        Some(event) => event.note.clone(),
        // Its history was cut short.
        None => line.sent.is_none().then(String::new),
    }
}

/// What stops a job: a letter that SQS has refused so often that it does not go again.
fn worn_out(before: &JobBatch, lines: &[JobEntry]) -> Option<Stop> {
    let was_open =
        |line: &&JobEntry| before.lines.iter().any(|old| old.letter == line.letter && !old.disposition.is_final());
    let worn = lines
        .iter()
        .filter(|line| line.disposition == Disposition::Refused && line.refusals >= TRIES)
        .find(was_open)?;
    Some(Stop::StillRefused { code: worn.note.clone().unwrap_or_default() })
}
