//! `redrive`: the operator's command. It reads the tables itself; whatever sends, changes or destroys goes through the
//! replay function, whose permissions and fences hold then, and which writes down who asked. One thing it writes itself:
//! `import` puts back what is not there.
//!
//! | to read | about |
//! |---|---|
//! | `args.rs` | what can be said on the command line |
//! | `run.rs` | which command does what |
//! | `aws.rs`, `stack.rs`, `reach.rs` | the only rooms that call AWS beside `redrive-aws`; how the stack is found; what is told when nothing answers |
//! | `replay_function.rs`, `deployed.rs` | what the commands know of AWS: the function that is asked, a stack that is deployed |
//! | `filters.rs` | filters of the command line |
//! | `causes.rs`, `list.rs`, `find.rs`, `show.rs`, `status.rs`, `jobs.rs` | how it looks what `redrive-operator` has gathered: pure texts |
//! | `act.rs`, `replay.rs`, `edit.rs`, `eject.rs`, `watch.rs` | what asks the replay function, after it has shown what it will touch |
//! | `console_server.rs` | the stack, as the console's pages are served over it |
//! | `drain.rs` | what asks the indexer |
//! | `import.rs` | what `export` wrote, back into the table |
//! | `fixture.rs` | a letter as a test case, its values replaced |
//! | `deploy_function.rs`, `undeploy.rs` | one function's code into a stack; a stack's deletion, after what waits in it was told |
//! | `doctor.rs` | what is wrong with the queues, alarms and functions themselves; `doctor/aws.rs` reads them |
//! | `text.rs`, `out.rs`, `completion.rs` | texts set for a terminal, the output, the exit codes |

mod act;
mod args;
mod aws;
mod body_test;
mod causes;
mod choose;
mod clock;
mod completion;
mod console_server;
mod deploy_function;
mod deployed;
mod doctor;
mod drain;
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
mod out;
#[cfg(test)]
mod pages;
mod preview;
mod reach;
mod replay;
mod replay_function;
mod run;
mod show;
mod shown;
mod stack;
mod status;
mod text;
mod undeploy;
mod watch;
mod who;

fn main() -> std::process::ExitCode {
    run::main()
}
