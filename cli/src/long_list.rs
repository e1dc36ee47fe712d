//! Handing over of a job's list that is too long for one request: part by part, through the function.

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::replay::LetterList;
use redrive_operator::job_list::list_parts;
use serde_json::Value;

use crate::completion::Error;
use crate::replay_function::{ReplayFunction, Report};

/// Letters of a job in the order in which they are sent, and what the request says of them.
#[derive(Debug)]
pub(crate) struct LongList {
    pub(crate) listed: LetterList,
    letters: Vec<(LetterId, u64)>,
}

impl LongList {
    pub(crate) fn new(source_topic: QueueArn, letters: Vec<(LetterId, u64)>, named: bool) -> Self {
        let count = u32::try_from(letters.len()).unwrap_or(u32::MAX);
        Self { listed: LetterList { source_topic, letters: count, named }, letters }
    }

    /// Hands over all parts. The job begins with the last one. Returns that answer, or the first that refuses.
    pub(crate) async fn hand_over(
        &self,
        function: &impl ReplayFunction,
        (job, request): (JobId, &Value),
        by: &str,
    ) -> Result<Report, Error> {
        let mut last = Report::default();
        for request in list_parts((job, request), &self.letters, by) {
            last = Report::read(function.ask(&request).await.map_err(|error| unfinished(job, error))?)?;
            if last.refused.is_some() {
                break;
            }
        }
        Ok(last)
    }
}

/// Adds to an error how a job stands whose list is not whole.
fn unfinished(job: JobId, error: Error) -> Error {
    match error {
        Error::Service(why) => Error::Service(format!(
            "{why}; the list of job {job} is not whole, so it sends nothing, and ends by itself within an hour"
        )),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use redrive_core::replay::{Administration, Request, Selection};
    use serde_json::json;

    use super::*;
    use redrive_operator::samples;

    #[test]
    fn a_list_goes_in_parts_that_the_function_understands_and_in_its_order() {
        let mut letters: Vec<_> = samples::many(1_001).map(|letter| (letter.id, letter.version)).collect();
        letters.reverse();
        let source = samples::letters()[0].source.clone();
        let list = LongList::new(source.clone(), letters.clone(), true);
        let job = JobId::from_random(7);
        let mut given = Vec::new();
        let plain = json!({"action": "job", "patch": null});
        for (n, request) in list_parts((job, &plain), &list.letters, "ann").enumerate() {
            assert!(request.to_string().len() < 256 * 1024, "an invocation takes it");
            let Request::AddToList { job: of, part, letters, edited, by } = Request::parse(&request).unwrap() else {
                panic!("{request}")
            };
            assert_eq!((of, part as usize, edited, by.as_str()), (job, n, false, "ann"));
            given.extend(letters);
        }
        assert_eq!(given, letters);
        let edits = json!({"action": "job", "patch": "[]"});
        for request in list_parts((job, &edits), &list.letters, "ann") {
            let administration = Request::parse(&request).unwrap().administration();
            assert_eq!(administration, Some(Administration::Edit), "a job with an edit is an administrator's");
        }
        let json = json!({"action": "job", "by": "ann", "listed": list.listed});
        let Request::Job(request) = Request::parse(&json).unwrap() else { panic!("{json}") };
        assert_eq!(
            request.selection,
            Selection::Listed(LetterList { source_topic: source, letters: 1_001, named: true })
        );
    }
}
