//! Waiting letters counted by cause: by reading each, or from the summary that the schedule keeps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;
use redrive_core::letters::summary::{OtherCauses, WaitingSummary};
use redrive_core::ports::{Causes, LedgerReader, Letters, Summaries, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::causes::{self, CauseRow, CauseRows};
use crate::done::done;
use crate::next_step::StepCounts;
use crate::policies::Policies;
use crate::walk::Wanted;

/// Limit of letters about which the ledger is asked: with more of them it is asked about none.
pub const JOINED: u64 = 2_000;

/// Way in which somebody looks at the waiting letters.
#[derive(Clone, Copy)]
pub struct WaitingLook<'a> {
    /// Instant of the look.
    pub now: Timestamp,
    /// True if every letter is read, however many there are.
    pub exact: bool,
    /// Hearer of each letter that is read: the number of letters so far, and the cause of this one.
    pub progress: &'a (dyn Fn(u64, &str) + Sync),
}

impl WaitingLook<'_> {
    /// Makes a look that reads every letter, and reports to nobody.
    #[must_use]
    pub const fn exact(now: Timestamp) -> Self {
        Self { now, exact: true, progress: &|_, _| () }
    }
}

/// Basis of a count of waiting letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBasis {
    /// Every letter was read.
    Letters {
        /// True if the ledger was asked which of them are done; false if they are too many for that.
        joined: bool,
        /// Instant of a summary that was too old to be used.
        outdated: Option<Timestamp>,
    },
    /// The schedule's summary was read, and no letter.
    Summary {
        /// Instant of the summary.
        as_of: Timestamp,
    },
}

impl CountBasis {
    /// Returns the instant of the summary that the count is taken from; `None` if every letter was read.
    #[must_use]
    pub const fn as_of(self) -> Option<Timestamp> {
        match self {
            Self::Summary { as_of } => Some(as_of),
            Self::Letters { .. } => None,
        }
    }
}

/// Waiting letters by cause.
#[derive(Debug, Clone)]
pub struct WaitingCount {
    /// Causes that are told apart, the largest first.
    pub causes: Vec<CauseRow>,
    /// Letters of all other causes.
    pub others: OtherCauses,
    /// Letter with a ledger entry that failed longest ago: the ledger forgets its key first.
    pub first_in_ledger: Option<LetterId>,
    /// Basis of the count.
    pub basis: CountBasis,
}

impl WaitingCount {
    /// Returns the number of all letters.
    #[must_use]
    pub fn letters(&self) -> u64 {
        causes::total(&self.causes) + self.others.letters
    }

    /// Returns the number of all causes.
    #[must_use]
    pub fn number_of_causes(&self) -> u64 {
        self.causes.len() as u64 + self.others.causes
    }

    /// Returns the letters of the causes that are told apart, by who acts on them next.
    #[must_use]
    pub fn steps(&self) -> StepCounts {
        let mut all = StepCounts::default();
        self.causes.iter().for_each(|cause| all.join(&cause.steps));
        all
    }

    /// Counts the letters by the class of their error.
    #[must_use]
    pub fn by_class(&self) -> BTreeMap<String, u64> {
        let mut classes = self.others.types.clone();
        for cause in &self.causes {
            *classes.entry(cause.error_type.as_str().to_owned()).or_default() += cause.letters;
        }
        classes
    }

    /// Returns the earliest first failure of the letters.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.causes.iter().map(|cause| cause.first).chain(self.others.first).min()
    }

    /// Returns the count as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut all = causes::document(&self.causes);
        all["letters"] = json!(self.letters());
        all["other_causes"] = json!({"causes": self.others.causes, "letters": self.others.letters});
        all["as_of"] = json!(self.basis.as_of().map(Timestamp::to_rfc3339));
        all
    }

    /// Adds the causes of other letters, such as those that are under way. The basis stays this count's.
    #[must_use]
    pub fn and_causes_of(self, other: Self, policies: &Policies) -> Self {
        let rows = [self.causes, other.causes].map(|rows| {
            rows.into_iter().map(|row| (row.fingerprint.clone(), row.into_waiting())).collect::<CauseRows>()
        });
        Self { causes: causes::sorted(causes::merged(rows), policies), ..self }
    }

    fn of_summary(summary: WaitingSummary, policies: &Policies) -> Self {
        let WaitingSummary { as_of, causes, others, first_in_ledger } = summary;
        let causes = causes.into_iter().map(|cause| CauseRow::of(cause, policies)).collect();
        Self { causes, others, first_in_ledger, basis: CountBasis::Summary { as_of } }
    }
}

