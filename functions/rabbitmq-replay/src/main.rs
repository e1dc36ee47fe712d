//! The replay of a RabbitMQ queue's letters: sends them back to the queue that they come from.

fn main() -> Result<(), redrive::Error> {
    redrive::run_rabbitmq_replay()
}
