//! Reads of whole letters, a few at a time: memory stays small, however large letters are.

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{Letters, Unavailable};

/// Number of letters that are read at once, at least and at most: more only once the last ones were small.
const READ: (usize, usize) = (20, 50);
/// Number of bytes of bodies that are gathered (the last read may bring more).
const BYTES: usize = 1 << 20;

/// Letters to be read, and how many at once.
#[derive(Debug)]
pub(crate) struct LetterReads<'a> {
    rest: &'a [LetterId],
    size: usize,
    bytes: usize,
}

/// Letters that were read together.
#[derive(Debug)]
pub(crate) struct LetterRead<'a> {
    /// Letters that were asked for.
    pub(crate) ids: &'a [LetterId],
    /// Answers, one for each letter, in order.
    pub(crate) letters: Result<Vec<Option<Letter>>, Unavailable>,
}

impl<'a> LetterReads<'a> {
    /// Reads of these letters, of which nothing is known yet.
    pub(crate) const fn of(ids: &'a [LetterId]) -> Self {
        Self { rest: ids, size: READ.0, bytes: 0 }
    }

    /// The same, with the number of letters that went before these.
    pub(crate) fn with_size(self, size: usize) -> Self {
        Self { size: size.clamp(READ.0, READ.1), ..self }
    }

    /// Returns the number of letters that the next read asks for.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// Reads the next few; `None` if none is left.
    pub(crate) async fn next(&mut self, table: &impl Letters) -> Option<LetterRead<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        if self.is_full() {
            self.bytes = 0;
        }
        let (ids, rest) = self.rest.split_at(self.size.min(self.rest.len()));
        self.rest = rest;
        let letters = table.read(ids).await;
        let bodies = || letters.iter().flatten().flatten().map(Letter::body_bytes);
        self.bytes += bodies().sum::<usize>();
        // One large letter seldom comes alone.
        self.size = (BYTES / bodies().max().unwrap_or(0).max(1)).clamp(READ.0, READ.1);
        Some(LetterRead { ids, letters })
    }

    /// Returns true if as much was read as is gathered; the next read counts anew then.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= BYTES
    }
}
