use redrive_core::ids::{MessageId, Number};
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{Clock, Unavailable};
use redrive_core::replay::job::{Disposition, JobEntry, SentLetter};
use tracing::{info, warn};

use super::send::Claimed;
use super::{Ports, ReplayReport, Replayer, Sending};

impl<P: Ports> Replayer<P> {
    /// Marks the letters of a batch, each by its own answer.
    pub(super) async fn mark(
        &self,
        batch: Vec<Claimed>,
        answers: Vec<Result<MessageId, String>>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
    ) -> Vec<JobEntry> {
        let (by, policy) = (sending.by, &self.settings.policy);
        let (mut told, mut moves) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for (claimed, answer) in batch.into_iter().zip(answers) {
            let line = claimed.line(sending);
            let Claimed { letter, token, former, .. } = claimed;
            let number = letter.number;
            if let Err(code) = &answer {
                warn!(letter_id = %letter.id, code, "letter was not sent");
            }
            told.push((line, number, answer.clone()));
            let edge = move |letter: &Letter| {
                let now = self.world.now();
                let next = match &answer {
                    Ok(sent) if letter.is_ejecting() => letter.ejected(token, number, sent, by, policy, now),
                    Ok(sent) => letter.sent(token, number, sent.clone(), by, policy, now),
                    Err(code) => {
                        let back = letter.not_sent(token, number, code, by, policy, now);
                        back.map(|letter| letter.with_former_edit(former.clone()))
                    }
                };
                next.ok()
            };
            moves.push((letter, edge));
        }
        let marked = self.change_all(moves).await;
        told.into_iter().zip(marked).map(|(told, marked)| marked_line(told, &marked, sending, report)).collect()
    }
}

/// What became of a letter that was sent, or refused, now that its mark is answered.
fn marked_line(
    (line, number, answer): (JobEntry, Number, Result<MessageId, String>),
    marked: &Result<Option<Letter>, Unavailable>,
    sending: Sending<'_>,
    report: &mut ReplayReport,
) -> JobEntry {
    let (id, by) = (line.letter, sending.by);
    match (marked, answer) {
        (Ok(Some(letter)), Ok(message_id)) if letter.was_ejected() => {
            info!(letter_id = %id, %number, %message_id, by, "letter ejected");
            report.ejected += 1;
        }
        (Ok(Some(_)), Ok(message_id)) => {
            info!(letter_id = %id, %number, %message_id, by, "letter replayed");
            report.sent += 1;
        }
        (Ok(Some(letter)), Err(code)) => {
            report.not_sent += 1;
            // A claim that was taken over may have been sent before it ran out.
            let sent = sending.job.and_then(|job| SentLetter::of(letter, job));
            return JobEntry { disposition: Disposition::Refused, sent, note: Some(code), ..line };
        }
        // It came back, or was taken over, before it could be marked.
        (Ok(None), _) => report.changed_meanwhile += 1,
        (Err(_), _) => report.in_doubt += 1,
    }
    line
}
