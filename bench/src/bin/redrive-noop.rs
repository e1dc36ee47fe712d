//! Redrive with a handler that does nothing, for messages of SQS.

#[path = "../noop_handler.rs"]
mod noop_handler;

fn main() -> Result<(), redrive::Error> {
    redrive::run(|_| Ok(noop_handler::Nothing))
}
