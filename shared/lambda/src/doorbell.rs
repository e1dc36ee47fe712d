//! What wakes the indexer: an alarm in one of its three forms, or a sweep.

use serde_json::Value;
use thiserror::Error;

/// Why the indexer was woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// An alarm went to ALARM.
    Ring {
        /// The alarms that rang.
        alarms: Vec<String>,
    },
    /// It is time to look anyway.
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
        if let Some(word) = payload.get("redrive") {
            return if word == "sweep" {
                Ok(Self::Sweep)
            } else {
                Err(NotUnderstood("\"redrive\" does not say \"sweep\""))
            };
        }
        if let Some(records) = payload.get("Records") {
            return Self::from_sns(records);
        }
        if let Some(alarm) = payload.get("alarmData") {
            return Self::from_states([state(alarm)]);
        }
        match payload.get("detail-type").and_then(Value::as_str) {
            Some("CloudWatch Alarm State Change") => Self::from_states([payload.get("detail").and_then(state)]),
            Some("Scheduled Event") => Ok(Self::Sweep),
            _ => Err(NotUnderstood("it has none of the fields by which the known ones are told apart")),
        }
    }

    fn from_sns(records: &Value) -> Result<Self, NotUnderstood> {
        let records = records.as_array().filter(|records| !records.is_empty());
        let records = records.ok_or(NotUnderstood("\"Records\" holds nothing"))?;
        Self::from_states(records.iter().map(|record| {
            let message = record.pointer("/Sns/Message").and_then(Value::as_str)?;
            let alarm: Value = serde_json::from_str(message).ok()?;
            Some(Alarm::new(alarm.get("AlarmName"), alarm.get("NewStateValue")?.as_str()?))
        }))
    }

    /// One ring among them is enough, whatever the others are; silence must be understood throughout.
    fn from_states(states: impl IntoIterator<Item = Option<Alarm>>) -> Result<Self, NotUnderstood> {
        let (mut alarms, mut unknown) = (Vec::new(), false);
        for state in states {
            match state {
                Some(Alarm::Rings(name)) => alarms.push(name),
                Some(Alarm::Silent) => {}
                Some(Alarm::Unknown) | None => unknown = true,
            }
        }
        match (alarms.is_empty(), unknown) {
            (false, _) => Ok(Self::Ring { alarms }),
            (true, false) => Ok(Self::Nothing),
            (true, true) => Err(NotUnderstood("it says no alarm's state of ALARM, OK or INSUFFICIENT_DATA")),
        }
    }
}

enum Alarm {
    Rings(String),
    Silent,
    Unknown,
}

impl Alarm {
    fn new(name: Option<&Value>, state: &str) -> Self {
        match state {
            "ALARM" => Self::Rings(name.and_then(Value::as_str).unwrap_or("unnamed").to_owned()),
            "OK" | "INSUFFICIENT_DATA" => Self::Silent,
            _ => Self::Unknown,
        }
    }
}

/// The form that CloudWatch's own action and EventBridge share.
fn state(alarm: &Value) -> Option<Alarm> {
    Some(Alarm::new(alarm.get("alarmName"), alarm.pointer("/state/value")?.as_str()?))
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
