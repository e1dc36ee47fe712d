//! Log lines of a replay, as the process of a function writes them.

use redrive_core::ids::{LetterId, MessageId, QueueArn, ReplayNumber, Scope};
use redrive_core::message::key::Key;
use redrive_core::message::redrive::Redrive;
use redrive_core::message::trace_context::TraceContext;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::fake::{World, log_lines};
use crate::{QUEUE, SETTINGS, TIME, batch, returned};

/// The attribute of a replay whose original had a trace.
fn replay_of(origin: &str) -> Value {
    let origin = MessageId::new(origin).unwrap();
    let redrive = Redrive {
        letter: LetterId::derive(&QueueArn::new(QUEUE).unwrap(), &origin),
        number: ReplayNumber(1),
        key: Key::new(origin.as_str()).ok(),
        scope: Scope::new("main").unwrap(),
        origin,
        sent_at: Timestamp::from_millis(1),
        died: None,
        trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    };
    json!({"redrive": {"stringValue": redrive.encode(), "dataType": "String"}})
}

#[test]
fn each_line_of_a_replay_names_the_trace_of_the_original_and_no_other_line_does() {
    let mut event = batch(&["refuse", "panic", "refuse"]);
    for place in [0, 1] {
        event["Records"][place]["messageAttributes"] = replay_of(&format!("first-{place}"));
    }
    let output = World::start().run("processor", &SETTINGS, |world| {
        assert_eq!(returned(&world.invoke(&event, TIME)), ["m-0", "m-1", "m-2"]);
    });
    let lines = log_lines(&output);
    let of_message = |id: &str| lines.iter().find(|line| line["message_id"] == id && line["code"].is_string()).unwrap();
    for id in ["m-0", "m-1"] {
        let line = of_message(id);
        assert_eq!(line["link.trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{line}");
        assert_eq!(line["link.span_id"], "00f067aa0ba902b7", "{line}");
    }
    assert!(of_message("m-2").as_object().unwrap().keys().all(|name| !name.starts_with("link")));
    // What is logged while the handler runs is in a span of the message, which says whose invocation it is.
    let within = lines.iter().find(|line| line["message"] == "panicked").unwrap();
    assert_eq!(within["span"]["link.trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{within}");
    assert_eq!((&within["span"]["request_id"], &within["span"]["message_id"]), (&json!("r-1"), &json!("m-1")));
}
