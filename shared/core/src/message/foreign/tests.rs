use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fault::TEXT_LIMIT;
use crate::ids::MessageId;
use crate::letters::reason::Reason;
use crate::message::envelope::{self, Attribute, AttributeValue};
use crate::time::Timestamp;

fn of(dead: &Envelope) -> Option<StatedReason> {
    StatedReason::of(dead, ServiceRecord::of(dead).as_ref())
}

fn envelope(body: &str, attributes: &[(&str, &str)]) -> Envelope {
    let record = envelope::Record {
        receipt_handle: Some("handle".to_owned()),
        body: Some(body.to_owned()),
        system: [("SentTimestamp".to_owned(), "5000".to_owned())].into(),
        attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), Attribute::text(*value))).collect(),
        ..envelope::Record::default()
    };
    Envelope::read(MessageId::new("m-1").unwrap(), record).unwrap()
}

fn said(attributes: &[(&str, &str)]) -> Option<StatedReason> {
    of(&envelope("{}", attributes))
}

fn by_attribute(value: &str) -> Option<StatedReason> {
    said(&[(ATTRIBUTE, value)])
}

const BRIDGE: [(&str, &str); 5] = [
    ("RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/orders"),
    ("TARGET_ARN", "arn:aws:sqs:us-east-1:000000000000:orders"),
    ("ERROR_CODE", "NO_PERMISSIONS"),
    ("ERROR_MESSAGE", "Lack of permissions to send the event to the target."),
    ("RETRY_ATTEMPTS", "0"),
];

const LAMBDA: [(&str, &str); 3] =
    [("RequestID", "8f0b5e3a-1f5b-4d27-9a55-0a3d7f6c1e11"), ("ErrorCode", "200"), ("ErrorMessage", "order has no row")];

fn with<'a>(attributes: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    attributes.iter().copied().filter(|(other, _)| *other != name).chain([(name, value)]).collect()
}

#[test]
fn a_consumer_in_any_language_says_why_by_one_attribute() {
    let value = r#"{"type":"PERMANENT","code":"currency","message":"CHF is not supported","attempts":3,"more":[]}"#;
    let reason =
        Reason::stated(&by_attribute(value).unwrap(), Timestamp::from_millis(5_000), Timestamp::from_millis(9_000));
    assert_eq!((reason.error_type, reason.error_code.as_deref()), (ErrorType::Permanent, Some("currency")));
    assert_eq!((reason.error_message.as_str(), reason.attempt_count), ("CHF is not supported", 3));
    assert_eq!(reason.last_failed_at, Timestamp::from_millis(5_000), "when it was given up");
}

