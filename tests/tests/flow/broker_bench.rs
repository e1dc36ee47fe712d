//! A processor of Kafka or RabbitMQ over model brokers, behind a mapping that stands for Lambda's.

use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::message::batch::Batch;
use redrive_core::message::broker_envelope::KafkaOrder;
use redrive_core::message::broker_record::KafkaRecord;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Envelope;
use redrive_core::message::kafka_response::KafkaResponse;
use redrive_core::ports::{MainQueue, Outbox};
use redrive_core::processing::ledger::Origin;
use redrive_engine::{Order, ProcessReport, ProcessSettings, Processor};
use redrive_testkit::clock::VirtualWorld;
use redrive_testkit::handlers::Scripted;
use redrive_testkit::journal::What;
use redrive_testkit::{Faults, ModelLedger, ModelRabbitQueue, ModelTopic, Redelivery};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::bench::settings;

/// Time of an invocation.
pub(crate) const TIME: Duration = Duration::from_secs(20);

/// Queue and dead letters of a source, a processor between them, and what they share.
pub(crate) struct BrokerBench<Q: MainQueue + Outbox> {
    pub(crate) main: Q,
    pub(crate) dead: Q,
    pub(crate) ledger: ModelLedger,
    pub(crate) faults: Faults,
    source: QueueArn,
    handler: Scripted,
    order: Order,
}

impl<Q: MainQueue + Outbox + Clone> BrokerBench<Q> {
    /// `faults` strike the ledger's calls, and those to dead letters and delay queues.
    fn of(handler: Scripted, faults: Faults, (main, dead): (Q, Q), (source, order): (&str, Order)) -> Self {
        let (ledger, source) =
            (ModelLedger::new().with_faults(faults.clone()), QueueArn::parse_source(source).unwrap());
        Self { main, dead, ledger, handler: handler.with_faults(faults.clone()), faults, source, order }
    }

    /// Reading of the source's records.
    pub(crate) fn reading(&self) -> Reading {
        Reading { source: self.source.clone(), ..settings().reading }
    }

    /// Runs a batch in a process of its own, which knows of no other.
    pub(crate) async fn process(&self, batch: Vec<Envelope>) -> ProcessReport {
        let settings = ProcessSettings { reading: self.reading(), order: self.order, ..settings() };
        let world = VirtualWorld::new(self.faults.clock().clone(), 7);
        let (handler, ledger, queue) = (self.handler.clone(), self.ledger.clone(), self.main.clone());
        let dead = Some(self.dead.clone());
        let processor = Processor::with_dead_letters(handler, ledger, queue, dead, world, settings, Handle::current());
        let origin = Origin { request_id: "request-1".to_owned(), ..Origin::default() };
        processor.process_batch(Batch::from(batch), origin, Instant::now() + TIME).await
    }

    pub(crate) fn charged(&self, key: &str) -> u64 {
        self.ledger.counter(&format!("charged:{key}"))
    }

    /// Keys of the handler's starts, in their order.
    pub(crate) fn started(&self) -> Vec<String> {
        let starts = self.faults.journal().events().into_iter().filter_map(|event| match event.what {
            What::Started { key, .. } => Some(key.as_str().to_owned()),
            _ => None,
        });
        starts.collect()
    }
}

impl BrokerBench<ModelTopic> {
    pub(crate) fn kafka(handler: Scripted, faults: Faults, partitions: usize) -> Self {
        let topic = |name| ModelTopic::new(name, partitions).with_faults(faults.clone());
        let topics = (topic("orders"), topic("orders.dead"));
        Self::of(handler, faults, topics, ("kafka://shop/orders", Order::Groups))
    }

    /// Runs a batch, and returns the answer.
    pub(crate) async fn answer(&self, batch: &[KafkaRecord]) -> KafkaResponse {
        let envelopes = batch.iter().map(|record| Envelope::of_kafka(record.clone(), KafkaOrder::Partition));
        let report = self.process(envelopes.collect()).await;
        KafkaResponse::returning(report.response.returned()).unwrap()
    }

    /// Delivers a batch again and again until nothing remains of it, and commits it. Returns the number of invocations.
    pub(crate) async fn drain(&self, redelivery: Redelivery) -> usize {
        let batch = self.main.poll(100);
        let (mut remaining, mut invocations) = (batch.clone(), 0);
        while !remaining.is_empty() {
            assert!(invocations < 100, "{}", self.faults.journal().story());
            let answer = self.answer(&remaining).await;
            remaining = ModelTopic::remaining(&remaining, Some(&answer), redelivery);
            invocations += 1;
        }
        self.main.commit(&batch);
        invocations
    }
}

impl BrokerBench<ModelRabbitQueue> {
    pub(crate) fn rabbitmq(handler: Scripted, faults: Faults) -> Self {
        let queue = |name| ModelRabbitQueue::new(name).with_faults(faults.clone());
        let queues = (queue("orders"), queue("orders.dead"));
        Self::of(handler, faults, queues, ("rabbitmq://shop/orders", Order::Keys))
    }

    /// Delivers one batch. Whether it was acknowledged.
    pub(crate) async fn deliver(&self) -> bool {
        let batch: Vec<_> = self.main.take(100).into_iter().map(Envelope::of_rabbitmq).collect();
        let report = self.process(batch).await;
        let acknowledged = report.response.returned().next().is_none();
        self.main.settle(acknowledged);
        acknowledged
    }

    /// Delivers batches, a second apart, until the queue is empty. Returns the number of deliveries that failed.
    pub(crate) async fn drain(&self) -> usize {
        let mut failed = 0;
        for _ in 0..1_000 {
            if self.main.messages().is_empty() {
                return failed;
            }
            failed += usize::from(!self.deliver().await);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("the queue never empties\n{}", self.faults.journal().story());
    }
}
