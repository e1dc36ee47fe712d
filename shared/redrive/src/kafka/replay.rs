use redrive_aws::AwsGauges;
use redrive_core::ports::{Gauges, Unavailable};
use redrive_core::replay::job::AlarmState;
use redrive_kafka::{Brokers, NullKey, SourceTopic};
use redrive_lambda::config::{KafkaReplayConfig, environment};
use redrive_lambda::run::serve;
use redrive_lambda::telemetry;

use crate::Error;
use crate::announcing::Announcing;
use crate::broker_letters;
use crate::error::log;
use crate::replay::Replaying;
use crate::traced::Traced;

/// Runs the replay of letters to a Kafka topic until Lambda ends the process. Needs the feature `kafka`.
///
/// Its requests are those of [`run_replay`](crate::run_replay). Where letters go is configured, and no record chooses it.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_kafka_replay() -> Result<(), Error> {
    telemetry::init(environment);
    let ended = start();
    ended.inspect_err(log)
}

fn start() -> Result<(), Error> {
    let config = KafkaReplayConfig::read(environment)?;
    let function = config.function.clone();
    serve(&function, |_| async { Ok::<_, Error>(Traced(replaying(config).await)) })
}

async fn replaying(config: KafkaReplayConfig) -> Announcing<Replaying<SourceTopic, TopicGauges>> {
    let KafkaReplayConfig { function, topic, null_key_to_original, bootstrap_servers, security, replaying } = config;
    let brokers = Brokers::new(&bootstrap_servers, &security);
    let null_key = if null_key_to_original { NullKey::Original } else { NullKey::Any };
    let outbox = SourceTopic::new(&topic, brokers, null_key);
    broker_letters::replaying(function, &topic, replaying, outbox, TopicGauges).await
}

/// Measurements of a topic for a job's guard: the alarm alone. How much of a topic waits its consumer group knows, which Lambda
/// names.
struct TopicGauges(AwsGauges);

impl Gauges for TopicGauges {
    fn tells_backlog(&self) -> bool {
        false
    }

    async fn backlog(&self) -> Result<u64, Unavailable> {
        let why = "only its consumer group knows; an alarm on OffsetLag does as a guard".to_owned();
        Err(Unavailable { service: "topic", action: "say how much waits", why })
    }

    async fn alarm(&self, name: &str) -> Result<AlarmState, Unavailable> {
        self.0.alarm(name).await
    }
}
