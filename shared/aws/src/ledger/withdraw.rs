//! Withdrawals, as replay writes them: an INSERT where nothing is, and else an UPDATE of five attributes. So its role can be
//! kept from writing anything else: an INSERT never writes over an item, and IAM knows which attributes an UPDATE names.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    BatchStatementErrorCodeEnum as Code, BatchStatementRequest, BatchStatementResponse,
    ReturnValuesOnConditionCheckFailure,
};
use futures_util::StreamExt;
use redrive_core::ports::{LedgerMarker, Unavailable, WRITES_A_CALL, WriteError};
use redrive_core::processing::ledger::{Entry, EntryWrite, Expect};

use super::puts::found;
use super::{EntryResult, LedgerTable, SERVICE, item};
use crate::failure::unavailable;
use crate::item::{number, text};
use crate::partiql::{found_no_room, insert, takes, update};

pub(super) const ACTION: &str = "withdraw copies";
/// Number of tries of a statement, and the first wait; each further one is twice as long.
const TRIES: u32 = 5;
const WAIT: Duration = Duration::from_millis(20);
/// Attributes that are written to an existing entry.
pub(super) const MARKED: [&str; 5] = ["buried", "expires", "lives", "version", "withdrawn"];
/// Attributes among these that the entry may lack afterwards.
pub(super) const OPTIONAL: [&str; 2] = ["buried", "withdrawn"];

impl LedgerMarker for LedgerTable {
    async fn withdraw(&self, writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        if !takes(&self.puts.table) {
            let updates = futures_util::stream::iter(writes).map(|write| self.puts.withdraw(write));
            return updates.buffered(WRITES_A_CALL).collect().await;
        }
        let mut answers = Vec::with_capacity(writes.len());
        for few in writes.chunks(WRITES_A_CALL) {
            answers.extend(self.mark_all(few).await);
        }
        answers
    }
}

/// Next step after a statement's answer.
enum WithdrawStep {
    Done(EntryResult),
    /// No capacity just now, or another transaction is at the entry: nothing was done.
    Again(&'static str),
}

impl LedgerTable {
    /// Marks entries; those whose statement found no room are tried again, with pauses.
    async fn mark_all(&self, writes: &[EntryWrite]) -> Vec<EntryResult> {
        let (mut answers, mut open) = (vec![None; writes.len()], (0..writes.len()).collect::<Vec<_>>());
        let mut why = "";
        for round in 0..TRIES {
            let some: Vec<_> = open.iter().map(|place| writes[*place].clone()).collect();
            let mut again = Vec::new();
            for (place, read) in open.into_iter().zip(self.mark(&some).await) {
                match read {
                    WithdrawStep::Done(written) => answers[place] = Some(written),
                    WithdrawStep::Again(code) => {
                        why = code;
                        again.push(place);
                    }
                }
            }
            if again.is_empty() {
                break;
            }
            open = again;
            tokio::time::sleep(WAIT * (1 << round)).await;
        }
        let busy = || Unavailable { service: SERVICE, action: ACTION, why: why.to_owned() };
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(busy().into()))).collect()
    }

    async fn mark(&self, writes: &[EntryWrite]) -> Vec<WithdrawStep> {
        let responses = match self.execute(writes).await {
            Ok(responses) => responses,
            Err(error) => return writes.iter().map(|_| WithdrawStep::Done(Err(error.clone().into()))).collect(),
        };
        let mut answers = Vec::with_capacity(writes.len());
        for (response, write) in responses.into_iter().zip(writes) {
            answers.push(match response.error.as_ref().and_then(|error| error.code.as_ref()) {
                Some(Code::TransactionConflict) => WithdrawStep::Again("TransactionConflict"),
                Some(code) if found_no_room(code) => WithdrawStep::Again("no capacity"),
                _ => WithdrawStep::Done(self.answer(response, write).await),
            });
        }
        answers
    }

    async fn execute(&self, writes: &[EntryWrite]) -> Result<Vec<BatchStatementResponse>, Unavailable> {
        let strange = |why: String| Unavailable { service: SERVICE, action: ACTION, why };
        let statements = writes.iter().map(|write| statement(&self.puts.table, write)).collect::<Result<Vec<_>, _>>();
        let call = self.puts.client.batch_execute_statement().set_statements(Some(statements.map_err(strange)?));
        let answer = call.send().await.map_err(|error| unavailable(SERVICE, ACTION, &error))?;
        let responses = answer.responses.unwrap_or_default();
        let (sent, answered) = (writes.len(), responses.len());
        if sent == answered {
            Ok(responses)
        } else {
            Err(strange(format!("{sent} statements have {answered} answers")))
        }
    }

    async fn answer(&self, response: BatchStatementResponse, write: &EntryWrite) -> EntryResult {
        let Some(error) = response.error else { return Ok(()) };
        match error.code {
            Some(Code::ConditionalCheckFailed) => Err(WriteError::Condition(found(&write.key, error.item)?)),
            // An INSERT does not say what is there; it may be a lost answer's own.
            Some(Code::DuplicateItem) => {
                let there = self.puts.read(std::slice::from_ref(&write.key)).await?.pop().flatten();
                Err(WriteError::Condition(there.map(Box::new)))
            }
            code => {
                let why = code.map_or_else(|| "an error without a code".to_owned(), |code| code.as_str().to_owned());
                Err(Unavailable { service: SERVICE, action: ACTION, why }.into())
            }
        }
    }
}

