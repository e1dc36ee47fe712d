//! Kinds of acts on letters.

use redrive_core::letters::letter::Status;

/// Act of a person on letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActKind {
    /// Sends them back, as a job.
    Replay,
    /// Sends one with another body.
    Edit,
    /// Sends them with their bodies patched.
    Patch,
    /// Gives the letters up.
    Discard,
    /// Takes a discard back.
    Restore,
    /// Writes something down about them.
    Note,
}

impl ActKind {
    const ALL: [Self; 6] = [Self::Replay, Self::Edit, Self::Patch, Self::Discard, Self::Restore, Self::Note];

    /// Reads the name that [`ActKind::name`] returns.
    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Edit => "edit",
            Self::Patch => "patch",
            Self::Discard => "discard",
            Self::Restore => "restore",
            Self::Note => "note",
        }
    }

    /// Says what is done, behind a number of letters: "37 letters to be replayed".
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Self::Replay => "to be replayed",
            Self::Edit => "to be edited and replayed",
            Self::Patch => "to be patched and replayed",
            Self::Discard => "to be discarded",
            Self::Restore => "to be restored",
            Self::Note => "to be noted",
        }
    }

    /// Label of the button that does it.
    pub(crate) const fn button(self) -> &'static str {
        match self {
            Self::Replay => "Replay as a job",
            Self::Edit => "Replay with this body",
            Self::Patch => "Replay with this patch",
            Self::Discard => "Discard",
            Self::Restore => "Restore",
            Self::Note => "Write the note down",
        }
    }

    /// Returns true if letters are sent.
    pub(crate) const fn sends(self) -> bool {
        matches!(self, Self::Replay | Self::Edit | Self::Patch)
    }

    /// Returns the statuses that a letter must have for it.
    pub(crate) const fn from(self) -> &'static [Status] {
        match self {
            Self::Replay | Self::Edit | Self::Patch | Self::Discard => &[Status::Pending],
            Self::Restore => &[Status::Discarded],
            Self::Note => &[Status::Pending, Status::Replaying, Status::Replayed, Status::Resolved, Status::Discarded],
        }
    }

    /// Name of the action in a request to the replay function.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::Replay | Self::Edit | Self::Patch => "job",
            Self::Discard => "discard",
            Self::Restore => "restore",
            Self::Note => "note",
        }
    }
}
