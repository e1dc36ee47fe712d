//! Writes of many letters by one call: a new one is an INSERT, under no condition but that it is not there; a change is
//! an UPDATE of the version that was read, with its body in the head. Each has its own answer, and nothing binds them
//! together. A letter that is larger, stands apart, or is laid out otherwise than expected has a call of its own.

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementError, BatchStatementErrorCodeEnum as Code, BatchStatementRequest,
    ReturnValuesOnConditionCheckFailure,
};
use futures_util::StreamExt;
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::ports::{Unavailable, WRITES_A_CALL, WriteError};

use super::edited::EditedPlace;
use super::item::{HeadItem, InHead, OPTIONAL, to_item};
use super::place::{BodyPlace, is_large};
use super::read::LetterReader;
use super::write::LetterWriter;
use super::{SERVICE, WIDTH};
use crate::failure::Failure;
use crate::item::{number, size};
use crate::partiql::{found_no_room, insert, update};

const ACTION: &str = "write letters";
/// The most bytes of letters in a call, unless a single one is larger. The service takes more; memory need not.
const BYTES: usize = 1 << 20;

type LetterResult = Result<(), WriteError<Letter>>;

/// Letters of one call, with their statements.
#[derive(Default)]
struct Parcel {
    statements: Vec<BatchStatementRequest>,
    /// Writes of the letters, with their places among all.
    writes: Vec<(usize, LetterWrite)>,
    bytes: usize,
}

/// Next step after a statement's answer.
enum LetterWriteStep {
    Done(LetterResult),
    /// A letter is there, and the statement cannot say which.
    Taken,
    /// The letter was not written, and a call of its own may do better.
    Alone,
}

/// Writer of many letters, with as few calls as they take.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchWriter<'a> {
    /// Writer of those that need a call of their own.
    pub(super) writer: LetterWriter<'a>,
}

impl BatchWriter<'_> {
    /// Writes letters, each under its own condition: the one place that knows how many calls that takes.
    pub(super) async fn write_all(&self, writes: Vec<LetterWrite>) -> Vec<LetterResult> {
        let count = writes.len();
        let (mut parcels, mut alone) = (Vec::<Parcel>::new(), Vec::new());
        for (place, write) in writes.into_iter().enumerate() {
            // What cannot be a statement finds out by itself why.
            let Some((statement, bytes)) = self.statement(&write) else {
                alone.push((place, write));
                continue;
            };
            if parcels.last().is_none_or(|last| last.statements.len() == WRITES_A_CALL || last.bytes + bytes > BYTES) {
                parcels.push(Parcel::default());
            }
            if let Some(last) = parcels.last_mut() {
                last.statements.push(statement);
                last.writes.push((place, write));
                last.bytes += bytes;
            }
        }
        let together = futures_util::stream::iter(parcels).map(|parcel| self.carry(parcel)).buffered(WIDTH).concat();
        let (together, alone) = futures_util::future::join(together, self.each_alone(alone)).await;
        let mut answers: Vec<Option<LetterResult>> = vec![None; count];
        for (place, written) in together.into_iter().chain(alone) {
            if let Some(answer) = answers.get_mut(place) {
                *answer = Some(written);
            }
        }
        let lost = || Unavailable { service: SERVICE, action: ACTION, why: "a letter has no answer".to_owned() };
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(lost().into()))).collect()
    }

    /// A letter as a statement, and its bytes; `None` if it takes more than that.
    fn statement(&self, write: &LetterWrite) -> Option<(BatchStatementRequest, usize)> {
        if is_large(&write.letter) {
            return None;
        }
        if EditedPlace::of(&write.letter) != EditedPlace::Head {
            return None;
        }
        let item = match (BodyPlace::of(&write.letter), write.replaces) {
            (BodyPlace::Plain, _) => to_item(&write.letter, &InHead::Plain, None),
            (BodyPlace::Packed(packed), _) => to_item(&write.letter, &InHead::Packed(&packed), None),
            (BodyPlace::Nowhere, None) => to_item(&write.letter, &InHead::Nothing, None),
            // Chunks may have to go with it, or to be written.
            (BodyPlace::Nowhere, Some(_)) | (BodyPlace::Apart(_), _) => return None,
        };
        let item = item.ok()?;
        let bytes = size(&item);
        let mut attributes: Vec<_> = item.into_iter().collect();
        attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (text, parameters) = match write.replaces {
            None => insert(&self.writer.table.name, attributes),
            Some(version) => change(&self.writer.table.name, attributes, version),
        };
        let request = BatchStatementRequest::builder().statement(text).set_parameters(Some(parameters));
        let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Some((request.build().ok()?, bytes))
    }

    async fn each_alone(&self, writes: Vec<(usize, LetterWrite)>) -> Vec<(usize, LetterResult)> {
        let one = |(place, write): (usize, LetterWrite)| async move { (place, self.writer.write_one(&write).await) };
        futures_util::stream::iter(writes).map(one).buffered(WIDTH).collect().await
    }

    async fn carry(&self, Parcel { statements, writes, .. }: Parcel) -> Vec<(usize, LetterResult)> {
        if writes.len() < 2 {
            return self.each_alone(writes).await;
        }
        let reads = self.execute(statements, &writes).await;
        let (mut answers, mut taken, mut alone) = (Vec::with_capacity(writes.len()), Vec::new(), Vec::new());
        for ((place, write), read) in writes.into_iter().zip(reads) {
            match read {
                LetterWriteStep::Done(written) => answers.push((place, written)),
                LetterWriteStep::Taken => taken.push((place, write)),
                LetterWriteStep::Alone => alone.push((place, write)),
            }
        }
        let (taken, alone) = futures_util::future::join(self.look(taken), self.each_alone(alone)).await;
        answers.into_iter().chain(taken).chain(alone).collect()
    }

    /// Makes one call. Returns an answer for each of its statements.
    async fn execute(
        &self,
        statements: Vec<BatchStatementRequest>,
        writes: &[(usize, LetterWrite)],
    ) -> Vec<LetterWriteStep> {
        let count = writes.len();
        let for_all = |why: Unavailable| (0..count).map(|_| LetterWriteStep::Done(Err(why.clone().into()))).collect();
        let call = self.writer.table.client.batch_execute_statement().set_statements(Some(statements));
        let answer = match call.send().await.map_err(|error| Failure::of(&error)) {
            Ok(answer) => answer,
            // One letter that the service cannot take must not keep the others out.
            Err(failure) if failure.is_invalid() => return (0..count).map(|_| LetterWriteStep::Alone).collect(),
            Err(failure) => return for_all(failure.unavailable(SERVICE, ACTION)),
        };
        let responses = answer.responses.unwrap_or_default();
        if responses.len() != count {
            let why = format!("{count} statements have {} answers", responses.len());
            return for_all(Unavailable { service: SERVICE, action: ACTION, why });
        }
        responses.into_iter().zip(writes).map(|(response, (_, write))| read(response.error, write)).collect()
    }

    /// Reads the letters that stand where none was expected. What has gone by then is written alone.
    async fn look(&self, taken: Vec<(usize, LetterWrite)>) -> Vec<(usize, LetterResult)> {
        if taken.is_empty() {
            return Vec::new();
        }
        let ids: Vec<_> = taken.iter().map(|(_, write)| write.letter.id).collect();
        let reader = LetterReader { table: self.writer.table };
        let found = match reader.read_all(&ids).await {
            Ok(found) => found,
            // Perhaps because of one of them.
            Err(_) => return self.each_alone(taken).await,
        };
        let (mut answers, mut gone) = (Vec::with_capacity(taken.len()), Vec::new());
        for ((place, write), letter) in taken.into_iter().zip(found) {
            match letter {
                Some(letter) => answers.push((place, Err(WriteError::Condition(Some(Box::new(letter)))))),
                None => gone.push((place, write)),
            }
        }
        answers.extend(self.each_alone(gone).await);
        answers
    }
}

