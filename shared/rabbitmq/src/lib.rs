//! RabbitMQ behind core's ports: delay queues, the dead letter queue, and the queue that letters go back to.
//!
//! The client is `lapin`, whose types never leave this crate.
//!
//! - [`DelayStep`] is a delay that a queue of its own stands for;
//! - `Broker` says how the broker is reached, and keeps one connection (feature `client`);
//! - `DelayQueues` is the main queue of a source: what is not done waits there as a copy (feature `client`);
//! - `RabbitOutbox` takes a dead message and reads the answer (feature `client`);
//! - `SourceQueue` takes letters back, and says if nothing is known of them (feature `client`).
//!
//! # What is sent on, and what is not
//!
//! Body, headers and properties go as Lambda's event tells them. It does not tell everything:
//!
//! | of the message | is sent on as |
//! |---|---|
//! | a whole number of any width | one of 64 bits (`l`); where the headers would not fit into a frame, the shortest |
//! | another number | a double (`d`), decimals among them; where the headers would not fit, a float (`f`) if it is one |
//! | text or bytes | a long string (`S`) |
//! | a time in a header | its text in the event, as a long string |
//! | a header's name or a property of more than 255 bytes | its beginning: only bytes that were no text grow so long |
//! | property `timestamp` | not at all: the event has it as a local text |
//! | properties `expiration`, `user-id` | not at all: the message would die of the first, and be refused for the second |
//! | headers `CC`, `BCC` | not at all: the broker would send the copy to the queues that they name, too |
//! | property `delivery-mode` | 2, so that it outlives a restart of the broker |

#[cfg(feature = "client")]
mod broker;
#[cfg(feature = "client")]
mod delay_queues;
mod delay_step;
#[cfg(feature = "client")]
mod properties;
#[cfg(feature = "client")]
mod publishing;
#[cfg(feature = "client")]
mod rabbit_outbox;
#[cfg(feature = "client")]
mod source_queue;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "client")]
pub use broker::Broker;
#[cfg(feature = "client")]
pub use delay_queues::DelayQueues;
pub use delay_step::DelayStep;
#[cfg(feature = "client")]
pub use rabbit_outbox::RabbitOutbox;
#[cfg(feature = "client")]
pub use source_queue::SourceQueue;
