//! Edges that a person moves letters along. They send nothing, and so need nothing of the letters' queue.

use redrive_core::letters::edges;
use redrive_core::letters::letter::Letter;
use redrive_core::letters::policy::Policy;
use redrive_core::ports::{Causes, Clock, Jobs, Letters, Turns};
use redrive_core::replay::{Entering, Remark};
use redrive_core::time::Timestamp;

use super::erase::{Traceless, forget_traces};
use crate::group_places::{self, Places};
use crate::replay::change::change_all;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate, each};
use crate::replay::scan::selected_letters::SelectedLetters;

/// Edge that a person's remark moves letters along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemarkKind {
    Discard,
    Restore,
    Note,
    Erase,
}

/// A person's remark about letters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemarkRequest<'a> {
    pub(crate) kind: RemarkKind,
    pub(crate) remark: &'a Remark,
    /// Letters that are selected: what changes meanwhile is another than was selected.
    pub(crate) selected: SelectedLetters<'a>,
}

/// Outcome of a remark.
#[derive(Debug, Default)]
pub(crate) struct Remarked {
    pub(crate) letters: Vec<LetterUpdate>,
    /// Open jobs that keep their patch for other letters.
    pub(crate) edits_kept: usize,
}

/// Does what a person says of letters: of a configured queue, or of one that is not configured any more. `policy`: how long
/// they are kept.
pub(crate) async fn remark<T: Letters + Jobs + Causes>(
    table: &T,
    clock: &impl Clock,
    request: RemarkRequest<'_>,
    policy: &Policy,
    letters: Vec<Letter>,
) -> Remarked {
    let RemarkRequest { kind, remark, selected } = request;
    let mut places = Places::default();
    // What else is known of the messages goes first.
    let Traceless { letters, kept_back, edits_kept } = match kind {
        RemarkKind::Erase => forget_traces(table, clock, letters, remark, policy).await,
        RemarkKind::Restore => {
            places = enter_again(table, clock.now(), &letters).await;
            without(&places, letters)
        }
        RemarkKind::Discard | RemarkKind::Note => Traceless::of(letters),
    };
    let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
    let edge = |letter: &Letter| {
        let next = along(kind, letter, remark, policy, clock.now());
        next.filter(|_| selected.is_unchanged(letter)).map(|next| places.placed(next))
    };
    let moved = change_all(table, letters.into_iter().map(|letter| (letter, &edge)).collect()).await;
    let mut updates = kept_back;
    updates.extend(each(ids.iter().copied(), &LetterOutcome::Considered));
    updates.extend(ids.into_iter().zip(moved).map(|(id, moved)| {
        let outcome = match moved {
            Ok(Some(_)) => kind.done(),
            Ok(None) => LetterOutcome::ChangedMeanwhile,
            Err(_) => LetterOutcome::Unavailable,
        };
        LetterUpdate::of(id, outcome)
    }));
    Remarked { letters: updates, edits_kept }
}

/// Enters letters that are to wait again in their FIFO groups.
async fn enter_again(table: &impl Turns, now: Timestamp, letters: &[Letter]) -> Places {
    let waiting = letters.iter().map(|letter| Entering { letter, former: letter.sequence.as_deref() });
    group_places::enter(table, waiting, now).await
}

/// Leaves out the letters that could not be entered.
fn without(places: &Places, letters: Vec<Letter>) -> Traceless {
    let (left, letters): (Vec<_>, _) = letters.into_iter().partition(|letter| places.left.contains(&letter.id));
    let outcomes = |letter: Letter| {
        [LetterOutcome::Considered, LetterOutcome::Unavailable].map(|outcome| LetterUpdate::of(letter.id, outcome))
    };
    Traceless { kept_back: left.into_iter().flat_map(outcomes).collect(), ..Traceless::of(letters) }
}

fn along(kind: RemarkKind, letter: &Letter, remark: &Remark, policy: &Policy, now: Timestamp) -> Option<Letter> {
    let Remark { note, by, .. } = remark;
    match kind {
        RemarkKind::Discard => edges::discard(letter, note, by, policy, now).ok(),
        RemarkKind::Restore => edges::restore(letter, note, by, now).ok(),
        RemarkKind::Note => Some(edges::note(letter, note, by, now)),
        RemarkKind::Erase => edges::erase(letter, note, by, policy, now).ok(),
    }
}

impl RemarkKind {
    const fn done(self) -> LetterOutcome {
        match self {
            Self::Discard => LetterOutcome::Discarded,
            Self::Restore => LetterOutcome::Restored,
            Self::Note => LetterOutcome::Noted,
            Self::Erase => LetterOutcome::Erased,
        }
    }
}
