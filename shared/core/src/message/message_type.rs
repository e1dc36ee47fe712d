//! Message types of a queue: where a message names its type, and the ledger's scope of each.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::ids::Scope;
use crate::message::envelope::Attributes;
use crate::message::pointer::{BadPointer, Pointer};
use crate::message::wrapping::{Content, Wrapping};

/// Place of a message's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeAt {
    /// A text attribute of the message, or of the SNS message inside it.
    Attribute(String),
    /// A text in what the producer wrote.
    Pointer(Pointer),
    /// Field `detail-type` of an EventBridge event.
    DetailType,
}

/// The types of one queue, each with a scope of its own: a refund is not swallowed by its order's charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageTypes {
    at: TypeAt,
    scopes: BTreeMap<String, Scope>,
}

/// Type and scope of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Name of the type; `None` where a queue has only one.
    pub name: Option<String>,
    /// Scope of its keys in the ledger.
    pub scope: Scope,
}

/// Reason for which a message's type is not known. The message is SCHEMA: no handler runs. The value found there is not
/// told, because it belongs to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoType {
    /// No text stands where the type should be.
    #[error("message has no type where this queue's messages are configured to have one")]
    Missing,
    /// The type is none of the configured ones.
    #[error("message has a type that is none of this queue's configured ones")]
    Unknown,
}

impl NoType {
    /// Returns the code of the fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "no-type",
            Self::Unknown => "unknown-type",
        }
    }
}

/// A configuration of types that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadTypes {
    /// The place is none.
    #[error("{0:?} is no place of a type: use attribute:NAME, pointer:/PATH or detail-type")]
    Place(String),
    /// The pointer is none.
    #[error(transparent)]
    Pointer(#[from] BadPointer),
    /// Field `detail-type` is only in EventBridge's events.
    #[error("detail-type stands only in EventBridge's events: set BODY_WRAPPING=eventbridge")]
    NotWrapped,
    /// No type is named, or an empty one.
    #[error("types are named, parted by commas: like charge,refund")]
    Empty,
    /// A type is too long.
    #[error("type {0:?} is too long: with the ledger's scope it may have 64 characters")]
    TooLong(String),
    /// Two types would share their keys.
    #[error("types {0:?} and {1:?} have one scope: they differ only in characters that a scope has not")]
    Alike(String, String),
}

impl TypeAt {
    /// Reads the configured text.
    ///
    /// # Errors
    /// [`BadTypes`] says what it may be.
    pub fn parse(text: &str, wrapping: Wrapping) -> Result<Self, BadTypes> {
        match text.split_once(':') {
            Some(("attribute", name)) if !name.is_empty() => Ok(Self::Attribute(name.to_owned())),
            Some(("pointer", pointer)) => Ok(Self::Pointer(Pointer::parse(pointer)?)),
            None if text == "detail-type" && wrapping == Wrapping::EventBridge => Ok(Self::DetailType),
            None if text == "detail-type" => Err(BadTypes::NotWrapped),
            _ => Err(BadTypes::Place(text.to_owned())),
        }
    }
}

