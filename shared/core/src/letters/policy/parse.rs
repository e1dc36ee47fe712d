//! The rules as JSON.

use std::fmt::Display;
use std::time::Duration;

use serde_json::{Map, Value};
use thiserror::Error;

use super::{Glob, Match, Policy, PolicyRule, Verdict};
use crate::error_type::ErrorType;

/// The most rules: each is asked for every letter.
const RULES: usize = 100;
/// The longest rest that a rule may ask for, in seconds: 30 days.
const LONGEST: u64 = 30 * 86_400;
/// The most deaths that a rule may allow.
const MOST_DEATHS: u64 = 100;

/// A policy that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("policy is refused at {place:?}: {wrong}; allowed: {allowed}")]
pub struct BadPolicy {
    /// JSON pointer (RFC 6901) to what is wrong; empty for the whole.
    pub place: String,
    /// Description of the mistake.
    pub wrong: String,
    /// Description of what is allowed there.
    pub allowed: &'static str,
}

type Parsed<T> = Result<T, BadPolicy>;

fn bad<T>(place: impl Display, wrong: impl Into<String>, allowed: &'static str) -> Parsed<T> {
    Err(BadPolicy { place: place.to_string(), wrong: wrong.into(), allowed })
}

impl Policy {
    /// Reads the rules, in the order in which they are asked:
    ///
    /// ```json
    /// [{"match": {"error_type": "PERMANENT", "error_code": "currency"}, "replay": "never"},
    ///  {"match": {"fingerprint": "TRANSIENT/db-*"}, "replay": "auto", "cool_down_seconds": 60, "max_deaths": 5}]
    /// ```
    ///
    /// `cool_down_seconds` and `max_deaths` stand with `auto` only; without them the policy's own hold.
    ///
    /// # Errors
    /// [`BadPolicy`] names the first bad place, and what is allowed there.
    pub fn with_rules(self, json: &str) -> Result<Self, BadPolicy> {
        let value: Value = match serde_json::from_str(json) {
            Ok(value) => value,
            Err(error) => {
                let wrong = format!("it is not JSON (line {}, column {})", error.line(), error.column());
                return bad("", wrong, "a JSON list of rules");
            }
        };
        let Value::Array(list) = value else { return bad("", "it is no list", "a JSON list of rules") };
        if list.len() > RULES {
            return bad("", format!("it has {} rules", list.len()), "at most 100 rules");
        }
        let rules = list.iter().enumerate().map(|(n, rule)| self.rule(&format!("/{n}"), rule));
        let rules = rules.collect::<Result<_, _>>()?;
        Ok(Self { rules, ..self })
    }

    fn rule(&self, place: &str, value: &Value) -> Parsed<PolicyRule> {
        const FIELDS: &str = "match, replay, cool_down_seconds, max_deaths";
        let rule = object(place, value, &["match", "replay", "cool_down_seconds", "max_deaths"], FIELDS)?;
        let fits = match rule.get("match") {
            Some(found) => fits(&format!("{place}/match"), found)?,
            None => return bad(place, "it has no match", "an object under match; {} fits every letter"),
        };
        let auto = match rule.get("replay").and_then(Value::as_str) {
            Some("auto") => true,
            Some("never" | "ask") => false,
            _ => return bad(format!("{place}/replay"), "it is not one of the words", "never, ask or auto"),
        };
        let cool_down = whole(place, rule, "cool_down_seconds", LONGEST, "a whole number from 1 to 2592000")?;
        let max_deaths = whole(place, rule, "max_deaths", MOST_DEATHS, "a whole number from 1 to 100")?;
        if !auto {
            for (name, given) in [("cool_down_seconds", cool_down), ("max_deaths", max_deaths)] {
                if given.is_some() {
                    return bad(
                        format!("{place}/{name}"),
                        "it stands without auto",
                        "only beside \"replay\": \"auto\"",
                    );
                }
            }
        }
        let verdict = match rule.get("replay").and_then(Value::as_str) {
            Some("never") => Verdict::Never,
            Some("auto") => Verdict::Auto {
                cool_down: cool_down.map_or(self.cool_down, Duration::from_secs),
                max_deaths: max_deaths.and_then(|deaths| u32::try_from(deaths).ok()).unwrap_or(self.max_deaths),
            },
            _ => Verdict::Ask,
        };
        Ok(PolicyRule { fits, verdict })
    }
}

fn fits(place: &str, value: &Value) -> Parsed<Match> {
    const FIELDS: &str = "error_type, error_code, fingerprint";
    let found = object(place, value, &["error_type", "error_code", "fingerprint"], FIELDS)?;
    let error_type = match found.get("error_type") {
        None => None,
        Some(word) => match ErrorType::parse(word.as_str().unwrap_or_default()) {
            Some(error_type) => Some(error_type),
            None => {
                let allowed = "TRANSIENT, PERMANENT, TIMEOUT, SCHEMA, NEVER_RAN or UNKNOWN";
                return bad(format!("{place}/error_type"), "it is no error type", allowed);
            }
        },
    };
    Ok(Match {
        error_type,
        error_code: glob(place, found, "error_code")?,
        fingerprint: glob(place, found, "fingerprint")?,
    })
}

fn glob(place: &str, found: &Map<String, Value>, name: &str) -> Parsed<Option<Glob>> {
    let Some(value) = found.get(name) else { return Ok(None) };
    let allowed = "a text, or its beginning and a * at the end";
    let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
        return bad(format!("{place}/{name}"), "it is no text, or an empty one", allowed);
    };
    let (start, starred) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
    if start.contains('*') {
        return bad(format!("{place}/{name}"), "it has a * that is not its end", allowed);
    }
    Ok(Some(if starred { Glob::Beginning(start.to_owned()) } else { Glob::Exactly(text.to_owned()) }))
}

fn whole(place: &str, found: &Map<String, Value>, name: &str, most: u64, allowed: &'static str) -> Parsed<Option<u64>> {
    let Some(value) = found.get(name) else { return Ok(None) };
    match value.as_u64().filter(|number| (1..=most).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => bad(format!("{place}/{name}"), "it is out of its range", allowed),
    }
}

fn object<'a>(place: &str, value: &'a Value, known: &[&str], allowed: &'static str) -> Parsed<&'a Map<String, Value>> {
    let Some(object) = value.as_object() else { return bad(place, "it is no object", allowed) };
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        // RFC 6901: `~` and `/` in a name are written as `~0` and `~1`.
        Some(name) => {
            let name = name.replace('~', "~0").replace('/', "~1");
            bad(format!("{place}/{name}"), "it is not known here", allowed)
        }
        None => Ok(object),
    }
}
