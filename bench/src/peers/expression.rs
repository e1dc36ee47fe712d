//! Conditions and statements of DynamoDB, as far as the contestants send them: comparisons, `attribute_exists`, AND, OR and brackets;
//! INSERT and UPDATE of PartiQL. Anything else is an error, so that nobody is measured by an answer that means nothing.

use serde_json::{Map, Value};

/// Item with its attributes, in DynamoDB's JSON.
pub(crate) type StoredItem = Map<String, Value>;

/// Names and values that an expression refers to: by name, or by place (PartiQL's `?`).
pub(crate) struct Bindings<'a> {
    pub(crate) names: &'a Value,
    pub(crate) values: &'a Value,
    pub(crate) parameters: &'a [Value],
}

/// Words of an expression that are still to be read.
pub(crate) struct Words<'a> {
    words: Vec<String>,
    at: usize,
    bindings: &'a Bindings<'a>,
    /// Number of parameters that are read.
    read: usize,
}

type Understood<T> = Result<T, String>;

impl<'a> Words<'a> {
    pub(crate) fn of(text: &str, bindings: &'a Bindings<'a>) -> Self {
        Self { words: split(text), at: 0, bindings, read: 0 }
    }

    pub(crate) fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    pub(crate) fn next(&mut self) -> String {
        self.at += 1;
        self.words.get(self.at - 1).cloned().unwrap_or_default()
    }

    /// Takes a word if it comes next, whatever its case.
    pub(crate) fn takes(&mut self, word: &str) -> bool {
        let there = self.peek().eq_ignore_ascii_case(word);
        self.at += usize::from(there);
        there
    }

    pub(crate) fn expect(&mut self, word: &str) -> Understood<()> {
        if self.takes(word) { Ok(()) } else { Err(format!("{word} is missing before {:?}", self.peek())) }
    }

    /// Reads the name of an attribute or a table.
    pub(crate) fn name(&mut self) -> Understood<String> {
        let word = self.next();
        match word.strip_prefix('#') {
            Some(_) => self.bindings.names[&word].as_str().map(str::to_owned).ok_or(format!("no name {word}")),
            None => Ok(word.trim_matches(['"', '\'']).to_owned()),
        }
    }

    /// Reads a value: a parameter or a named one.
    pub(crate) fn value(&mut self) -> Understood<Value> {
        let word = self.next();
        if word == "?" {
            self.read += 1;
            return self.bindings.parameters.get(self.read - 1).cloned().ok_or("too few parameters".to_owned());
        }
        self.bindings.values.get(&word).cloned().ok_or(format!("no value {word}"))
    }

    /// Reads a condition, and says whether it holds for an item.
    pub(crate) fn holds(&mut self, item: Option<&StoredItem>) -> Understood<bool> {
        let mut any = self.all_hold(item)?;
        while self.takes("OR") {
            any |= self.all_hold(item)?;
        }
        Ok(any)
    }

    fn all_hold(&mut self, item: Option<&StoredItem>) -> Understood<bool> {
        let mut all = self.one_holds(item)?;
        while self.takes("AND") {
            all &= self.one_holds(item)?;
        }
        Ok(all)
    }

    fn one_holds(&mut self, item: Option<&StoredItem>) -> Understood<bool> {
        if self.takes("(") {
            let holds = self.holds(item)?;
            return self.expect(")").map(|()| holds);
        }
        for (function, wanted) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.takes(function) {
                self.expect("(")?;
                let name = self.name()?;
                let there = item.is_some_and(|item| item.contains_key(&name));
                return self.expect(")").map(|()| there == wanted);
            }
        }
        let (name, operator, value) = (self.name()?, self.next(), self.value()?);
        let Some(found) = item.and_then(|item| item.get(&name)) else { return Ok(false) };
        match operator.as_str() {
            "=" => Ok(*found == value),
            "<" => Ok(number(found)? < number(&value)?),
            _ => Err(format!("operator {operator}")),
        }
    }
}

fn number(value: &Value) -> Understood<f64> {
    value["N"].as_str().and_then(|n| n.parse().ok()).ok_or_else(|| format!("{value} is no number"))
}

fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            _ if is_part(first) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        words.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    words
}

const fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '#' | ':' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(text: &str, item: &Value) -> bool {
        let (names, values) = (json!({"#s": "status"}), json!({":now": {"N": "5"}, ":open": {"S": "OPEN"}}));
        let bindings = Bindings { names: &names, values: &values, parameters: &[json!({"N": "7"})] };
        let mut words = Words::of(text, &bindings);
        words.holds(item.as_object()).unwrap()
    }

    #[test]
    fn a_condition_holds_for_what_it_says_and_for_nothing_else() {
        let item = json!({"status": {"S": "OPEN"}, "until": {"N": "4"}, "version": {"N": "7"}});
        for (text, expected) in [
            ("attribute_not_exists(#s)", false),
            ("attribute_exists(#s) AND until < :now", true),
            ("attribute_not_exists(#s) OR (#s = :open AND until < :now)", true),
            ("(#s = :open) AND other < :now", false),
            ("\"version\"=? AND \"status\"=:open", true),
        ] {
            assert_eq!(holds(text, &item), expected, "{text}");
        }
        assert!(holds("attribute_not_exists(#s)", &json!(null)));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let (nothing, bindings) =
            (json!({"a": {"N": "1"}}), Bindings { names: &json!({}), values: &json!({}), parameters: &[] });
        for text in ["size(a) < ?", "a = ?", "a = :b", "(a = :b"] {
            assert!(Words::of(text, &bindings).holds(nothing.as_object()).is_err(), "{text}");
        }
    }
}
