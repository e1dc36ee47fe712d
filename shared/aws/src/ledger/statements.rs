//! Writes of many entries by one call: `BatchExecuteStatement` carries out up to 25 statements, each under its own
//! condition and with its own answer; nothing binds them together.
//!
//! PartiQL has no upsert. What should not be there is an INSERT, which has no condition but the key's absence and
//! does not say what was there instead; what should be unchanged is an UPDATE, and after one that failed, a read says what
//! was there.

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementError, BatchStatementErrorCodeEnum as Code, BatchStatementRequest,
};
use redrive_core::ports::{Unavailable, WriteError};
use redrive_core::processing::ledger::{Changed, EntryWrite, Expect};

use super::group::Carrier;
use super::puts::{Puts, found};
use super::{EntryResult, SERVICE, item};
use crate::failure::unavailable;
use crate::item::{Item, number, text};
use crate::partiql::{found_no_room, insert, update};

const ACTION: &str = "write entries";

/// The ledger's table, written by statements.
pub(super) struct Statements {
    puts: Puts,
}

/// Next step after a statement's answer.
enum EntryWriteStep {
    /// The write is answered, and nothing is left to do.
    Written(EntryResult),
    /// An entry is there, and the statement cannot say which.
    Taken,
    /// The table lacked capacity just now, or another transaction was at the entry.
    Again,
}

impl Statements {
    pub(super) const fn new(puts: Puts) -> Self {
        Self { puts }
    }

    /// Makes one call. The outer error is the whole call's, and so that of every write.
    async fn execute(
        &self,
        statements: Vec<BatchStatementRequest>,
        writes: &[EntryWrite],
    ) -> Result<Vec<EntryWriteStep>, Unavailable> {
        let call = self.puts.client.batch_execute_statement().set_statements(Some(statements));
        let answer = call.send().await.map_err(|error| unavailable(SERVICE, ACTION, &error))?;
        let responses = answer.responses.unwrap_or_default();
        if responses.len() != writes.len() {
            let why = format!("{} statements have {} answers", writes.len(), responses.len());
            return Err(Unavailable { service: SERVICE, action: ACTION, why });
        }
        Ok(responses.into_iter().zip(writes).map(|(response, write)| read(response.error, write)).collect())
    }

    /// Reads the entries that stand where none was expected: in one call if there are several. What has expired or gone
    /// by then is written by a put, whose condition knows of that.
    async fn look(&self, taken: Vec<EntryWrite>) -> Vec<EntryResult> {
        if taken.len() < 2 {
            return self.put_all(taken).await;
        }
        let keys: Vec<_> = taken.iter().map(|write| write.key.clone()).collect();
        let entries = match self.puts.read(&keys).await {
            Ok(entries) => entries,
            Err(error) => return vec![Err(error.into()); taken.len()],
        };
        let answers = taken.into_iter().zip(entries).map(async |(write, entry)| match entry {
            Some(entry) if !write.expect.holds(Some(&entry)) => Err(WriteError::Condition(Some(Box::new(entry)))),
            _ => self.puts.put(write).await,
        });
        futures_util::future::join_all(answers).await
    }

    async fn put_all(&self, writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        futures_util::future::join_all(writes.into_iter().map(|write| self.puts.put(write))).await
    }
}

impl Carrier for Statements {
    async fn carry(&self, mut writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        if writes.len() < 2 {
            return self.put_all(writes).await;
        }
        let statements: Result<Vec<_>, _> = writes.iter().map(|write| statement(&self.puts.table, write)).collect();
        // An entry that cannot be stored is an entry's own matter: alone each has its own answer.
        let Ok(statements) = statements else { return self.put_all(writes).await };
        let reads = match self.execute(statements, &writes).await {
            Ok(reads) => reads,
            Err(error) => return vec![Err(error.into()); writes.len()],
        };
        let (mut taken, mut again) = (Vec::new(), Vec::new());
        for (read, write) in reads.iter().zip(writes.drain(..)) {
            match read {
                EntryWriteStep::Written(_) => {}
                EntryWriteStep::Taken => taken.push(write),
                EntryWriteStep::Again => again.push(write),
            }
        }
        let (taken, again) = futures_util::future::join(self.look(taken), self.put_all(again)).await;
        let (mut taken, mut again) = (taken.into_iter(), again.into_iter());
        let answers = reads.into_iter().map_while(|read| match read {
            EntryWriteStep::Written(written) => Some(written),
            EntryWriteStep::Taken => taken.next(),
            EntryWriteStep::Again => again.next(),
        });
        answers.collect()
    }
}

