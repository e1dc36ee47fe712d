//! Arguments of the command `new`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `new`: the project's folder, and the crates that it depends on.
#[derive(Debug, Args)]
pub(crate) struct NewProject {
    /// Folder to write, which is not there yet; its last part names the crate.
    #[arg(value_name = "NAME")]
    pub(crate) folder: PathBuf,
    /// Checkout of Redrive on this machine to depend on.
    #[arg(long, value_name = "CHECKOUT", required_unless_present = "git", conflicts_with = "git")]
    pub(crate) path: Option<PathBuf>,
    /// Git repository of Redrive to depend on.
    #[arg(long, value_name = "URL")]
    pub(crate) git: Option<String>,
    /// Tag of the git repository.
    #[arg(long, value_name = "TAG", requires = "git", conflicts_with = "rev")]
    pub(crate) tag: Option<String>,
    /// Commit of the git repository.
    #[arg(long, value_name = "COMMIT", requires = "git")]
    pub(crate) rev: Option<String>,
}
