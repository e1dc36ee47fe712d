//! Records that services write around a message, or in its place: the message alone is sent again, and a record never.

use std::time::Duration;

use redrive_core::letters::letter::{ErrorType, Form, Letter, Status};
use redrive_core::message::envelope::Attribute;
use redrive_core::replay::{Edit, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::ReplayReport;
use serde_json::{Value, json};

use crate::house::{House, Pair, policy};

/// The event of an asynchronous invocation, as its producer wrote it.
const EVENT: &str = "{ \"order_id\" : \"o-1\",\"amount\": 12345678901234567.890 , \"n\":[ 1.0e2 ] }";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:charge:$LATEST";

/// As Lambda writes it to an on-failure destination.
fn record(event: &str, message: &str) -> String {
    let answer = json!({"errorMessage": message, "errorType": "ValueError", "stackTrace": []});
    format!(
        r#"{{"version":"1.0","timestamp":"2026-11-14T18:16:05.568Z","requestContext":{{"requestId":"e4b46cbf-b738-4d27-8880-a18cdf61200e","functionArn":"{FUNCTION}","condition":"RetriesExhausted","approximateInvokeCount":3}},"requestPayload":{event},"responseContext":{{"statusCode":200,"executedVersion":"41","functionError":"Unhandled"}},"responsePayload":{answer}}}"#
    )
}

/// As Lambda and EventBridge Pipes write it of a batch.
fn batch(context: &str, arn: &str, name: &str) -> String {
    json!({
        context: {"requestId": "c9b8fa9f", "functionArn": FUNCTION, "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 1},
        "version": "1.0", "timestamp": "2026-11-14T00:38:06.021Z",
        name: {"shardId": "shardId-1", "startSequenceNumber": "1", "endSequenceNumber": "9", "batchSize": 500, "streamArn": arn},
    })
    .to_string()
}

async fn dead_of(pair: Pair, body: &str) -> (House, Letter) {
    let house = House::new(vec![pair]);
    house.pairs[0].dead.send(body.to_owned(), [].into());
    house.drain().await;
    assert!(house.pairs[0].dead.is_empty());
    let letter = house.letters_of(0).remove(0);
    (house, letter)
}

async fn replayed(house: &House, letter: &Letter, edit: Option<Edit>) -> ReplayReport {
    let selection = Selection::Ids(vec![letter.id]);
    let options = ReplayOptions { edit, forgotten_ok: true, as_new: true, ..ReplayOptions::default() };
    house.ask(&Request::Replay { selection, by: "ann".to_owned(), options }).await.unwrap().together()
}

fn sent(house: &House) -> Vec<String> {
    house.pairs[0].main.messages().iter().map(|message| message.body.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_failed_invocation_is_sent_byte_by_byte_and_its_record_is_kept() {
    for pair in [Pair::new("orders"), Pair::new("orders").without_ledger()] {
        let body = record(EVENT, "order o-1 has no row");
        let (house, letter) = dead_of(pair, &body).await;
        let reason = &letter.reason;
        assert_eq!((reason.error_type, letter.fingerprint.as_str()), (ErrorType::Unknown, "UNKNOWN/ValueError"));
        assert_eq!((reason.error_message.as_str(), reason.attempt_count), ("charge: order o-1 has no row", 3));
        assert_eq!((letter.payload.as_str(), letter.form, letter.due), (body.as_str(), Form::Record, Timestamp::NEVER));
        assert_eq!(letter.key.as_ref().map(|key| key.as_str()), Some("o-1"), "the key is that of the message");
        let note = letter.history.iter().find_map(|event| event.note.as_deref()).unwrap();
        assert!(note.contains(FUNCTION) && note.contains("version 41"), "{note}");

        assert_eq!(replayed(&house, &letter, None).await.sent, 1);
        assert_eq!(sent(&house), [EVENT]);
        house.pairs[0].dies().await;
        house.drain().await;
        let back = house.letters_of(0);
        assert_eq!(
            (back.len(), back[0].deaths, back[0].status),
            (1, 2, Status::Pending),
            "the copy is known for what it is"
        );
        assert_eq!(back[0].payload_now(), EVENT);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_of_an_order_that_is_done_by_now_is_resolved_and_not_sent() {
    let (house, letter) = dead_of(Pair::new("orders"), &record(EVENT, "x")).await;
    let done = Letter { hash: letter.hash_now().clone(), ..letter.clone() };
    house.complete(&done);
    assert_eq!(replayed(&house, &letter, None).await.resolved_instead, 1);
    assert!(sent(&house).is_empty());
    house.pairs[0].dead.send(record(EVENT, "x"), [].into());
    house.drain().await;
    assert!(house.letters_of(0).iter().all(|letter| letter.status == Status::Resolved), "its second record, too");
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_ran_out_of_time_goes_by_the_policy_and_one_whose_event_cannot_be_read_waits() {
    let late = "RequestId: e4b4 Error: Task timed out after 3.00 seconds";
    let (house, letter) = dead_of(Pair::new("orders"), &record(EVENT, late)).await;
    assert_eq!(
        (letter.reason.error_type, letter.due),
        (ErrorType::Timeout, house.clock.now().after(policy().cool_down))
    );
    for event in ["{\"Records\":[]}", "\"a text\"", "7"] {
        let (house, letter) = dead_of(Pair::new("orders"), &record(event, late)).await;
        assert_eq!((letter.due, letter.payload_now()), (Timestamp::NEVER, event));
        assert_eq!(replayed(&house, &letter, None).await.sent, 1, "a person may");
        assert_eq!(sent(&house), [event]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_changes_the_message_in_a_record_and_ejecting_puts_back_what_came() {
    let event = r#"{"order_id":"o-1","currency":"CHF"}"#;
    let patch: Value = json!([{"op": "replace", "path": "/currency", "value": "EUR"}]);
    let patch = Edit::Patch(serde_json::from_value(patch).unwrap());
    let body = record(event, "x");
    let (house, letter) = dead_of(Pair::new("orders"), &body).await;
    assert_eq!(replayed(&house, &letter, Some(patch)).await.edited, 1);
    let sent: Value = serde_json::from_str(&sent(&house)[0]).unwrap();
    assert_eq!(sent, json!({"order_id": "o-1", "currency": "EUR"}));

    let place = batch("requestContext", "arn:aws:kinesis:us-east-2:123456789012:stream/orders", "KinesisBatchInfo");
    for body in [body, place] {
        let (mut house, letter) = dead_of(Pair::new("orders"), &body).await;
        house.pairs[0].custody = false;
        let request = Request::Eject { selection: Selection::Ids(vec![letter.id]), by: "ann".to_owned() };
        assert_eq!(house.ask(&request).await.unwrap().together().ejected, 1);
        assert_eq!(house.pairs[0].dead.messages()[0].body, body);
        house.pairs[0].custody = true;
        house.drain().await;
        let back = house.letters_of(0).into_iter().find(|other| other.id != letter.id).unwrap();
        assert_eq!((back.form, back.reason.error_code), (letter.form, letter.reason.error_code), "the same as before");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_its_message_is_shown_as_what_it_is_and_never_sent() {
    let stream = "arn:aws:dynamodb:us-east-2:123456789012:table/orders/stream/2026-04-23T13:37:16.991";
    let kafka = batch("requestContext", "arn:aws:kafka:us-east-1:123456789012:cluster/vpc/7", "KafkaBatchInfo");
    let pipe = batch("context", stream, "DDBStreamBatchInfo")
        .replace(FUNCTION, "arn:aws:pipes:us-east-2:123456789012:pipe/orders");
    let pipe = pipe.replace("functionArn", "partnerResourceArn");
    let dropped =
        record(EVENT, "Task timed out after 3.00 seconds").replace(&format!("\"requestPayload\":{EVENT},"), "");
    for (body, code) in
        [(kafka, "RetryAttemptsExhausted"), (pipe, "RetryAttemptsExhausted"), (dropped, "function-timeout")]
    {
        for pair in [Pair::new("orders"), Pair::new("orders").without_ledger()] {
            let (house, letter) = dead_of(pair, &body).await;
            assert_eq!(
                (letter.form, letter.reason.error_code.as_deref(), letter.due),
                (Form::NoMessage, Some(code), Timestamp::NEVER)
            );
            assert_ne!(letter.reason.error_type, ErrorType::NeverRan);
            let body = Edit::Body("{\"order_id\":\"o-1\"}".to_owned());
            for edit in [None, Some(body)] {
                let report = replayed(&house, &letter, edit).await;
                assert_eq!((report.no_body, report.sent), (1, 0), "{report:?}");
            }
            house.ask(&Request::Schedule).await.unwrap();
            assert!(sent(&house).is_empty());
            let note = redrive_core::replay::Remark {
                selection: Selection::Ids(vec![letter.id]),
                note: "read from the stream".to_owned(),
                by: "ann".to_owned(),
            };
            for (request, status) in
                [(Request::Discard(note.clone()), Status::Discarded), (Request::Restore(note), Status::Pending)]
            {
                house.ask(&request).await.unwrap();
                assert_eq!(house.letters_of(0)[0].status, status);
            }
        }
    }
}

/// Else the consumer of a queue of such records could not have them back.
#[tokio::test(start_paused = true)]
async fn a_record_that_the_queues_own_consumer_gave_up_is_sent_as_it_is() {
    let house = House::new(vec![Pair::new("orders").without_ledger()]);
    let body = record(EVENT, "x");
    house.pairs[0].main.send(body.clone(), [].into());
    house.pairs[0].dies().await;
    house.drain().await;
    let letter = house.letters_of(0).remove(0);
    assert_eq!(letter.form, Form::Message);
    assert_eq!(replayed(&house, &letter, None).await.sent, 1);
    assert_eq!(sent(&house), [body]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_scheduler_could_not_send_goes_without_its_request_and_one_it_cut_short_never() {
    let url = "https://sqs.us-west-2.amazonaws.com/123456789012/orders";
    let request = json!({"MessageBody": EVENT, "QueueUrl": url}).to_string();
    for (truncated, expected) in [("false", vec![EVENT]), ("true", vec![])] {
        let house = House::new(vec![Pair::new("orders")]);
        let attributes = [
            ("SCHEDULE_ARN", "arn:aws:scheduler:us-west-2:123456789012:schedule/default/orders"),
            ("TARGET_ARN", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"),
            ("ERROR_CODE", "AWS.SimpleQueueService.NonExistentQueue"),
            ("ERROR_MESSAGE", "The specified queue does not exist for this wsdl version."),
            ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
            ("IS_PAYLOAD_TRUNCATED", truncated),
            ("RETRY_ATTEMPTS", "0"),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), Attribute::text(value)));
        house.pairs[0].dead.send(request.clone(), attributes.into());
        house.drain().await;
        let letter = house.letters_of(0).remove(0);
        assert_eq!(letter.fingerprint, "UNKNOWN/AWS.SimpleQueueService.NonExistentQueue");
        replayed(&house, &letter, None).await;
        assert_eq!(sent(&house), expected, "{truncated}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
