//! The processor: takes batches from the main queue and gives each message to the handler, once.

mod handler;

fn main() -> Result<(), redrive::Error> {
    redrive::run(handler::Charger::new)
}
