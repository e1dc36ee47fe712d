//! Errors as an enum of the function's own: `thiserror` gives each its text, [`Classify`] its class and its code.

use std::time::Duration;

use redrive::{Class, Classify, Context, Error, Fault, Handler};

#[derive(serde::Deserialize)]
struct Quote {
    pair: String,
    amount_minor: i64,
}

/// Texts name what is at fault, and nothing of the body that a person on call does not need.
#[derive(Debug, thiserror::Error)]
enum QuoteError {
    #[error("an amount of zero or less")]
    Amount,
    #[error("no rate for {0}")]
    UnknownPair(String),
    #[error("rates are limited for {} s", .0.as_secs())]
    Limited(Duration),
}

impl Classify for QuoteError {
    fn class(&self) -> Class {
        match self {
            // Trying again cannot help, so it is dead at once.
            Self::Amount | Self::UnknownPair(_) => Class::Permanent,
            Self::Limited(_) => Class::Transient,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::UnknownPair(_) => "unknown-pair",
            Self::Limited(_) => "rate-limit",
        }
    }

    /// A rate limit says when to come again: the schedule waits for it.
    fn retry_after(&self) -> Option<Duration> {
        if let Self::Limited(after) = self { Some(*after) } else { None }
    }
}

/// Source of rates: a service in production, a closure in tests.
type Rates = Box<dyn Fn(&str, u32) -> Result<i64, QuoteError> + Send + Sync>;

struct Quoter {
    rates: Rates,
}

impl Handler for Quoter {
    type Message = Quote;
    type Effects = ();

    async fn handle(&self, quote: &Quote, context: &Context) -> Result<(), Fault> {
        if quote.amount_minor <= 0 {
            return Err(QuoteError::Amount.into());
        }
        // `?` makes a fault of any error that knows its class.
        (self.rates)(&quote.pair, context.attempt)?;
        Ok(())
    }
}

/// Stands for a service of rates: one pair is known, and another one is limited.
fn fixed_rate(pair: &str, _: u32) -> Result<i64, QuoteError> {
    match pair {
        "EUR/USD" => Ok(108),
        "XAU/USD" => Err(QuoteError::Limited(Duration::from_secs(60))),
        _ => Err(QuoteError::UnknownPair(pair.to_owned())),
    }
}

/// Runs the function until Lambda ends it.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), Error> {
    redrive::run(|_| Ok(Quoter { rates: Box::new(fixed_rate) }))
}

#[cfg(test)]
mod tests {
    use redrive::testing::Scenario;

    use super::*;

    fn quote(id: &str, pair: &str, amount: i64) -> String {
        format!(r#"{{"id": "{id}", "pair": "{pair}", "amount_minor": {amount}}}"#)
    }

    #[test]
    fn what_cannot_pass_by_itself_is_dead_after_one_attempt_with_its_code() {
        let scenario = Scenario::of(|_| Quoter { rates: Box::new(fixed_rate) }).key_at("/id");
        let outcome = scenario.send(quote("q-1", "EUR/USD", 0)).send(quote("q-2", "EUR/ABC", 5)).run();
        let codes: Vec<_> = outcome.dead().iter().map(|dead| (dead.class, dead.code.as_str())).collect();
        assert_eq!(codes, [(Some(Class::Permanent), "amount"), (Some(Class::Permanent), "unknown-pair")]);
        assert_eq!((outcome.attempts_of("q-1"), outcome.attempts_of("q-2")), (1, 1), "{outcome}");
    }

    #[test]
    fn a_rate_limit_is_waited_for() {
        let limit = Duration::from_secs(90);
        let rates = move |_: &str, attempt| if attempt == 1 { Err(QuoteError::Limited(limit)) } else { Ok(108) };
        let scenario = Scenario::of(move |_| Quoter { rates: Box::new(rates) }).key_at("/id");
        let outcome = scenario.send(quote("q-1", "EUR/USD", 5)).run();
        assert_eq!((outcome.attempts_of("q-1"), outcome.dead().len()), (2, 0), "{outcome}");
        assert!(outcome.elapsed() >= limit, "{outcome}");
    }
}
