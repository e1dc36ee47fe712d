//! The processor of a RabbitMQ queue: the same handler as the processor's, unchanged, given RabbitMQ's messages.

#[path = "../../processor/src"]
mod processor {
    pub(crate) mod handler;
}

fn main() -> Result<(), redrive::Error> {
    redrive::run_rabbitmq(processor::handler::Charger::new)
}
