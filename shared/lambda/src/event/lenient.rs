//! Values of an event, read in one pass and without a tree of it: each reader takes what it understands, and passes over anything
//! else. So no type of a field fails its batch.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Reader of a value that may be of any type.
pub(super) trait Lenient<'de>: Default {
    /// Reads a value that is text.
    fn of_text(_: Cow<'de, str>) -> Self {
        Self::default()
    }

    /// Reads null, a truth or a number.
    fn of_scalar(_: Value) -> Self {
        Self::default()
    }

    /// Reads an object, to its end.
    fn of_object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    /// Reads a list, to its end.
    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// Value as its reader has it.
pub(super) struct Leniently<T>(pub(super) T);

impl<'de, T: Lenient<'de>> Deserialize<'de> for Leniently<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyType(PhantomData)).map(Self)
    }
}

struct AnyType<T>(PhantomData<T>);

impl<'de, T: Lenient<'de>> Visitor<'de> for AnyType<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        Ok(T::of_text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::of_scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<T, E> {
        Ok(T::of_scalar(truth.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Ok(T::of_scalar(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Ok(T::of_scalar(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        Ok(T::of_scalar(number.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::of_object(object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::of_list(list)
    }
}

/// Text alone. Another type's text would not be what Lambda knows a message by.
impl<'de> Lenient<'de> for Option<Cow<'de, str>> {
    fn of_text(text: Cow<'de, str>) -> Self {
        Some(text)
    }
}

/// Text, or what stands where text should be, as text; nothing for null.
#[derive(Default)]
pub(super) struct AsText(pub(super) Option<String>);

impl<'de> Lenient<'de> for AsText {
    fn of_text(text: Cow<'de, str>) -> Self {
        Self(Some(text.into_owned()))
    }

    fn of_scalar(value: Value) -> Self {
        Self((!value.is_null()).then(|| value.to_string()))
    }

    fn of_object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(object)).map(|value| Self(Some(value.to_string())))
    }

    fn of_list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(|value| Self(Some(value.to_string())))
    }
}

/// Taker of an object's members, one after the other. Of a name that stands twice the last counts.
pub(super) trait TakeMembers<'de>: Default {
    /// Takes the value of a member, whatever its name.
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, object: &mut A) -> Result<(), A::Error>;
}

/// Members of an object, or nothing of any other value.
pub(super) struct AnyObject<T>(pub(super) Option<T>);

impl<T> Default for AnyObject<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: TakeMembers<'de>> Lenient<'de> for AnyObject<T> {
    fn of_object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut members = T::default();
        while let Some(Name(name)) = object.next_key()? {
            members.take(name, &mut object)?;
        }
        Ok(Self(Some(members)))
    }
}

/// Name of a member, which is copied only if it has an escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Members of a list, or nothing of any other value.
pub(super) struct AnyList<T>(pub(super) Option<Vec<T>>);

impl<T> Default for AnyList<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Lenient<'de>> Lenient<'de> for AnyList<T> {
    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut read = Vec::new();
        while let Some(Leniently(value)) = list.next_element()? {
            read.push(value);
        }
        Ok(Self(Some(read)))
    }
}

/// Reads the value of a member.
pub(super) fn value<'de, T: Lenient<'de>, A: MapAccess<'de>>(object: &mut A) -> Result<T, A::Error> {
    object.next_value().map(|Leniently(value)| value)
}

/// Passes over the value of a member.
pub(super) fn pass<'de, A: MapAccess<'de>>(object: &mut A) -> Result<(), A::Error> {
    object.next_value::<IgnoredAny>().map(drop)
}
