//! Edit of a letter, as a part of its next claim: nothing of it is written before the claim is.

use crate::letters::letter::{Edited, EventKind, Letter};

/// The letter as it is to be claimed, with another body.
#[must_use]
pub fn prepare_edit(mut letter: Letter, edited: Edited) -> Letter {
    letter.history.record(edited.at, EventKind::Edited, &edited.by, None);
    letter.edited = Some(edited);
    letter
}

/// The letter whose send was just refused, with the edit that it had before the refused claim.
#[must_use]
pub fn restore_edit(mut letter: Letter, former: Option<Edited>) -> Letter {
    letter.edited = letter.edited.or(former);
    letter
}

/// Forgets an edit that no send carries, and that it was made. One whose send may have arrived stays.
pub(super) fn without_unsent_edit(mut letter: Letter) -> Letter {
    let sends = &letter.sends;
    let carries = |edited: &Edited| sends.iter().any(|send| send.edited.as_ref() == Some(&edited.whole));
    if let Some(unsent) = letter.edited.take_if(|edited| !carries(edited)) {
        letter.history.retain(|event| event.at != unsent.at || event.what != EventKind::Edited);
    }
    letter
}
