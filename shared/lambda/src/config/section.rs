use std::ops::RangeInclusive;

use redrive_core::settings::NumberSetting;
use serde_json::{Map, Value};

use super::Reader;

/// An object in a JSON document: every member is taken once, and what nobody takes is not known here.
pub(super) struct Section {
    /// The variable and the JSON pointer (RFC 6901) under which problems are told.
    place: String,
    members: Map<String, Value>,
}

impl Section {
    /// Notes a problem if it is no object.
    pub(super) fn open(reader: &mut Reader<'_>, place: String, value: Value) -> Option<Self> {
        match value {
            Value::Object(members) => Some(Self { place, members }),
            other => {
                reader.refuse(place.trim_end(), format!("is {}", kind(&other)), "an object");
                None
            }
        }
    }

    /// Returns the place of a member.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}/{}", self.place, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Notes a problem with a member.
    pub(super) fn refuse(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        wrong: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        reader.refuse(&self.place(name), wrong, allowed);
    }

    /// A member as it stands there, if it does.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    /// A text that must be there; `parse` says of a bad one what is allowed.
    pub(super) fn text<T>(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.members.contains_key(name) {
            return self.text_or(reader, name, None, |text| parse(text).map(Some)).flatten();
        }
        self.refuse(reader, name, "is not there", parse("").err().unwrap_or_default());
        None
    }

    /// A text that may be missing.
    pub(super) fn text_or<T>(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (wrong, allowed) = match self.take(name) {
            None => return Some(default),
            Some(Value::String(text)) => match parse(&text) {
                Ok(value) => return Some(value),
                Err(allowed) => (format!("is {text:?}"), allowed),
            },
            Some(other) => (format!("is {}", kind(&other)), parse("").err().unwrap_or_else(|| "a text".to_owned())),
        };
        self.refuse(reader, name, wrong, allowed);
        None
    }

    /// A list of texts that may be missing; each bad one is told by its place.
    pub(super) fn texts<T>(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = match self.take(name) {
            None => return Some(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.refuse(reader, name, format!("is {}", kind(&other)), "a list of texts");
                return None;
            }
        };
        let place = self.place(name);
        let read = |(at, item): (usize, Value)| {
            let text = item.as_str().map(str::to_owned).ok_or_else(|| kind(&item).to_owned());
            let (wrong, allowed) = match text {
                Ok(text) => match parse(&text) {
                    Ok(value) => return Some(value),
                    Err(allowed) => (format!("is {text:?}"), allowed),
                },
                Err(kind) => (format!("is {kind}"), "a text".to_owned()),
            };
            reader.refuse(&format!("{place}/{at}"), wrong, allowed);
            None
        };
        let read: Vec<_> = items.into_iter().enumerate().map(read).collect();
        read.into_iter().collect()
    }

    /// Reads a setting that is a whole number and may be missing, by the last part of its member's path.
    pub(super) fn number(&mut self, reader: &mut Reader<'_>, setting: &NumberSetting) -> Option<u64> {
        let name = setting.member.and_then(|path| path.rsplit('/').next()).unwrap_or(setting.name);
        self.whole(reader, name, setting.default.unwrap_or(setting.least), setting.least..=setting.most)
    }

    /// A whole number that may be missing.
    pub(super) fn whole(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let Some(value) = self.take(name) else { return Some(default) };
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let wrong = if value.is_number() { format!("is {value}") } else { format!("is {}", kind(&value)) };
            let allowed = format!("a whole number from {} to {}", range.start(), range.end());
            self.refuse(reader, name, wrong, allowed);
        }
        number
    }

    /// Yes or no, which may be missing.
    pub(super) fn yes(&mut self, reader: &mut Reader<'_>, name: &str) -> Option<bool> {
        let Some(value) = self.take(name) else { return Some(false) };
        if value.as_bool().is_none() {
            self.refuse(reader, name, format!("is {}", kind(&value)), "true or false");
        }
        value.as_bool()
    }

    /// Notes a problem for every member that is left.
    pub(super) fn close(&self, reader: &mut Reader<'_>, known: &str) {
        for name in self.members.keys() {
            self.refuse(reader, name, "is not known here", known);
        }
    }
}

/// Returns the kind of a value, without its text.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
