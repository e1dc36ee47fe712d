//! List of a job's letters that is too long for its head: it stands beside the job, in parts.
//!
//! Whoever asks for the job hands over one part after the other, each in an invocation of its own. The job begins once the list is
//! whole; one whose list never gets whole ends by itself.

use serde::{Deserialize, Serialize};

use super::steps::{JobStep, NotThisStep, becomes};
use super::{Job, JobEntry, JobState};
use crate::ids::{JobId, LetterId};
use crate::replay::ramp::Bucket;
use crate::replay::selection::{LetterList, Selection};
use crate::time::Timestamp;

/// Part of a job's list, as stored in one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPart {
    /// Id of the job.
    pub job: JobId,
    /// Number of the part: 0 for the first.
    pub n: u32,
    /// Letters in the order in which they are sent, each in the version that was shown.
    pub letters: Vec<(LetterId, u64)>,
    /// Time of deletion by DynamoDB.
    pub expires: Timestamp,
}

impl ListPart {
    /// Lines of a batch: at most `count` of the part's letters, from this one on.
    #[must_use]
    pub fn lines(&self, from: usize, count: usize) -> Vec<JobEntry> {
        let letters = self.letters.iter().skip(from).take(count);
        letters.map(|(letter, version)| JobEntry { shown: Some(*version), ..JobEntry::planned(*letter) }).collect()
    }
}

impl Job {
    /// The list that the job means, if it has one.
    #[must_use]
    pub const fn list(&self) -> Option<&LetterList> {
        match &self.selection {
            Selection::Listed(listed) => Some(listed),
            Selection::Ids(_) | Selection::Shown(_) | Selection::Filter(_) => None,
        }
    }
}

/// LISTING → LISTING, or as the job begins, after the next part of its list was written.
///
/// # Errors
/// [`NotThisStep`] in any other state, or if the part is not the list's next one.
pub fn add_part(job: &Job, part: &ListPart, now: Timestamp) -> JobStep {
    let (JobState::Listing { parts }, Some(list)) = (&job.state, job.list()) else {
        return Err(NotThisStep(job.state.as_str()));
    };
    let whole = u32::try_from(part.letters.len()).is_ok_and(|letters| letters == list.letters_of(part.n));
    if part.n != *parts || part.job != job.id || !whole || part.letters.is_empty() {
        return Err(NotThisStep(job.state.as_str()));
    }
    let parts = parts + 1;
    if parts < list.parts() {
        return Ok(Job { state: JobState::Listing { parts }, version: job.version + 1, ..job.clone() });
    }
    let begun = becomes(job, job.first_state(now), &job.by, None, now);
    Ok(Job { bucket: Bucket::full(begun.rate(), now), ..begun })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ids::{MessageId, QueueArn};
    use crate::replay::job::steps::{LISTING, cancel, judge, pause};
    use crate::replay::job::{Guard, NewJob};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn source() -> QueueArn {
        QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap()
    }

    fn job(letters: u32) -> Job {
        let selection = Selection::Listed(LetterList { source_topic: source(), letters, named: false });
        let guard = Guard::default();
        let request = NewJob { id: None, selection, to: None, guard, by: "ann".to_owned(), why: None, edit: None };
        Job::new(JobId::from_random(1), request, NOW)
    }

    fn part(n: u32, letters: u32) -> ListPart {
        let id = |one: u32| LetterId::derive(&source(), &MessageId::new(format!("m-{n}-{one}")).unwrap());
        let letters = (0..letters).map(|one| (id(one), 7)).collect();
        ListPart { job: JobId::from_random(1), n, letters, expires: NOW }
    }

    #[test]
    fn a_job_begins_only_when_its_list_is_whole_and_takes_each_part_once_in_order() {
        let begun = job(1_001);
        assert_eq!((&begun.state, begun.letters), (&JobState::Listing { parts: 0 }, Some(1_001)));
        assert!(!begun.state.runs() && begun.allowance(&[], NOW) == 0);
        for wrong in [part(1, 500), part(0, 499), part(0, 501), part(0, 0)] {
            assert!(add_part(&begun, &wrong, NOW).is_err(), "part {} of {}", wrong.n, wrong.letters.len());
        }
        let first = add_part(&begun, &part(0, 500), NOW).unwrap();
        let second = add_part(&first, &part(1, 500), NOW).unwrap();
        assert_eq!(second.state, JobState::Listing { parts: 2 });
        assert!(add_part(&second, &part(1, 500), NOW).is_err(), "each part once");
        let whole = add_part(&second, &part(2, 1), NOW).unwrap();
        assert_eq!((&whole.state, whole.version), (&JobState::Canary, 4));
        assert!(add_part(&whole, &part(3, 1), NOW).is_err());
    }

    #[test]
    fn a_job_whose_list_never_gets_whole_ends_by_itself_and_can_be_cancelled() {
        let begun = job(1_001);
        let quiet = crate::replay::job::Readings::default();
        let hour = NOW.after(LISTING);
        assert_eq!(judge(&begun, &[], quiet, hour), None);
        let over = judge(&begun, &[], quiet, hour.after(Duration::from_millis(1))).unwrap();
        assert_eq!(over.state, JobState::Cancelled);
        assert!(cancel(&begun, "bob", None, NOW).is_ok() && pause(&begun, "bob", None, NOW).is_err());
    }

    #[test]
    fn a_listed_letter_is_meant_in_the_version_that_was_shown_and_in_no_other() {
        let letter = crate::replay::consent::tests::letter(NOW, "c");
        let job = Job {
            selection: Selection::Listed(LetterList { source_topic: letter.source.clone(), letters: 1, named: false }),
            ..job(1)
        };
        assert!(job.means(&letter, Some(letter.version)));
        assert!(!job.means(&letter, Some(letter.version + 1)) && !job.means(&letter, None));
    }
}
