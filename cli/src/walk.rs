//! Letters through the indexes, never by a scan.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use redrive_core::ids::QueueArn;
use redrive_core::letters::letter::Status;
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;

use crate::args::Filters;
use crate::completion::{Completion, Error};
use crate::text::{queue_name, shown};

/// Number of candidates that are asked for at once where they are handed over: as many as are looked at in one call.
const PAGE: usize = 100;
/// Number of candidates that are asked for at once where they are only summed up: DynamoDB ends a page at 1 MB, which is fewer.
const SUMMED: usize = 2_000;
/// Number of lanes that are summed up at once: so many pages are in memory.
const AT_ONCE: usize = 8;

/// Letters that are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Filter that the letters fit.
    pub(crate) filter: Filter,
    /// Statuses that the letters may have.
    pub(crate) statuses: Vec<Status>,
}

impl Wanted {
    /// Lists what has to be read. One cause has all its letters in one, whatever their status.
    fn listings(&self) -> Vec<Listing<'_>> {
        match self.filter.one_cause() {
            Some(fingerprint) => vec![Listing::Cause { fingerprint, status: None }],
            None => self.statuses.iter().copied().map(Listing::all).collect(),
        }
    }

    fn fits(&self, found: &Candidate) -> bool {
        self.statuses.contains(&found.status) && self.filter.fits(found)
    }

    /// Ends a command that has met so many of these letters. None of a cause that was named is an error: a script must not take a
    /// slip of the name for good news.
    pub(crate) fn met(&self, letters: u64) -> Result<Completion, Error> {
        let Some(cause) = self.filter.fingerprint.as_deref().filter(|_| letters == 0) else {
            return Ok(Completion::Done);
        };
        let standing: Vec<_> = self.statuses.iter().map(ToString::to_string).collect();
        Err(Error::Absent(format!(
            "no letter that fits is {} with the cause {}: `redrive causes` names the causes that are there",
            standing.join(" or "),
            shown(cause)
        )))
    }

    /// Hands over page by page what fits, until there is no more or `each` has had enough.
    pub(crate) async fn each<L: Letters>(
        &self,
        letters: &L,
        mut each: impl AsyncFnMut(Vec<Candidate>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        for listing in self.listings() {
            let mut next = Some(Cursor::START);
            while let Some(from) = next {
                let mut page = letters.scan(listing, from, PAGE).await?;
                page.candidates.retain(|found| self.fits(found));
                if !page.candidates.is_empty() && each(page.candidates).await?.is_break() {
                    return Ok(());
                }
                next = page.next;
            }
        }
        Ok(())
    }

    /// Folds what fits, several lanes at once: a sum for each, for the caller to join.
    pub(crate) async fn sums<L: Letters, S: Default + Send>(
        &self,
        letters: &L,
        add: impl Fn(&mut S, Candidate) + Copy + Send + Sync,
    ) -> Result<Vec<S>, Unavailable> {
        self.sums_by(letters, SUMMED, add).await
    }

    /// The same, by pages of so many candidates.
    async fn sums_by<L: Letters, S: Default + Send>(
        &self,
        letters: &L,
        page: usize,
        add: impl Fn(&mut S, Candidate) + Copy + Send + Sync,
    ) -> Result<Vec<S>, Unavailable> {
        let lanes = letters.lanes();
        let listings = self.listings().into_iter();
        let parts = listings.flat_map(|listing| lanes.iter().map(move |lane| (listing, *lane)));
        let sums = stream::iter(parts).map(|(listing, lane)| async move {
            let mut sum = S::default();
            let keep = |found| {
                if self.fits(&found) {
                    add(&mut sum, found);
                }
            };
            letters.scan_all(listing, lane, page, keep).await?;
            Ok(sum)
        });
        sums.buffered(AT_ONCE).try_collect().await
    }
}

/// Reads the filters of a command line. A queue's name is completed by `main_queue`.
pub(crate) fn filter(given: &Filters, main_queue: Option<&QueueArn>, now: Timestamp) -> Result<Filter, Error> {
    Ok(Filter {
        error_type: given.class,
        error_code: given.code.clone(),
        fingerprint: given.cause.clone(),
        source_topic: given.queue.as_deref().map(|name| queue("--queue", name, main_queue)).transpose()?,
        since: given.since.as_deref().map(|text| time("--since", text, now)).transpose()?,
        until: given.until.as_deref().map(|text| time("--until", text, now)).transpose()?,
        min_deaths: given.min_deaths,
        max_deaths: given.max_deaths,
        function_version: given.function_version.clone(),
        text: given.text.clone(),
        ..Filter::default()
    })
}

