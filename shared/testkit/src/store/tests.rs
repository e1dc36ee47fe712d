use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ids::{Enqueue, MessageId, OwnerToken};
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::ports::{CommitError, Ledger, LedgerReader, WriteError};
use redrive_core::processing::ledger::{Changed, Entry, EntryWrite, Expect, Origin};

use super::*;
use crate::clock::ORIGIN;
use crate::faults::{CallFault, Faults};

fn write() -> EntryWrite {
    let enqueue = Enqueue { message_id: MessageId::new("m").unwrap(), sent_at: ORIGIN };
    let by = (OwnerToken::from_random(1), Origin::default());
    let (hash, fault) = (PayloadHash::of_text("body"), Fault::permanent("code", "text"));
    let expires = ORIGIN.after(Duration::from_secs(60));
    EntryWrite {
        key: LedgerKey::keyless(None, &enqueue),
        entry: Entry::keyless(enqueue, None, hash, &fault, by, ORIGIN, expires),
        expect: Expect::AbsentOrExpired(ORIGIN),
        changed: Changed::All,
    }
}

#[tokio::test(start_paused = true)]
async fn effects_and_completion_are_committed_both_or_neither() {
    let ledger = ModelLedger::new().with_faults(Faults::script([(1, CallFault::Conflict)]));
    let write = write();
    let refused = Effects::refused(Fault::permanent("no", "no"));
    let answer = ledger.commit(write.clone(), &refused).await;
    assert!(matches!(answer, Err(CommitError::Refused(fault)) if fault.code == "no"));
    assert_eq!(ledger.commit(write.clone(), &Effects::one("n")).await, Err(CommitError::Conflict));
    assert!(ledger.entries().is_empty() && ledger.counter("n") == 0);
    assert_eq!(ledger.commit(write.clone(), &Effects::one("n")).await, Ok(()));
    assert!(matches!(ledger.commit(write, &Effects::one("n")).await, Err(CommitError::Condition(Some(_)))));
    assert_eq!(ledger.counter("n"), 1);
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_each_entry_has_its_own_answer() {
    let ledger = ModelLedger::new().with_faults(Faults::script([(0, CallFault::Partly(0b01))]));
    let answers = Ledger::<()>::write(&ledger, vec![write(), write(), write()]).await;
    assert!(matches!(&answers[..], [Err(WriteError::Unavailable(_)), Ok(()), Err(WriteError::Condition(Some(_)))]));
    let read = ledger.read(&[write().key]).await.unwrap();
    assert_eq!(read, [Some(write().entry)]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_entry_gives_way_and_is_swept_some_time() {
    let ledger = ModelLedger::new();
    ledger.force(write().key, write().entry);
    let late = ORIGIN.after(Duration::from_secs(61));
    let again = EntryWrite { expect: Expect::AbsentOrExpired(late), ..write() };
    assert_eq!(Ledger::<()>::write(&ledger, vec![again]).await, [Ok(())]);
    ledger.sweep(ORIGIN);
    assert_eq!(ledger.entries().len(), 1);
    ledger.sweep(late);
    assert!(ledger.entries().is_empty());
}