/// Counts the causes of what is wanted, and looks up since when each is known.
///
/// # Errors
///
/// The tables'.
pub async fn gather<L: Letters + Causes + Summaries, R: LedgerReader>(
    tables: (&L, &R),
    wanted: &Wanted,
    policies: &Policies,
    look: WaitingLook<'_>,
) -> Result<WaitingCount, Unavailable> {
    let mut count = count(tables, wanted, policies, look).await?;
    causes::mark_new(tables.0, &mut count.causes).await?;
    Ok(count)
}

/// Counts the causes of what is wanted. Where all waiting letters are wanted, and a summary of them is kept that is up to date,
/// it says so and no letter is read, unless the look is exact.
///
/// # Errors
///
/// The tables'.
pub async fn count<L: Letters + Summaries, R: LedgerReader>(
    (letters, ledger): (&L, &R),
    wanted: &Wanted,
    policies: &Policies,
    look: WaitingLook<'_>,
) -> Result<WaitingCount, Unavailable> {
    let kept = if look.exact || !is_all(wanted) { SummaryFound::None } else { kept(letters, look.now).await };
    let outdated = match kept {
        SummaryFound::Usable(summary) => return Ok(WaitingCount::of_summary(summary, policies)),
        SummaryFound::Outdated(at) => Some(at),
        SummaryFound::None => None,
    };
    read((letters, ledger), wanted, policies, look, outdated).await
}

/// Selection of all letters that wait.
#[must_use]
pub fn all() -> Wanted {
    Wanted { filter: Filter::default(), statuses: vec![Status::Pending] }
}

fn is_all(wanted: &Wanted) -> bool {
    wanted.filter == Filter::default() && wanted.statuses == [Status::Pending]
}

/// Summary that is kept, if one is.
enum SummaryFound {
    None,
    /// Summary of this instant, which is too old.
    Outdated(Timestamp),
    Usable(WaitingSummary),
}

/// Reads the summary. Whoever may not read it, or gets no answer, reads the letters: an error is none here.
async fn kept(table: &impl Summaries, now: Timestamp) -> SummaryFound {
    match table.summary().await {
        Ok(Some(kept)) if kept.is_usable(now) => SummaryFound::Usable(kept.summary),
        Ok(Some(kept)) => SummaryFound::Outdated(kept.summary.as_of),
        Ok(None) | Err(_) => SummaryFound::None,
    }
}

/// Letters of one lane, counted.
#[derive(Default)]
struct LaneCount {
    causes: CauseRows,
    first_in_ledger: Option<(Timestamp, LetterId)>,
    /// Letters of the lane that are among the first of all: the ledger may know better.
    first: Vec<Candidate>,
}

/// Counts every letter, and asks the ledger which are done where they are not too many.
async fn read<L: Letters, R: LedgerReader>(
    (letters, ledger): (&L, &R),
    wanted: &Wanted,
    policies: &Policies,
    look: WaitingLook<'_>,
    outdated: Option<Timestamp>,
) -> Result<WaitingCount, Unavailable> {
    let met = AtomicU64::new(0);
    let (counter, progress) = (&met, look.progress);
    let add = move |lane: &mut LaneCount, found: Candidate| {
        let before = counter.fetch_add(1, Ordering::Relaxed);
        progress(before + 1, &found.fingerprint);
        if found.is_in_ledger() {
            let one = Some((found.last_failed_at, found.id));
            lane.first_in_ledger = [lane.first_in_ledger, one].into_iter().flatten().min();
        }
        if before < JOINED {
            lane.first.push(found);
        } else {
            causes::join(&mut lane.causes, &found, false);
        }
    };
    let lanes = wanted.sums(letters, add).await?;
    let joined = met.into_inner() <= JOINED || !ledger.is_kept();
    let (mut sums, mut first, mut first_in_ledger) = (Vec::new(), Vec::new(), None);
    for lane in lanes {
        first_in_ledger = [first_in_ledger, lane.first_in_ledger].into_iter().flatten().min();
        first.extend(lane.first);
        sums.push(lane.causes);
    }
    let done = done(letters, ledger, if joined { &first } else { &[] }, look.now).await?;
    let mut causes = causes::merged(sums);
    first.iter().for_each(|found| causes::join(&mut causes, found, done.contains(&found.id)));
    Ok(WaitingCount {
        causes: causes::sorted(causes, policies),
        others: OtherCauses::default(),
        first_in_ledger: first_in_ledger.map(|(_, id)| id),
        basis: CountBasis::Letters { joined, outdated },
    })
}

#[cfg(test)]
mod tests;
