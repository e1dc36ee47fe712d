use redrive_aws::AwsGauges;
use redrive_core::ports::{Gauges, Unavailable};
use redrive_core::replay::job::AlarmState;
use redrive_lambda::config::{RabbitReplayConfig, environment};
use redrive_lambda::run::serve;
use redrive_lambda::telemetry;
use redrive_rabbitmq::{Broker, SourceQueue};

use crate::Error;
use crate::announcing::Announcing;
use crate::broker_letters;
use crate::error::log;
use crate::replay::Replaying;
use crate::traced::Traced;

/// Runs the replay of letters to a RabbitMQ queue until Lambda ends the process. Needs the feature `rabbitmq`.
///
/// Its requests are those of [`run_replay`](crate::run_replay). Letters go to the queue itself, which is configured: by the exchange that
/// a message came from, other queues would be given it once more.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_rabbitmq_replay() -> Result<(), Error> {
    telemetry::init(environment);
    let ended = start();
    ended.inspect_err(log)
}

fn start() -> Result<(), Error> {
    let config = RabbitReplayConfig::read(environment)?;
    let function = config.function.clone();
    serve(&function, |_| async { Ok::<_, Error>(Traced(replaying(config).await)) })
}

async fn replaying(config: RabbitReplayConfig) -> Announcing<Replaying<SourceQueue, RabbitGauges>> {
    let RabbitReplayConfig { function, queue, endpoint, login, replaying } = config;
    let outbox = SourceQueue::new(&queue.name, Broker::new(&endpoint, &queue.vhost, &login));
    // The same connection.
    let queue_of_gauges = outbox.clone();
    let gauges = |alarms| RabbitGauges { queue: queue_of_gauges, alarms };
    broker_letters::replaying(function, &queue.name, replaying, outbox, gauges).await
}

/// Measurements for a job's guard: what waits in the queue, and CloudWatch's alarms.
struct RabbitGauges {
    queue: SourceQueue,
    alarms: AwsGauges,
}

impl Gauges for RabbitGauges {
    async fn backlog(&self) -> Result<u64, Unavailable> {
        self.queue.waiting().await
    }

    async fn alarm(&self, name: &str) -> Result<AlarmState, Unavailable> {
        self.alarms.alarm(name).await
    }
}
