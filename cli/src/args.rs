//! Arguments of the command line.

mod count;
mod deployment;
mod new_project;
mod replay;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use redrive_core::fixture::Kept;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::{ErrorType, Status};
use redrive_doctor::{RULES, Rule};

use crate::body_condition::BodyCondition;
use crate::completion::CODES;
use crate::text::lines;
pub(crate) use count::{CountArgs, CountedCauses};
pub(crate) use deployment::{DeployFunction, FunctionKind, Undeploy};
pub(crate) use new_project::NewProject;
pub(crate) use replay::Replay;

/// Shows why messages died, and replays, discards or erases exactly those that you choose.
#[derive(Debug, Parser)]
#[command(name = "redrive", version, after_help = CODES, max_term_width = 80)]
pub(crate) struct CliArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Common {
    /// The CloudFormation stack; its outputs say where everything is.
    #[arg(long, global = true, env = "REDRIVE_STACK", hide_env_values = true, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// A JSON file with these outputs instead (it may have endpoint and region).
    #[arg(long, global = true, env = "REDRIVE_OUTPUTS", hide_env_values = true, value_name = "FILE")]
    pub(crate) outputs: Option<PathBuf>,
    /// The file of queue pairs that stands in the functions' package or layer (QUEUE_PAIRS_FILE): policies and queues are
    /// read from it.
    #[arg(long, global = true, env = "REDRIVE_PAIRS", hide_env_values = true, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,
    /// Endpoint for all of AWS (else the one in the outputs, else AWS_ENDPOINT_URL).
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Region to use (else the one in the outputs, else the environment's).
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Name of the person who asks, written down beside the caller's ARN (or instead, unverified, where STS does not
    /// answer).
    #[arg(long, global = true, env = "REDRIVE_BY", hide_env_values = true, value_name = "WHO")]
    pub(crate) by: Option<String>,
    /// JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Groups the waiting letters by cause, and says why they wait.
    Causes(CountedCauses),
    /// Lists the letters that fit, in the order of the index, or the oldest first.
    List(Ordered),
    /// Finds letters in every state: by letter id, key, message id (of any send), request id, or a text in
    /// body, error or note. Ids and keys are looked up; all else is searched for.
    Find {
        /// Text to find, in any case. Ids must be whole.
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        text: String,
        /// Read the bodies of all letters, not only of the 1,000 that failed last.
        #[arg(long)]
        all: bool,
    },
    /// Shows all about one letter: its times, its error, its payload, and what the ledger says now.
    Show {
        /// Id of the letter; or its key, or the id of a message or a request of it.
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        id: String,
    },
    /// Writes a letter as a test case of its handler: its message with every value replaced by
    /// another of the same form, and what it died of.
    Fixture(FixtureArgs),
    /// Shows queues, alarms, the letters that wait, and open jobs.
    Status(CountArgs),
    /// Serves pages for a browser on this machine: causes, letters, jobs, and the acts on them.
    Console(ConsoleArgs),
    /// Sends letters back to the main queue, or to another that is listed: as a guarded job, or at once.
    Replay(Replay),
    /// Lists the replay jobs that are open, or were closed within a day.
    Jobs {
        /// All closed jobs instead.
        #[arg(long)]
        closed: bool,
    },
    /// Follows a job until everything about it is known. Fails unless all its letters succeeded.
    Watch {
        /// Id of the job.
        #[arg(value_parser = job)]
        job: JobId,
        /// Interval between two looks, in seconds.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
        every: u64,
    },
    /// Pauses a job: it sends nothing until it is resumed.
    Pause(Steer),
    /// Resumes a paused job.
    Resume(Steer),
    /// Ends a job for good.
    Cancel(Steer),
    /// Marks letters as DISCARDED; `restore` takes it back.
    Discard(RemarkArgs),
    /// Makes discarded letters PENDING again.
    Restore(RemarkArgs),
    /// Adds a note to the history of letters.
    Note(RemarkArgs),
    /// Removes payload, attributes, key and error texts for ever; who did it and why
    /// stays. The answer lists copies in other places (ledger, backups, logs).
    Erase(RemarkArgs),
    /// Has the ledger forget the dead enqueues of the letters' keys: the way out once so many
    /// are dead that the next copy is refused. Drain first.
    Free(RemarkArgs),
    /// Sends PENDING letters back to their dead-letter queue, for native tools
    /// or before the installation is removed. Only once its custody is off.
    Eject(Eject),
    /// Has the indexer empty the dead-letter queue now, and follows it until
    /// the queue is empty. Fails if messages stay, and says why.
    Drain,
    /// Writes whole letters, one JSON document a line, exactly, and ends by saying how many.
    Export(Export),
    /// Writes letters of a file of `export` into the table, exactly as they were.
    /// What is there already is left alone.
    Import {
        /// A file of whole letters, one JSON document a line.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Do not ask for confirmation.
        #[arg(long, short)]
        yes: bool,
    },
    /// Builds one function, and puts its code into the stack; nothing else changes, and
    /// the next deployment of the stack puts its own code there.
    DeployFunction(DeployFunction),
    /// Says what waits in a stack, asks, and deletes it. Its tables stay.
    Undeploy(Undeploy),
    /// Checks queues as they are deployed, Redrive's own or any others, and says how to mend them.
    Doctor(Doctor),
    /// Writes a project of your own: a handler with tests, and a template that takes indexer and
    /// replay as they were built. Asks nothing of AWS.
    New(NewProject),
    /// Prints the completion script of a shell.
    Completions {
        /// Shell to write completions for.
        shell: clap_complete::Shell,
    },
}

/// Arguments of `fixture`: a letter, and what is kept of its message.
#[derive(Debug, Args)]
pub(crate) struct FixtureArgs {
    /// Id of the letter; or its key, or the id of a message or a request of it.
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// Value to keep as it is: a JSON pointer into the body, such as /currency, with all below it; or
    /// attribute:NAME. More than once for several.
    #[arg(long, value_name = "PLACE", value_parser = Kept::parse)]
    pub(crate) keep: Vec<Kept>,
}

/// Arguments of the console.
#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    /// Lets the pages act: replay, edit, discard, restore, note, steer jobs. Without it they only show.
    #[arg(long)]
    pub(crate) allow_changes: bool,
    /// Port of 127.0.0.1 to serve at [default: 7717, or a free one if that is taken].
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

/// Arguments of the doctor: queues and rules.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// A queue by URL, ARN or name, its dead-letter queue with it; else those of the stack.
    #[arg(long = "queue", value_name = "QUEUE")]
    pub(crate) queues: Vec<String>,
    /// Rule to check, and no other; more than once for several.
    #[arg(long = "rule", value_name = "RULE", value_parser = rule)]
    pub(crate) rules: Vec<&'static Rule>,
    /// Ends like an error if anything could not be checked.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Explains a rule: its reason, its source, and how to mend it. Checks nothing.
    #[arg(long, value_name = "RULE", value_parser = rule, conflicts_with_all = ["queues", "rules", "strict"])]
    pub(crate) explain: Option<&'static Rule>,
}

