//! The replay of a Kafka topic's letters: sends them back to the topic that they come from.

fn main() -> Result<(), redrive::Error> {
    redrive::run_kafka_replay()
}