/// A queue by its ARN, or by its name if it is beside the main queue.
pub(crate) fn queue(flag: &str, name: &str, main_queue: Option<&QueueArn>) -> Result<QueueArn, Error> {
    let arn = if name.starts_with("arn:") {
        Some(name.to_owned())
    } else {
        let own = main_queue.map(QueueArn::as_str);
        own.and_then(|own| own.strip_suffix(queue_name(own))).map(|account| format!("{account}{name}"))
    };
    let refused = || Error::Usage(format!("{flag} must be an ARN: the stack does not say what would complete a name"));
    arn.and_then(QueueArn::new).ok_or_else(refused)
}

fn time(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let span = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let span = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
        let millis = u64::try_from(span.as_millis()).ok()?;
        Some(Timestamp::from_millis(now.as_millis().saturating_sub(millis)))
    };
    Timestamp::from_rfc3339(text).or_else(span).ok_or_else(|| {
        Error::Usage(format!("{flag} takes a time like 2026-11-22T13:00:00Z, or one before now like 90m, 12h or 3d"))
    })
}

#[cfg(test)]
mod tests {
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples::{self, NOW, letters};

    fn wanted(filter: Filter, statuses: &[Status]) -> Wanted {
        Wanted { filter, statuses: statuses.to_vec() }
    }

    async fn found(store: &ModelLetters, wanted: &Wanted) -> usize {
        let counts: Vec<usize> = wanted.sums_by(store, PAGE, |sum: &mut usize, _| *sum += 1).await.unwrap();
        let mut walked = 0;
        let each = async |page: Vec<Candidate>| {
            walked += page.len();
            Ok(ControlFlow::Continue(()))
        };
        wanted.each(store, each).await.unwrap();
        assert_eq!(walked, counts.iter().sum::<usize>(), "both walks find the same");
        walked
    }

    #[tokio::test]
    async fn both_indexes_are_walked_to_their_ends_and_only_what_fits_is_found() {
        let store = ModelLetters::new();
        let cause = "PERMANENT/currency".to_owned();
        let all: Vec<_> = letters().into_iter().chain(samples::many(3_000)).collect();
        let pending = all.iter().filter(|letter| letter.status == Status::Pending).count();
        let of_cause = all.iter().filter(|one| one.fingerprint == cause && one.status == Status::Pending).count();
        let lanes = u8::try_from(store.lanes().len()).unwrap();
        let least = (0..lanes).map(|lane| all.iter().filter(|one| one.id.part(lanes) == lane).count()).min();
        assert!(least > Some(PAGE), "every lane has a second page");
        all.into_iter().for_each(|letter| store.force(letter));
        assert!(pending > of_cause);
        assert_eq!(found(&store, &wanted(Filter::default(), &[Status::Pending])).await, pending);
        let filter = Filter { fingerprint: Some(cause), ..Filter::default() };
        assert_eq!(found(&store, &wanted(filter.clone(), &[Status::Pending])).await, of_cause);
        assert_eq!(
            found(&store, &wanted(Filter { text: Some("no such text".to_owned()), ..filter }, &[Status::Pending]))
                .await,
            0
        );
    }

    #[test]
    fn a_time_is_one_of_the_calendar_or_a_span_before_now() {
        let hour = Timestamp::from_millis(NOW.as_millis() - 3_600_000);
        assert_eq!(time("--since", "1h", NOW).unwrap(), hour);
        assert_eq!(time("--since", "60m", NOW).unwrap(), hour);
        assert_eq!(time("--since", &hour.to_rfc3339(), NOW).unwrap(), hour);
        for wrong in ["", "h", "1", "1w", "-1h", "yesterday", "ü", "99999999999999999999d"] {
            assert!(matches!(time("--since", wrong, NOW), Err(Error::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn a_queue_is_named_or_given_as_an_arn() {
        let own = QueueArn::new("arn:aws:sqs:eu-west-1:1:orders").unwrap();
        assert_eq!(queue("--to", "refunds", Some(&own)).unwrap().as_str(), "arn:aws:sqs:eu-west-1:1:refunds");
        assert_eq!(queue("--to", "arn:aws:sqs:eu-west-1:2:x", None).unwrap().as_str(), "arn:aws:sqs:eu-west-1:2:x");
        assert!(matches!(queue("--to", "refunds", None), Err(Error::Usage(why)) if why.starts_with("--to ")));
    }
}