#[test]
fn whatever_of_the_attribute_cannot_be_understood_was_not_said() {
    let cases = [
        (r#"{"type":"transient"}"#, ErrorType::Transient, None, "", 0),
        (r#"{"type":"NEVER_RAN","message":"x"}"#, ErrorType::Unknown, None, "x", 0),
        (r#"{"type":7,"code":["a"],"message":"x","attempts":"2"}"#, ErrorType::Unknown, None, "x", 2),
        (r#"{"code":"order 17 failed","message":"x","attempts":-1}"#, ErrorType::Unknown, None, "x", 0),
        (r#"{"code":"a.b:c_d-1","attempts":99999999999}"#, ErrorType::Unknown, Some("a.b:c_d-1"), "", 1_000_000),
        ("the card was refused", ErrorType::Unknown, None, "the card was refused", 0),
        (r#"["x"]"#, ErrorType::Unknown, None, r#"["x"]"#, 0),
        (r#"{"message":"#, ErrorType::Unknown, None, r#"{"message":"#, 0),
    ];
    for (value, error_type, code, text, attempts) in cases {
        let said = by_attribute(value).unwrap_or_else(|| panic!("{value}"));
        assert_eq!((said.error_type, said.code.as_deref()), (error_type, code), "{value}");
        assert_eq!((said.text.as_str(), said.attempts), (text, attempts), "{value}");
    }
    for nothing in ["", "  ", "{}", r#"{"type":"SOON"}"#, r#"{"type":null,"message":" "}"#] {
        assert_eq!(by_attribute(nothing), None, "{nothing}");
    }
    let mut binary = envelope("{}", &[]);
    let bytes = Attribute { data_type: "Binary".to_owned(), value: AttributeValue::Binary(b"{}".to_vec()) };
    binary.attributes.insert(ATTRIBUTE.to_owned(), bytes);
    assert_eq!(of(&binary), None);
}

#[test]
fn texts_and_codes_of_others_are_capped() {
    let long = "x".repeat(200_000);
    for value in [
        long.clone(),
        json!({"message": long, "code": long}).to_string(),
        json!({"message": "x".repeat(9_000)}).to_string(),
    ] {
        let said = by_attribute(&value).unwrap();
        let reason = Reason::stated(&said, Timestamp::from_millis(1), Timestamp::from_millis(2));
        assert!(said.text.len() <= READ && reason.error_message.len() <= TEXT_LIMIT && reason.error_code.is_none());
    }
}

#[test]
fn event_bridge_says_which_error_and_how_often_it_tried() {
    let denied = said(&BRIDGE).unwrap();
    assert_eq!((denied.by, denied.error_type, denied.attempts), (ReasonSource::EventBridge, ErrorType::Permanent, 1));
    assert_eq!((denied.code.as_deref(), denied.text.as_str()), (Some("NO_PERMISSIONS"), BRIDGE[3].1));

    let spent = with(&with(&BRIDGE, "ERROR_CODE", "THROTTLING"), "RETRY_ATTEMPTS", "185");
    let spent = said(&with(&spent, "EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts")).unwrap();
    assert_eq!((spent.error_type, spent.attempts), (ErrorType::Transient, 186));
    assert!(spent.text.ends_with("(given up by MaximumRetryAttempts)"), "{}", spent.text);

    for (code, error_type) in [
        ("TIMEOUT", ErrorType::Timeout),
        ("NO_RESOURCE", ErrorType::Permanent),
        ("ERROR_FROM_TARGET", ErrorType::Unknown),
        ("SOMETHING_NEW", ErrorType::Unknown),
    ] {
        assert_eq!(said(&with(&BRIDGE, "ERROR_CODE", code)).unwrap().error_type, error_type, "{code}");
    }
    let schedule: Vec<_> = BRIDGE
        .into_iter()
        .map(|(name, value)| (if name == "RULE_ARN" { "SCHEDULE_ARN" } else { name }, value))
        .collect();
    assert_eq!(said(&schedule).unwrap().by, ReasonSource::EventBridge);
}

#[test]
fn lambda_says_what_the_function_failed_with() {
    let failed = said(&LAMBDA).unwrap();
    assert_eq!(
        (failed.by, failed.error_type, failed.code.as_deref()),
        (ReasonSource::Lambda, ErrorType::Unknown, None)
    );
    assert_eq!((failed.text.as_str(), failed.attempts), ("order has no row", 0));
    for (status, text, error_type, code) in [
        ("200", "2025-11-22T05:01:12Z 8f0b Task timed out after 3.00 seconds", ErrorType::Timeout, "function-timeout"),
        ("429", "Rate Exceeded.", ErrorType::Transient, "http-429"),
        ("500", "internal", ErrorType::Transient, "http-500"),
        ("403", "denied", ErrorType::Unknown, "http-403"),
        (
            "AWS.SimpleQueueService.NonExistentQueue",
            "gone",
            ErrorType::Unknown,
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
    ] {
        let said = said(&with(&with(&LAMBDA, "ErrorCode", status), "ErrorMessage", text)).unwrap();
        assert_eq!((said.error_type, said.code.as_deref()), (error_type, Some(code)), "{status}");
    }
}

#[test]
fn sns_says_only_that_it_was_not_delivered() {
    let topic = "arn:aws:sns:us-east-1:000000000000:orders";
    let body =
        json!({"Type": "Notification", "MessageId": "x", "TopicArn": topic, "Message": "{\"order_id\":\"o-1\"}"});
    let said = of(&envelope(&body.to_string(), &[])).unwrap();
    assert_eq!(
        (said.by, said.error_type, said.code.as_deref()),
        (ReasonSource::Sns, ErrorType::Unknown, Some("sns-undelivered"))
    );
    assert!(said.text.contains(topic) && !said.text.contains("o-1"), "{}", said.text);
    for (member, value) in [("Type", "SubscriptionConfirmation"), ("TopicArn", "orders"), ("TopicArn", "")] {
        let mut other = body.clone();
        other[member] = json!(value);
        assert_eq!(of(&envelope(&other.to_string(), &[])), None, "{member}: {value}");
    }
    assert_eq!(of(&envelope("{\"TopicArn\"", &[])), None);
}

#[test]
fn the_consumers_own_word_comes_before_a_services() {
    let mut both = BRIDGE.to_vec();
    both.extend(LAMBDA);
    assert_eq!(said(&both).unwrap().by, ReasonSource::EventBridge);
    both.push((ATTRIBUTE, r#"{"code":"mine"}"#));
    assert_eq!(said(&both).unwrap().by, ReasonSource::Consumer);
}

#[test]
fn a_part_of_a_services_attributes_is_a_producers_own() {
    for attributes in [&BRIDGE[..], &LAMBDA[..]] {
        for needed in attributes.iter().filter(|(name, _)| !matches!(*name, "ERROR_MESSAGE" | "RETRY_ATTEMPTS")) {
            let rest: Vec<_> = attributes.iter().copied().filter(|one| one != needed).collect();
            assert_eq!(said(&rest), None, "without {}", needed.0);
        }
    }
    assert_eq!(said(&with(&BRIDGE, "RULE_ARN", "of thumb")), None);
}

/// The redrive policy moves a message as it is: its text comes from its producer or from an earlier death.
#[test]
fn a_message_that_the_redrive_policy_moved_says_nothing() {
    for attributes in [&[(ATTRIBUTE, "forged")][..], &BRIDGE[..], &LAMBDA[..]] {
        let mut moved = envelope("{}", attributes);
        assert!(of(&moved).is_some());
        moved.moved_from = Some("arn:aws:sqs:us-east-1:000000000000:orders".to_owned());
        assert_eq!(of(&moved), None);
    }
}

proptest! {
    #[test]
    fn any_attributes_and_body_are_read_without_a_crash_and_within_the_caps(
        values in proptest::collection::vec(any::<String>(), 9), body in any::<String>()
    ) {
        let names = [
            ATTRIBUTE, "RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS", "RequestID", "ErrorCode", "ErrorMessage",
        ];
        let attributes: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        for skipped in 0..names.len() {
            if let Some(said) = of(&envelope(&body, &attributes[skipped..])) {
                let reason = Reason::stated(&said, Timestamp::from_millis(1), Timestamp::from_millis(2));
                prop_assert!(reason.error_message.len() <= TEXT_LIMIT);
                prop_assert!(reason.error_code.is_none_or(|code| code.len() <= CODE_LIMIT));
            }
        }
    }
}
