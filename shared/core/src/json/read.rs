//! Taking JSON text apart. The grammar has been checked before: what is read here is valid.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::{DEPTH, Document, Json, JsonNumber, NotJson, Twice};

/// Reads a text as JSON.
pub(super) fn document(text: &str) -> Result<Document, NotJson> {
    if text.starts_with('\u{feff}') {
        return Err(NotJson::ByteOrderMark);
    }
    // The error's own text names a place, and never what stands there.
    serde_json::from_str::<IgnoredAny>(text).map_err(|place| NotJson::Syntax(place.to_string()))?;
    let mut reader = JsonReader { text, at: 0, depth: 0, twice: None };
    let json = reader.value()?;
    Ok(Document { json, twice: reader.twice })
}

/// Returns the place of a member's value in the text of an object: the last one of that name.
#[must_use]
pub fn member(text: &str, name: &str) -> Option<Range<usize>> {
    members(text).into_iter().rev().find(|(found, _)| found == name).map(|(_, place)| place)
}

/// The member of an object in whose value an error stands that a reader met after so many bytes of this line (from 1).
#[must_use]
pub fn member_at(text: &str, line: usize, column: usize) -> Option<String> {
    let before = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let at = before + column;
    members(text).into_iter().find(|(_, place)| place.start <= at && at <= place.end).map(|(name, _)| name)
}

/// Returns the places of the elements in a text that is an array; `None` if it is JSON and no array.
///
/// # Errors
///
/// [`NotJson`] if it is no JSON.
pub fn elements(text: &str) -> Result<Option<Vec<Range<usize>>>, NotJson> {
    if text.starts_with('\u{feff}') {
        return Err(NotJson::ByteOrderMark);
    }
    serde_json::from_str::<IgnoredAny>(text).map_err(|place| NotJson::Syntax(place.to_string()))?;
    let mut reader = JsonReader { text, at: 0, depth: 0, twice: None };
    reader.blanks();
    if !reader.next_is(b'[') {
        return Ok(None);
    }
    reader.at += 1;
    let mut places = Vec::new();
    loop {
        reader.blanks();
        match reader.byte() {
            Some(b',') => reader.at += 1,
            Some(b']') | None => return Ok(Some(places)),
            Some(_) => {
                let from = reader.at;
                reader.pass();
                places.push(from..reader.at);
            }
        }
    }
}

/// The members of a text that is an object, as they come.
fn members(text: &str) -> Vec<(String, Range<usize>)> {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Vec::new();
    }
    let mut reader = JsonReader { text, at: 0, depth: 0, twice: None };
    reader.blanks();
    let mut found = Vec::new();
    if reader.next_is(b'{') {
        // What cannot be read ends the list.
        let _ = reader.members(&mut |name, place, _| found.push((name, place)));
    }
    found
}

struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    twice: Option<Twice>,
}

impl<'a> JsonReader<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next_is(&self, byte: u8) -> bool {
        self.byte() == Some(byte)
    }

    fn blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let from = self.at;
        self.at += self.text.as_bytes()[from..].iter().take_while(|byte| wanted(**byte)).count();
        &self.text[from..self.at]
    }

    fn value(&mut self) -> Result<Json, NotJson> {
        self.blanks();
        match self.byte() {
            Some(b'{') => {
                let mut all = BTreeMap::new();
                let mut again = None;
                self.members(&mut |name, place, value| {
                    if again.is_none() && all.contains_key(&name) {
                        again = Some((name.clone(), place.start));
                    }
                    all.insert(name, value);
                })?;
                if let Some((name, at)) = again.filter(|_| self.twice.is_none()) {
                    self.twice = Some(self.place(name, at));
                }
                Ok(Json::Object(all))
            }
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => {
                let digits = self.skip(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
                JsonNumber::new(digits).map(Json::Number)
            }
            _ => Ok(match self.skip(|byte| byte.is_ascii_lowercase()) {
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                _ => Json::Null,
            }),
        }
    }

    /// Passes over a value of any depth, whatever its strings hold.
    fn pass(&mut self) {
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        while let Some(byte) = self.byte() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'[' | b'{' => depth += 1,
                b']' | b'}' | b',' if depth == 0 => return,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// The place of a name's second value.
    fn place(&self, name: String, at: usize) -> Twice {
        let before = &self.text[..at];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        Twice { name, line: before.matches('\n').count() + 1, column: at - line + 1 }
    }

    fn deeper(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH { Err(NotJson::Depth) } else { Ok(()) }
    }

    fn array(&mut self) -> Result<Json, NotJson> {
        self.deeper()?;
        let mut values = Vec::new();
        loop {
            self.blanks();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') | None => break,
                Some(_) => values.push(self.value()?),
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Json::Array(values))
    }

    /// Reads each member of the object that begins here, with its place.
    fn members(&mut self, each: &mut dyn FnMut(String, Range<usize>, Json)) -> Result<(), NotJson> {
        self.deeper()?;
        loop {
            self.blanks();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    let name = self.string()?;
                    self.blanks();
                    self.at += 1;
                    self.blanks();
                    let from = self.at;
                    let value = self.value()?;
                    each(name, from..self.at, value);
                }
                _ => break,
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn string(&mut self) -> Result<String, NotJson> {
        let from = self.at;
        let (mut end, mut plain) = (from + 1, true);
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(end).filter(|byte| **byte != b'"') {
            plain &= *byte != b'\\';
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        self.at = end + 1;
        if plain {
            return Ok(self.text[from + 1..end].to_owned());
        }
        // Every other escape was checked with the grammar.
        serde_json::from_str(&self.text[from..=end]).map_err(|_| NotJson::Surrogate)
    }
}
