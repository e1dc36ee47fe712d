//! The indexer of a RabbitMQ dead letter queue: turns its messages into letters that say why they died.

fn main() -> Result<(), redrive::Error> {
    redrive::run_rabbitmq_indexer()
}