/// Reads the answer of one statement.
fn read(error: Option<BatchStatementError>, write: &EntryWrite) -> EntryWriteStep {
    let Some(BatchStatementError { code, item, .. }) = error else { return EntryWriteStep::Written(Ok(())) };
    match code {
        Some(Code::DuplicateItem) => EntryWriteStep::Taken,
        // The statement does not ask what was there instead: that is rare, and costs a line in each.
        Some(Code::ConditionalCheckFailed) if item.is_none() => EntryWriteStep::Taken,
        // A put is repeated with pauses; a write that happened after all is recognised by its token.
        Some(code) if found_no_room(&code) || code == Code::TransactionConflict => EntryWriteStep::Again,
        Some(Code::ConditionalCheckFailed) => EntryWriteStep::Written(Err(match found(&write.key, item) {
            Ok(entry) => WriteError::Condition(entry),
            Err(error) => error.into(),
        })),
        code => {
            let why = code.map_or_else(|| "an error without a code".to_owned(), |code| code.as_str().to_owned());
            EntryWriteStep::Written(Err(Unavailable { service: SERVICE, action: ACTION, why }.into()))
        }
    }
}

/// A write as a statement. Names are quoted: `owner` and others are reserved words.
fn statement(table: &str, write: &EntryWrite) -> Result<BatchStatementRequest, String> {
    let whole = || item::to_item(&write.key, write.entry.clone()).map(sorted);
    let (text, parameters) = match (write.expect, write.changed) {
        (Expect::AbsentOrExpired(_), _) => insert(table, whole()?),
        (Expect::Unchanged { version, owner }, changed) => {
            let unchanged = ("\"version\"=? AND \"owner\"=?", vec![number(version), text(owner)]);
            match changed {
                Changed::All => update(table, whole()?, &item::OPTIONAL, &["pk"], unchanged),
                Changed::Completion => {
                    let part = item::to_completion(&write.key, &write.entry).map(sorted)?;
                    update(table, part, &[], &["pk"], unchanged)
                }
            }
        }
    };
    let request = BatchStatementRequest::builder().statement(text).set_parameters(Some(parameters));
    request.build().map_err(|_| "the statement is incomplete".to_owned())
}

