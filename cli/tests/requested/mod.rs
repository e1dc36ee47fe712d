//! Permissions that a request of the command needs: the action, and the resources by their names in the template.

use redrive_testkit::loopback::JsonRequest;
use serde_json::Value;

/// Action that a request asks for; it stands in the target, in the path or in the body, by the service's protocol.
pub(crate) fn action(JsonRequest { method, path, target, body, .. }: &JsonRequest) -> Option<String> {
    if let Some((service, action)) = target.split_once('.') {
        return match service {
            "DynamoDB_20120810" => Some(format!("dynamodb:{}", statements(action, body))),
            "AmazonSQS" => Some(format!("sqs:{action}")),
            other => panic!("a service of another name: {other}"),
        };
    }
    if let Some((_, action)) = path.split_once("/operation/") {
        return Some(format!("cloudwatch:{action}"));
    }
    if let Some((_, rest)) = path.split_once("/functions/") {
        let (_, what) = rest.split_once('/')?;
        return Some(match (what, method.as_str()) {
            ("invocations", "POST") => "lambda:InvokeFunction".to_owned(),
            ("configuration", "GET") => "lambda:GetFunctionConfiguration".to_owned(),
            ("code", _) => "lambda:UpdateFunctionCode".to_owned(),
            other => panic!("a call of Lambda: {other:?}"),
        });
    }
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
    let service = match action {
        "GetCallerIdentity" => "sts",
        "DescribeAlarms" | "GetMetricStatistics" => "cloudwatch",
        _ => "cloudformation",
    };
    Some(format!("{service}:{action}"))
}

/// Resources that a request is about, by their names in the template.
pub(crate) fn resources(action: &str, JsonRequest { path, body, .. }: &JsonRequest) -> Vec<String> {
    let wanted: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |field: &str| wanted[field].as_str().map(str::to_owned);
    let last = |text: &str, sign| text.rsplit(sign).next().map(str::to_owned);
    let named: Vec<String> = match action.split_once(':').unwrap().0 {
        "dynamodb" => match (wanted["RequestItems"].as_object(), text("TableName"), text("IndexName")) {
            (Some(tables), ..) => tables.keys().cloned().collect(),
            (None, Some(table), Some(index)) => return vec![format!("{}/index/{index}", logical(&table))],
            (None, table, None) => table.into_iter().collect(),
            other => panic!("{other:?}"),
        },
        "sqs" => text("QueueUrl")
            .and_then(|url| last(&url, '/'))
            .or_else(|| last(&text("SourceArn")?, ':'))
            .into_iter()
            .collect(),
        "lambda" => path
            .split_once("/functions/")
            .and_then(|(_, rest)| last(rest.split_once('/')?.0, '/'))
            .into_iter()
            .collect(),
        "cloudformation" => return vec!["stack".to_owned()],
        _ => return vec!["*".to_owned()],
    };
    assert!(!named.is_empty() || action.contains("PartiQL") || action.contains("PutItem"), "{action} of what? {body}");
    named.iter().map(|name| logical(name)).collect()
}

/// Name in the template of a resource of this test's stack.
fn logical(name: &str) -> String {
    let all = [
        ("letters", "DeadLetters"),
        ("ledger", "Ledger"),
        ("orders", "MainQueue"),
        ("orders-dlq", "DeadLetterQueue"),
        ("orders-failed", "FailedInvocationsQueue"),
        ("indexer", "IndexerFunction"),
        ("replay", "ReplayFunction"),
        ("administration", "AdministrationFunction"),
    ];
    all.iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("{name} is nothing of the stack"))
        .1
        .to_owned()
}

/// Names the permission of a statement: IAM has one for each verb of PartiQL.
fn statements<'a>(action: &'a str, body: &str) -> &'a str {
    match action {
        "BatchExecuteStatement" if body.contains("INSERT INTO") => "PartiQLInsert",
        "BatchExecuteStatement" => "PartiQLUpdate",
        "TransactWriteItems" => "PutItem",
        other => other,
    }
}
