//! Models of Kafka and RabbitMQ, with Lambda's mappings of them: what their documents promise, and no more.

mod rabbit_queue;
mod topic;

pub use rabbit_queue::ModelRabbitQueue;
pub use topic::{ModelTopic, Redelivery};
