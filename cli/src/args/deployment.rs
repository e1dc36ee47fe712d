//! Arguments of commands that change or delete a deployed stack.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct DeployFunction {
    /// Function to replace the code of.
    #[arg(value_enum)]
    pub(crate) function: FunctionKind,
    /// A zip that is built already, such as one of a release; else the function is built
    /// from the source in this folder, with cargo-lambda.
    #[arg(long, value_name = "ZIP")]
    pub(crate) package: Option<PathBuf>,
}

/// Functions of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FunctionKind {
    Processor,
    Indexer,
    Replay,
}

#[derive(Debug, Args)]
pub(crate) struct Undeploy {
    /// Name of the CloudFormation stack.
    #[arg(value_name = "STACK")]
    pub(crate) name: String,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub(crate) yes: bool,
}
