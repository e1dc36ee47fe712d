//! What replay is asked to do.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{Filter, Selection};
use crate::ids::LetterId;

/// The longest note that is kept.
const NOTE_LIMIT: usize = 1_024;

/// What replay is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// What the policy allows and is due.
    Schedule,
    /// What a person chose, whatever the policy says.
    Replay {
        /// Which letters.
        selection: Selection,
        /// Who asks.
        by: String,
    },
    /// Give up what a person chose.
    Discard {
        /// Which letters.
        selection: Selection,
        /// Why.
        note: String,
        /// Who asks.
        by: String,
    },
}

/// A request that is not understood. Nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "replay input is not understood: {0}; expected {{\"redrive\":\"schedule\"}}, or an action \"replay\" or \"discard\" \
     with \"ids\" or \"select\" (error_type, error_code, fingerprint), \"by\", and for discard a \"note\""
)]
pub struct BadRequest(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    redrive: Option<String>,
    action: Option<String>,
    ids: Option<Vec<String>>,
    select: Option<Filter>,
    note: Option<String>,
    by: Option<String>,
}

impl Request {
    /// Reads an invocation's payload.
    ///
    /// # Errors
    /// [`BadRequest`] says what is wrong with it.
    pub fn parse(input: &Value) -> Result<Self, BadRequest> {
        let bad = |why: &str| Err(BadRequest(why.to_owned()));
        let wire = Wire::deserialize(input).map_err(|error| BadRequest(error.to_string()))?;
        match (wire.redrive.as_deref(), wire.action.as_deref()) {
            (Some("schedule"), None) => Ok(Self::Schedule),
            (None, Some("replay")) if wire.note.is_some() => bad("a replay takes no note"),
            (None, Some("replay")) => {
                Ok(Self::Replay { selection: selection(wire.ids, wire.select)?, by: who(wire.by)? })
            }
            (None, Some("discard")) => {
                let note = wire.note.filter(|note| (1..=NOTE_LIMIT).contains(&note.trim().len()));
                let Some(note) = note else { return bad("a discard needs a note of 1 to 1,024 bytes") };
                Ok(Self::Discard { selection: selection(wire.ids, wire.select)?, note, by: who(wire.by)? })
            }
            _ => bad("it names neither the schedule nor one known action"),
        }
    }
}

fn who(by: Option<String>) -> Result<String, BadRequest> {
    by.filter(|by| (1..=256).contains(&by.trim().len()))
        .ok_or_else(|| BadRequest("\"by\" must say who asks, in 1 to 256 bytes".to_owned()))
}

fn selection(ids: Option<Vec<String>>, select: Option<Filter>) -> Result<Selection, BadRequest> {
    let bad = |why: &str| Err(BadRequest(why.to_owned()));
    match (ids, select) {
        (Some(ids), None) if ids.is_empty() => bad("\"ids\" is empty"),
        (Some(ids), None) => ids
            .iter()
            .map(|id| LetterId::parse(id).ok_or_else(|| BadRequest("an id is not a UUID".to_owned())))
            .collect::<Result<_, _>>()
            .map(Selection::Ids),
        (None, Some(filter)) if filter.is_empty() => bad("\"select\" is empty, and so would choose every letter"),
        (None, Some(filter)) => Ok(Selection::Filter(filter)),
        _ => bad("it must have either \"ids\" or \"select\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_three_ways_in_are_understood() {
        assert_eq!(Request::parse(&json!({"redrive": "schedule"})), Ok(Request::Schedule));
        let id = "9f1b3c1e-8a51-5c65-9d3e-111111111111";
        assert!(matches!(
            Request::parse(&json!({"action": "replay", "ids": [id], "by": "ann"})),
            Ok(Request::Replay { selection: Selection::Ids(ids), .. }) if ids.len() == 1
        ));
        assert!(matches!(
            Request::parse(&json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "note": "n", "by": "ann"})),
            Ok(Request::Discard { selection: Selection::Filter(_), .. })
        ));
    }

    #[test]
    fn an_input_that_is_not_understood_says_what_is_expected() {
        for input in [
            json!(null),
            json!(7),
            json!([]),
            json!({}),
            json!({"redrive": "everything"}),
            json!({"action": "replay"}),
            json!({"action": "replay", "ids": [], "by": "ann"}),
            json!({"action": "replay", "ids": ["x"], "by": "ann"}),
            json!({"action": "replay", "select": {}, "by": "ann"}),
            json!({"action": "replay", "select": {"error_typo": "SCHEMA"}, "by": "ann"}),
            json!({"action": "replay", "select": {"error_type": "SCHEMA"}}),
            json!({"action": "replay", "select": {"error_type": "SCHEMA"}, "ids": ["x"], "by": "ann"}),
            json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "by": "ann"}),
            json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "note": " ", "by": "ann"}),
            json!({"action": "erase", "ids": ["x"]}),
        ] {
            let error = Request::parse(&input).unwrap_err().to_string();
            assert!(error.contains("expected {\"redrive\":\"schedule\"}"), "{input}: {error}");
        }
    }
}