/// A withdrawal as a statement.
fn statement(table: &str, EntryWrite { key, entry, expect, .. }: &EntryWrite) -> Result<BatchStatementRequest, String> {
    let mut attributes: Vec<_> = item::to_item(key, Entry::clone(entry))?.into_iter().collect();
    attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let (statement, parameters) = match expect {
        Expect::AbsentOrExpired(_) => insert(table, attributes),
        Expect::Unchanged { version, owner } => {
            attributes.retain(|(name, _)| name == "pk" || MARKED.contains(&name.as_str()));
            let unchanged = ("\"version\"=? AND \"owner\"=?", vec![number(*version), text(owner)]);
            update(table, attributes, &OPTIONAL, &["pk"], unchanged)
        }
    };
    let request = BatchStatementRequest::builder().statement(statement).set_parameters(Some(parameters));
    let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    request.build().map_err(|_| "the statement is incomplete".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrive_core::ids::{LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope, SendId};
    use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
    use redrive_core::processing::ledger::{Withdrawal, Withdrawing, withdraw};
    use redrive_core::time::Timestamp;

    fn asked() -> Withdrawal {
        let origin = MessageId::new("m").unwrap();
        Withdrawal {
            key: LedgerKey::owned(&Scope::new("s").unwrap(), &Key::new("k").unwrap()),
            send: SendId { letter: LetterId::derive(&QueueArn::new("arn").unwrap(), &origin), number: ReplayNumber(2) },
            messages: vec![origin],
            token: OwnerToken::from_random(7),
            hash: PayloadHash::of_text(""),
            expires: Timestamp::from_millis(9_000),
        }
    }

    fn written(entry: Option<&Entry>, asked: &Withdrawal) -> EntryWrite {
        match withdraw(entry, asked, Timestamp::from_millis(1)) {
            Withdrawing::Write(write) => *write,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_update_names_the_attributes_that_the_role_may_write_and_no_others() {
        let before = written(None, &asked());
        let told = statement("t", &before).unwrap();
        let names =
            "'expires':?,'hash':?,'lease_until':?,'lives':?,'owner':?,'pk':?,'state':?,'version':?,'withdrawn':?";
        assert_eq!(told.statement, format!("INSERT INTO \"t\" VALUE {{{names}}}"));
        let next = Withdrawal { messages: vec![MessageId::new("another").unwrap()], ..asked() };
        let told = statement("t", &written(Some(&before.entry), &next)).unwrap();
        let sets = "SET \"expires\"=?,\"lives\"=?,\"version\"=?,\"withdrawn\"=?";
        let condition = "WHERE \"pk\"=? AND \"version\"=? AND \"owner\"=?";
        assert_eq!(told.statement, format!("UPDATE \"t\" {sets} REMOVE \"buried\" {condition}"));
        assert_eq!(told.parameters.unwrap()[4..], [text("s#k"), number(1), text(OwnerToken::from_random(7))]);
    }
}
