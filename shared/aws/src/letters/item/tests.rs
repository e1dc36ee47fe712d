use redrive_core::replay::Candidate;

use super::*;
use crate::item::{number, size, text};
use proptest::prelude::*;
use redrive_core::fault::Class;
use redrive_core::ids::{Enqueue, JobId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope};
use redrive_core::letters::letter::{ErrorType, Event, EventKind, Form, LetterWrite, Reason, Send, Status};
use redrive_core::message::envelope::{Attribute, AttributeValue};
use redrive_core::message::key::{Key, PayloadHash};
use redrive_core::message::trace_context::TraceContext;
use redrive_core::processing::ledger::{Attempt, Origin};

use crate::letters::edited::EditedPlace;
use crate::letters::place::BodyPlace;
use crate::letters::plan::{Beside, Layout, Plan};

const NOW: Timestamp = Timestamp::from_millis(1_763_787_600_123);

fn attempt() -> Attempt {
    Attempt {
        enqueue: enqueue(),
        at: NOW,
        class: Class::Transient,
        code: "no-row".to_owned(),
        text: "t".repeat(64),
        origin: Origin {
            request_id: "r".repeat(36),
            function_version: "$LATEST".to_owned(),
            log_stream: format!("2026/11/22/[$LATEST]{}", "f".repeat(32)),
        },
    }
}

fn enqueue() -> Enqueue {
    Enqueue { message_id: MessageId::new("m".repeat(36)).unwrap(), sent_at: NOW }
}

fn send() -> Send {
    Send {
        number: ReplayNumber(1),
        key: Key::new("o-1").ok(),
        hash: PayloadHash::of_text(""),
        message_id: MessageId::new("m2"),
        at: NOW,
        job: Some(JobId::from_random(7)),
        edited: Some(PayloadHash::of_text("whole")),
        to: QueueArn::new(format!("arn:aws:sqs:us-east-1:123456789012:{}", "q".repeat(80))),
    }
}

fn letter(payload: &str) -> Letter {
    let source = QueueArn::new("arn:aws:sqs:us-east-1:000000000000:orders").unwrap();
    Letter {
        id: LetterId::derive(&source, &enqueue().message_id),
        source,
        moved_from: None,
        partition: None,
        offset: None,
        payload: payload.to_owned(),
        form: Form::Record,
        attributes: [
            ("type".to_owned(), Attribute::text("charge")),
            (
                "png".to_owned(),
                Attribute { data_type: "Binary.png".to_owned(), value: AttributeValue::Binary(vec![0, 159, 146, 150]) },
            ),
        ]
        .into(),
        attributes_hash: None,
        body: Body::default(),
        edited: None,
        group: Some("tenant-1".to_owned()),
        sequence: Some("18849496460467696128".to_owned()),
        origin: enqueue().message_id,
        sent_at: NOW,
        trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        enqueue: enqueue(),
        hash: PayloadHash::of_text(payload),
        key: Key::new("o-1").ok(),
        key_is_stable: true,
        scope: Scope::new("orders").unwrap(),
        reason: Reason {
            error_type: ErrorType::Transient,
            error_code: Some("no-row".to_owned()),
            error_message: "order has no row yet".to_owned(),
            attempt_count: 3,
            first_failed_at: NOW,
            last_failed_at: NOW,
            attempts: Vec::new(),
        },
        fingerprint: "TRANSIENT no-row".to_owned(),
        status: Status::Pending,
        resolution_note: None,
        number: ReplayNumber(2),
        deaths: 2,
        sends: vec![send()].into(),
        history: vec![
            Event {
                at: NOW,
                what: EventKind::AttemptFailed,
                who: "indexer".to_owned(),
                note: None,
                attempt: Some(attempt()),
            },
            Event {
                at: NOW,
                what: EventKind::Indexed,
                who: "indexer".to_owned(),
                note: Some("n".to_owned()),
                attempt: None,
            },
        ]
        .into(),
        token: Some(OwnerToken::from_random(7)),
        due: Timestamp::NEVER,
        expires: None,
        version: 4,
    }
}

/// A letter whose body is in its head, readable.
fn plain(letter: &Letter) -> Item {
    to_item(letter, &InHead::Plain, None).unwrap()
}

fn told(item: Item) -> String {
    HeadItem::read(item).err().unwrap()
}

