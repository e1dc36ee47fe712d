use redrive_aws::{AwsClients, AwsGauges};
use redrive_core::ports::{Gauges, Unavailable};
use redrive_core::replay::job::AlarmState;
use redrive_engine::{Announced, QueuePair, Replayer};
use redrive_kafka::{Brokers, NullKey, SourceTopic};
use redrive_lambda::config::{KafkaReplayConfig, environment};
use redrive_lambda::run::serve;
use redrive_lambda::{System, telemetry};

use crate::Error;
use crate::announcing::{Announcing, announcer};
use crate::error::log;
use crate::meter::Meter;
use crate::replay::{Replaying, of_no_queue, settings};
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
    let aws = AwsClients::load(redrive_engine::trace::current).await;
    let KafkaReplayConfig { function, topic, ledger_table, letter_table, reading, policy, .. } = config;
    let announcer = announcer(&aws, config.event_bus);
    let letters = Announced::new(aws.letters(letter_table), announcer.clone());
    let brokers = Brokers::new(&config.bootstrap_servers, &config.security);
    let null_key = if config.null_key_to_original { NullKey::Original } else { NullKey::Any };
    let outbox = SourceTopic::new(&topic, brokers, null_key);
    let ledger = ledger_table.map(|table| aws.ledger(table));
    // The alarm of a job's guard is CloudWatch's; the rest of it is of a queue, which is none here.
    let gauges = TopicGauges(aws.gauges(String::new()));
    let pair = QueuePair::new(reading, policy, outbox, ledger, gauges);
    let replayer = Replayer::new(letters, System, settings(config.ledger_retention), vec![pair]);
    let (name, meters) = (function.name.clone(), vec![Meter::new(function.name.clone(), topic)]);
    let (allowed_actions, of_no_queue) = (config.allowed_actions, of_no_queue(&function.name));
    let flow = Replaying { function: function.name, allowed_actions, replayer, meters, of_no_queue, ages: None };
    Announcing { flow, function: name, announcer }
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
