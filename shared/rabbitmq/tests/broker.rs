//! Delay queues, dead letter queue and source queue against a real RabbitMQ: `make test-rabbitmq`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod messages;
mod proxy;

use lapin::BasicProperties;
use lapin::types::AMQPValue;
use messages::{bodies, copies, copy_of, message, outgoing, outgoing_with};
use proxy::{Proxy, Way};
use redrive_core::login::Login;
use redrive_core::message::broker_record::{
    AmqpTable, AmqpValue, BrokerRecord, KafkaPosition, KafkaRecord, RabbitMessage, RabbitProperties,
};
use redrive_core::ports::{MainQueue, Outbox};
use redrive_core::rabbit_endpoint::RabbitEndpoint;
use redrive_rabbitmq::testing::RabbitBench;
use redrive_rabbitmq::{Broker, DelayQueues, RabbitOutbox, SourceQueue};
use tokio::net::TcpListener;

async fn start() -> RabbitBench {
    let address =
        std::env::var_os("REDRIVE_TEST_AMQP").expect("REDRIVE_TEST_AMQP is not set: make test-rabbitmq sets it");
    RabbitBench::start(address.to_str().unwrap()).await
}

/// Broker of the code under test.
fn broker(at: &RabbitEndpoint) -> Broker {
    Broker::new(at, "/", &RabbitBench::publisher())
}

