use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ids::MessageId;
use crate::message::envelope::Attribute;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:charge:$LATEST";

fn sent(body: &str, attributes: &[(&str, &str)]) -> Envelope {
    let record = crate::message::envelope::Record {
        receipt_handle: Some("handle".to_owned()),
        body: Some(body.to_owned()),
        system: [("SentTimestamp".to_owned(), "5000".to_owned())].into(),
        attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), Attribute::text(*value))).collect(),
        ..crate::message::envelope::Record::default()
    };
    Envelope::read(MessageId::new("m-1").unwrap(), record).unwrap()
}

fn read(body: &str) -> Option<ServiceRecord> {
    ServiceRecord::of(&sent(body, &[]))
}

/// Makes a record as the Developer Guide shows it, with this payload.
fn failure(payload: &str, answer: &Value) -> String {
    format!(
        r#"{{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{{"requestId":"e4b46cbf-b738-4d27-8880-a18cdf61200e",
        "functionArn":"{FUNCTION}","condition":"RetriesExhausted","approximateInvokeCount":3}},"requestPayload":{payload},
        "responseContext":{{"statusCode":200,"executedVersion":"41","functionError":"Unhandled"}},"responsePayload":{answer}}}"#
    )
}

fn error(kind: &str, text: &str) -> Value {
    json!({"errorMessage": text, "errorType": kind, "stackTrace": ["exports.handler (/var/task/index.js:18:18)"]})
}

#[test]
fn a_functions_failure_says_why_how_often_and_which_function_and_has_the_event_byte_by_byte() {
    let payload = "{ \"amount\" : 12345678901234567.890, \"n\":1e400,\"order_id\":\"o-\\u0031\" }";
    let record = read(&failure(payload, &error("ValueError", "order o-1 has no row"))).unwrap();
    assert_eq!(record.message.as_deref(), Some(payload));
    let reason = record.reason;
    assert_eq!(
        (reason.by, reason.error_type, reason.code.as_deref()),
        (ReasonSource::Lambda, ErrorType::Unknown, Some("ValueError"))
    );
    assert_eq!((reason.text.as_str(), reason.attempts), ("charge: order o-1 has no row", 3));
    assert_eq!(
        record.note,
        format!("written by {FUNCTION}, version 41, request e4b46cbf-b738-4d27-8880-a18cdf61200e: RetriesExhausted")
    );
}

