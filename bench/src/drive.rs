//! Batches of messages through claim and settlement, as the processor does it: core decides, the ledger writes.

use redrive_aws::LedgerTable;
use redrive_core::fault::Fault;
use redrive_core::ids::{Enqueue, MessageId, OwnerToken, Scope};
use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
use redrive_core::ports::{CommitError, Ledger, WriteError};
use redrive_core::processing::ledger::{
    Claim, ClaimRequest, ClaimStep, Entry, Origin, Settlement, Settling, claim, settle,
};
use redrive_core::time::Timestamp;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::Error;

const NOW: Timestamp = Timestamp::from_millis(4_000_000_000_000);
const HOUR: u64 = 3_600_000;

/// Message with its ledger key and enqueue.
#[derive(Clone)]
pub(crate) struct BenchMessage {
    key: LedgerKey,
    enqueue: Enqueue,
}

impl BenchMessage {
    pub(crate) fn new() -> Result<Self, Error> {
        let id = Uuid::new_v4().to_string();
        let scope = Scope::new("orders").ok_or("a scope")?;
        let key = LedgerKey::owned(&scope, &Key::new(id.clone())?);
        Ok(Self { key, enqueue: Enqueue { message_id: MessageId::new(id).ok_or("an id")?, sent_at: NOW } })
    }

    fn request(&self) -> ClaimRequest {
        ClaimRequest {
            key: self.key.clone(),
            enqueue: self.enqueue.clone(),
            hash: PayloadHash::of_text("body"),
            send: None,
            token: OwnerToken::from_random(Uuid::new_v4().as_u128()),
            lease_until: Timestamp::from_millis(NOW.as_millis() + 60_000),
            limit: 9,
            expires: Timestamp::from_millis(NOW.as_millis() + HOUR),
            origin: Origin {
                request_id: Uuid::new_v4().to_string(),
                function_version: "$LATEST".to_owned(),
                log_stream: format!("2026/11/22/[$LATEST]{}", "f".repeat(32)),
            },
        }
    }
}

/// Claims messages together; those that may not run are left out.
async fn claim_all(ledger: &LedgerTable, messages: &[BenchMessage]) -> Result<Vec<Claim>, Error> {
    let mut open: Vec<(ClaimRequest, Option<Box<Entry>>)> = messages.iter().map(|one| (one.request(), None)).collect();
    let mut won = Vec::new();
    while !open.is_empty() {
        let (mut asking, mut writes) = (Vec::new(), Vec::new());
        for (request, found) in open {
            if let ClaimStep::Claim(write, claim) = claim(found.as_deref(), &request, NOW) {
                writes.push(*write);
                asking.push((request, *claim));
            }
        }
        open = Vec::new();
        if writes.is_empty() {
            break;
        }
        for ((request, claim), answer) in asking.into_iter().zip(Ledger::<()>::write(ledger, writes).await) {
            match answer {
                Ok(()) => won.push(claim),
                Err(WriteError::Condition(found)) => open.push((request, found)),
                Err(WriteError::Unavailable(error)) => return Err(error.into()),
            }
        }
    }
    Ok(won)
}

/// Settles one claim, after its handler, which does nothing, ran in a task of the handlers' runtime.
async fn run_one(ledger: &LedgerTable, handlers: &Handle, claim: Claim, fails: bool) -> Result<(), Error> {
    handlers.spawn(async {}).await?;
    let how = if fails { Settlement::Fail(Fault::transient("later", "not yet")) } else { Settlement::Complete };
    let expires = Timestamp::from_millis(NOW.as_millis() + HOUR);
    let Settling::Write(write) = settle(Some(claim.entry()), &claim, &how, NOW, expires) else {
        return Err("the claim is not its own".into());
    };
    if fails {
        return match Ledger::<()>::write(ledger, vec![*write]).await.pop() {
            Some(Ok(())) => Ok(()),
            other => Err(format!("{other:?}").into()),
        };
    }
    let committed: Result<(), CommitError> = ledger.commit(*write, &()).await;
    Ok(committed?)
}

/// Runs one invocation: claims a batch, runs and settles what it won; the first `failing` of these fail. Returns how
/// many ran.
pub(crate) async fn batch(
    ledger: &LedgerTable,
    handlers: &Handle,
    messages: &[BenchMessage],
    failing: usize,
) -> Result<usize, Error> {
    let claims = claim_all(ledger, messages).await?;
    let ran = claims.len();
    let tasks: Vec<_> = claims
        .into_iter()
        .enumerate()
        .map(|(place, claim)| {
            let (ledger, handlers) = (ledger.clone(), handlers.clone());
            tokio::spawn(async move { run_one(&ledger, &handlers, claim, place < failing).await })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(ran)
}
