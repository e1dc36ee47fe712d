//! A stack that is deployed, as far as its functions' code and its deletion need it.

use crate::completion::Error;

/// Architectures that a function can be deployed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// Reads the architecture in Lambda's word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "x86_64" => Some(Self::X86_64),
            "arm64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Returns the option of cargo-lambda for it.
    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::X86_64 => "--x86-64",
            Self::Arm64 => "--arm64",
        }
    }
}

/// Code of a deployed function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeployedCode {
    pub(crate) architecture: Architecture,
    /// Hash of the package, as Lambda tells it.
    pub(crate) sha256: String,
}

/// Lambda, as far as a function's code is concerned.
pub(crate) trait FunctionHost {
    /// Reads what is deployed.
    fn code(&self, function: &str) -> impl Future<Output = Result<DeployedCode, Error>>;
    /// Puts a package in its place, and waits until Lambda runs it.
    fn replace(&self, function: &str, zip: Vec<u8>) -> impl Future<Output = Result<(), Error>>;
}

/// State of a stack whose deletion was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeletionState {
    /// Resources are still being deleted.
    Deleting,
    /// The stack is gone.
    Gone,
    /// Resources that could not be deleted, each with the reason.
    Failed(Vec<String>),
}

/// Deployed stack, as far as its deletion needs it.
pub(crate) trait Deployed {
    /// Starts the deletion of the stack.
    fn delete(&self) -> impl Future<Output = Result<(), Error>>;
    /// Reads how far the deletion is.
    fn state(&self) -> impl Future<Output = Result<DeletionState, Error>>;
    /// Lists the S3 addresses of the functions' packages, as far as the template has them.
    fn packages(&self) -> impl Future<Output = Vec<String>>;
}

/// CloudFormation, as far as a stack's deletion is concerned.
pub(crate) trait StackHost {
    /// Finds a deployed stack by its name.
    fn deployed(&self, name: &str) -> impl Future<Output = Result<impl Deployed, Error>>;
}
