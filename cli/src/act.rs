//! Commands that change letters: shown first, confirmed, and then asked of the replay function.

use redrive_core::letters::letter::Status;
use redrive_core::replay::Selection;
use redrive_core::time::Timestamp;
use redrive_operator::job_holders::JobHolders;
use redrive_operator::request::add_selection;
use serde_json::{Value, json};

use crate::args::ListedStatus;
use crate::choose::choose;
use crate::completion::{Completion, Error};
use crate::out::{self, Out};
use crate::preview::Preview;
use crate::stack_port::StackPort;

/// A request about letters.
pub(crate) fn request(action: &str, selection: &Selection, by: &str) -> Value {
    let mut request = json!({"action": action, "by": by});
    add_selection(&mut request, selection);
    request
}

/// Refuses at once what would have to be confirmed where nobody can be asked.
pub(crate) fn confirmable(yes: bool) -> Result<(), Error> {
    if yes || out::can_ask() {
        return Ok(());
    }
    Err(Error::Refused("this must be confirmed, and there is no terminal to ask at: say --yes".to_owned()))
}

/// Asks, unless it was said already.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<(), Error> {
    if yes || out::ask(question)? { Ok(()) } else { Err(Error::Refused("not confirmed; nothing was done".to_owned())) }
}

/// Actions of a person on letters, apart from replays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Discard,
    Restore,
    Note,
    Erase,
    Free,
}

impl Doing {
    const fn action(self) -> &'static str {
        match self {
            Self::Discard => "discard",
            Self::Restore => "restore",
            Self::Note => "note",
            Self::Erase => "erase",
            Self::Free => "free",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Discard => "to be discarded",
            Self::Restore => "to be restored",
            Self::Note => "to be noted",
            Self::Free => {
                "to have the dead enqueues of their keys forgotten; a dead copy that is still in a queue would run again"
            }
            Self::Erase => "to lose payload and attributes for ever; what waits is given up, too",
        }
    }

    /// Returns true if something is given up or lost.
    const fn must_be_confirmed(self) -> bool {
        matches!(self, Self::Discard | Self::Erase | Self::Free)
    }

    /// Returns the statuses that letters must have for it. By their ids, body and notes can be changed of any.
    fn from(self, by_ids: bool) -> Vec<Status> {
        match (self, by_ids) {
            (Self::Note, true) => ListedStatus::Any.statuses(),
            (Self::Erase, true) => vec![Status::Pending, Status::Resolved, Status::Discarded],
            (Self::Restore, _) => vec![Status::Discarded],
            _ => vec![Status::Pending],
        }
    }
}

/// Carries out the action: shows, asks, and reports.
pub(crate) async fn run<S: StackPort>(
    doing: Doing,
    remark: &crate::args::RemarkArgs,
    access: &S,
    by: &str,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    if remark.note.trim().is_empty() {
        return Err(Error::Usage("--note must say something".to_owned()));
    }
    if doing.must_be_confirmed() {
        confirmable(remark.yes)?;
    }
    let statuses = doing.from(remark.chosen.by_ids());
    let selection = choose(&remark.chosen, access, &statuses, now).await?;
    let letters = access.letters()?;
    let holders = JobHolders::read(&letters).await?;
    let preview = out::patiently(Preview::of(&letters, &selection, statuses, &holders)).await?;
    preview.met(&selection)?;
    out::say(preview.render(doing.verb(), now, out.width).trim_end());
    preview.warn(&holders);
    if doing.must_be_confirmed() && preview.letters() > 0 {
        confirm(remark.yes, "Go on?")?;
    }
    let mut request = request(doing.action(), &selection, by);
    request["note"] = json!(remark.note);
    let report = preview.carry_out((access, &letters), &selection, request).await?;
    out.either(|| report.json(), |width| report.render(width))?;
    Ok(report.ended())
}
