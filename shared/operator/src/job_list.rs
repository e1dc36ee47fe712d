//! Handing over of a job's letters that are too many for one request: part by part, in the order in which they are sent.

use redrive_core::ids::{JobId, LetterId};
use redrive_core::replay::{Candidate, LIST_PART};
use serde_json::{Value, json};

/// Requests that hand over the list of a job: each part in its order. The job begins with the last one. Of a job that sends an
/// edit each part says so, because it goes to the function that makes such jobs.
pub fn list_parts(
    (job, request): (JobId, &Value),
    letters: &[(LetterId, u64)],
    by: &str,
) -> impl Iterator<Item = Value> {
    let size = usize::try_from(LIST_PART).unwrap_or(usize::MAX);
    let edited = ["edit", "patch"].iter().any(|field| request.get(field).is_some_and(|edit| !edit.is_null()));
    letters.chunks(size).enumerate().map(move |(part, letters)| {
        let mut add = json!({"action": "add", "job": job, "part": part, "letters": letters, "by": by});
        if edited {
            // A function of an earlier version knows no such field, and needs none where nothing is edited.
            add["edited"] = json!(true);
        }
        add
    })
}

/// Place of a letter of a FIFO queue: its group, and then its number there. `None` for a standard queue, where any order will do.
pub fn fifo_place(letter: &Candidate) -> Option<(String, usize, String)> {
    let (group, sequence) = (letter.group.clone()?, letter.sequence.clone()?);
    // SQS's numbers are decimal, without zeros before them: of two the longer one is greater.
    Some((group, sequence.len(), sequence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn letters_of_a_fifo_group_are_placed_by_their_numbers_and_not_by_the_text_of_these() {
        let of = |sequence: &str| {
            let letter = redrive_core::letters::letter::Letter { ..samples::full() };
            let candidate = Candidate {
                group: Some("g".to_owned()),
                sequence: Some(sequence.to_owned()),
                ..Candidate::of(&letter)
            };
            fifo_place(&candidate)
        };
        assert!(of("9") < of("10") && of("10") < of("11"));
        assert_eq!(fifo_place(&Candidate { group: None, ..Candidate::of(&samples::full()) }), None);
    }
}
