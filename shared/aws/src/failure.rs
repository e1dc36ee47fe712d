//! Failures of the SDK: classified once, as plain data, and told without anything of a message.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use redrive_core::ports::Unavailable;

/// Reason for which there is no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request never left: it could not be built, or there are no credentials.
    NotBuilt,
    /// No credentials were found to sign the request with.
    NoCredentials,
    /// The request was not sent, for this reason: the SDK's own last word, which knows nothing of the request.
    NotSent(String),
    /// No answer came; the request may have done its work.
    NoAnswer(&'static str),
    /// An answer came that could not be read; the request may have done its work.
    Garbled(u16),
    /// The service answered with an error.
    Refused {
        /// Error code of the service.
        code: String,
        /// HTTP status of the answer.
        status: u16,
        /// Request id, which AWS's support asks for.
        request: String,
    },
}

impl Failure {
    pub(crate) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::NotBuilt,
            SdkError::TimeoutError(_) => Self::NoAnswer("timed out"),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::NoAnswer("timed out while connecting"),
            SdkError::DispatchFailure(failure) if failure.is_io() => {
                Self::NoAnswer("the connection failed; is the endpoint the right one, and up?")
            }
            SdkError::DispatchFailure(failure) => {
                Self::not_sent(failure.as_connector_error().map(|why| why as &(dyn Error + 'static)))
            }
            SdkError::ResponseError(garbled) => Self::Garbled(garbled.raw().status().as_u16()),
            SdkError::ServiceError(answer) => Self::Refused {
                code: error.code().unwrap_or("an error without a code").to_owned(),
                status: answer.raw().status().as_u16(),
                request: error.request_id().unwrap_or("unknown").to_owned(),
            },
            _ => Self::NoAnswer("failed in a way that this version does not know"),
        }
    }

    /// The innermost reason tells the most, and the ones around it only repeat that something failed.
    fn not_sent(why: Option<&(dyn Error + 'static)>) -> Self {
        let (mut next, mut reason) = (why, None);
        while let Some(why) = next {
            if why.is::<CredentialsError>() {
                return Self::NoCredentials;
            }
            reason = Some(why.to_string());
            next = why.source();
        }
        Self::NotSent(reason.unwrap_or_else(|| "no reason was given".to_owned()))
    }

    /// Names the mend of an answer, where it is certain.
    fn mend(code: &str) -> &'static str {
        match code {
            "ResourceNotFoundException" => {
                "; it is not there: are its name, the region and the account the right ones?"
            }
            "ExpiredTokenException" | "ExpiredToken" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
                "; the credentials are not accepted: log in again"
            }
            "AccessDeniedException" | "AccessDenied" => "; the caller's policies do not allow it",
            _ => "",
        }
    }

    /// The service's code, if it refused the request as a whole and so did nothing of it. That holds for a single
    /// try only: an earlier one, whose answer was lost, may have done the work.
    pub(crate) fn did_nothing(&self) -> Option<&str> {
        match self {
            Self::Refused { code, status: 400..=407 | 409..=499, .. } => Some(code),
            _ => None,
        }
    }

    /// Returns true if the service found the request itself at fault.
    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "ValidationException")
    }

    /// Returns true if another transaction was in the way.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "TransactionConflictException")
    }

    /// Returns one word for a list of failed entries.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Refused { code, .. } => code.clone(),
            other => other.to_string(),
        }
    }

    pub(crate) fn unavailable(&self, service: &'static str, action: &'static str) -> Unavailable {
        Unavailable { service, action, why: self.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => f.write_str("the request could not be built or signed"),
            Self::NoCredentials => f.write_str("no credentials were found to sign the request with"),
            Self::NotSent(why) => write!(f, "the request could not be sent: {why}"),
            Self::NoAnswer(how) => f.write_str(how),
            Self::Garbled(status) => write!(f, "its answer could not be read (status {status})"),
            Self::Refused { code, status, request } => {
                write!(f, "{code} (status {status}, request {request}){}", Self::mend(code))
            }
        }
    }
}

/// Says why a service gave no good answer, in one line with the mend where that is known; nothing of a request or a message.
pub fn describe<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> String {
    Failure::of(error).to_string()
}

/// An error of the SDK as the ports tell it.
pub(crate) fn unavailable<E: ProvideErrorMetadata>(
    service: &'static str,
    action: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> Unavailable {
    Failure::of(error).unavailable(service, action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, status: u16) -> Failure {
        Failure::Refused { code: code.to_owned(), status, request: "r-1".to_owned() }
    }

    #[test]
    fn only_a_refusal_by_the_service_itself_means_that_nothing_was_done() {
        for (code, status) in [
            ("QueueDoesNotExist", 400),
            ("AccessDenied", 403),
            ("BatchRequestTooLong", 400),
            ("InvalidMessageContents", 400),
            ("RequestThrottled", 403),
            ("TooManyRequests", 429),
        ] {
            assert_eq!(refused(code, status).did_nothing(), Some(code));
        }
        for doubtful in [
            refused("InternalFailure", 500),
            refused("ServiceUnavailable", 503),
            refused("RequestTimeout", 408),
            Failure::NoAnswer("timed out"),
            Failure::Garbled(200),
        ] {
            assert_eq!(doubtful.did_nothing(), None, "{doubtful}");
        }
    }

    #[test]
    fn what_was_not_sent_is_told_by_its_innermost_reason_and_missing_credentials_by_their_name() {
        let none = CredentialsError::not_loaded("no provider has any");
        let told = |why: &(dyn Error + 'static)| Failure::not_sent(Some(why)).to_string();
        assert_eq!(told(&none), "no credentials were found to sign the request with");
        let region = std::io::Error::other(std::io::Error::other("missing signing region"));
        assert_eq!(told(&region), "the request could not be sent: missing signing region");
        assert_eq!(Failure::not_sent(None).did_nothing(), None);
    }

    #[test]
    fn an_answer_names_its_mend_where_that_is_certain() {
        let told = refused("ResourceNotFoundException", 400).to_string();
        assert!(told.ends_with("are its name, the region and the account the right ones?"), "{told}");
        assert!(refused("ExpiredTokenException", 400).to_string().ends_with("log in again"));
        assert_eq!(refused("InternalServerError", 500).to_string(), "InternalServerError (status 500, request r-1)");
    }

    #[test]
    fn a_failure_is_told_with_code_status_and_request() {
        let told = refused("ThrottlingException", 400).unavailable("ledger table", "write an entry").to_string();
        assert_eq!(told, "ledger table did not write an entry: ThrottlingException (status 400, request r-1)");
    }
}
