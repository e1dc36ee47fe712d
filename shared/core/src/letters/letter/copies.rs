//! Recognition of a letter's copies: is an effect, a key or a message with these attributes the letter's own.

use super::{AttributesHash, Body, Letter, Send};
use crate::ids::MessageId;
use crate::message::envelope::Attributes;
use crate::message::key::{Key, PayloadHash};

impl Letter {
    /// Returns true if an effect with this payload is the effect of this letter: of one of its sends, or of the
    /// original.
    #[must_use]
    pub fn is_effect(&self, hash: &PayloadHash) -> bool {
        self.hash.is_same(hash)
            || self.hash_now().is_same(hash)
            || self.sends.iter().any(|send| send.hash.is_same(hash))
    }

    /// Returns true if a message brings the key that stands here. Of an erased letter only the key's mark is known.
    #[must_use]
    pub fn is_key(&self, brought: Option<&Key>, here: Option<&Key>) -> bool {
        let marked = || brought.map(|key| key.erased(self.id));
        brought == here || matches!(self.body, Body::Erased { .. }) && marked().as_ref() == here
    }

    /// Returns true if a message with these attributes may be a copy of this letter: they are the letter's own,
    /// redrive's apart. A letter from before hashes were kept, whose body is gone since, may have any.
    #[must_use]
    pub fn may_have(&self, attributes: &Attributes) -> bool {
        match (&self.attributes_hash, &self.body) {
            (Some(hash), _) => *hash == AttributesHash::of(attributes),
            (None, Body::Kept { .. }) => AttributesHash::of(&self.attributes) == AttributesHash::of(attributes),
            (None, Body::Erased { .. } | Body::Missing { .. }) => true,
        }
    }

    /// The messages of it that carry no number: the one that it was at first, the one that was indexed last, and copies without
    /// redrive's own attribute (`bare` says which of its sends are).
    #[must_use]
    pub fn unnumbered(&self, bare: impl Fn(&Send) -> bool) -> Vec<MessageId> {
        let sent = self.sends.iter().filter(|send| bare(send)).filter_map(|send| send.message_id.clone());
        let mut all: Vec<_> = [self.origin.clone(), self.enqueue.message_id.clone()].into_iter().chain(sent).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