#[test]
fn the_item_carries_the_schemas_attributes_under_their_names() {
    let item = plain(&letter("{}"));
    let id = letter("{}").id.to_string();
    for (name, value) in [
        ("pk", id.as_str()),
        ("sk", "head"),
        ("dlq_message_id", &id),
        ("source_topic", "arn:aws:sqs:us-east-1:000000000000:orders"),
        ("original_payload", "{}"),
        ("error_type", "TRANSIENT"),
        ("error_code", "no-row"),
        ("error_message", "order has no row yet"),
        ("first_failed_at", "2025-11-22T05:00:00.123Z"),
        ("last_failed_at", "2025-11-22T05:00:00.123Z"),
        ("sent_timestamp", "2025-11-22T05:00:00.123Z"),
        ("status", "PENDING"),
        ("message_group_id", "tenant-1"),
        ("idempotency_key", "o-1"),
    ] {
        assert_eq!(item[name], text(value), "{name}");
    }
    assert_eq!((&item["attempt_count"], &item["due"]), (&number(3), &number(253_402_300_799_999_i64)));
    for absent in ["source_partition", "source_offset", "resolution_note", "expires"] {
        assert!(!item.contains_key(absent), "{absent}");
    }
}

/// Sorted names of a map's members.
fn names(map: &Item) -> String {
    let mut names: Vec<_> = map.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

#[test]
fn an_item_its_lists_and_its_maps_have_the_names_that_earlier_versions_read_and_wrote() {
    let item = plain(&letter("{}"));
    assert_eq!(
        names(&item),
        "attempt_count deaths dlq_message_id due error_code error_message error_type fingerprint fingerprint_shard \
         first_failed_at function_version history idempotency_key key_is_stable last_failed_at life message_attributes \
         message_group_id number origin_message_id original_payload payload_form payload_hash pk scope sends \
         sent_timestamp sequence_number sk source_topic status status_shard token traceparent version"
    );
    assert_eq!(names(item["life"].as_m().unwrap()), "message_id sent_at");
    let sends = item["sends"].as_l().unwrap();
    assert_eq!(names(sends[0].as_m().unwrap()), "at edited hash job key message_id number to");
    let history = item["history"].as_l().unwrap();
    let (tried, indexed) = (history[0].as_m().unwrap(), history[1].as_m().unwrap());
    assert_eq!((names(tried), names(indexed)), ("at attempt what who".to_owned(), "at note what who".to_owned()));
    let attempt = tried["attempt"].as_m().unwrap();
    assert_eq!(names(attempt), "at class code function_version log_stream message_id request_id sent_at text");
    assert_eq!(attempt["sent_at"], text("2025-11-22T05:00:00.123Z"));
}

#[test]
fn the_index_attributes_name_status_cause_and_shard() {
    let letter = letter("{}");
    let shard = letter.id.part(16);
    let item = plain(&letter);
    assert_eq!(item["status_shard"], text(format!("PENDING#{shard:02}")));
    assert_eq!(item["fingerprint_shard"], text(format!("TRANSIENT no-row#{shard:02}")));
}

/// Returns the attributes that the template lets an index project, apart from its keys.
fn projected(index: &str) -> Vec<&'static str> {
    let template = include_str!("../../../../../infra/template.yaml");
    let (_, after) = template.split_once(&format!("IndexName: {index}")).unwrap();
    let (_, list) = after.split_once("NonKeyAttributes:").unwrap();
    let (list, _) = list.trim_start().trim_start_matches('[').split_once(']').unwrap();
    list.split(',').map(str::trim).collect()
}

#[test]
fn a_candidate_is_read_from_what_the_indexes_project() {
    let letter = || {
        let mut letter = letter("{}");
        letter.status = Status::Replayed;
        letter
    };
    for (index, keys) in [
        ("by-status", ["pk", "sk", "status_shard", "due"]),
        ("by-fingerprint", ["pk", "sk", "fingerprint_shard", "first_failed_at"]),
    ] {
        let projected = projected(index);
        let mut item = plain(&letter());
        item.retain(|name, _| keys.iter().chain(&projected).any(|kept| kept == name));
        assert_eq!(to_candidate(item.clone()), Ok(Candidate::of(&letter())), "{index}");
        for optional in ["error_code", "idempotency_key", "function_version", "message_group_id", "sequence_number"] {
            assert!(item.remove(optional).is_some(), "{optional}");
        }
        let candidate = to_candidate(item).unwrap();
        assert_eq!((candidate.error_code, candidate.key, candidate.function_version), (None, None, None), "{index}");
    }
}