#[test]
fn a_time_out_and_a_throttled_event_are_told_from_an_error_of_the_function() {
    let late = error("Sandbox.Timedout", "RequestId: e4b4 Error: Task timed out after 3.00 seconds");
    let reason = read(&failure("{}", &late)).unwrap().reason;
    assert_eq!((reason.error_type, reason.code.as_deref()), (ErrorType::Timeout, Some("function-timeout")));
    let old = json!({"version": "1.0", "timestamp": "2019-11-14T18:16:05.568Z", "requestContext":
        {"requestId": "r", "functionArn": FUNCTION, "condition": "EventAgeExceeded", "approximateInvokeCount": 0},
        "requestPayload": {"order_id": "o-1"}});
    let record = read(&old.to_string()).unwrap();
    assert_eq!(
        (record.reason.error_type, record.reason.code.as_deref()),
        (ErrorType::Transient, Some("EventAgeExceeded"))
    );
    assert_eq!(record.message.as_deref(), Some(r#"{"order_id":"o-1"}"#));
    let mut busy = old;
    busy["responseContext"] = json!({"statusCode": 429, "executedVersion": null, "functionError": null});
    assert_eq!(read(&busy.to_string()).unwrap().reason.code.as_deref(), Some("http-429"));
}

#[test]
fn what_an_error_leaves_out_is_not_invented() {
    for (answer, code, text) in [
        (json!("a text"), None, "charge: RetriesExhausted"),
        (json!(null), None, "charge: RetriesExhausted"),
        (json!({"errorType": "two words", "errorMessage": "x"}), None, "charge: x"),
        (json!({"errorType": ["x"], "errorMessage": 7}), None, "charge: RetriesExhausted"),
    ] {
        let reason = read(&failure("{}", &answer)).unwrap().reason;
        assert_eq!((reason.code.as_deref(), reason.text.as_str()), (code, text), "{answer}");
    }
}

#[test]
fn a_record_in_the_envelope_of_another_destination_is_read_in_it() {
    let record = failure("{ \"order_id\":\"o-1\" }", &error("ValueError", "x"));
    let topic = "arn:aws:sns:us-east-1:000000000000:failed";
    let sns = json!({"Type": "Notification", "MessageId": "m", "TopicArn": topic, "Message": record}).to_string();
    let bridge = format!(
        r#"{{"version":"0","id":"x","detail-type":"Lambda Function Invocation Result - Failure","source":"lambda","detail":{record}}}"#
    );
    for body in [sns, bridge] {
        assert_eq!(read(&body).unwrap().message.as_deref(), Some("{ \"order_id\":\"o-1\" }"), "{body}");
    }
}

#[test]
fn a_record_without_its_payload_has_no_message() {
    let whole = failure("{}", &error("ValueError", "x"));
    for without in [
        whole.replace(r#""requestPayload":{},"#, ""),
        whole.replace(r#""requestPayload":{}"#, r#""requestPayload":null"#),
        whole.replace("RetriesExhausted", "Success"),
    ] {
        assert_eq!(read(&without).unwrap().message, None, "{without}");
    }
}

#[test]
fn a_batch_of_a_stream_or_of_kafka_is_named_and_never_a_message() {
    let streams = "arn:aws:kinesis:us-east-2:123456789012:stream/orders";
    let table = "arn:aws:dynamodb:us-east-2:123456789012:table/orders/stream/2025-04-23T13:37:16.991";
    let kafka = "arn:aws:kafka:us-east-1:123456789012:cluster/vpc/751d2973-2";
    let place = |arn| json!({"shardId": "shardId-0", "startSequenceNumber": "1", "endSequenceNumber": "9", "batchSize": 500, "streamArn": arn});
    let topic = json!({"firstRecordOffset": "1", "lastRecordOffset": "2"});
    for (name, info, arn) in [
        ("KinesisBatchInfo", place(streams), streams),
        ("DDBStreamBatchInfo", place(table), table),
        (
            "KafkaBatchInfo",
            json!({"batchSize": 500, "eventSourceArn": kafka, "bootstrapServers": "...", "payloadSize": 2039086,
            "recordsInfo": {"orders-0": topic}}),
            kafka,
        ),
    ] {
        let mut lambda = json!({"requestContext": {"requestId": "c9b8fa9f", "functionArn": FUNCTION, "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1}, "responseContext": {"statusCode": 200, "executedVersion": "$LATEST",
            "functionError": "Unhandled"}, "version": "1.0", "timestamp": "2019-11-14T00:38:06.021Z"});
        let pipe = "arn:aws:pipes:eu-west-2:123456789012:pipe/orders";
        let mut pipes = json!({"context": {"partnerResourceArn": pipe, "condition": "RetryAttemptsExhausted"}, "version": "1.0",
            "timestamp": "2024-03-08T00:00:00Z"});
        for (record, attempts) in [(&mut lambda, 1), (&mut pipes, 0)] {
            record[name] = info.clone();
            let read = read(&record.to_string()).unwrap();
            let (reason, message) = (read.reason, read.message);
            assert_eq!((message, reason.by, reason.attempts), (None, ReasonSource::Batch, attempts), "{record}");
            assert_eq!(
                (reason.error_type, reason.code.as_deref()),
                (ErrorType::Unknown, Some("RetryAttemptsExhausted"))
            );
            assert!(reason.text.starts_with(&format!("500 records of {arn} were given up")), "{}", reason.text);
            assert!(reason.in_our_words());
        }
    }
}

#[test]
fn a_message_that_only_looks_like_a_record_is_a_message() {
    let whole = failure("{}", &error("ValueError", "x"));
    for other in [
        whole.replace(FUNCTION, "charge"),
        whole.replace(":lambda:", ":states:"),
        whole.replace("requestContext", "context"),
        whole.replace("\"condition\"", "\"state\""),
        whole.replace("timestamp", "time"),
        whole.replace("\"version\"", "\"requestPayload\""),
        format!("[{whole}]"),
        whole[1..].to_owned(),
    ] {
        assert_eq!(read(&other), None, "{other}");
    }
}

/// The message is then what the queue's own consumer is to work on.
#[test]
fn a_record_that_was_moved_to_the_dead_letter_queue_or_handed_over_is_a_message() {
    let whole = failure("{}", &error("ValueError", "x"));
    let mut moved = sent(&whole, &[]);
    moved.moved_from = Some("arn:aws:sqs:us-east-1:000000000000:orders".to_owned());
    assert_eq!(ServiceRecord::of(&moved), None);
    assert_eq!(ServiceRecord::of(&sent(&whole, &[(redrive::ATTRIBUTE, "{}")])), None);
}

const SCHEDULE: [(&str, &str); 9] = [
    ("SCHEDULE_ARN", "arn:aws:scheduler:us-west-2:123456789012:schedule/default/orders"),
    ("TARGET_ARN", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"),
    ("ERROR_CODE", "AWS.SimpleQueueService.NonExistentQueue"),
    ("ERROR_MESSAGE", "The specified queue does not exist for this wsdl version."),
    ("EXECUTION_ID", "ad06616e51fdf74a"),
    ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
    ("IS_PAYLOAD_TRUNCATED", "false"),
    ("RETRY_ATTEMPTS", "0"),
    ("SCHEDULED_TIME", "2022-10-14T00:00:00Z"),
];
const QUEUE_URL: &str = "https://sqs.us-west-2.amazonaws.com/123456789012/orders";

fn scheduled(target: &str, truncated: &str, body: &str) -> Option<ServiceRecord> {
    let change = |(name, value)| match name {
        "TARGET_ARN" => (name, target),
        "IS_PAYLOAD_TRUNCATED" => (name, truncated),
        _ => (name, value),
    };
    ServiceRecord::of(&sent(body, &SCHEDULE.map(change)))
}

#[test]
fn a_message_that_scheduler_could_not_send_is_taken_out_of_its_request() {
    let request = json!({"MessageBody": "{ \"order_id\": \"o-1\" }", "QueueUrl": QUEUE_URL}).to_string();
    for target in ["arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "arn:aws:sqs:us-west-2:123456789012:orders"] {
        let record = scheduled(target, "false", &request).unwrap();
        assert_eq!(record.message.as_deref(), Some("{ \"order_id\": \"o-1\" }"), "{target}");
        assert_eq!((record.reason.by, record.reason.attempts), (ReasonSource::EventBridge, 1));
    }
    let body = r#"{"order_id":"o-1"}"#;
    assert_eq!(scheduled("arn:aws:sqs:us-west-2:123456789012:orders", "false", body), None, "the body is the message");
}

#[test]
fn what_scheduler_cut_short_or_could_not_ask_of_another_service_has_no_message() {
    let sqs = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage";
    let request = json!({"MessageBody": "{}", "QueueUrl": QUEUE_URL}).to_string();
    let grouped = json!({"MessageBody": "{}", "QueueUrl": QUEUE_URL, "MessageGroupId": "g"}).to_string();
    for (target, truncated, body) in [
        (sqs, "true", &request),
        (sqs, "false", &grouped),
        ("arn:aws:scheduler:::aws-sdk:lambda:invoke", "false", &request),
        (sqs, "false", &"{}".to_owned()),
    ] {
        assert_eq!(scheduled(target, truncated, body).unwrap().message, None, "{target} {truncated} {body}");
    }
}

proptest! {
    #[test]
    fn any_texts_in_a_record_are_read_without_a_crash_and_within_the_caps(
        texts in proptest::collection::vec(any::<String>(), 6..7), payload in any::<String>()
    ) {
        let [arn, id, condition, version, kind, message] = <[String; 6]>::try_from(texts).unwrap();
        let body = json!({"version": "1.0", "timestamp": "t", "requestContext": {"requestId": id, "condition": condition,
            "functionArn": format!("arn:aws:lambda:{arn}"), "approximateInvokeCount": 3}, "requestPayload": payload,
            "responseContext": {"executedVersion": version, "functionError": "x"}, "responsePayload": error(&kind, &message)});
        if let Some(record) = read(&body.to_string()) {
            prop_assert!(record.note.len() <= 4 * NAME_LIMIT + 64);
            prop_assert!(record.note.chars().all(|c| c.is_ascii_graphic() || c == ' '));
            if let Some(message) = record.message {
                prop_assert_eq!(serde_json::from_str::<String>(&message).unwrap(), payload);
            }
        }
    }
}
