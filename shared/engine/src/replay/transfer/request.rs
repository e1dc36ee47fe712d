//! In whose name letters are transferred, how insistently, and to where.

use redrive_core::ids::{JobId, QueueArn};
use redrive_core::letters::letter::Letter;
use redrive_core::replay::job::SentLetter;
use redrive_core::replay::{ConsentTerms, Edit, ReplayOptions, Selection};
use redrive_core::time::Timestamp;

use crate::replay::queue_pair::QueuePair;

/// Text that letters are sent with instead of their bodies, and who says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Editing<'a> {
    pub(crate) edit: &'a Edit,
    pub(crate) by: &'a str,
    pub(crate) allow_key_change: bool,
}

/// Request to transfer letters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TransferRequest<'a> {
    /// Letters that the policy allows and that are due.
    Schedule { due_by: Timestamp },
    /// Letters that a person chose, at once.
    Person { by: &'a str, named: bool, options: &'a ReplayOptions },
    /// Letters that are claimed in the name of a job.
    Job(JobClaims<'a>),
    /// Letters that a person wants back in their dead-letter queue.
    Ejection { by: &'a str, named: bool },
}

/// Name in which a job's letters are claimed, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobClaims<'a> {
    pub(crate) id: JobId,
    /// Name of the job in histories.
    pub(crate) name: &'a str,
    /// Person who asked for the job.
    pub(crate) by: &'a str,
    pub(crate) named: bool,
    pub(crate) options: &'a ReplayOptions,
    /// Most letters that are claimed anew; claims that ran out are taken over besides.
    pub(crate) limit: usize,
}

impl<'a> TransferRequest<'a> {
    /// Request of the standing job, the schedule: what is due by now.
    pub(crate) const fn schedule(now: Timestamp) -> Self {
        Self::Schedule { due_by: now }
    }

    /// Request of a person to replay letters.
    pub(crate) const fn person(selection: &Selection, by: &'a str, options: &'a ReplayOptions) -> Self {
        Self::Person { by, named: selection.is_named(), options }
    }

    /// Request of a job.
    pub(crate) const fn job(claims: JobClaims<'a>) -> Self {
        Self::Job(claims)
    }

    /// Request of a person to eject letters.
    pub(crate) const fn ejection(selection: &Selection, by: &'a str) -> Self {
        Self::Ejection { by, named: selection.is_named() }
    }

    /// Name that stands in histories and logs.
    const fn by(self) -> &'a str {
        match self {
            Self::Schedule { .. } => "schedule",
            Self::Person { by, .. } | Self::Ejection { by, .. } => by,
            Self::Job(JobClaims { name, .. }) => name,
        }
    }

    const fn options(self) -> Option<&'a ReplayOptions> {
        match self {
            Self::Person { options, .. } | Self::Job(JobClaims { options, .. }) => Some(options),
            Self::Schedule { .. } | Self::Ejection { .. } => None,
        }
    }

    const fn consent(self) -> ConsentTerms {
        let due_by = Timestamp::NEVER;
        match self {
            Self::Schedule { due_by } => ConsentTerms { due_by, named: false, forgotten_ok: false, as_new: false },
            Self::Person { named, options, .. } | Self::Job(JobClaims { named, options, .. }) => {
                ConsentTerms { due_by, named, forgotten_ok: options.forgotten_ok, as_new: options.as_new }
            }
            Self::Ejection { named, .. } => ConsentTerms { due_by, named, forgotten_ok: true, as_new: true },
        }
    }
}

/// Terms of a request for the letters of one pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    request: TransferRequest<'a>,
    /// Name that stands in histories and logs.
    pub(crate) by: &'a str,
    /// Insistence of the request.
    pub(crate) consent: ConsentTerms,
    /// Queue where the letters go, if that is not their own.
    pub(crate) to: Option<&'a QueueArn>,
}

impl<'a> Terms<'a> {
    /// Terms for this pair. To another queue a message goes without redrive's own attribute, and needs no room for it.
    pub(crate) fn of<O, R, G>(request: TransferRequest<'a>, pair: &QueuePair<O, R, G>) -> Self {
        let to = request.options().and_then(|options| pair.other(options.to.as_ref()));
        let consent = request.consent();
        let consent = ConsentTerms { as_new: consent.as_new || to.is_some(), ..consent };
        Self { request, by: request.by(), consent, to }
    }

    /// Returns true if nobody asked for it: the policy decides.
    pub(crate) const fn is_scheduled(self) -> bool {
        matches!(self.request, TransferRequest::Schedule { .. })
    }

    /// Job in whose name letters are claimed.
    pub(crate) const fn owner(self) -> Option<JobId> {
        match self.request {
            TransferRequest::Job(claims) => Some(claims.id),
            _ => None,
        }
    }

    pub(crate) fn editing(self) -> Option<Editing<'a>> {
        let options = self.request.options()?;
        let by = match self.request {
            TransferRequest::Job(claims) => claims.by,
            _ => self.by,
        };
        options.edit.as_ref().map(|edit| Editing { edit, by, allow_key_change: options.allow_key_change })
    }

    /// Returns true if a letter of a FIFO queue may go once the one before it was sent.
    pub(crate) fn after_replayed(self) -> bool {
        self.request.options().is_some_and(|options| options.after_replayed)
    }

    /// Most letters that are claimed anew.
    pub(crate) const fn limit(self) -> usize {
        match self.request {
            TransferRequest::Job(claims) => claims.limit,
            _ => usize::MAX,
        }
    }

    /// Send of a letter in the name of this request's job.
    pub(crate) fn send_of(self, letter: &Letter) -> Option<SentLetter> {
        SentLetter::of(letter, self.owner()?)
    }

    /// Returns true if this job sent it, and another holds it now.
    pub(crate) fn sent_before(self, letter: &Letter) -> bool {
        self.owner().is_some_and(|job| letter.sends.of_job(job).is_some() && letter.sends.last_job() != Some(job))
    }
}
