//! Policy documents of queues, topics and keys, as far as the rules ask: whether plain HTTP is denied, and whether
//! CloudWatch may do something. A condition that is not understood gives no answer instead of a wrong one.

use serde_json::Value;

use super::fact::Unread;

const CLOUDWATCH: &str = "cloudwatch.amazonaws.com";
const SNS: &str = "sns.amazonaws.com";

/// Policy document, read into statements.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument(Vec<Statement>);

#[derive(Debug, Clone, PartialEq)]
struct Statement {
    allows: bool,
    /// Kind (`AWS`, `Service`) and name.
    principals: Vec<(String, String)>,
    actions: Vec<String>,
    /// Operator, key and values. Keys are in lower case.
    conditions: Vec<(String, String, Vec<String>)>,
    /// True if the statement uses `NotAction`, `NotPrincipal` or `NotResource`.
    negative: bool,
}

/// An answer to whether something may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum May {
    Yes,
    No,
    Unclear(String),
}

impl PolicyDocument {
    /// Reads a policy from its JSON.
    ///
    /// # Errors
    /// [`Unread::Because`] if it is no policy document.
    pub fn parse(text: &str) -> Result<Self, Unread> {
        let bad = || Unread::Because("its policy is not a policy document".to_owned());
        let document: Value = serde_json::from_str(text).map_err(|_| bad())?;
        let statements = match document.get("Statement") {
            Some(Value::Array(all)) => all.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err(bad()),
        };
        statements.into_iter().map(Statement::read).collect::<Option<_>>().map(Self).ok_or_else(bad)
    }

    /// Returns true if every request without TLS is denied.
    pub(super) fn denies_plain_http(&self, action: &str) -> bool {
        self.0.iter().any(|statement| {
            !statement.allows
                && !statement.negative
                && statement.is_for_everybody()
                && statement.covers(action)
                && statement.is_about_plain_http()
        })
    }

    /// Decides if an alarm of this account may do an action.
    pub(super) fn lets_alarms(&self, action: &str, alarms: &[String]) -> May {
        self.lets(CLOUDWATCH, action, alarms)
    }

    /// Decides if SNS may do an action for a topic.
    pub(super) fn lets_topic(&self, action: &str, topic: &str) -> May {
        self.lets(SNS, action, &[topic.to_owned()])
    }

    fn lets(&self, service: &str, action: &str, sources: &[String]) -> May {
        let account = sources.first().and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
        let (mut found, mut unclear) = (false, None);
        for statement in &self.0 {
            if statement.negative && (statement.allows || !statement.is_about_plain_http()) {
                unclear = Some("a statement with NotAction or NotPrincipal".to_owned());
                continue;
            }
            if !statement.is_for_service(service) || !statement.covers(action) {
                continue;
            }
            match (statement.allows, statement.holds(account, sources)) {
                (true, Ok(true)) => found = true,
                (false, Ok(true)) => return May::No,
                (_, Ok(false)) => {}
                (_, Err(condition)) => unclear = Some(format!("a condition on {condition}")),
            }
        }
        match (found, unclear) {
            (_, Some(what)) => May::Unclear(format!("its policy has {what}, which is not understood here")),
            (true, None) => May::Yes,
            (false, None) => May::No,
        }
    }

    /// Returns true if the policy might allow an action to somebody. A role without the permission is then not proven
    /// unable.
    pub(super) fn may_allow(&self, action: &str) -> bool {
        self.0.iter().any(|statement| statement.allows && (statement.negative || statement.covers(action)))
    }
}

impl Statement {
    fn read(value: &Value) -> Option<Self> {
        let principals = match value.get("Principal") {
            Some(Value::String(all)) => vec![("AWS".to_owned(), all.clone())],
            Some(Value::Object(kinds)) => {
                let named = kinds.iter().flat_map(|(kind, names)| texts(names).into_iter().map(|n| (kind.clone(), n)));
                named.collect()
            }
            _ => Vec::new(),
        };
        let conditions = value.get("Condition").and_then(Value::as_object).into_iter().flatten();
        let conditions = conditions.flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(|(key, values)| (operator.clone(), key.to_lowercase(), texts(values))).collect::<Vec<_>>()
        });
        Some(Self {
            allows: match value.get("Effect")?.as_str()? {
                "Allow" => true,
                "Deny" => false,
                _ => return None,
            },
            principals,
            actions: value.get("Action").map(texts).unwrap_or_default(),
            conditions: conditions.collect(),
            negative: value.get("NotPrincipal").is_some() || value.get("NotAction").is_some(),
        })
    }

    fn is_for_everybody(&self) -> bool {
        self.principals.iter().any(|(kind, name)| kind == "AWS" && name == "*")
    }

    fn is_for_service(&self, service: &str) -> bool {
        let named = |(kind, name): &(String, String)| kind == "Service" && (name == service || name == "*");
        self.is_for_everybody() || self.principals.iter().any(named)
    }

    /// Case does not count in actions. SNS and SQS show some of them with an upper-case service.
    fn covers(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| fits(&pattern.to_lowercase(), &action.to_lowercase()))
    }

    fn is_about_plain_http(&self) -> bool {
        let [(operator, key, values)] = self.conditions.as_slice() else { return false };
        matches!(operator.as_str(), "Bool" | "BoolIfExists") && key == "aws:securetransport" && values == &["false"]
    }

    /// Decides if the conditions hold for alarms of this account. A condition that cannot be judged is the error.
    fn holds(&self, account: &str, alarms: &[String]) -> Result<bool, String> {
        let mut holds = true;
        for (operator, key, values) in &self.conditions {
            let operator = operator.trim_end_matches("IfExists");
            let (equals, like) =
                (operator == "StringEquals", matches!(operator, "StringLike" | "ArnLike" | "ArnEquals"));
            holds &= match key.as_str() {
                "aws:sourceaccount" | "aws:sourceowner" if equals || like => {
                    values.iter().any(|one| fits(one, account))
                }
                "aws:sourcearn" if equals || like => alarms
                    .iter()
                    .all(|alarm| values.iter().any(|one| if equals { one == alarm } else { fits(one, alarm) })),
                // CloudWatch comes over TLS.
                "aws:securetransport" if operator == "Bool" => values == &["true"],
                _ => return Err(key.clone()),
            };
        }
        Ok(holds)
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Bool(one) => vec![one.to_string()],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Matches a text against a pattern with `*` and `?`.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Which beginnings of the text the pattern's beginning fits.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match part {
                '*' => reached[at] || (at > 0 && next[at - 1]),
                '?' => at > 0 && reached[at - 1],
                other => at > 0 && reached[at - 1] && text[at - 1] == other,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests;
