//! Tests of a handler by what becomes of its messages: a scripted queue with duplicates, retries, faults of every call, and
//! a crash at every await, all in virtual time.
//!
//! A [`Scenario`] sends messages to a queue in memory. The real processor takes them from there, with the ledger in memory,
//! too. Nothing is deployed, and no test waits: an hour of retries passes at once. Needs the feature `testing`, which belongs
//! among the `dev-dependencies` alone.
//!
//! ```
//! use redrive::testing::Scenario;
//! use redrive::{Context, Fault, Handler};
//!
//! struct Charger;
//!
//! impl Handler for Charger {
//!     type Message = serde_json::Value;
//!     type Effects = &'static str;
//!
//!     async fn handle(&self, _: &serde_json::Value, _: &Context) -> Result<&'static str, Fault> {
//!         Ok("charged")
//!     }
//! }
//!
//! let order = r#"{"order_id": "o-1"}"#;
//! let scenario = Scenario::of(|_| Charger).key_at("/order_id").send(order).send(order);
//! for outcome in scenario.under_every_fault() {
//!     assert_eq!(outcome.effects_of("o-1").len(), 1, "{outcome}");
//!     assert!(outcome.dead().is_empty(), "{outcome}");
//! }
//! ```
//!
//! An effect of somebody else's service is no part of that transaction. [`TestWorld::service`] stands for such a service,
//! and [`Scenario::run_twice`] shows if a second attempt calls it as the first one did:
//!
//! ```
//! use redrive::testing::{KeyedService, Scenario};
//! use redrive::{Context, Fault, Handler, ResultExt};
//!
//! struct Charger(KeyedService);
//!
//! impl Handler for Charger {
//!     type Message = serde_json::Value;
//!     type Effects = ();
//!
//!     async fn handle(&self, _: &serde_json::Value, context: &Context) -> Result<(), Fault> {
//!         self.0.call(Some(context.key.as_str()), "charge").await.transient("payments")
//!     }
//! }
//!
//! let scenario = Scenario::of(|world| Charger(world.service("payments"))).key_at("/order_id");
//! let scenario = scenario.send(r#"{"order_id": "o-1"}"#);
//! for outcome in scenario.under_every_fault() {
//!     assert_eq!(outcome.service_effects("payments"), [("charge".to_owned(), 1)].into(), "{outcome}");
//! }
//! assert_eq!(scenario.run_twice().difference(), None);
//! ```

mod observed;
mod outcome;
mod play;
mod scenario;
mod test_world;
#[cfg(test)]
mod tests;

pub use outcome::{DeadMessage, ExternalCall, Outcome, RunTwice};
pub use redrive_core::fixture::{BadFixture, Fixture};
pub use redrive_core::message::wrapping::Wrapping;
pub use redrive_testkit::loopback::{JsonAnswer, JsonRequest};
pub use redrive_testkit::{KeyedService, ServiceCall};
pub use scenario::Scenario;
pub use test_world::TestWorld;
