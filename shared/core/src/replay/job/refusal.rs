//! Refusals of a message by SQS, and when to try again.

use std::time::Duration;

use super::{Disposition, JobEntry};
use crate::time::Timestamp;

/// Number of times in a row that a message is offered to SQS before its refusal is final: for some five minutes.
pub const TRIES: u32 = 10;
/// The wait after the first refusal; it doubles with each, up to the longest.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// Codes that say nothing of a message and may be over in a moment: SQS, its keys or its permissions were in the way.
const PASSING: [&str; 9] = [
    "ServiceUnavailable",
    "InternalError",
    "OverLimit",
    "TooManyRequestsException",
    "InvalidSecurity",
    "ExpiredToken",
    "ExpiredTokenException",
    "KmsInvalidState",
    "KmsDisabled",
];

/// Returns true if a refusal with this code of SQS may pass by itself: throttling of any name, missing permissions (a
/// policy takes a while to be known everywhere), and a service in trouble. Any other is about the message or the queue.
#[must_use]
pub fn passes(code: &str) -> bool {
    let word = code.rsplit(['#', '.']).next().unwrap_or(code);
    word.contains("Throttl") || word.contains("AccessDenied") || PASSING.contains(&word)
}

impl JobEntry {
    /// Returns this line after SQS refused its letter with `code`: it goes again after a while, or that was the last
    /// time.
    #[must_use]
    pub fn refused(&self, code: Option<String>, now: Timestamp) -> Self {
        if self.disposition.is_final() {
            return self.clone();
        }
        let refusals = self.refusals + 1;
        let again = code.as_deref().is_some_and(passes) && refusals < TRIES;
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(self.refusals)).min(LONGEST);
        Self {
            disposition: if again { Disposition::Retrying } else { Disposition::Refused },
            sent: None,
            note: code,
            refusals,
            again_at: again.then(|| now.after(wait)),
            ..self.clone()
        }
    }

    /// Returns true if the letter is to be sent as soon as it may: it is planned, or the wait after its refusal is
    /// over.
    #[must_use]
    pub fn is_next(&self, now: Timestamp) -> bool {
        match self.disposition {
            Disposition::Planned => true,
            Disposition::Retrying => self.again_at.is_none_or(|at| at <= now),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LetterId, MessageId, QueueArn};

    fn line() -> JobEntry {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        JobEntry::planned(LetterId::derive(&source, &MessageId::new("m").unwrap()))
    }

    #[test]
    fn a_throttled_line_goes_again_after_a_growing_wait_and_is_refused_for_good_in_the_end() {
        let mut now = Timestamp::from_millis(1_000);
        let (begun, mut line, mut waits) = (now, line(), Vec::new());
        for _ in 1..TRIES {
            line = line.refused(Some("RequestThrottled".to_owned()), now);
            assert_eq!((line.disposition, line.is_next(now)), (Disposition::Retrying, false));
            let next = line.again_at.unwrap();
            waits.push(next.since(now).as_secs());
            now = next;
            assert!(line.is_next(now));
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(now.since(begun).as_secs(), 302, "some five minutes in all");
        let last = line.refused(Some("RequestThrottled".to_owned()), now);
        assert_eq!(
            (last.disposition, last.note.as_deref(), last.again_at),
            (Disposition::Refused, Some("RequestThrottled"), None)
        );
        assert_eq!(last.refused(Some("RequestThrottled".to_owned()), now), last, "what is final stays");
    }

    #[test]
    fn only_a_refusal_that_is_not_about_the_message_may_pass() {
        for code in
            ["RequestThrottled", "ThrottlingException", "KmsThrottled", "KMS.ThrottlingException", "AccessDenied"]
                .into_iter()
                .chain(["KmsAccessDenied", "com.amazonaws.sqs#RequestThrottled", "ServiceUnavailable"])
        {
            assert!(passes(code), "{code}");
        }
        for code in ["InvalidMessageContents", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", ""] {
            assert!(!passes(code), "{code}");
            assert_eq!(
                line().refused(Some(code.to_owned()), Timestamp::from_millis(1)).disposition,
                Disposition::Refused
            );
        }
    }
}
