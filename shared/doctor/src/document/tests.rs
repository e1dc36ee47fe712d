use serde_json::json;

use super::*;

const ALARM: &str = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop-DepthAlarm-1";

fn document(statements: Value) -> PolicyDocument {
    PolicyDocument::parse(&json!({"Version": "2012-10-17", "Statement": statements}).to_string()).unwrap()
}

fn publish(statements: Value) -> May {
    document(statements).lets_alarms("sns:Publish", &[ALARM.to_owned()])
}

fn for_cloudwatch(condition: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish",
        "Resource": "*", "Condition": condition,
    })
}

#[test]
fn a_pattern_fits_as_iam_says() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("sqs:*", "sqs:sendmessage", true),
        ("sqs:*", "sns:publish", false),
        ("kms:generatedatakey*", "kms:generatedatakey", true),
        ("a?c*e", "abcde", true),
        ("a?c", "ac", false),
        ("*-*-1", "shop-DepthAlarm-1", true),
        ("shop", "shops", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn plain_http_is_denied_only_by_a_denial_for_everybody_and_everything() {
    let deny = |principal: Value, action: &str, condition: Value| {
        let statement = json!({"Effect": "Deny", "Principal": principal, "Action": action, "Condition": condition});
        document(json!([statement])).denies_plain_http("sqs:SendMessage")
    };
    let insecure = json!({"Bool": {"aws:SecureTransport": "false"}});
    assert!(deny(json!("*"), "sqs:*", insecure.clone()));
    assert!(deny(json!({"AWS": "*"}), "SQS:*", json!({"BoolIfExists": {"aws:SecureTransport": [false]}})));
    assert!(!deny(json!({"AWS": "arn:aws:iam::1:root"}), "sqs:*", insecure.clone()));
    assert!(!deny(json!("*"), "sqs:ReceiveMessage", insecure));
    assert!(!deny(json!("*"), "sqs:*", json!({"Bool": {"aws:SecureTransport": "true"}})));
    let narrowed = json!({"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceAccount": "1"}});
    assert!(!deny(json!("*"), "sqs:*", narrowed), "it denies only a part");
}

#[test]
fn cloudwatch_may_publish_by_a_statement_of_its_own_or_by_the_default_policy() {
    let ours = json!({
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop-*"},
    });
    let insecure = json!({
        "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    });
    assert_eq!(publish(json!([for_cloudwatch(ours), insecure])), May::Yes);
    let default = json!({
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["SNS:GetTopicAttributes", "SNS:Publish"],
        "Condition": {"StringEquals": {"AWS:SourceOwner": "123456789012"}},
    });
    assert_eq!(publish(default), May::Yes);
}

#[test]
fn cloudwatch_may_not_publish_where_nothing_lets_it_or_something_denies_it() {
    let role = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sns:*"});
    assert_eq!(publish(role), May::No);
    assert_eq!(publish(for_cloudwatch(json!({"StringEquals": {"aws:SourceAccount": "1"}}))), May::No);
    let other = json!({"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:*:*:alarm:other-*"}});
    assert_eq!(publish(for_cloudwatch(other)), May::No);
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "sns:*"});
    assert_eq!(publish(json!([for_cloudwatch(json!({})), deny])), May::No);
}

#[test]
fn a_condition_that_is_not_understood_gives_no_answer() {
    let condition = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
    let May::Unclear(why) = publish(for_cloudwatch(condition)) else { panic!("it was judged") };
    assert!(why.contains("aws:principalorgid"), "{why}");
    let denied = json!({"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sns:*"});
    assert!(matches!(publish(json!([for_cloudwatch(json!({})), denied])), May::Unclear(_)));
}

#[test]
fn what_is_no_policy_document_is_not_judged() {
    for text in ["", "null", "{}", r#"{"Statement":7}"#, r#"{"Statement":[{"Effect":"Perhaps"}]}"#] {
        assert!(PolicyDocument::parse(text).is_err(), "{text}");
    }
}
