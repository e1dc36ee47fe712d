//! Model of what operators ask and see, shared by the command and whatever else shows it: letters found through the indexes,
//! causes counted, jobs, one letter with what the ledger says of it, a whole stack's board.
//!
//! It reads over the ports of [`redrive_core`], and decides nothing that replay decides. It knows no SDK, no terminal and no HTML,
//! and is deterministic: time is an argument.
//!
//! | to read | about |
//! |---|---|
//! | [`walk`], [`written`] | letters through the indexes, by filters as people write them |
//! | [`waiting`], [`causes`] | letters counted by cause: each of them read, or from the schedule's summary |
//! | [`listing`], [`find`] | letters listed, or found by anything that stands in them |
//! | [`next_step`], [`policies`], [`done`] | who acts on a letter and when, by the deployed policy and the ledger |
//! | [`letter_view`], [`payload`], [`json`] | one letter: all of it, its body in lines, its exact JSON |
//! | [`board`], [`alarms`], [`expiry`], [`readings`] | a whole stack, as far as its tables and AWS tell |
//! | [`acts`] | what persons did of late, as far as the tables show it |
//! | [`jobs`], [`job_progress`], [`job_failures`] | replay jobs with the account of their letters, how far each is, and why letters failed again |
//! | [`job_list`], [`job_rest`], [`job_holders`] | a job's letters handed over, what one that has ended never sent, and which letters belong to an open one |
//! | [`request`], [`conflicts`] | what a request to the replay function says of letters and bodies, and letters that somebody else changed first |
//! | [`text`], [`who`] | words: times, counts, names; texts that nothing obeys |
//! | `samples` | an incident to test with, under the feature of this name |

pub mod acts;
pub mod alarms;
pub mod board;
pub mod broker_view;
pub mod causes;
pub mod conflicts;
pub mod done;
pub mod expiry;
pub mod find;
pub mod job_failures;
pub mod job_holders;
pub mod job_list;
pub mod job_progress;
pub mod job_rest;
pub mod jobs;
pub mod json;
pub mod letter_view;
pub mod listing;
pub mod next_step;
pub mod payload;
pub mod policies;
pub mod readings;
pub mod request;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
pub mod text;
pub mod waiting;
pub mod walk;
pub mod who;
pub mod written;
