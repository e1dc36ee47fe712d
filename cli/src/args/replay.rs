//! Arguments of the command `replay`.

use std::path::PathBuf;

use clap::Args;
use redrive_core::ids::JobId;

use super::{Chosen, job};

/// Letters to replay, and the terms.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Greatest number of messages a second (50). Up to 18 times as many letters go by
    /// outcomes: no more are under way than have succeeded. More of them climb by time:
    /// 1, 5, 25 and 100 % of the rate, for a minute each.
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Number of letters that go first (10), and must succeed before the others follow;
    /// 0: none goes first.
    #[arg(long, value_name = "N")]
    pub(crate) canary: Option<u32>,
    /// Stops if more than so many of a hundred fail again.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) max_failed: Option<u32>,
    /// Stops if this CloudWatch alarm is in ALARM.
    #[arg(long, value_name = "NAME")]
    pub(crate) alarm: Option<String>,
    /// Reason, written down with the job.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Queue to send to, by name or ARN, instead of their own: one that is listed for it. Redrive does not learn
    /// the outcome there, and only a person sends them again.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) to: Option<String>,
    /// Send the next letter of a FIFO queue's group once the one before was sent, though that may die again and then
    /// comes after it.
    #[arg(long)]
    pub(crate) after_replayed: bool,
    /// Replay at once and without a guard, instead of as a job.
    #[arg(long, conflicts_with_all = ["rate", "canary", "max_failed", "alarm", "why", "watch"])]
    pub(crate) now: bool,
    /// A job that has ended: with --rest, a new job sends what it never sent.
    #[arg(long, value_name = "JOB", value_parser = job, requires = "rest")]
    pub(crate) job: Option<JobId>,
    /// The letters that --job never sent, on its terms and with its edit; its reason is kept.
    #[arg(long, requires = "job", conflicts_with_all = ["now", "edit", "patch", "ids", "file", "conditions", "limit", "Filters"])]
    pub(crate) rest: bool,
    /// Follows the job until everything about it is known, and ends as `watch` does.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Sends the one letter with this file's text instead of its body (`-`: standard input); the
    /// original is kept, and copies of it that are still under way do not run any more.
    #[arg(long, value_name = "FILE", conflicts_with = "patch")]
    pub(crate) edit: Option<PathBuf>,
    /// The same with many letters, each patched by this JSON Patch (RFC 6902).
    #[arg(long, value_name = "FILE")]
    pub(crate) patch: Option<PathBuf>,
    /// The edited body may have another idempotency key, and so is another message.
    #[arg(long)]
    pub(crate) allow_key_change: bool,
    /// Show only what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replay letters that the ledger may have forgotten, too: their effect may happen a second time.
    #[arg(long)]
    pub(crate) forgotten_ok: bool,
    /// Replay letters that can only go as new messages, too: their effect may happen a second time.
    #[arg(long)]
    pub(crate) as_new: bool,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}