/// A login that no broker knows.
fn secret() -> Login {
    Login { user: "publisher".to_owned(), password: "SECRET".to_owned() }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// A message with headers of every kind, the broker's own among them, and with every property.
fn full() -> RabbitMessage {
    let own = |text: &str| Some(text.to_owned());
    let properties = RabbitProperties {
        content_type: own("application/json"),
        priority: Some(7),
        correlation_id: own("c"),
        message_id: own("m-1"),
        kind: own("placed"),
        expiration: own("1"),
        user_id: own("somebody"),
        ..RabbitProperties::default()
    };
    let nested = AmqpTable(vec![("n".to_owned(), AmqpValue::Int(-3)), ("v".to_owned(), AmqpValue::Null)]);
    let headers = [
        ("truth", AmqpValue::Bool(true)),
        ("whole", AmqpValue::Int(1 << 40)),
        ("real", AmqpValue::Real("1.5".to_owned())),
        ("bytes", AmqpValue::Bytes(vec![0xff, 0])),
        ("list", AmqpValue::Array(vec![AmqpValue::Table(nested), AmqpValue::text("x")])),
        ("x-death", AmqpValue::Array(vec![])),
        ("x-delivery-count", AmqpValue::Int(2)),
    ];
    let headers = AmqpTable(headers.map(|(name, value)| (name.to_owned(), value)).to_vec());
    RabbitMessage { properties, headers, ..message(b"{}") }
}

/// Asserts that a message is [`full`] without what only a broker may say.
fn assert_exact(properties: &BasicProperties) {
    let kept = |text: &Option<lapin::types::ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
    let texts = [properties.content_type(), properties.correlation_id(), properties.message_id(), properties.kind()];
    assert_eq!(texts.map(kept), ["application/json", "c", "m-1", "placed"].map(|text| Some(text.to_owned())));
    assert_eq!((properties.priority(), properties.delivery_mode()), (&Some(7), &Some(2)));
    assert_eq!((properties.expiration(), properties.user_id(), properties.timestamp()), (&None, &None, &None));
    let headers = properties.headers().as_ref().unwrap().inner();
    let own = headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let own: Vec<_> = own.filter(|(name, _)| !name.starts_with("x-")).collect();
    let mut nested = lapin::types::FieldTable::default();
    nested.insert("n".into(), AMQPValue::LongLongInt(-3)).insert("v".into(), AMQPValue::Void);
    let expected = [
        ("bytes", AMQPValue::LongString(vec![0xff, 0].into())),
        ("list", AMQPValue::FieldArray(vec![AMQPValue::FieldTable(nested), text("x")].into())),
        ("real", AMQPValue::Double(1.5)),
        ("truth", AMQPValue::Boolean(true)),
        ("whole", AMQPValue::LongLongInt(1 << 40)),
    ];
    assert_eq!(own, expected);
    assert!(!headers.contains_key("x-delivery-count"));
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_dead_message_is_confirmed_and_stands_in_its_queue_exactly() {
    let bench = start().await;
    let dead = bench.declare("dead", &[]).await;
    let sent = full();
    // What goes to the dead letter queue has lost the broker's own headers before.
    let sent = redrive_core::replay::sendable(&sent);
    let queue = RabbitOutbox::new(&dead, broker(&bench.endpoint()));
    let answers = queue.send(vec![outgoing(Some(BrokerRecord::RabbitMq(Box::new(sent.clone()))))]).await.unwrap();
    assert_eq!(answers, [Ok(BrokerRecord::RabbitMq(Box::new(sent)).message_id())]);
    let found = bench.take(&dead, 1).await;
    assert_eq!(bodies(&found), ["{}"]);
    assert_exact(&found[0].properties);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_queue_that_is_not_there_takes_nothing_and_is_not_made() {
    let bench = start().await;
    let (missing, at) = (bench.queue("dead"), broker(&bench.endpoint()));
    let refused = || vec![Err("returned 312 NO_ROUTE".to_owned()); 3];
    let messages = || outgoing_with(&["1", "2", "3"]);
    assert_eq!(RabbitOutbox::new(&missing, at.clone()).send(messages()).await.unwrap(), refused());
    assert_eq!(SourceQueue::new(&missing, at).send(messages()).await.unwrap(), refused(), "and nothing is in doubt");
    assert_eq!(bench.ready(&missing).await, None);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn what_waits_in_the_queue_is_counted_and_a_queue_that_is_not_there_is_an_error_and_is_not_made() {
    let bench = start().await;
    let (main, missing, at) = (bench.declare("main", &[]).await, bench.queue("missing"), broker(&bench.endpoint()));
    let source = SourceQueue::new(&main, at.clone());
    assert_eq!(source.waiting().await, Ok(0));
    source.send(outgoing_with(&["1", "2"])).await.unwrap();
    assert_eq!(source.waiting().await, Ok(2));
    for _ in 0..2 {
        assert_eq!(SourceQueue::new(&missing, at.clone()).waiting().await.unwrap_err().why, "404 NOTFOUND");
    }
    assert_eq!(source.waiting().await, Ok(2), "the connection goes on");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn what_a_full_queue_refuses_is_refused_and_the_rest_is_taken() {
    let bench = start().await;
    let full = [("x-max-length", AMQPValue::LongLongInt(1)), ("x-overflow", text("reject-publish"))];
    let dead = bench.declare("dead", &full).await;
    let answers =
        RabbitOutbox::new(&dead, broker(&bench.endpoint())).send(outgoing_with(&["1", "2", "3"])).await.unwrap();
    let nack = Err("nack".to_owned());
    assert_eq!((answers[0].is_ok(), &answers[1..]), (true, &[nack.clone(), nack][..]));
    assert_eq!(bodies(&bench.take(&dead, 1).await), ["1"]);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_record_of_another_broker_is_refused_and_the_rest_is_taken() {
    let bench = start().await;
    let dead = bench.declare("dead", &[]).await;
    let position = KafkaPosition { topic: "orders".to_owned(), partition: 0, offset: 0 };
    let mut messages = outgoing_with(&["1"]);
    messages.insert(0, outgoing(Some(BrokerRecord::Kafka(KafkaRecord::at(position)))));
    messages.push(outgoing(None));
    let answers = RabbitOutbox::new(&dead, broker(&bench.endpoint())).send(messages).await.unwrap();
    let other = Err("NotARabbitMqMessage".to_owned());
    assert_eq!((&answers[0], answers[1].is_ok(), &answers[2]), (&other, true, &other));
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn headers_that_grow_beyond_a_frame_are_shortened_and_what_does_not_fit_then_takes_nothing_along() {
    let bench = start().await;
    let dead = bench.declare("dead", &[]).await;
    let list = |count| AmqpValue::Array(vec![AmqpValue::Int(200); count]);
    let with = |headers: AmqpValue| {
        let mut message = message(b"list");
        message.headers.set("list", headers);
        outgoing(Some(BrokerRecord::RabbitMq(Box::new(message))))
    };
    // Two bytes each as they came, and nine if they were wide.
    let messages =
        [outgoing_with(&["1"]), vec![with(list(40_000)), with(list(100_000))], outgoing_with(&["2"])].concat();
    let answers = RabbitOutbox::new(&dead, broker(&bench.endpoint())).send(messages).await.unwrap();
    assert_eq!(answers[2], Err("HeadersTooLarge".to_owned()));
    assert_eq!([0, 1, 3].map(|n: usize| answers[n].is_ok()), [true; 3]);
    assert_eq!(bodies(&bench.take(&dead, 3).await), ["1", "list", "2"]);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_copy_comes_back_after_its_delay_exactly_and_copies_with_other_delays_do_not_wait_for_it() {
    let bench = start().await;
    let main = bench.declare("main", &[]).await;
    let queues = DelayQueues::new(&main, broker(&bench.endpoint()));
    let long = copies(&[("long", 3)]);
    assert_eq!(queues.delay([long, vec![copy_of(full(), "full", 1)]].concat()).await, []);
    assert_eq!(bench.ready(&main).await, Some(0), "both wait");
    let back = bench.take(&main, 2).await;
    assert_eq!(bodies(&back), ["{}", "long"]);
    assert_exact(&back[0].properties);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_copy_of_a_message_that_has_expired_in_its_queue_once_is_not_taken_for_a_circle() {
    let bench = start().await;
    let main = bench.declare("main", &[]).await;
    let death = [("queue", main.as_str()), ("reason", "expired"), ("exchange", "")];
    let death = death.map(|(name, value)| (name.to_owned(), AmqpValue::text(value)));
    let deaths = AmqpValue::Array(vec![AmqpValue::Table(AmqpTable(death.to_vec()))]);
    let headers = AmqpTable(vec![("x-death".to_owned(), deaths)]);
    let expired = RabbitMessage { headers, ..message(b"{}") };
    let queues = DelayQueues::new(&main, broker(&bench.endpoint()));
    assert_eq!(queues.delay(vec![copy_of(expired, "expired", 1)]).await, []);
    assert_eq!(bodies(&bench.take(&main, 1).await), ["{}"]);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_copy_whose_main_queue_is_gone_when_its_delay_ends_comes_once_it_is_there() {
    let bench = start().await;
    let (main, other, at) = (bench.queue("main"), bench.declare("other", &[]).await, broker(&bench.endpoint()));
    assert_eq!(DelayQueues::new(&main, at.clone()).delay(copies(&[("kept", 1)])).await, []);
    // Its delay is over once a longer one is.
    assert_eq!(DelayQueues::new(&other, at).delay(copies(&[("witness", 2)])).await, []);
    assert_eq!(bodies(&bench.take(&other, 1).await), ["witness"]);
    bench.declare("main", &[]).await;
    // A broker tries again after three minutes, unless it is configured otherwise.
    assert_eq!(bodies(&bench.take(&main, 1).await), ["kept"]);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_delay_queue_that_was_declared_otherwise_is_named_and_others_go_on() {
    let bench = start().await;
    let main = bench.declare("main", &[]).await;
    let taken = bench.declare("main.delay.1000", &[("x-message-ttl", AMQPValue::LongInt(5))]).await;
    let failed = DelayQueues::new(&main, broker(&bench.endpoint())).delay(copies(&[("short", 1), ("long", 2)])).await;
    let [(id, why)] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!(id.as_str(), "short");
    assert!(why.starts_with(&format!("queue {taken} was declared with other arguments")), "{why}");
    assert!(why.contains("inequivalent arg"), "{why}");
    assert_eq!(bodies(&bench.take(&main, 1).await), ["long"]);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn the_headers_that_name_more_queues_bring_no_copy_there() {
    let bench = start().await;
    let (main, other) = (bench.declare("main", &[]).await, bench.declare("other", &[]).await);
    let mut message = message(b"{}");
    for name in ["CC", "BCC"] {
        message.headers.set(name, AmqpValue::Array(vec![AmqpValue::text(&other)]));
    }
    let queues = DelayQueues::new(&main, broker(&bench.endpoint()));
    assert_eq!(queues.delay(vec![copy_of(message.clone(), "m", 1)]).await, []);
    let letter = outgoing(Some(BrokerRecord::RabbitMq(Box::new(message))));
    assert!(SourceQueue::new(&main, broker(&bench.endpoint())).send(vec![letter]).await.unwrap()[0].is_ok());
    assert_eq!(bench.take(&main, 2).await.len(), 2);
    assert_eq!(bench.ready(&other).await, Some(0));
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_connection_that_ended_between_two_calls_is_made_anew_and_nothing_is_lost_or_doubled() {
    let bench = start().await;
    let (main, dead) = (bench.declare("main", &[]).await, bench.declare("dead", &[]).await);
    let proxy = Proxy::to(bench.endpoint()).await;
    let at = broker(&proxy.endpoint);
    let (delays, letters) = (DelayQueues::new(&main, at.clone()), RabbitOutbox::new(&dead, at));
    for (n, end) in [None, Some(Way::Open), Some(Way::Silent)].into_iter().enumerate() {
        match end {
            None => {}
            // The broker closes it.
            Some(Way::Open) => proxy.cut(),
            // It is gone, and nobody says so.
            Some(way) => proxy.set(way),
        }
        assert!(letters.send(outgoing_with(&["dead"])).await.unwrap()[0].is_ok());
        assert_eq!(delays.delay(copies(&[("copy", 1)])).await, []);
        assert_eq!(proxy.connections(), 1 + n as u64, "and both share it");
    }
    assert_eq!(bench.ready(&dead).await, Some(3));
    assert_eq!(bodies(&bench.take(&main, 3).await), ["copy"; 3]);
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn an_answer_that_is_lost_leaves_a_replay_in_doubt_and_a_copy_as_not_there() {
    let bench = start().await;
    let main = bench.declare("main", &[]).await;
    let proxy = Proxy::to(bench.endpoint()).await;
    let at = broker(&proxy.endpoint);
    let source = SourceQueue::new(&main, at.clone());
    // The call before makes a connection that works, whatever became of the last one.
    for sent in ["replay", "dead", "copy"] {
        assert!(source.send(outgoing_with(&["fine"])).await.unwrap()[0].is_ok());
        proxy.set(Way::LosesAnswers);
        let why = match sent {
            "replay" => source.send(outgoing_with(&[sent])).await.map_err(|doubt| doubt.why).unwrap_err(),
            "dead" => {
                RabbitOutbox::new(&main, at.clone()).send(outgoing_with(&[sent])).await.unwrap()[0].clone().unwrap_err()
            }
            _ => DelayQueues::new(&main, at.clone()).delay(copies(&[(sent, 1)])).await[0].1.clone(),
        };
        assert_eq!(why, "NoAnswer", "{sent}");
    }
    let mut found = bodies(&bench.take(&main, 6).await);
    found.sort();
    assert_eq!(found, ["copy", "dead", "fine", "fine", "fine", "replay"], "each was taken");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
async fn a_login_that_is_refused_is_an_error_without_it() {
    let bench = start().await;
    let at = Broker::new(&bench.endpoint(), "/", &secret());
    let refused = RabbitOutbox::new("q", at.clone()).send(outgoing_with(&["1"])).await.unwrap_err();
    assert!(refused.to_string().contains("403 ACCESSREFUSED") && !refused.to_string().contains("SECRET"), "{refused}");
    let failed = DelayQueues::new("q", at).delay(copies(&[("1", 1), ("2", 5)])).await;
    assert_eq!(failed.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>(), ["403 ACCESSREFUSED"; 2]);
    bench.end().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_or_says_nothing_is_an_error_in_time_and_a_port_that_speaks_no_tls_is_one() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mute.local_addr().unwrap().port();
    for (encrypted, port) in [(false, 1), (false, port), (true, port)] {
        let endpoint = RabbitEndpoint { encrypted, host: "127.0.0.1".to_owned(), port };
        let at = Broker::new(&endpoint, "/", &secret());
        let error = SourceQueue::new("q", at.clone()).send(outgoing_with(&["1"])).await.unwrap_err();
        assert_eq!((error.service, error.why.contains("SECRET")), ("RabbitMQ", false), "{error}");
        assert_eq!(DelayQueues::new("q", at).delay(copies(&[("1", 1), ("2", 5)])).await.len(), 2);
    }
}

#[tokio::test]
async fn a_name_that_is_too_long_for_amqp_is_an_error() {
    let at = Broker::new(&RabbitEndpoint::parse("amqp://127.0.0.1:1").unwrap(), &"v".repeat(256), &secret());
    let error = RabbitOutbox::new("q", at).send(outgoing_with(&["1"])).await.unwrap_err();
    assert_eq!(error.why, "Network, InvalidInput");
}
