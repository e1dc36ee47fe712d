//! Commands that change letters: shown first, confirmed, and then asked of the replay function.

use redrive_core::letters::letter::Status;
use redrive_core::replay::{Filter, Selection};
use redrive_core::time::Timestamp;
use redrive_operator::request::add_selection;
use serde_json::{Value, json};

use crate::args::{Chosen, ListedStatus};
use crate::aws::StackAccess;
use crate::completion::{Completion, Error};
use crate::filters::filter;
use crate::out::{self, Out};
use crate::preview::Preview;

/// Reads what is chosen.
pub(crate) fn selection(chosen: &Chosen, access: &StackAccess, now: Timestamp) -> Result<Selection, Error> {
    chosen_of(chosen, filter(&chosen.filters, access.stack.main_queue().as_ref(), now)?, now)
}

fn chosen_of(chosen: &Chosen, filter: Filter, now: Timestamp) -> Result<Selection, Error> {
    if let Some((field, must)) = filter.wrong() {
        return Err(Error::Usage(format!("--{} must be {must}", field.replace('_', "-"))));
    }
    match (chosen.ids.is_empty(), filter.is_empty()) {
        (false, true) => Ok(Selection::Ids(chosen.ids.clone())),
        (true, false) if filter.chooses_all(now) => Err(Error::Usage(
            "what was given excludes no letter: say which ones, by --cause, --type and so on".to_owned(),
        )),
        (true, false) => Ok(Selection::Filter(filter)),
        (false, false) => Err(Error::Usage("name letters by their ids or by what fits them, not by both".to_owned())),
        (true, true) => Err(Error::Usage("which letters? Give their ids, or --cause, --type and so on".to_owned())),
    }
}

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
    fn from(self, selection: &Selection) -> Vec<Status> {
        match (self, selection) {
            (Self::Note, Selection::Ids(_) | Selection::Shown(_) | Selection::Listed(_)) => {
                ListedStatus::Any.statuses()
            }
            (Self::Erase, Selection::Ids(_) | Selection::Shown(_) | Selection::Listed(_)) => {
                vec![Status::Pending, Status::Resolved, Status::Discarded]
            }
            (Self::Restore, _) => vec![Status::Discarded],
            _ => vec![Status::Pending],
        }
    }
}

/// Carries out the action: shows, asks, and reports.
pub(crate) async fn run(
    doing: Doing,
    remark: &crate::args::RemarkArgs,
    access: &StackAccess,
    by: &str,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let selection = selection(&remark.chosen, access, now)?;
    if remark.note.trim().is_empty() {
        return Err(Error::Usage("--note must say something".to_owned()));
    }
    if doing.must_be_confirmed() {
        confirmable(remark.yes)?;
    }
    let letters = access.letters()?;
    let preview = Preview::of(&letters, &selection, doing.from(&selection)).await?;
    preview.met(&selection)?;
    out::say(preview.render(doing.verb(), now, out.width).trim_end());
    if doing.must_be_confirmed() && preview.letters() > 0 {
        confirm(remark.yes, "Go on?")?;
    }
    let mut request = request(doing.action(), &selection, by);
    request["note"] = json!(remark.note);
    let report = preview.carry_out((access, &letters), &selection, request).await?;
    out.either(|| report.json(), |width| report.render(width))?;
    Ok(report.ended())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_excludes_nothing_is_refused_like_none() {
        let now = Timestamp::from_rfc3339("2026-11-29T12:00:00Z").unwrap();
        let chosen = |filter: Filter| chosen_of(&Chosen { ids: Vec::new(), filters: Default::default() }, filter, now);
        let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
        for all in [
            Filter::default(),
            text(""),
            text(" "),
            Filter { min_deaths: Some(0), ..Filter::default() },
            Filter { max_deaths: Some(u32::MAX), ..Filter::default() },
            Filter { since: Some(Timestamp::from_millis(0)), ..Filter::default() },
            Filter { until: Some(now.after(std::time::Duration::from_secs(1))), ..Filter::default() },
        ] {
            assert!(matches!(chosen(all.clone()), Err(Error::Usage(_))), "{all:?}");
        }
        assert!(matches!(chosen(text("CHF")), Ok(Selection::Filter(filter)) if filter == text("CHF")));
    }
}
