//! `redrive`: the operator's command. It reads the tables itself; whatever sends, changes or destroys goes through the
//! replay function, whose permissions and fences hold then, and which writes down who asked. One thing it writes itself:
//! `import` puts back what is not there.
//!
//! | to read | about |
//! |---|---|
//! | `args.rs` | what can be said on the command line |
//! | `start.rs`, `run.rs` | how a stack is opened; which command does what over it |
//! | `stack_port.rs`, `stack.rs` | what the commands need of a deployed stack; its outputs |
//! | `aws.rs`, `reach.rs` | the only rooms that call AWS beside `redrive-aws`; what is told when nothing answers |
//! | `replay_function.rs`, `deployed.rs` | what the commands know of AWS: the function that is asked, a stack that is deployed |
//! | `pairs_file.rs` | queue pairs of the functions' package, from the same file here |
//! | `filters.rs` | filters of the command line |
//! | `causes.rs`, `list.rs`, `find.rs`, `show.rs`, `status.rs`, `jobs.rs` | how it looks what `redrive-operator` has gathered: pure texts |
//! | `act.rs`, `replay.rs`, `replay_request.rs`, `dry_run.rs`, `edit.rs`, `eject.rs`, `watch.rs` | what asks the replay function, after it has shown what it will touch |
//! | `console_server.rs` | the stack, as the console's pages are served over it |
//! | `drain.rs` | what asks the indexer |
//! | `new_project.rs` | a project of one's own, from the files in `cli/project` |
//! | `fixture.rs` | a letter as a test case, its values replaced |
//! | `import.rs` | what `export` wrote, back into the table |
//! | `deploy_function.rs`, `undeploy.rs` | one function's code into a stack; a stack's deletion, after what waits in it was told |
//! | `doctor.rs` | what is wrong with the queues, alarms and functions themselves; `doctor/examination.rs` and `doctor/aws.rs` read them |
//! | `text.rs`, `out.rs`, `completion.rs` | texts set for a terminal, the output, the exit codes |
//!
//! The feature `aws` brings what calls AWS. Without it everything that is shown and asked is built and tested over
//! `stack_port.rs`, without an SDK.

#![cfg_attr(
    not(feature = "aws"),
    allow(dead_code, reason = "without AWS nothing opens a stack, and the tests use the rest")
)]

mod act;
mod args;
#[cfg(feature = "aws")]
mod aws;
mod body_condition;
mod causes;
mod choose;
mod clock;
mod completion;
#[cfg(feature = "aws")]
mod console_server;
mod deploy_function;
mod deployed;
mod doctor;
mod drain;
mod dry_run;
mod edit;
mod eject;
mod export;
mod filters;
mod find;
mod fixture;
#[cfg(test)]
mod golden;
mod import;
mod interrupt;
mod job_letters;
mod jobs;
mod list;
mod long_list;
mod new_project;
mod out;
#[cfg(test)]
mod pages;
mod pairs_file;
mod preview;
#[cfg(feature = "aws")]
mod reach;
mod replay;
mod replay_function;
mod replay_request;
mod run;
mod show;
mod shown;
mod so_far;
mod stack;
mod stack_port;
#[cfg(feature = "aws")]
mod start;
mod status;
mod text;
mod undeploy;
mod watch;
mod who;

#[cfg(feature = "aws")]
pub use start::main;