impl MessageTypes {
    /// The types of `names`, each in the scope `base.name`; characters that a scope has not become `-`.
    ///
    /// # Errors
    /// [`BadTypes`] names the type that is at fault.
    pub fn new<'a>(at: TypeAt, base: &Scope, names: impl IntoIterator<Item = &'a str>) -> Result<Self, BadTypes> {
        let mut scopes: BTreeMap<String, Scope> = BTreeMap::new();
        for name in names {
            if name.is_empty() {
                return Err(BadTypes::Empty);
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            let suffix: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
            let scope = Scope::new(format!("{}.{suffix}", base.as_str()));
            let scope = scope.ok_or_else(|| BadTypes::TooLong(name.to_owned()))?;
            let alike = scopes.iter().find(|(other, known)| **known == scope && *other != name);
            if let Some((other, _)) = alike {
                return Err(BadTypes::Alike(other.clone(), name.to_owned()));
            }
            scopes.insert(name.to_owned(), scope);
        }
        if scopes.is_empty() { Err(BadTypes::Empty) } else { Ok(Self { at, scopes }) }
    }

    /// Returns the names of the types, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scopes.keys().map(String::as_str)
    }

    /// Returns the scopes, in the order of the types' names.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.scopes.values()
    }

    /// Returns true if a scope belongs to one of the types.
    #[must_use]
    pub fn has(&self, scope: &Scope) -> bool {
        self.scopes.values().any(|known| known == scope)
    }

    pub(crate) fn of(&self, content: Option<&Content<'_>>, attributes: &Attributes) -> Result<Kind, NoType> {
        let text = match &self.at {
            TypeAt::Attribute(name) => {
                let outer = attributes.get(name).and_then(|attribute| attribute.as_text());
                outer.or_else(|| content?.attribute(name))
            }
            TypeAt::Pointer(pointer) => content.and_then(|content| pointer.find(&content.value)?.as_text()),
            TypeAt::DetailType => content.and_then(Content::detail_type),
        };
        let name = text.ok_or(NoType::Missing)?;
        let scope = self.scopes.get(name).ok_or(NoType::Unknown)?;
        Ok(Kind { name: Some(name.to_owned()), scope: scope.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::envelope::Attribute;
    use serde_json::json;

    fn base() -> Scope {
        Scope::new("main").unwrap()
    }

    fn types(at: TypeAt) -> MessageTypes {
        MessageTypes::new(at, &base(), ["charge", "Order Placed"]).unwrap()
    }

    fn found(types: &MessageTypes, wrapping: Wrapping, body: &str, attribute: Option<&str>) -> Result<String, NoType> {
        let attributes = attribute.map(|text| ("type".to_owned(), Attribute::text(text))).into_iter().collect();
        let content = wrapping.open(body).ok();
        types.of(content.as_ref(), &attributes).map(|kind| kind.scope.as_str().to_owned())
    }

    #[test]
    fn a_type_is_found_where_it_is_configured_to_stand_and_names_its_scope() {
        let by_attribute = types(TypeAt::parse("attribute:type", Wrapping::None).unwrap());
        assert_eq!(found(&by_attribute, Wrapping::None, "not json", Some("charge")).unwrap(), "main.charge");
        let inner = json!({"Message": "{}", "MessageAttributes": {"type": {"Type": "String", "Value": "charge"}}});
        assert_eq!(found(&by_attribute, Wrapping::Sns, &inner.to_string(), None).unwrap(), "main.charge");
        let by_pointer = types(TypeAt::parse("pointer:/meta/type", Wrapping::None).unwrap());
        let body = r#"{"meta":{"type":"Order Placed"}}"#;
        assert_eq!(found(&by_pointer, Wrapping::None, body, None).unwrap(), "main.Order-Placed");
        let by_detail = types(TypeAt::parse("detail-type", Wrapping::EventBridge).unwrap());
        let event = json!({"detail-type": "Order Placed", "detail": {}}).to_string();
        assert_eq!(found(&by_detail, Wrapping::EventBridge, &event, None).unwrap(), "main.Order-Placed");
    }

    #[test]
    fn a_message_without_a_known_type_has_none() {
        let types = types(TypeAt::Attribute("type".to_owned()));
        assert_eq!(found(&types, Wrapping::None, "{}", None), Err(NoType::Missing));
        assert_eq!(found(&types, Wrapping::None, "{}", Some("refund")), Err(NoType::Unknown));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_mend() {
        for (text, hint) in [
            ("type", "attribute:NAME"),
            ("attribute:", "attribute:NAME"),
            ("pointer:type", "start with '/'"),
            ("detail-type", "BODY_WRAPPING=eventbridge"),
        ] {
            let error = TypeAt::parse(text, Wrapping::None).unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
        let new = |names: &[&str]| MessageTypes::new(TypeAt::DetailType, &base(), names.iter().copied());
        assert_eq!(new(&[]), Err(BadTypes::Empty));
        assert_eq!(new(&["a", ""]), Err(BadTypes::Empty));
        assert!(matches!(new(&["a b", "a-b"]), Err(BadTypes::Alike(..))));
        assert!(matches!(new(&[&"x".repeat(60)]), Err(BadTypes::TooLong(_))));
    }
}
