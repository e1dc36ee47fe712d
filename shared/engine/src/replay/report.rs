use serde::Serialize;

/// What became of the letters of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Letters that were looked at in order to be sent, discarded or erased.
    pub considered: usize,
    /// Sent, and marked so.
    pub sent: usize,
    /// Of these: claims of somebody else that had run out.
    pub taken_over: usize,
    /// Refused by SQS, and PENDING again.
    pub not_sent: usize,
    /// Claimed, and perhaps sent: the next run finds out, or sends them again under the next number.
    pub in_doubt: usize,
    /// Found done in the ledger instead of being sent.
    pub resolved_instead: usize,
    /// Replayed earlier, and found done now.
    pub resolved: usize,
    /// Replayed earlier, with no outcome until their deadline.
    pub no_outcome: usize,
    /// Claims that had run out and that nobody takes over: PENDING again, and in doubt.
    pub returned_in_doubt: usize,
    /// Not ejected, because they may be in the dead-letter queue already: only by id.
    pub left_in_doubt: usize,
    /// Put back into the dead-letter queue, and DISCARDED with an account of it.
    pub ejected: usize,
    /// Not ejected: the indexer empties their dead-letter queue, and would bring them back.
    pub in_custody: usize,
    /// Not sent: no destination is configured for their queue.
    pub no_destination: usize,
    /// Of a queue that is not configured: left alone.
    pub unlisted: usize,
    /// Discarded.
    pub discarded: usize,
    /// Without their body from now on.
    pub erased: usize,
    /// Not PENDING any more when it came to it.
    pub changed_meanwhile: usize,
    /// Without a free message attribute for redrive's own.
    pub no_attribute_slot: usize,
    /// Whose body was erased, has expired, or is lost: it cannot be sent.
    pub no_body: usize,
    /// Asked for by id, and not there.
    pub not_found: usize,
    /// Not touched: a table did not answer.
    pub unavailable: usize,
    /// Time ran out before the end of the selection.
    pub more: bool,
    /// SQS refused a whole batch with this code, and the run ended there.
    pub stopped: Option<String>,
}

impl ReplayReport {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let mine = self.counts_mut();
        let mut other_counts = other.clone();
        mine.into_iter().zip(other_counts.counts_mut()).for_each(|(mine, other)| *mine += *other);
        self.more |= other.more;
        self.stopped = self.stopped.or_else(|| other.stopped.clone());
        self
    }

    fn counts_mut(&mut self) -> [&mut usize; 21] {
        let Self {
            considered,
            sent,
            taken_over,
            not_sent,
            in_doubt,
            resolved_instead,
            resolved,
            no_outcome,
            returned_in_doubt,
            left_in_doubt,
            ejected,
            in_custody,
            no_destination,
            unlisted,
            discarded,
            erased,
            changed_meanwhile,
            no_attribute_slot,
            no_body,
            not_found,
            unavailable,
            more: _,
            stopped: _,
        } = self;
        [
            considered,
            sent,
            taken_over,
            not_sent,
            in_doubt,
            resolved_instead,
            resolved,
            no_outcome,
            returned_in_doubt,
            left_in_doubt,
            ejected,
            in_custody,
            no_destination,
            unlisted,
            discarded,
            erased,
            changed_meanwhile,
            no_attribute_slot,
            no_body,
            not_found,
            unavailable,
        ]
    }
}
