//! The indexer of a dead letter topic: turns its records into letters that say why they died.

fn main() -> Result<(), redrive::Error> {
    redrive::run_kafka_indexer()
}
