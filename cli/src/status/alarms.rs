//! The alarms of the stack, and those of their states that matter first.

use crate::text::{hanging, named, shown};
use redrive_operator::alarms::short;
use redrive_operator::readings::AlarmStatus;

/// The states, the worst first, and how they are told.
const STATES: [(&str, &str); 6] = [
    ("ALARM", "ALARM"),
    ("EVALUATION_ERROR", "error"),
    ("EVALUATION_FAILURE", "failure"),
    ("PARTIAL_DATA", "partial"),
    ("INSUFFICIENT_DATA", "no data"),
    ("OK", "quiet"),
];

/// Renders the alarms by their states. `None`: CloudWatch could not be asked.
pub(crate) fn render(stack: Option<&str>, alarms: Option<&[AlarmStatus]>, width: usize) -> String {
    let Some(stack) = stack else {
        return hanging("ALARMS: not known without the stack's name, which their names begin with", 2, width);
    };
    let Some(alarms) = alarms else { return "ALARMS: CloudWatch did not say\n".to_owned() };
    let ringing = alarms.iter().filter(|alarm| alarm.state == STATES[0].0).count();
    let mut text = match alarms.len() {
        0 => "ALARMS: none found\n".to_owned(),
        n => format!("ALARMS: {ringing} of {n} in ALARM\n"),
    };
    for (state, word) in STATES {
        let names: Vec<_> =
            alarms.iter().filter(|one| one.state == state).map(|one| shown(short(one, stack))).collect();
        if !names.is_empty() {
            text.push_str(&named(word, &names.join(", "), 11, width));
        }
    }
    text
}