/// Finds a rule of the doctor by its name.
fn rule(id: &str) -> Result<&'static Rule, String> {
    let names = || RULES.iter().map(|rule| rule.id).collect::<Vec<_>>().join(" ");
    Rule::named(id).ok_or_else(|| format!("the rules are\n{}", lines(&names(), 78).join("\n")))
}

/// Filters of letters: all that are given must fit.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which letters")]
pub(crate) struct Filters {
    /// Cause of the letters, as `causes` names it.
    #[arg(long, value_name = "CAUSE")]
    pub(crate) cause: Option<String>,
    /// The class of the error.
    #[arg(long = "type", value_name = "CLASS", value_parser = class, ignore_case = true)]
    pub(crate) class: Option<ErrorType>,
    /// Code of the error.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// The main queue, by name or ARN.
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Failed last at this time or later: like 2026-11-22T13:00:00Z, 2026-11-22, or
    /// 90m, 12h, 3d before now.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Failed last before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Least number of times that it reached the dead-letter queue.
    #[arg(long, value_name = "N")]
    pub(crate) min_deaths: Option<u32>,
    /// Greatest number of times that it reached the dead-letter queue.
    #[arg(long, value_name = "N")]
    pub(crate) max_deaths: Option<u32>,
    /// Failed last in this version of the function.
    #[arg(long = "version", value_name = "VERSION")]
    pub(crate) function_version: Option<String>,
    /// A part of the error's text, in any case.
    #[arg(long)]
    pub(crate) text: Option<String>,
}