/// A letter whose message only points to an object in S3.
fn pointing() -> Letter {
    let mut letter =
        letter(r#"["com.amazon.sqs.javamessaging.MessageS3Pointer",{"s3BucketName":"large","s3Key":"k"}]"#);
    let size = Attribute { data_type: "Number".to_owned(), value: AttributeValue::Text("4194336".to_owned()) };
    letter.attributes.insert("ExtendedPayloadSize".to_owned(), size);
    letter
}

/// Attributes of an item that a look asks for.
fn looked_at(mut item: Item) -> Item {
    item.retain(|name, _| LOOK.contains(&name.as_str()));
    item
}

#[test]
fn a_look_says_where_in_s3_a_body_stands_wherever_the_pointer_is_kept() {
    let letter = pointing();
    let packed = Packed::of(&letter.payload, &letter.attributes);
    let mut earlier = plain(&letter);
    assert!(earlier.remove("body_in_s3").is_some(), "heads of earlier versions have no such attribute");
    let heads = [plain(&letter), to_item(&letter, &InHead::Packed(&packed), None).unwrap(), earlier];
    for head in heads {
        assert_eq!(to_look(looked_at(head)), Ok(redrive_core::replay::Look::of(&letter)));
    }
    let told = redrive_core::replay::Look::of(&letter).body_in_s3.unwrap();
    assert_eq!(
        (told.bucket.as_str(), told.bytes, told.attribute),
        ("large", Some(4_194_336), Some("ExtendedPayloadSize"))
    );
    let erased = Letter { payload: String::new(), attributes: Attributes::new(), ..letter };
    assert!(!to_item(&erased, &InHead::Nothing, None).unwrap().contains_key("body_in_s3"), "an erasure takes it along");
    let other = to_look(looked_at(plain(&self::letter("{}")))).unwrap();
    assert_eq!(other.body_in_s3, None);
}

#[test]
fn an_item_that_is_not_a_letter_is_told_and_does_not_crash() {
    let mut item = plain(&letter("{}"));
    item.insert("first_failed_at".to_owned(), text("yesterday"));
    assert_eq!(told(item), "the item's first_failed_at is not as it was written");
    assert_eq!(told(Item::new()), "the item lacks pk");
}

#[test]
fn cores_estimate_of_a_heads_size_is_never_below_what_is_stored() {
    let mut grown = letter("ä");
    let (event, send) = (grown.history[0].clone(), grown.sends[0].clone());
    let erased = Body::Erased { at: NOW, by: "b".repeat(256), note: "n".repeat(1_024) };
    let until = Some(NOW.whole_seconds());
    let packed = Packed::of("", &Attributes::new());
    let (parts, _) = ChunkRefs::split(BODY, grown.id, &packed, Some(1)).unwrap();
    for events in [1, 50, 100] {
        grown.history = vec![event.clone(); events].into();
        grown.sends = vec![Send { message_id: MessageId::new("m".repeat(36)), ..send.clone() }; events].into();
        for (body, in_head) in [(Body::Kept { until }, InHead::Parts(&parts)), (erased.clone(), InHead::Nothing)] {
            grown.body = body;
            let (estimate, stored) = (grown.head_bytes(), size(&to_item(&grown, &in_head, None).unwrap()));
            assert!(stored <= estimate, "{stored} bytes are stored, {estimate} estimated, {events} events");
        }
    }
}

#[test]
fn a_head_says_where_its_body_is_and_holds_none_of_it_that_is_elsewhere() {
    let packed = Packed::of("order", &Attributes::new());
    let (parts, _) = ChunkRefs::split(BODY, letter("").id, &packed, None).unwrap();
    let secret = Letter { body: Body::Kept { until: Some(NOW.whole_seconds()) }, ..letter("secret") };
    let apart = to_item(&secret, &InHead::Parts(&parts), None).unwrap();
    assert!(!format!("{apart:?}").contains("secret") && !apart.contains_key("message_attributes"));
    assert_eq!((&apart["chunks"], &apart["body_expires"]), (&number(1), &number(NOW.as_secs())));
    let head = HeadItem::read(apart).unwrap();
    assert_eq!((head.letter.body.until(), head.parts), (Some(NOW.whole_seconds()), Some(parts)));
    assert!(head.letter.body.check().is_err(), "it is not there before its chunks are");

    let erased = Body::Erased { at: NOW, by: "ann".to_owned(), note: "asked to".to_owned() };
    let erased = Letter { body: erased, attributes: Attributes::new(), ..letter("") };
    let head = HeadItem::read(to_item(&erased, &InHead::Nothing, None).unwrap()).unwrap();
    assert!(head.letter == erased && head.parts.is_none());
}

#[test]
fn a_body_that_is_damaged_in_its_head_is_told_without_its_bytes() {
    let packed = Packed::of(&"secret".repeat(100), &Attributes::new());
    let bytes = packed.bytes[..20].to_vec();
    let item = to_item(&letter(""), &InHead::Packed(&Packed { bytes, ..packed }), None).unwrap();
    assert_eq!(told(item), "the item's body: its compressed bytes are damaged");
    let mut nothing = plain(&letter("{}"));
    nothing.remove("original_payload");
    let head = HeadItem::read(nothing).unwrap();
    assert_eq!(head.letter.body, Body::Missing { until: None, why: "its head says nothing of it".to_owned() });
}

/// Returns a letter as the table keeps it: a head, and chunks beside it.
fn stored(letter: &Letter) -> (HeadItem, Vec<Item>) {
    let place = BodyPlace::of(letter);
    let plan =
        Plan::of(&LetterWrite::create(letter.clone()), (&place, &EditedPlace::Head), &Layout::default()).unwrap();
    let chunks = plan.beside.into_iter().filter_map(|beside| match beside {
        Beside::Put(item) => Some(item),
        Beside::Delete(_) | Beside::Expire(..) => None,
    });
    let chunks: Vec<_> = chunks.collect();
    for item in chunks.iter().chain([&plan.head]) {
        assert!(size(item) < 400 * 1024, "{} bytes", size(item));
    }
    (HeadItem::read(plan.head).unwrap(), chunks)
}

fn letters() -> impl Strategy<Value = Letter> {
    let bytes = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..400));
    let values = proptest::collection::btree_map(".{1,20}", (any::<String>(), bytes), 0..10);
    let notes = (proptest::option::of(any::<String>()), proptest::option::of(any::<String>()));
    let times = (proptest::option::of(0_u64..9_000_000_000), proptest::option::of(0_u64..9_000_000_000));
    (any::<String>(), 1..3_000_usize, values, notes, times).prop_map(|(payload, repeated, values, notes, times)| {
        let mut letter = letter(&payload.repeat(repeated));
        letter.attributes = values
            .into_iter()
            .map(|(name, (text, bytes))| {
                let binary = |bytes| Attribute { data_type: "Binary".to_owned(), value: AttributeValue::Binary(bytes) };
                (name, bytes.map_or_else(|| Attribute::text(text), binary))
            })
            .collect();
        (letter.resolution_note, letter.partition) = notes;
        letter.expires = times.0.map(whole_seconds);
        letter.body = Body::Kept { until: times.1.map(whole_seconds) };
        letter
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_letter_survives_the_round_trip(before in letters()) {
        let (head, chunks) = stored(&before);
        let after = match head.parts {
            None => head.letter,
            Some(parts) => {
                let (payload, attributes) = parts.join(chunks.into_iter().map(Some).collect()).unwrap();
                Letter { payload, attributes, body: before.body.clone(), ..head.letter }
            }
        };
        prop_assert_eq!(after, before);
    }
}

#[test]
fn whatever_a_head_may_lack_is_removed_by_a_change_that_lacks_it() {
    // Of the edited body what the head says flat: its own item is one attribute.
    let (edited, _) = include_str!("../edited.rs").split_once("struct EditedItem").unwrap();
    let (_, fields) =
        include_str!("../../../../core/src/letters/schema.rs").split_once("struct LetterFields<E>").unwrap();
    let (fields, _) = fields.split_once("\n}\n").unwrap();
    let mut may_lack = Vec::new();
    for source in [include_str!("../item.rs"), edited, fields] {
        let mut skipped = false;
        for line in source.lines().map(str::trim) {
            let (name, kind) = line.split_once(": ").unwrap_or_default();
            // The fields have no such mark: what is null is left out.
            if skipped || source == fields && kind.starts_with("Option<") {
                may_lack.push(name);
            }
            skipped = line.contains("skip_serializing_if");
        }
    }
    may_lack.sort_unstable();
    assert_eq!(may_lack, OPTIONAL);
    let full = Letter { token: Some(OwnerToken::from_random(1)), ..letter("{}") };
    let item = to_item(&full, &InHead::Plain, None).unwrap();
    assert!(["token", "original_payload"].iter().all(|name| OPTIONAL.contains(name) && item.contains_key(*name)));
}
