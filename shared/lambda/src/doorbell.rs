//! Events that wake the indexer: an alarm in one of its three forms, or a sweep.

use serde_json::Value;
use thiserror::Error;

/// Reason for which the indexer was woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// An alarm went to ALARM.
    Ring {
        /// The alarms that rang.
        alarms: Vec<String>,
    },
    /// The schedule asks for a look, without any alarm.
    Sweep,
    /// An alarm went to another state: there is nothing to do.
    Nothing,
}

/// The payload is no wake-up that is known. The invocation fails; what waits is found by the next sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "wake-up is not understood: {0}; expected an alarm (over SNS, CloudWatch's own Lambda action, or EventBridge), a \
     scheduled event, or {{\"redrive\":\"sweep\"}}"
)]
pub struct NotUnderstood(&'static str);

impl Wake {
    /// Reads an invocation's payload. Which alarm it is does not matter: any ring is a reason to look.
    ///
    /// # Errors
    /// [`NotUnderstood`] says what is missing.
    pub fn parse(payload: &Value) -> Result<Self, NotUnderstood> {
        let Some(records) = payload.get("Records") else { return Self::of([signal(payload)]) };
        let records = records.as_array().filter(|records| !records.is_empty());
        let records = records.ok_or(NotUnderstood("\"Records\" holds nothing"))?;
        Self::of(records.iter().map(|record| {
            // A topic carries whatever is published to it: CloudWatch's own notification, an event that a rule passes
            // on, or a sweep by hand.
            let message = record.pointer("/Sns/Message").and_then(Value::as_str).ok_or(NO_SIGNAL)?;
            let message: Value = serde_json::from_str(message).map_err(|_| NO_SIGNAL)?;
            match message.get("NewStateValue") {
                Some(state) => Signal::of_state(message.get("AlarmName"), Some(state)),
                None => signal(&message),
            }
        }))
    }

    /// Combines signals. One ring among them is enough, whatever the others are, and so is a sweep; silence must be
    /// understood throughout.
    fn of(signals: impl IntoIterator<Item = Result<Signal, NotUnderstood>>) -> Result<Self, NotUnderstood> {
        let (mut alarms, mut sweep, mut unknown) = (Vec::new(), false, None);
        for signal in signals {
            match signal {
                Ok(Signal::Rings(name)) => alarms.push(name),
                Ok(Signal::Sweep) => sweep = true,
                Ok(Signal::Silent) => {}
                Err(why) => unknown = Some(why),
            }
        }
        match unknown {
            _ if !alarms.is_empty() => Ok(Self::Ring { alarms }),
            _ if sweep => Ok(Self::Sweep),
            None => Ok(Self::Nothing),
            Some(why) => Err(why),
        }
    }
}

/// The queues whose depth the alarms in a payload watch, as far as these say so: a hint which to look into first, and no more.
#[must_use]
pub fn watched_queues(payload: &Value) -> Vec<String> {
    let mut names = Vec::new();
    match payload.get("Records").and_then(Value::as_array) {
        Some(records) => {
            let messages = records.iter().filter_map(|record| record.pointer("/Sns/Message")?.as_str());
            messages
                .filter_map(|text| serde_json::from_str(text).ok())
                .for_each(|alarm| dimensions(&alarm, &mut names));
        }
        None => dimensions(payload, &mut names),
    }
    names
}

/// Collects the queues' names in two forms: `{"QueueName": "q"}`, and a list of `{"name": "QueueName", "value": "q"}`.
fn dimensions(part: &Value, names: &mut Vec<String>) {
    const QUEUE: &str = "QueueName";
    match part {
        Value::Object(members) => {
            let named = members.get("name").filter(|name| *name == QUEUE).and_then(|_| members.get("value"));
            names.extend(members.get(QUEUE).or(named).and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| dimensions(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| dimensions(item, names)),
        _ => {}
    }
}

const NO_SIGNAL: NotUnderstood = NotUnderstood("it has none of the fields by which the known ones are recognised");
const NO_STATE: NotUnderstood = NotUnderstood("it says no alarm's state of ALARM, OK or INSUFFICIENT_DATA");

/// Signal of one payload or notification.
enum Signal {
    Rings(String),
    Sweep,
    Silent,
}

impl Signal {
    fn of_state(name: Option<&Value>, state: Option<&Value>) -> Result<Self, NotUnderstood> {
        match state.and_then(Value::as_str) {
            Some("ALARM") => Ok(Self::Rings(name.and_then(Value::as_str).unwrap_or("unnamed").to_owned())),
            Some("OK" | "INSUFFICIENT_DATA") => Ok(Self::Silent),
            _ => Err(NO_STATE),
        }
    }
}

/// The forms that are no notification of SNS's own. CloudWatch's action and EventBridge's event write a state alike.
fn signal(payload: &Value) -> Result<Signal, NotUnderstood> {
    let of_alarm = |alarm: Option<&Value>| {
        let part = |pointer: &str| alarm.and_then(|alarm| alarm.pointer(pointer));
        Signal::of_state(part("/alarmName"), part("/state/value"))
    };
    if let Some(word) = payload.get("redrive") {
        let sweep = (word == "sweep").then_some(Signal::Sweep);
        return sweep.ok_or(NotUnderstood("\"redrive\" does not say \"sweep\""));
    }
    if let Some(alarm) = payload.get("alarmData") {
        return of_alarm(Some(alarm));
    }
    match payload.get("detail-type").and_then(Value::as_str) {
        Some("CloudWatch Alarm State Change") => of_alarm(payload.get("detail")),
        Some("Scheduled Event") => Ok(Signal::Sweep),
        _ => Err(NO_SIGNAL),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sns(messages: &[&str]) -> Value {
        let records: Vec<_> = messages.iter().map(|message| json!({"Sns": {"Message": message}})).collect();
        json!({ "Records": records })
    }

    fn ring(names: &[&str]) -> Result<Wake, NotUnderstood> {
        Ok(Wake::Ring { alarms: names.iter().map(|name| (*name).to_owned()).collect() })
    }

    const RINGS: &str = r#"{"AlarmName":"depth","NewStateValue":"ALARM"}"#;
    const CALMS: &str = r#"{"AlarmName":"depth","NewStateValue":"OK"}"#;

    #[test]
    fn an_alarm_rings_in_each_of_its_forms() {
        let state = json!({"alarmName": "depth", "state": {"value": "ALARM"}});
        for payload in [
            sns(&[RINGS]),
            json!({"source": "aws.cloudwatch", "alarmData": state}),
            json!({"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": state}),
        ] {
            assert_eq!(Wake::parse(&payload), ring(&["depth"]), "{payload}");
        }
    }

    #[test]
    fn the_end_of_an_alarm_is_no_reason_to_look() {
        for word in ["OK", "INSUFFICIENT_DATA"] {
            let state = json!({"alarmName": "depth", "state": {"value": word}});
            assert_eq!(Wake::parse(&json!({ "alarmData": state })), Ok(Wake::Nothing));
        }
        assert_eq!(Wake::parse(&sns(&[CALMS])), Ok(Wake::Nothing));
    }

    #[test]
    fn one_ring_among_several_notifications_is_enough() {
        assert_eq!(Wake::parse(&sns(&[CALMS, RINGS, "hello", RINGS])), ring(&["depth", "depth"]));
        assert!(Wake::parse(&sns(&[CALMS, "hello"])).is_err());
    }

    #[test]
    fn a_topic_carries_what_a_rule_passes_on_and_a_sweep_by_hand() {
        let event = |state: &str| {
            let detail = json!({"alarmName": "depth", "state": {"value": state}});
            json!({"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": detail})
                .to_string()
        };
        let sweep = r#"{"redrive":"sweep"}"#;
        assert_eq!(Wake::parse(&sns(&[&event("ALARM")])), ring(&["depth"]));
        assert_eq!(Wake::parse(&sns(&[&event("OK")])), Ok(Wake::Nothing));
        assert_eq!(Wake::parse(&sns(&[sweep])), Ok(Wake::Sweep));
        assert_eq!(Wake::parse(&sns(&[CALMS, sweep, "hello"])), Ok(Wake::Sweep));
        assert_eq!(Wake::parse(&sns(&[sweep, RINGS])), ring(&["depth"]));
    }

    #[test]
    fn a_sweep_is_a_schedules_own_input_or_a_rules_event() {
        assert_eq!(Wake::parse(&json!({"redrive": "sweep"})), Ok(Wake::Sweep));
        let rule = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        assert_eq!(Wake::parse(&rule), Ok(Wake::Sweep));
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_was_expected_and_quotes_nothing() {
        for payload in [
            json!(null),
            json!("SECRET"),
            json!([{"redrive": "sweep"}]),
            json!({}),
            json!({"redrive": "SECRET"}),
            json!({"Records": []}),
            json!({"Records": "SECRET"}),
            sns(&["SECRET"]),
            sns(&[r#"{"AlarmName":"depth","NewStateValue":"SECRET"}"#]),
            sns(&[r#"{"AlarmName":"depth","NewStateValue":null}"#]),
            sns(&[r#"{"redrive":"SECRET"}"#]),
            sns(&[r#"{"Records":[]}"#]),
            json!({"Records": [{"Sns": {"Message": {"NewStateValue": "ALARM"}}}]}),
            json!({"alarmData": {"alarmName": "depth"}}),
            json!({"alarmData": {"state": {"value": 7}}}),
            json!({"detail-type": "CloudWatch Alarm State Change"}),
            json!({"detail-type": "SECRET", "detail": {"state": {"value": "ALARM"}}}),
        ] {
            let text = Wake::parse(&payload).unwrap_err().to_string();
            assert!(text.contains(r#"{"redrive":"sweep"}"#) && !text.contains("SECRET"), "{payload}: {text}");
        }
    }
}