/// Letters to list, by status and filters.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Status of the letters.
    #[arg(long, value_enum, ignore_case = true, default_value_t = ListedStatus::Pending)]
    pub(crate) status: ListedStatus,
    /// Greatest number of letters to list.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// Letters to export, and the file.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// File to write to; it has that name once it is whole, and another one until then.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) list: List,
}

/// Letters to list, in an order.
#[derive(Debug, Args)]
pub(crate) struct Ordered {
    /// Sort by first failure, the oldest first; nothing is shown before all are read.
    #[arg(long)]
    pub(crate) oldest: bool,
    /// The letters of a job, with what became of each: what failed again first.
    #[arg(long, value_name = "JOB", value_parser = job, conflicts_with_all = ["oldest", "status", "Filters"])]
    pub(crate) job: Option<JobId>,
    #[command(flatten)]
    pub(crate) list: List,
}

/// Statuses that `list` can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListedStatus {
    Pending,
    Replaying,
    Replayed,
    Resolved,
    Discarded,
    Any,
}

impl ListedStatus {
    pub(crate) fn statuses(self) -> Vec<Status> {
        match self {
            Self::Pending => vec![Status::Pending],
            Self::Replaying => vec![Status::Replaying],
            Self::Replayed => vec![Status::Replayed],
            Self::Resolved => vec![Status::Resolved],
            Self::Discarded => vec![Status::Discarded],
            Self::Any => {
                vec![Status::Pending, Status::Replaying, Status::Replayed, Status::Resolved, Status::Discarded]
            }
        }
    }
}

/// Letters to be touched: by their ids, or by what fits them.
#[derive(Debug, Default, Args)]
pub(crate) struct Chosen {
    /// Ids of the letters.
    #[arg(value_parser = letter, value_name = "ID")]
    pub(crate) ids: Vec<LetterId>,
    /// A file of ids, one a line, or of lines of `list --json` (`-`: standard input).
    #[arg(long = "ids", value_name = "FILE", help_heading = "Which letters")]
    pub(crate) file: Option<PathBuf>,
    /// A place in the JSON body, and the value that stands there, like /currency=CHF; more
    /// than once: all of them. Reads the bodies of all that fit otherwise.
    #[arg(long = "where", value_name = "POINTER=VALUE", value_parser = BodyCondition::parse, help_heading = "Which letters")]
    pub(crate) conditions: Vec<BodyCondition>,
    /// Greatest number of letters: the ones that failed first.
    #[arg(long, value_name = "N", help_heading = "Which letters", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

impl Chosen {
    /// Returns true if letters are named by their ids.
    pub(crate) fn by_ids(&self) -> bool {
        !self.ids.is_empty() || self.file.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct RemarkArgs {
    /// Reason or remark, written down with each letter.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: String,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

#[derive(Debug, Args)]
pub(crate) struct Eject {
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

#[derive(Debug, Args)]
pub(crate) struct Steer {
    /// Id of the job.
    #[arg(value_parser = job)]
    pub(crate) job: JobId,
    /// Reason, written down with the job.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
}

fn letter(text: &str) -> Result<LetterId, &'static str> {
    LetterId::parse(text).ok_or("a letter's id is a UUID, as `redrive list` shows it")
}

fn job(text: &str) -> Result<JobId, &'static str> {
    JobId::parse(text).ok_or("a job's id is a UUID, as `redrive jobs` shows it")
}

fn class(text: &str) -> Result<ErrorType, &'static str> {
    let word = text.to_uppercase().replace('-', "_");
    ErrorType::parse(&word).ok_or("one of TRANSIENT, PERMANENT, TIMEOUT, SCHEMA, NEVER_RAN, UNKNOWN")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_agrees_with_itself() {
        CliArgs::command().debug_assert();
    }
}