fn sorted(item: Item) -> Vec<(String, AttributeValue)> {
    let mut attributes: Vec<_> = item.into_iter().collect();
    attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrive_core::fault::Fault;
    use redrive_core::ids::{Enqueue, LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope, SendId};
    use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
    use redrive_core::processing::ledger::{Entry, Origin};
    use redrive_core::time::Timestamp;

    fn write(expect: Expect) -> EntryWrite {
        let (at, id) = (Timestamp::from_millis(5_000), MessageId::new("m").unwrap());
        let letter = LetterId::derive(&QueueArn::new("arn").unwrap(), &id);
        let send = Some(SendId { letter, number: ReplayNumber(1) });
        let by = (OwnerToken::from_random(1), Origin::default());
        let enqueue = Enqueue { message_id: id, sent_at: at };
        let entry = Entry::keyless(enqueue, send, PayloadHash::of_text(""), &Fault::permanent("c", "t"), by, at, at);
        let key = LedgerKey::owned(&Scope::new("s").unwrap(), &Key::new("k").unwrap());
        EntryWrite { key, entry, expect, changed: Changed::All }
    }

    fn unchanged() -> Expect {
        Expect::Unchanged { version: 8, owner: OwnerToken::from_random(7) }
    }

    #[test]
    fn what_should_not_be_there_is_inserted_with_every_attribute_in_its_place() {
        let built = statement("t", &write(Expect::AbsentOrExpired(Timestamp::from_millis(0)))).unwrap();
        assert_eq!(
            built.statement,
            "INSERT INTO \"t\" VALUE {'expires':?,'fault':?,'hash':?,'history':?,'lease_until':?,'letter':?,'lives':?,\
             'number':?,'owner':?,'pk':?,'state':?,'version':?}"
        );
        let parameters = built.parameters.unwrap();
        assert_eq!((parameters.len(), &parameters[9], &parameters[11]), (12, &text("s#k"), &number(1)));
    }

    #[test]
    fn a_change_sets_what_the_entry_has_and_removes_what_it_lacks() {
        let full = statement("t", &write(unchanged())).unwrap();
        let sets = "SET \"expires\"=?,\"fault\"=?,\"hash\"=?,\"history\"=?,\"lease_until\"=?,\"letter\"=?,\"lives\"=?,\
                    \"number\"=?,\"owner\"=?,\"state\"=?,\"version\"=?";
        let condition = "WHERE \"pk\"=? AND \"version\"=? AND \"owner\"=?";
        assert_eq!(full.statement, format!("UPDATE \"t\" {sets} REMOVE \"buried\" REMOVE \"withdrawn\" {condition}"));
        let parameters = full.parameters.unwrap();
        assert_eq!(parameters[11..], [text("s#k"), number(8), text(OwnerToken::from_random(7))]);

        let mut bare = write(unchanged());
        (bare.entry.send, bare.entry.fault) = (None, None);
        bare.entry.history.clear();
        let bare = statement("t", &bare).unwrap();
        let removes = "REMOVE \"buried\" REMOVE \"fault\" REMOVE \"history\" REMOVE \"letter\" REMOVE \"number\" REMOVE \"withdrawn\"";
        let sets = "SET \"expires\"=?,\"hash\"=?,\"lease_until\"=?,\"lives\"=?,\"owner\"=?,\"state\"=?,\"version\"=?";
        assert_eq!(bare.statement, format!("UPDATE \"t\" {sets} {removes} {condition}"));
        assert_eq!(bare.parameters.unwrap().len(), 10);
    }

    #[test]
    fn a_completion_sets_what_it_changes() {
        let built = statement("t", &EntryWrite { changed: Changed::Completion, ..write(unchanged()) }).unwrap();
        assert_eq!(
            built.statement,
            "UPDATE \"t\" SET \"expires\"=?,\"lease_until\"=?,\"state\"=?,\"version\"=? \
             WHERE \"pk\"=? AND \"version\"=? AND \"owner\"=?"
        );
        assert_eq!(built.parameters.unwrap().len(), 7);
    }

    #[test]
    fn each_error_is_its_own_statements() {
        let write = write(unchanged());
        let told = |code: &str| {
            let error = BatchStatementError::builder().code(code.into()).message("secret");
            read(Some(error.build()), &write)
        };
        assert!(matches!(read(None, &write), EntryWriteStep::Written(Ok(()))));
        for code in ["ConditionalCheckFailed", "DuplicateItem"] {
            assert!(matches!(told(code), EntryWriteStep::Taken), "{code}");
        }
        let busy = ["ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "InternalServerError"];
        for code in busy.into_iter().chain(["TransactionConflict"]) {
            assert!(matches!(told(code), EntryWriteStep::Again), "{code}");
        }
        for code in ["ValidationError", "AccessDenied", "ResourceNotFound", "New"] {
            let EntryWriteStep::Written(Err(WriteError::Unavailable(error))) = told(code) else { panic!("{code}") };
            assert_eq!(error.why, code);
        }
    }
}
