//! Arguments of commands that count the waiting letters.

use clap::Args;

use super::Filters;

/// Way of counting the waiting letters.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct CountArgs {
    /// Read every waiting letter now: of many, the schedule's own count of some minutes ago is shown otherwise.
    #[arg(long)]
    pub(crate) exact: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CountedCauses {
    #[command(flatten)]
    pub(crate) count: CountArgs,
    #[command(flatten)]
    pub(crate) filters: Filters,
}
