//! A model of the world that Redrive runs in: queues, tables, time, chance, and everything that goes wrong there.
//! Redrive's own simulator is built on it, and so can be the tests of your handler.
//!
//! - [`clock`]: time that passes in no time, and chance that is the same for the same seed.
//! - [`ModelQueue`]: a standard SQS queue with everything that it is allowed to do.
//! - [`ModelTopic`], [`ModelRabbitQueue`]: the same for Kafka and RabbitMQ.
//! - [`ModelLedger`], [`ModelLetters`]: the two tables, under core's own conditions.
//! - [`Faults`]: what goes wrong with which call; knows every process, and whether it has died.
//! - [`Journal`]: what happened, in order.
//! - [`handlers`]: handlers that do as they are told.
//! - [`letters`]: letters to begin with.
//! - [`KeyedService`]: a service of somebody else, which has one effect for each key.
//! - [`loopback`]: a server on loopback, for the clients of a handler.
//!
//! ```
//! use redrive_core::ids::{Enqueue, MessageId, OwnerToken};
//! use redrive_core::processing::ledger::{Changed, Entry, EntryWrite, Expect, Origin};
//! use redrive_core::ports::{Ledger, WriteError};
//! use redrive_testkit::{CallFault, Faults, ModelLedger, clock::ORIGIN};
//! # use redrive_core::{fault::Fault, message::key::{LedgerKey, PayloadHash}};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! // The first call happens, but its answer is lost.
//! let faults = Faults::script([(0, CallFault::LostAnswer)]);
//! let ledger = ModelLedger::new().with_faults(faults.of("worker"));
//! # let enqueue = Enqueue { message_id: MessageId::new("m-1").unwrap(), sent_at: ORIGIN };
//! # let key = LedgerKey::keyless(None, &enqueue);
//! # let (fault, hash) = (Fault::permanent("code", "text"), PayloadHash::of_text("body"));
//! # let by = (OwnerToken::from_random(7), Origin::default());
//! # let entry = Entry::keyless(enqueue, None, hash, &fault, by, ORIGIN, ORIGIN.after(std::time::Duration::from_secs(60)));
//! let write = EntryWrite { key, entry, expect: Expect::AbsentOrExpired(ORIGIN), changed: Changed::All };
//!
//! let first = Ledger::<()>::write(&ledger, vec![write.clone()]).await;
//! assert!(matches!(first[..], [Err(WriteError::Unavailable(_))]));
//!
//! // Whoever asks again learns that it had happened.
//! let again = Ledger::<()>::write(&ledger, vec![write]).await;
//! assert!(matches!(&again[..], [Err(WriteError::Condition(Some(found)))] if found.version == 1));
//! println!("{}", faults.journal().story());
//! # });
//! ```

pub mod broker;
pub mod clock;
pub mod faults;
pub mod handlers;
pub mod journal;
pub mod letters;
pub mod loopback;
pub mod queue;
pub mod random_faults;
pub mod service;
pub mod store;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use broker::{ModelRabbitQueue, ModelTopic, Redelivery};
pub use clock::{SeededEntropy, VirtualClock, VirtualWorld};
pub use faults::{Call, CallFault, Faults};
pub use journal::Journal;
pub use queue::{ModelQueue, Quirks};
pub use random_faults::Chances;
pub use service::{KeyedService, ServiceCall};
pub use store::{Effects, ModelGauges, ModelLedger, ModelLetters, ReadCounts};

/// A panic of one test's handler is that handler's matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
