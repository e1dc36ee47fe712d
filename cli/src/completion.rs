//! Ends of a command, and their exit codes.

use std::io;
use std::process::ExitCode;

use redrive_core::ports::Unavailable;
use redrive_operator::job_rest::NoRest;
use redrive_operator::walk::NoneOfCause;
use redrive_operator::written::UnreadableValue;
use thiserror::Error;

/// Text of `--help` about the exit codes.
pub(crate) const CODES: &str = "Exit codes:
  0  done
  1  something was not done as asked, or is not there
  2  the command line is not understood
  3  AWS could not be reached, or denied it
  4  refused: it was not confirmed
  5  the doctor found errors (with --strict, or could not check everything)

Reads go to the tables themselves; whatever sends, changes or destroys is asked
of the stack's replay function, which writes down who asked. Only import writes
to the table, and only what is not there. deploy-function and undeploy change
the stack itself, with your own permissions. Region and credentials come from
the usual AWS environment. NO_COLOR is honoured.";

/// Result of a command, if nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completion {
    /// Everything was done as asked.
    Done,
    /// Something was not done, or not as it was asked for.
    NotAsAsked,
    /// The doctor found something wrong.
    Ailing,
}

/// Failure of a command.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// A table or a queue.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A service failed, or a function.
    #[error("{0}")]
    Service(String),
    /// The stack is not set up for what was asked.
    #[error("{0}")]
    NotSetUp(String),
    /// A selection, cause, letter or job that is not there.
    #[error("{0}")]
    Absent(String),
    /// Nobody confirmed the question.
    #[error("{0}")]
    Refused(String),
    /// The reader of the output is gone.
    #[error("output could not be written: {0}")]
    Output(#[from] io::Error),
}

impl From<UnreadableValue> for Error {
    fn from(why: UnreadableValue) -> Self {
        Self::Usage(why.to_string())
    }
}

impl From<NoneOfCause> for Error {
    fn from(why: NoneOfCause) -> Self {
        Self::Absent(why.to_string())
    }
}

impl From<NoRest> for Error {
    fn from(why: NoRest) -> Self {
        match why {
            NoRest::Unavailable(error) => error.into(),
            why => Self::Absent(why.to_string()),
        }
    }
}

impl Error {
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unavailable(_) | Self::Service(_) => 3,
            Self::Refused(_) => 4,
            // `redrive list | head` got what it wanted.
            Self::Output(why) if why.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::NotSetUp(_) | Self::Absent(_) | Self::Output(_) => 1,
        }
    }
}

/// The exit code of an end; what went wrong is handed to `tell`.
pub(crate) fn exit_code(ended: Result<Completion, Error>, tell: impl FnOnce(&Error)) -> ExitCode {
    match ended {
        Ok(Completion::Done) => ExitCode::SUCCESS,
        Ok(Completion::NotAsAsked) => ExitCode::from(1),
        Ok(Completion::Ailing) => ExitCode::from(5),
        Err(error) => {
            if error.code() > 0 {
                tell(&error);
            }
            ExitCode::from(error.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_the_documented_one() {
        let gone = Unavailable { service: "table", action: "answer", why: "gone".to_owned() };
        for (error, code, word) in [
            (Error::Usage("u".to_owned()), 2, "2  the command line"),
            (Error::Unavailable(gone), 3, "3  AWS could not be reached"),
            (Error::Service("s".to_owned()), 3, "3  AWS could not be reached"),
            (Error::NotSetUp("n".to_owned()), 1, "1  something was not done"),
            (Error::Absent("a".to_owned()), 1, "is not there"),
            (Error::Refused("r".to_owned()), 4, "4  refused"),
            (Error::Output(io::Error::other("full")), 1, "1  something was not done"),
        ] {
            assert_eq!(error.code(), code, "{error}");
            assert!(CODES.contains(word), "{word}");
        }
        assert_eq!(Error::Output(io::Error::from(io::ErrorKind::BrokenPipe)).code(), 0);
    }
}
