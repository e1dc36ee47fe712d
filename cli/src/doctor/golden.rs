//! Reports of the doctor, held to files.

use redrive_doctor::{
    Alarms, Allow, Consumer, Deployment, Diagnosis, Encryption, ExaminedPair, Function, Queue, QueueAttributes, RULES,
    RedrivePolicy, Rule, Settings, Unread,
};

use super::{ended, report};
use crate::completion::Completion;
use crate::golden::{NARROW, is, is_within};

const WIDTH: usize = 80;

fn denied<T>(call: &str) -> Result<T, Unread> {
    Err(Unread::Because(format!("{call}: AccessDenied")))
}

fn queue(name: &str, retention: u64, redrive: Option<RedrivePolicy>) -> Queue {
    Queue {
        arn: format!("arn:aws:sqs:eu-west-1:123456789012:{name}"),
        url: format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"),
        attributes: Ok(QueueAttributes {
            visibility: 10,
            retention,
            largest: Some(1 << 20),
            redrive,
            allow: Allow::All,
            encryption: Encryption::Sqs,
            policy: None,
            visible: 3,
            in_flight: 0,
        }),
        oldest: Ok(None),
        aged_by: None,
    }
}

/// A pair with much wrong, whose functions' metrics and roles may not be read.
fn deployment() -> Deployment {
    let redrive = RedrivePolicy { target: "arn:aws:sqs:eu-west-1:123456789012:q-dead".to_owned(), receives: 2 };
    let settings = Settings {
        timeout: 30,
        state: "Active".to_owned(),
        last_update: "Successful".to_owned(),
        role: "arn:aws:iam::123456789012:role/r".to_owned(),
        processor: Ok(None),
    };
    let function = Function {
        name: "mail".to_owned(),
        settings: Ok(settings),
        reserved: Ok(None),
        errors: denied("cloudwatch:GetMetricData"),
        throttles: denied("cloudwatch:GetMetricData"),
        dropped: denied("cloudwatch:GetMetricData"),
        failure_destination: Ok(None),
        permissions: denied("iam:SimulatePrincipalPolicy"),
    };
    let consumer = Consumer {
        mapping: "7e3a5b0c-0000-4000-8000-000000000001".to_owned(),
        state: "Enabled".to_owned(),
        last_result: "\u{1b}[2Jno".to_owned(),
        batch_size: 10,
        window: 0,
        partial_responses: false,
        maximum_concurrency: None,
        pollers: None,
        account_concurrency: Ok(1_000),
        function,
    };
    let pair = ExaminedPair {
        source: queue("q", 345_600, Some(redrive)),
        dead: Some(queue("q-dead", 345_600, None)),
        consumers: Ok(vec![consumer]),
        moves: Ok(Vec::new()),
        dead_consumers: Ok(Vec::new()),
        dead_sources: denied("sqs:ListDeadLetterSourceQueues"),
        custody: false,
    };
    Deployment { pairs: vec![pair], alarms: Ok(Alarms::default()), topics: Vec::new(), installation: None }
}

#[test]
fn a_diagnosis_looks_as_it_did() {
    let deployment = deployment();
    let diagnosis = Diagnosis::of(&deployment, &RULES);
    let seen = report::ReportContent { deployment: &deployment, diagnosis: &diagnosis, rules: RULES.len() };
    is("doctor.txt", &report::render(&seen, WIDTH));
    // A value of a command stays whole, or the shell would not take it.
    is_within("doctor-narrow.txt", &report::render(&seen, NARROW), 3 * WIDTH);
    is("doctor.json", &format!("{:#}\n", report::document(&seen)));
    assert_eq!(ended(&diagnosis, false), Completion::Ailing);
}

#[test]
fn a_rule_is_explained_as_it_was() {
    is("doctor-rule.txt", &report::explanation(Rule::named("visibility-below-timeout").unwrap(), WIDTH));
}

#[test]
fn only_errors_end_badly_and_what_is_hidden_only_where_that_was_asked_for() {
    let deployment = deployment();
    let of = |id: &str| Diagnosis::of(&deployment, &[Rule::named(id).unwrap()]);
    assert_eq!(ended(&of("no-maximum-concurrency"), true), Completion::Done, "a warning");
    assert_eq!(ended(&of("no-depth-alarm"), false), Completion::Ailing);
    assert_eq!(ended(&of("permission-missing"), false), Completion::Done);
    assert_eq!(ended(&of("permission-missing"), true), Completion::Ailing);
}
