//! Numbers as decimals: by their digits, and by what they are worth.

use super::NotJson;

/// The most digits of an exponent: with them every sum of exponents here fits into 64 bits.
const EXPONENT_DIGITS: usize = 18;
/// The most digits of a whole number of 64 bits.
const WHOLE_DIGITS: u64 = 20;

/// A JSON number as it was written. `==` compares the text; [`JsonNumber::is_worth`] compares the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonNumber(String);

impl JsonNumber {
    /// A number of JSON's grammar.
    ///
    /// # Errors
    /// [`NotJson::Exponent`] if its exponent has more than 18 digits.
    pub(super) fn new(text: &str) -> Result<Self, NotJson> {
        let (_, exponent) = parts(text);
        let digits = exponent.trim_start_matches(['+', '-']).trim_start_matches('0').len();
        if digits > EXPONENT_DIGITS { Err(NotJson::Exponent) } else { Ok(Self(text.to_owned())) }
    }

    /// The text, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true for a whole number of 64 bits, written plainly: without a point, an exponent or a negative zero.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        is_whole(&self.0)
    }

    /// Returns true if the number is written as a whole number, of any size.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        self.0 != "-0" && !self.0.contains(['.', 'e', 'E'])
    }

    /// Returns true if both have the same value, as 1, 1.0 and 1e0 have.
    #[must_use]
    pub fn is_worth(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }

    /// Returns one text for all numbers of the same value: the plain one for a whole number of 64 bits, else every
    /// digit that counts and an exponent.
    #[must_use]
    pub fn canonical(&self) -> String {
        if self.is_plain() {
            return self.0.clone();
        }
        let (mantissa, exponent) = parts(&self.0);
        let sign = if mantissa.starts_with('-') { "-" } else { "" };
        let (whole, fraction) = mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return "0".to_owned();
        }
        let trailing = digits.len() - digits.trim_end_matches('0').len();
        // The power of ten of the last digit that counts.
        let power = exponent.parse::<i64>().unwrap_or(0) - length(fraction) + length(&digits[..trailing]);
        if let Ok(zeros) = u64::try_from(power)
            && zeros < WHOLE_DIGITS
        {
            let plain = format!("{sign}{significant}{}", "0".repeat(usize::try_from(zeros).unwrap_or_default()));
            if is_whole(&plain) {
                return plain;
            }
        }
        format!("{sign}{significant}e{power}")
    }

    /// The text by which numbers were compared before they were compared as decimals: whole numbers of 64 bits, and doubles.
    /// `None` where no double holds it.
    #[must_use]
    pub(crate) fn as_double(&self) -> Option<String> {
        serde_json::from_str::<serde_json::Number>(&self.0).ok().map(|number| number.to_string())
    }
}

fn is_whole(text: &str) -> bool {
    text != "-0" && (text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok())
}

/// Splits a number into the parts before and after the `e`.
fn parts(text: &str) -> (&str, &str) {
    text.split_once(['e', 'E']).unwrap_or((text, "0"))
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}
