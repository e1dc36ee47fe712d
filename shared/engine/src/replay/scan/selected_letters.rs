//! Letters of a selection, as they were when it was fixed.

use redrive_core::letters::letter::Letter;
use redrive_core::replay::Selection;

/// Letters that are selected: those of a selection as it was fixed, or whatever is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SelectedLetters<'a>(pub(crate) Option<&'a Selection>);

impl SelectedLetters<'_> {
    /// Returns true if this letter is as it was when it was selected.
    pub(crate) fn is_unchanged(self, letter: &Letter) -> bool {
        self.0.is_none_or(|selection| selection.is_unchanged(letter))
    }

    /// Returns true if it was selected and has changed since; what came later is none of it.
    pub(crate) fn has_lost(self, letter: &Letter) -> bool {
        !self.is_unchanged(letter) && self.0.is_some_and(|selection| selection.has_met(letter))
    }
}
