use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::message::envelope::Attribute;

/// Message as Celery 5.7 wrote it through kombu 5.7, before kombu's base64; shortened by what is null.
const CELERY: &str = r#"{"body": "W1siby0xIl0sIHsiYW1vdW50IjogNX0sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVsbCwgImNob3JkIjogbnVsbH1d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "shop.charge", "id": "c4c84569-0ce1-4bb7-8350-c75c2097f95e", "shadow": null, "eta": "2026-11-29T16:08:41.714636+00:00", "expires": "2026-11-29T15:59:41.714636+00:00", "group": null, "retries": 0, "timelimit": [null, null], "argsrepr": "('o-1',)", "kwargsrepr": "{'amount': 5}", "origin": "gen25154@vm"}, "properties": {"correlation_id": "c4c84569-0ce1-4bb7-8350-c75c2097f95e", "delivery_mode": 2, "expiration": "60000", "delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "0baaacbe-4a53-4a84-b37e-7d505c4d4c32"}}"#;
/// The same of protocol 1: everything stands in the inner body.
const CELERY_1: &str = r#"{"body": "eyJ0YXNrIjogInNob3AucmVmdW5kIiwgImlkIjogIjVmM2E0NTY5LTBjZTEtNGJiNy04MzUwLWM3NWMyMDk3Zjk1ZSIsICJhcmdzIjogWyJvLTEiXSwgImt3YXJncyI6IHt9LCAiZ3JvdXAiOiBudWxsLCAiZ3JvdXBfaW5kZXgiOiBudWxsLCAicmV0cmllcyI6IDAsICJldGEiOiBudWxsLCAiZXhwaXJlcyI6ICIyMDI2LTExLTI5VDE1OjU5OjQxLjgxNjg3NSswMDowMCIsICJ1dGMiOiB0cnVlLCAiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgInRpbWVsaW1pdCI6IFtudWxsLCBudWxsXSwgInRhc2tzZXQiOiBudWxsLCAiY2hvcmQiOiBudWxsfQ==", "content-encoding": "utf-8", "content-type": "application/json", "headers": {}, "properties": {"body_encoding": "base64"}}"#;

fn read(body: &str) -> Option<Task> {
    Task::of(body, &Attributes::new())
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text).unwrap()
}

#[test]
fn a_celery_task_is_read_through_kombus_base64_in_both_protocols() {
    for (body, name) in [(CELERY, "shop.charge"), (CELERY_1, "shop.refund")] {
        for body in [body.to_owned(), BASE64.encode(body)] {
            let task = read(&body).unwrap();
            assert_eq!((task.framework, task.name.as_str()), ("Celery", name));
            assert_eq!(task.id.as_ref().map(String::len), Some(36));
            assert_eq!(task.expires.map(Timestamp::as_secs), Some(at("2026-11-29T15:59:41Z").as_secs()), "{task:?}");
        }
    }
    assert_eq!(read(CELERY).unwrap().eta, Some(at("2026-11-29T16:08:41.714Z")));
    assert_eq!(read(CELERY).unwrap().description(), "Celery shop.charge, id c4c84569-0ce1-4bb7-8350-c75c2097f95e");
}

#[test]
fn a_task_is_dropped_once_its_expires_has_passed_and_an_eta_drops_nothing() {
    let task = read(CELERY).unwrap();
    let expires = task.expires.unwrap();
    assert!(!task.is_dropped(expires) && task.is_dropped(expires.after(std::time::Duration::from_millis(1))));
    let without = Task { expires: None, ..task };
    assert!(!without.is_dropped(Timestamp::NEVER), "its eta has passed: it runs at once");
    let naive = CELERY.replace("15:59:41.714636+00:00", "15:59:41");
    assert_eq!(read(&naive).unwrap().expires, Some(at("2026-11-29T15:59:41Z")));
    for unread in ["\"soon\"", "7", "null"] {
        let body = CELERY.replace("\"2026-11-29T15:59:41.714636+00:00\"", unread);
        assert_eq!(read(&body).unwrap().expires, None, "{unread}");
    }
}

