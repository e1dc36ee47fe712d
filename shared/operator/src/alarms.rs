//! Alarms of a stack, by their names.

use serde_json::{Value, json};

use crate::readings::AlarmStatus;

/// Returns an alarm's name in the template, if CloudFormation named it.
pub fn short<'a>(alarm: &'a AlarmStatus, stack: &str) -> &'a str {
    let rest = alarm.name.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-'));
    let rest = rest.and_then(|rest| rest.rsplit_once('-')).map_or(alarm.name.as_str(), |(name, _)| name);
    rest.strip_suffix("Alarm").unwrap_or(rest)
}

/// Keeps the stack's own alarms, of those whose names begin with its name. CloudFormation names one after the stack,
/// its logical name and a suffix; neither of the last two has a dash, while those of a stack whose name only begins
/// like this one's have one more.
pub fn own(stack: &str, all: Vec<AlarmStatus>) -> Vec<AlarmStatus> {
    let mut own = all;
    own.retain(|alarm| {
        let rest = alarm.name.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-'));
        rest.is_some_and(|rest| rest.matches('-').count() < 2)
    });
    own.sort_by(|one, other| one.name.cmp(&other.name));
    own
}

/// Returns the alarms as JSON, each by its name and state.
pub fn documents(alarms: &[AlarmStatus]) -> Value {
    alarms.iter().map(|alarm| json!({"name": alarm.name, "state": alarm.state})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_whose_name_begins_with_this_ones_keeps_its_alarms_to_itself() {
        let alarm = |name: &str| AlarmStatus::new(name, "OK");
        let all = ["r-DepthAlarm-A1", "r-own-name", "r-fifo-DepthAlarm-B2", "r-fifo-OtherAlarm-B3", "r-OtherAlarm-A2"];
        // An attached installation has no alarm on a depth.
        let all = all.into_iter().chain(["r-attach-IndexerErrorsAlarm-C1", "r-a-b-PageAlarm-D1"]);
        let own = own("r", all.map(alarm).collect());
        assert_eq!(own, ["r-DepthAlarm-A1", "r-OtherAlarm-A2", "r-own-name"].map(alarm));
        let short: Vec<_> = own.iter().map(|alarm| super::short(alarm, "r")).collect();
        assert_eq!(short, ["Depth", "Other", "own"]);
        assert_eq!(super::short(&alarm("elsewhere"), "r"), "elsewhere");
    }
}
