use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::parameters::{ParameterDefault, ParameterValues};
use super::*;

/// Gates, CDK and pages read it. To write it anew: `WRITE_SETTINGS=1 cargo test --workspace --locked --lib settings`.
#[test]
fn the_settings_in_infra_are_those_of_the_functions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/settings.json");
    if std::env::var_os("WRITE_SETTINGS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&document()).unwrap() + "\n").unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let anew = "write infra/settings.json anew: WRITE_SETTINGS=1 cargo test --workspace --locked --lib settings";
    assert_eq!(written, document(), "{anew}");
}

fn number(name: &str) -> Option<NumberSetting> {
    all().into_iter().find_map(|variable| match variable {
        Setting::Number(number) if number.name == name => Some(number),
        _ => None,
    })
}

#[test]
fn each_variable_and_each_parameter_of_a_template_stands_here_once() {
    let names: BTreeSet<_> = all().iter().map(Setting::name).collect();
    assert_eq!(names.len(), all().len());
    for template in [SamTemplate::Whole, SamTemplate::Attached] {
        let of = || PARAMETERS.iter().filter(|one| one.templates.contains(&template)).map(|one| one.name);
        assert_eq!(of().collect::<BTreeSet<_>>().len(), of().count(), "{template:?}");
    }
    for parameter in PARAMETERS {
        assert!(parameter.variable.is_none_or(|name| names.contains(name)), "{parameter:?}");
    }
}

#[test]
fn a_default_is_a_value_that_is_taken() {
    for variable in all() {
        match variable {
            Setting::Number(one) => assert!(one.default.is_none_or(|default| one.takes(default)), "{}", one.name),
            Setting::Text(one) => {
                let known = |default| one.values.is_empty() || one.values.contains(&default);
                assert!(one.default.is_none_or(known), "{}", one.name);
            }
        }
    }
    for one in PARAMETERS {
        let is_taken = match (one.allowed, one.default) {
            (ParameterValues::Number { least, most, .. }, Some(ParameterDefault::Number(default))) => {
                (least..=most).contains(&default)
            }
            (ParameterValues::OneOf(values), Some(ParameterDefault::Text(default))) => values.contains(&default),
            (ParameterValues::Text { .. }, None | Some(ParameterDefault::Text(_))) => true,
            _ => false,
        };
        assert!(is_taken, "{one:?}");
    }
}

#[test]
fn a_parameter_takes_no_number_that_its_variable_refuses() {
    for one in PARAMETERS {
        let (ParameterValues::Number { least, most, unit }, Some(variable)) = (one.allowed, one.variable) else {
            continue;
        };
        let variable = number(variable).unwrap();
        assert!(variable.takes(least) && variable.takes(most) && variable.unit == unit, "{one:?}");
    }
}

#[test]
fn a_parameter_has_the_default_of_its_variable() {
    let of = |name: &str| {
        let default = all().into_iter().find(|variable| variable.name() == name).map(|variable| match variable {
            Setting::Number(one) => one.default.map(|default| default.to_string()),
            Setting::Text(one) => one.default.map(str::to_owned),
        });
        default.flatten()
    };
    let mut others = Vec::new();
    for one in PARAMETERS {
        let default = match one.default {
            Some(ParameterDefault::Number(default)) => default.to_string(),
            // Nothing is handed over.
            None | Some(ParameterDefault::Text("")) => continue,
            Some(ParameterDefault::Text(default)) => default.to_owned(),
        };
        if one.variable.and_then(of).is_some_and(|variable| variable != default) {
            others.push((one.name, one.templates));
        }
    }
    // Queues that were there before stay with their native tools, unless their owner says otherwise.
    assert_eq!(others, [("Custody", &[SamTemplate::Attached][..])]);
}

#[test]
fn what_no_parameter_explains_is_explained_here() {
    let explained: BTreeSet<_> = PARAMETERS.iter().filter_map(|one| one.variable).collect();
    for variable in all() {
        let about = match variable {
            Setting::Number(one) => one.about,
            Setting::Text(one) => one.about,
        };
        assert!(explained.contains(variable.name()) || about.len() > 15, "{}", variable.name());
    }
}

#[test]
fn the_defaults_keep_the_rules_between_them() {
    let defaults: BTreeMap<_, _> = PARAMETERS
        .iter()
        .filter_map(|one| match (one.variable, one.default) {
            (Some(variable), Some(ParameterDefault::Number(default))) => Some((variable, default)),
            _ => None,
        })
        .collect();
    let attempts = |name| (name == RETRY_SCHEDULE.name).then(|| Schedule::parse("steps").unwrap().attempts().into());
    let mut held = 0;
    for rule in rules::ALL {
        let value = |name| defaults.get(name).copied().or_else(|| attempts(name));
        let (Some(setting), Some(of)) = (value(rule.setting), value(rule.of)) else { continue };
        assert!(rule.holds(setting, of), "{rule:?}");
        held += 1;
    }
    assert_eq!(held, rules::ALL.len() - 1, "a body is kept as long as its letter by default, which is a word");
}

#[test]
fn a_rule_demands_a_multiple_and_more_up_to_its_cap() {
    assert_eq!((LEASE_ENDS_FIRST.least(20), LEASE_ENDS_FIRST.holds(26, 20)), (27, false));
    assert_eq!((SIX_TIMEOUTS.least(30), SIX_TIMEOUTS.least(10_000)), (180, LONGEST_VISIBILITY));
    assert_eq!(LEDGER_OUTLASTS_QUEUES.least(4), 19);
    assert_eq!(SIX_TIMEOUTS.least(u64::MAX), LONGEST_VISIBILITY);
}
