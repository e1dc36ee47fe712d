//! Traces of messages: a replay is linked to the trace of the original, whatever else its message says.

use std::sync::{Arc, Mutex};

use redrive_core::fault::Fault;
use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Letter;
use redrive_core::message::envelope::{Attribute, AttributeValue, Attributes};
use redrive_core::message::trace_context::TraceContext;
use redrive_core::processing::handler::{Context, Handler};
use redrive_core::replay::{ReplayOptions, Request, Selection};
use redrive_testkit::ModelQueue;
use redrive_testkit::handlers::Order;
use redrive_testkit::store::{Effects, ModelLedger};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::bench::{Bench, event, record, settings};
use crate::house::{House, Pair};

const ORIGINAL: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// Header that SQS adds to a message of a traced function: the processor's hop, or the replay's.
const HOP: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
const HOP_W3C: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

/// Refuses every order, and remembers the traces that it was shown.
#[derive(Clone, Default)]
struct Watching(Arc<Mutex<Vec<[Option<String>; 2]>>>);

impl Handler for Watching {
    type Message = Order;
    type Effects = Effects;

    async fn handle(&self, _: &Order, context: &Context) -> Result<Effects, Fault> {
        let text = |trace: Option<&TraceContext>| trace.map(ToString::to_string);
        self.0.lock().unwrap().push([text(context.trace()), text(context.link())]);
        Err(Fault::permanent("refused", "by the test"))
    }
}

/// A processor and the queue pair that it takes messages of, with all that was shown to its handler.
struct World {
    house: House,
    bench: Bench<Watching>,
    seen: Watching,
}

impl World {
    fn new() -> Self {
        let (seen, ledger) = (Watching::default(), ModelLedger::new());
        let faults = ledger.faults().clone();
        let (here, dead) = (Handle::current(), None::<ModelQueue>);
        let bench = Bench::complete(seen.clone(), ledger.clone(), ledger.clone(), faults, here, settings(), dead);
        let house = House { ledger, ..House::new(vec![Pair::new("redrive-main").in_scope("main")]) };
        Self { house, bench, seen }
    }

    /// Has the processor see what is in the queue, as Lambda hands it over with this header, and has it die and be indexed.
    async fn dies(&self, header: Option<&str>) -> Letter {
        let sent = self.house.pairs[0].main.messages().remove(0);
        let mut record = record(sent.id.as_str(), &sent.body);
        record["attributes"]["SentTimestamp"] = json!(sent.sent_at.as_millis().to_string());
        record["messageAttributes"] = attributes(&sent.attributes);
        if let Some(header) = header {
            record["attributes"]["AWSTraceHeader"] = json!(header);
        }
        assert_eq!(self.bench.returned(event(&[record])).await, [sent.id.as_str()]);
        self.house.pairs[0].dies().await;
        self.house.drain().await;
        self.house.letters_of(0).remove(0)
    }

    async fn replayed(&self, letter: LetterId) {
        let selection = Selection::Ids(vec![letter]);
        let request = Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() };
        assert_eq!(self.house.ask(&request).await.unwrap().together().sent, 1);
    }

    fn shown(&self) -> Vec<[Option<String>; 2]> {
        std::mem::take(&mut *self.seen.0.lock().unwrap())
    }
}

fn attributes(all: &Attributes) -> Value {
    let text = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Binary(_) => panic!("a text"),
    };
    let one = |(name, attribute): (&String, &Attribute)| {
        (name.clone(), json!({"stringValue": text(&attribute.value), "dataType": attribute.data_type}))
    };
    Value::Object(all.iter().map(one).collect())
}

fn traced() -> Attributes {
    [("traceparent".to_owned(), Attribute::text(ORIGINAL))].into()
}

#[tokio::test(start_paused = true)]
async fn the_handler_of_a_replay_sees_a_link_to_the_original_and_its_own_trace_is_the_replays() {
    let world = World::new();
    world.house.pairs[0].main.send(Order::body("o-1", 5), traced());
    let letter = world.dies(Some(HOP)).await;
    assert_eq!(letter.trace.map(|trace| trace.to_string()).as_deref(), Some(ORIGINAL));
    assert_eq!(world.shown(), [[Some(ORIGINAL.to_owned()), None]], "no copy, and its own attribute comes first");

    for deaths in 2..4 {
        world.replayed(letter.id).await;
        let sent = world.house.pairs[0].main.messages().remove(0);
        assert_eq!(sent.attributes["traceparent"], traced()["traceparent"], "attributes go back exactly");
        let again = world.dies(Some(HOP)).await;
        assert_eq!(world.shown(), [[Some(HOP_W3C.to_owned()), Some(ORIGINAL.to_owned())]]);
        assert_eq!((again.deaths, again.trace), (deaths, letter.trace), "the first trace stays, and the letter is one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_only_x_ray_knew_is_linked_by_what_redrive_carries() {
    let world = World::new();
    world.house.pairs[0].main.send(Order::body("o-1", 5), Attributes::new());
    // The model queue keeps no header, so the letter is given the trace that the indexer would have read.
    let letter = world.dies(None).await;
    assert_eq!((letter.trace, world.shown()), (None, vec![[None, None]]));
    let mut traced = world.house.letters.letter(letter.id).unwrap().as_ref().clone();
    traced.trace = TraceContext::of_xray(HOP);
    world.house.letters.force(traced);
    world.replayed(letter.id).await;
    world.dies(None).await;
    assert_eq!(world.shown(), [[None, Some(HOP_W3C.to_owned())]]);
}