#[test]
fn other_frameworks_say_their_tasks_name_and_id() {
    let dramatiq = r#"{"queue_name":"default","actor_name":"notify","args":["o-1"],"kwargs":{},"options":{},"message_id":"57c2709a-8a95-4229-bc96-7ba4dec03d4d","message_timestamp":1795967922265}"#;
    let taskiq = r#"{"task_id": "t-1", "task_name": "shop.tasks:mail", "labels": {}, "labels_types": null, "args": ["o-1"], "kwargs": {}}"#;
    let transit = json!({"messageId": "m-1", "messageType": ["urn:message:Shop.Contracts:OrderPlaced"], "message": {"orderId": "o-1"}, "host": {}});
    let bus = json!({"Headers": {"NServiceBus.EnclosedMessageTypes": "Shop.OrderPlaced, Shop, Version=1.0.0.0", "NServiceBus.MessageId": "n-1"},
        "Body": BASE64.encode(r#"{"OrderId":"o-1"}"#), "S3BodyKey": null});
    let job = json!({"job_class": "ChargeJob", "job_id": "j-1", "queue_name": "default", "arguments": ["o-1"]});
    for (body, told) in [
        (dramatiq.to_owned(), "dramatiq notify, id 57c2709a-8a95-4229-bc96-7ba4dec03d4d"),
        (BASE64.encode(dramatiq), "dramatiq notify, id 57c2709a-8a95-4229-bc96-7ba4dec03d4d"),
        (taskiq.to_owned(), "taskiq shop.tasks:mail, id t-1"),
        (transit.to_string(), "MassTransit Shop.Contracts:OrderPlaced, id m-1"),
        (bus.to_string(), "NServiceBus Shop.OrderPlaced, id n-1"),
        (job.to_string(), "ActiveJob ChargeJob, id j-1"),
    ] {
        assert_eq!(read(&body).map(|task| task.description()).as_deref(), Some(told), "{body}");
    }
    for (name, told) in [("shoryuken_class", "Shoryuken Charge"), ("JavaType", "Spring Charge")] {
        let attributes = [(name.to_owned(), Attribute::text("Charge"))].into();
        assert_eq!(Task::of("{}", &attributes).unwrap().description(), told);
    }
}

#[test]
fn texts_under_base64_are_told_as_they_stand_there() {
    let told = layers(&BASE64.encode(CELERY));
    assert_eq!((told[0].what, told[0].text.as_str()), ("DECODED FROM BASE64", CELERY));
    assert!(told[1].text.starts_with(r#"[["o-1"], {"amount": 5}, "#), "{}", told[1].text);
    let bus =
        json!({"Headers": {"NServiceBus.MessageId": "n"}, "Body": BASE64.encode("{\"OrderId\": \"o-1\"}")}).to_string();
    assert_eq!(layers(&bus), [Layer { what: "BODY IN THE ENVELOPE", text: "{\"OrderId\": \"o-1\"}".to_owned() }]);
    let unpadded = BASE64.encode("[1, 2]").trim_end_matches('=').to_owned();
    assert_eq!(layers(&unpadded)[0].text, "[1, 2]");
}

#[test]
fn an_order_a_word_and_a_compressed_body_have_no_layers() {
    let gzip = CELERY.replace("W1siby0x", "eJyLjlbK");
    for body in ["{\"order_id\":\"o-1\"}", "eyes", "Words", "", "eyJvcmRlcg==", "{\"Body\":\"e30=\"}", &gzip] {
        assert_eq!(layers(body), [], "{body}");
        assert!(body == gzip || read(body).is_none());
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_crash(text in any::<String>(), name in any::<String>()) {
        for body in [text.clone(), BASE64.encode(&text), CELERY.replace("shop.charge", &name.replace(['"', '\\'], ""))] {
            let _ = (read(&body), layers(&body));
            if let Some(task) = read(&body) {
                prop_assert!(task.description().len() <= 2 * NAME_LIMIT + 32);
            }
        }
    }
}
