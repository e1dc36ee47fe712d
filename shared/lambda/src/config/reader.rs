use std::fmt;
use std::ops::RangeInclusive;

use redrive_core::settings::{NumberSetting, TextSetting};
use thiserror::Error;

/// Problem of one variable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{variable} {wrong}; allowed: {allowed}")]
pub struct Problem {
    /// Name of the environment variable.
    pub variable: String,
    /// Description of the mistake.
    pub wrong: String,
    /// Description of what is allowed.
    pub allowed: String,
}

/// Problems of a configuration, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// Problems in the order in which the variables are read.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration is refused")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Reads variables and remembers what was wrong with them.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("problems", &self.problems).finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// Looks variables up with `lookup`; an empty one counts as absent.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The text of a variable, if there is any.
    #[must_use]
    pub fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Notes a problem with a variable.
    pub fn refuse(&mut self, variable: &str, wrong: impl Into<String>, allowed: impl Into<String>) {
        self.problems.push(Problem { variable: variable.to_owned(), wrong: wrong.into(), allowed: allowed.into() });
    }

    /// A variable that must be there. `parse` says of a bad value what is allowed.
    pub fn required<T>(&mut self, variable: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match self.text(variable) {
            Some(text) => self.parsed(variable, &text, parse),
            None => {
                let allowed = parse("").err().unwrap_or_default();
                self.refuse(variable, "is not set", allowed);
                None
            }
        }
    }

    /// A variable with a default.
    pub fn optional<T>(
        &mut self,
        variable: &str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(variable);
        self.parsed(variable, text.as_deref().unwrap_or(default), parse)
    }

    /// Reads a whole number within a range.
    pub fn whole(&mut self, variable: &str, default: Option<u64>, range: RangeInclusive<u64>) -> Option<u64> {
        let allowed = || format!("a whole number from {} to {}", range.start(), range.end());
        let parse = |text: &str| text.parse().ok().filter(|number| range.contains(number)).ok_or_else(allowed);
        match default {
            Some(default) => self.optional(variable, &default.to_string(), parse),
            None => self.required(variable, parse),
        }
    }

    /// Reads a setting that is a whole number.
    pub fn number(&mut self, setting: &NumberSetting) -> Option<u64> {
        self.whole(setting.name, setting.default, setting.least..=setting.most)
    }

    /// Reads a setting that is a word or another text. `parse` says of a bad value what is allowed.
    pub fn word<T>(&mut self, setting: &TextSetting, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match setting.default {
            Some(default) => self.optional(setting.name, default, parse),
            None => self.required(setting.name, parse),
        }
    }

    fn parsed<T>(&mut self, variable: &str, text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        parse(text).map_err(|allowed| self.refuse(variable, format!("is {text:?}"), allowed)).ok()
    }

    /// Returns the value, if no problem was noted.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every problem that was noted.
    pub fn finish<T>(self, value: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        match value() {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(ConfigError { problems: self.problems }),
        }
    }
}
