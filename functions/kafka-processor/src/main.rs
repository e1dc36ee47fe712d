//! The processor of a Kafka topic: the same handler as the processor's, unchanged, given Kafka's records.

#[path = "../../processor/src"]
mod processor {
    pub(crate) mod handler;
}

fn main() -> Result<(), redrive::Error> {
    redrive::run_kafka(processor::handler::Charger::new)
}
