//! Console for operators: pages on loopback that show why messages died, and what is done about it.
//!
//! The pages read over the ports of [`redrive_core`] and know no SDK; the command `redrive console` hands over the real tables
//! ([`InstallationPort`]), and tests hand over models. Whatever changes a letter or a job is asked of the replay function, with exactly
//! what was shown.
//!
//! | to read | about |
//! |---|---|
//! | `installation.rs` | what the console shows: tables, the replay function, readings |
//! | `gate.rs`, `fields.rs`, `wanted.rs` | who may ask, and what was asked |
//! | `server.rs`, `state.rs`, `page.rs`, `bare.rs`, `templates/` | which address shows what, and how a page is made |
//! | `shown_text.rs`, `body.rs`, `plot.rs` | how a text of a message becomes harmless, a body readable, and counts a curve |
//! | `snapshot.rs`, `snapshot_reading.rs`, `latest.rs`, `holder.rs`, `causes.rs` | all that waits, summed up, and who acts on it |
//! | `overview.rs`, `reading.rs` | queues, alarms, findings, jobs, and how fast letters are resolved |
//! | `search.rs`, `letter.rs`, `jobs.rs` | letters, one letter, jobs |
//! | `acts.rs` | acts: shown first, confirmed, and then carried out |
//! | `assets/` | stylesheet, script and icon, built into the binary |

mod acts;
mod bare;
mod body;
mod causes;
mod fields;
mod gate;
mod holder;
mod installation;
mod jobs;
mod latest;
mod letter;
mod overview;
mod page;
mod plot;
mod reading;
mod search;
mod server;
mod shown_text;
mod snapshot;
mod snapshot_reading;
mod state;
mod wanted;

pub use gate::POLICY;
pub use installation::{
    AskError, Changes, InstallationPort, QueueCurve, StackAlarm, StackFinding, StackPlace, StackReadings,
};
pub use server::{bind, router, serve};
pub use state::Console;
