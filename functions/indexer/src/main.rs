//! The indexer: turns the messages of the dead-letter queue into letters that say why they died.

fn main() -> Result<(), redrive::Error> {
    redrive::run_indexer()
}
