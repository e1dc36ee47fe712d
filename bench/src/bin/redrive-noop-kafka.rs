//! The same for records of Kafka.

#[path = "../noop_handler.rs"]
mod noop_handler;

fn main() -> Result<(), redrive::Error> {
    redrive::run_kafka(|_| Ok(noop_handler::Nothing))
}
