//! Condition on a letter's body, as a command line states it: `/currency=CHF`. Pure.

use redrive_core::json::Json;
use redrive_core::message::wrapping::Wrapping;

/// A place in a JSON body, and the value that must stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyCondition {
    pointer: String,
    value: String,
}

impl BodyCondition {
    /// Reads a condition: a JSON pointer (RFC 6901), `=`, and a value.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let wrong = "a JSON pointer and a value, like /currency=CHF";
        let (pointer, value) = text.split_once('=').ok_or(wrong)?;
        if !pointer.starts_with('/') {
            return Err(wrong);
        }
        Ok(Self { pointer: pointer.to_owned(), value: value.to_owned() })
    }

    /// Returns true if the value stands there: a text as it is written, a number by what it is worth.
    fn fits(&self, body: &Json) -> bool {
        match body.pointer(&self.pointer) {
            Some(Json::Text(text)) => *text == self.value,
            Some(found) => self.value.parse::<Json>().is_ok_and(|wanted| wanted.is_equal(found)),
            None => false,
        }
    }
}

/// Content that a producer wrote of a body, read as JSON; `None`: it is no JSON.
pub(crate) fn content(body: &str, wrapping: Wrapping) -> Option<Json> {
    let unwrapped = wrapping.written_anew(body);
    unwrapped.as_deref().unwrap_or(body).parse().ok()
}

/// Returns true if a body meets all the conditions.
pub(crate) fn all_fit(conditions: &[BodyCondition], body: &Json) -> bool {
    conditions.iter().all(|condition| condition.fits(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(test: &str, body: &str) -> bool {
        BodyCondition::parse(test).unwrap().fits(&content(body, Wrapping::None).unwrap())
    }

    #[test]
    fn a_value_is_a_text_as_it_is_written_or_a_number_by_its_worth() {
        let body = r#"{"currency":"CHF","amount":100.0,"big":12345678901234567.89,"paid":false,"a/b":{"=":"x=y"},"none":null}"#;
        for test in ["/currency=CHF", "/amount=100", "/amount=1e2", "/paid=false", "/a~1b/==x=y", "/none=null"] {
            assert_eq!(fits(test, body), test != "/a~1b/==x=y", "{test}");
        }
        assert!(fits("/big=12345678901234567.89", body) && !fits("/big=12345678901234567.88", body), "no doubles");
        for test in ["/currency=EUR", "/currency=chf", "/amount=10", "/nosuch=", "/currency/x=CHF", "/paid=0"] {
            assert!(!fits(test, body), "{test}");
        }
        assert!(fits("/n=1", r#"{"n":"1"}"#) && fits("/items/1=b", r#"{"items":["a","b"]}"#));
    }

    #[test]
    fn what_is_no_test_is_refused() {
        for wrong in ["currency=CHF", "/currency", "=", ""] {
            assert!(BodyCondition::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrapped_body_is_tested_by_its_content() {
        let body = r#"{"Type":"Notification","Message":"{\"currency\":\"CHF\"}"}"#;
        let test = [BodyCondition::parse("/currency=CHF").unwrap()];
        assert!(all_fit(&test, &content(body, Wrapping::Sns).unwrap()));
        assert!(
            !all_fit(&test, &content(body, Wrapping::None).unwrap()) && content("no json", Wrapping::None).is_none()
        );
    }
}
