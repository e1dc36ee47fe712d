//! Examples of processors. Each module is the `main.rs` of a function, with its test below: it reads alone, and it can be
//! copied as it stands. `docs/examples.md` lists them.

pub mod durable_execution;
pub mod external_call;
pub mod fifo_queue;
pub mod linked_spans;
pub mod several_types;
pub mod transactional_effect;
pub mod typed_errors;
pub mod wrapped_bodies;