/// Makes the statement for a letter in the version that was read, with no chunks beside it: then its bodies are in its
/// head.
fn change(table: &str, attributes: Vec<(String, AttributeValue)>, version: u64) -> (String, Vec<AttributeValue>) {
    let unchanged = ("\"version\"=? AND \"chunks\" IS MISSING AND \"edited_chunks\" IS MISSING", vec![number(version)]);
    update(table, attributes, &OPTIONAL, &["pk", "sk"], unchanged)
}

/// Reads the answer of one statement.
fn read(error: Option<BatchStatementError>, write: &LetterWrite) -> LetterWriteStep {
    let Some(BatchStatementError { code, item, .. }) = error else { return LetterWriteStep::Done(Ok(())) };
    match code {
        Some(Code::DuplicateItem) => LetterWriteStep::Taken,
        Some(Code::ConditionalCheckFailed) => {
            let found = item.filter(|item| !item.is_empty()).and_then(|item| HeadItem::read(item).ok());
            match found {
                // Another version, whole.
                Some(HeadItem { letter, parts: None, edited: None }) if Some(letter.version) != write.replaces => {
                    LetterWriteStep::Done(Err(WriteError::Condition(Some(Box::new(letter)))))
                }
                // It is gone, stands apart, or cannot be read: a write of its own finds out which.
                _ => LetterWriteStep::Alone,
            }
        }
        // A put is repeated with pauses; a letter that was written after all is found.
        Some(code) if found_no_room(&code) => LetterWriteStep::Alone,
        Some(Code::TransactionConflict | Code::ValidationError | Code::ItemCollectionSizeLimitExceeded) => {
            LetterWriteStep::Alone
        }
        code => {
            let why = code.map_or_else(|| "an error without a code".to_owned(), |code| code.as_str().to_owned());
            LetterWriteStep::Done(Err(Unavailable { service: SERVICE, action: ACTION, why }.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::text;

    #[test]
    fn a_change_sets_what_the_head_has_removes_what_it_lacks_and_wants_no_chunks() {
        let has = ["body", "pk", "sk", "status", "version"];
        let attributes = has.map(|name| (name.to_owned(), text(name))).to_vec();
        let (told, parameters) = change("t", attributes, 8);
        let removes = told.matches("REMOVE ").count();
        assert_eq!(removes, OPTIONAL.len() - 1);
        assert!(!told.contains("REMOVE \"body\" ") && told.contains(" REMOVE \"token\""));
        assert!(told.starts_with("UPDATE \"t\" SET \"body\"=?,\"status\"=?,\"version\"=? REMOVE "), "{told}");
        let condition =
            " WHERE \"pk\"=? AND \"sk\"=? AND \"version\"=? AND \"chunks\" IS MISSING AND \"edited_chunks\" IS MISSING";
        assert!(told.ends_with(condition), "{told}");
        let expected = [text("body"), text("status"), text("version"), text("pk"), text("sk"), number(8)];
        assert_eq!(parameters, expected);
    }
}
