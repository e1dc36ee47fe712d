//! Many new letters, one call: each is an INSERT of its own, under no condition but that it is not there, and with its own
//! answer. What is larger, apart, or a change of what is there has a call of its own.

use aws_sdk_dynamodb::types::{BatchStatementErrorCodeEnum as Code, BatchStatementRequest};
use futures_util::StreamExt;
use redrive_core::letter::{Letter, LetterWrite};
use redrive_core::ports::{Letters, Unavailable, WriteError};

use super::item::{InHead, to_item};
use super::place::{Place, is_large};
use super::{LetterTable, SERVICE, WIDTH};
use crate::failure::Failure;
use crate::item::size;
use crate::partiql::{STATEMENTS, found_no_room, insert};

const ACTION: &str = "write letters";
/// The most bytes of letters in a call, unless a single one is larger. The service takes more; memory need not.
const BYTES: usize = 1 << 20;

type Written = Result<(), WriteError<Letter>>;

/// What the letters of one call are written by.
#[derive(Default)]
struct Parcel {
    statements: Vec<BatchStatementRequest>,
    /// With their places among all.
    writes: Vec<(usize, LetterWrite)>,
    bytes: usize,
}

/// What a statement's answer leaves to do.
enum Read {
    Done(Written),
    /// Something is there, and the statement cannot say what.
    Taken,
    /// Nothing was done, and a call of its own may do better.
    Alone,
}

impl LetterTable {
    /// Writes letters, each under its own condition: the one place that knows how many calls that takes.
    pub(super) async fn write_all(&self, writes: Vec<LetterWrite>) -> Vec<Written> {
        let count = writes.len();
        let (mut parcels, mut alone) = (Vec::<Parcel>::new(), Vec::new());
        for (place, write) in writes.into_iter().enumerate() {
            // What cannot be a statement finds out by itself why.
            let Some((statement, bytes)) = self.statement(&write) else {
                alone.push((place, write));
                continue;
            };
            if parcels.last().is_none_or(|last| last.statements.len() == STATEMENTS || last.bytes + bytes > BYTES) {
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
        let mut answers: Vec<Option<Written>> = vec![None; count];
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
        if write.replaces.is_some() || is_large(&write.letter) {
            return None;
        }
        let item = match Place::of(&write.letter) {
            Place::Plain => to_item(&write.letter, &InHead::Plain),
            Place::Packed(packed) => to_item(&write.letter, &InHead::Packed(&packed)),
            Place::Nowhere => to_item(&write.letter, &InHead::Nothing),
            Place::Apart(_) => return None,
        };
        let item = item.ok()?;
        let bytes = size(&item);
        let mut attributes: Vec<_> = item.into_iter().collect();
        attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (text, parameters) = insert(&self.table, attributes);
        let request = BatchStatementRequest::builder().statement(text).set_parameters(Some(parameters)).build();
        Some((request.ok()?, bytes))
    }

    async fn each_alone(&self, writes: Vec<(usize, LetterWrite)>) -> Vec<(usize, Written)> {
        let one = |(place, write): (usize, LetterWrite)| async move { (place, self.write_one(&write).await) };
        futures_util::stream::iter(writes).map(one).buffered(WIDTH).collect().await
    }

    async fn carry(&self, Parcel { statements, writes, .. }: Parcel) -> Vec<(usize, Written)> {
        if writes.len() < 2 {
            return self.each_alone(writes).await;
        }
        let reads = self.execute(statements, writes.len()).await;
        let (mut answers, mut taken, mut alone) = (Vec::with_capacity(writes.len()), Vec::new(), Vec::new());
        for ((place, write), read) in writes.into_iter().zip(reads) {
            match read {
                Read::Done(written) => answers.push((place, written)),
                Read::Taken => taken.push((place, write)),
                Read::Alone => alone.push((place, write)),
            }
        }
        let (taken, alone) = futures_util::future::join(self.look(taken), self.each_alone(alone)).await;
        answers.into_iter().chain(taken).chain(alone).collect()
    }

    /// One call, and an answer for each of its statements.
    async fn execute(&self, statements: Vec<BatchStatementRequest>, count: usize) -> Vec<Read> {
        let for_all = |why: Unavailable| (0..count).map(|_| Read::Done(Err(why.clone().into()))).collect();
        let call = self.client.batch_execute_statement().set_statements(Some(statements));
        let answer = match call.send().await.map_err(|error| Failure::of(&error)) {
            Ok(answer) => answer,
            // One letter that the service cannot take must not keep the others out.
            Err(failure) if failure.is_invalid() => return (0..count).map(|_| Read::Alone).collect(),
            Err(failure) => return for_all(failure.unavailable(SERVICE, ACTION)),
        };
        let responses = answer.responses.unwrap_or_default();
        if responses.len() != count {
            let why = format!("{count} statements have {} answers", responses.len());
            return for_all(Unavailable { service: SERVICE, action: ACTION, why });
        }
        responses.into_iter().map(|response| response.error.map_or(Read::Done(Ok(())), |e| read(e.code))).collect()
    }

    /// What stands where nothing was expected. What has gone by then is written alone.
    async fn look(&self, taken: Vec<(usize, LetterWrite)>) -> Vec<(usize, Written)> {
        if taken.is_empty() {
            return Vec::new();
        }
        let ids: Vec<_> = taken.iter().map(|(_, write)| write.letter.id).collect();
        let found = match self.read(&ids).await {
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

fn read(code: Option<Code>) -> Read {
    match code {
        Some(Code::DuplicateItem) => Read::Taken,
        // A put is repeated with pauses; a letter that was written after all is found.
        Some(code) if found_no_room(&code) => Read::Alone,
        Some(Code::ValidationError | Code::ItemCollectionSizeLimitExceeded) => Read::Alone,
        code => {
            let why = code.map_or_else(|| "an error without a code".to_owned(), |code| code.as_str().to_owned());
            Read::Done(Err(Unavailable { service: SERVICE, action: ACTION, why }.into()))
        }
    }
}
