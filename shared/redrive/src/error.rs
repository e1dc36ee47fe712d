use std::fmt;

use redrive_lambda::config::ConfigError;
use redrive_lambda::run::ServeError;
use thiserror::Error;

/// Reason for which a function did not start, or ended.
#[derive(Error)]
pub enum Error {
    /// Settings are missing or cannot be meant: all of them are listed.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The handler could not be built.
    #[error("handler could not be built: {0}")]
    Handler(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Lambda's runtime interface, or the machine.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl Error {
    /// Makes the error of a handler's constructor that cannot do its work.
    pub fn handler(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Handler(why.into())
    }
}

/// Shows the text for a person and not the shape of a type, because `main` prints it before it ends.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Logs an error that ends the process, in one line.
pub(crate) fn log(error: &Error) {
    match error {
        Error::Configuration(error) => {
            let problems: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
            tracing::error!(problems = problems.join(" | "), "configuration is refused");
        }
        other => tracing::error!(error = %other, "function ended"),
    }
}

/// Joins two results that need each other: if either failed, the error holds all problems of both.
pub(crate) fn both<A, B>(one: Result<A, Error>, other: Result<B, Error>) -> Result<(A, B), Error> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(Error::Configuration(mut one)), Err(Error::Configuration(other))) => {
            one.problems.extend(other.problems);
            Err(one.into())
        }
        (Err(error @ Error::Configuration(_)), _) | (_, Err(error)) | (Err(error), _) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use redrive_lambda::config::Problem;

    use super::*;

    fn refused(variable: &str) -> Error {
        let problem =
            Problem { variable: variable.to_owned(), wrong: "is not set".to_owned(), allowed: "x".to_owned() };
        ConfigError { problems: vec![problem] }.into()
    }

    #[test]
    fn the_problems_of_both_sides_are_told_together() {
        let error = both::<(), ()>(Err(refused("OURS")), Err(refused("YOURS"))).unwrap_err().to_string();
        assert!(error.contains("OURS is not set") && error.contains("YOURS is not set"), "{error}");
        let error = both::<(), ()>(Ok(()), Err(Error::handler("no key file"))).unwrap_err();
        assert_eq!(format!("{error:?}"), "handler could not be built: no key file");
    }
}
