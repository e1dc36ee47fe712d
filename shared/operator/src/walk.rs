//! Letters through the indexes, never by a scan.

use std::ops::ControlFlow;

use futures_util::{StreamExt, TryStreamExt, stream};
use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::{Candidate, Filter, Look};

use thiserror::Error;

use crate::text::shown;

/// Number of candidates in the first page that is handed over: somebody waits for it.
const FIRST: usize = 100;
/// Number of candidates that are asked for at once otherwise: DynamoDB ends a page at 1 MB, which is fewer.
const PAGE: usize = 2_000;
/// Number of lanes that are summed up at once: so many pages are in memory.
const AT_ONCE: usize = 8;

/// Letters that are looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Filter that the letters fit.
    pub filter: Filter,
    /// Statuses that the letters may have.
    pub statuses: Vec<Status>,
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

    /// Refuses a named cause or code of which no letter was met: a script must not take a slip of the name for good news.
    ///
    /// # Errors
    ///
    /// [`NoneOfCause`] if `letters`, the number of those that were met, is zero and the filter names a cause or a code.
    pub fn met(&self, letters: u64) -> Result<(), NoneOfCause> {
        let cause = self.filter.fingerprint.as_deref().map(|cause| ("cause", cause));
        let named = cause.or(self.filter.error_code.as_deref().map(|code| ("code", code)));
        let Some((kind, name)) = named.filter(|_| letters == 0) else { return Ok(()) };
        let standing: Vec<_> = self.statuses.iter().map(ToString::to_string).collect();
        Err(NoneOfCause { standing: standing.join(" or "), kind, name: shown(name) })
    }

    /// Hands over page by page what fits, until there is no more or `each` has had enough.
    ///
    /// # Errors
    ///
    /// The table's, and what `each` answers.
    pub async fn each<L: Letters, E: From<Unavailable>>(
        &self,
        letters: &L,
        mut each: impl AsyncFnMut(Vec<Candidate>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let mut limit = FIRST;
        for listing in self.listings() {
            let mut next = Some(Cursor::START);
            while let Some(from) = next {
                let mut page = letters.scan(listing, from, limit).await?;
                limit = PAGE;
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
    ///
    /// # Errors
    ///
    /// The table's.
    pub async fn sums<L: Letters, S: Default + Send>(
        &self,
        letters: &L,
        add: impl Fn(&mut S, Candidate) + Copy + Send + Sync,
    ) -> Result<Vec<S>, Unavailable> {
        self.sums_by(letters, PAGE, add).await
    }

    /// The same, by pages of so many candidates.
    async fn sums_by<L: Letters, S: Default + Send>(
        &self,
        letters: &L,
        page: usize,
        add: impl Fn(&mut S, Candidate) + Copy + Send + Sync,
    ) -> Result<Vec<S>, Unavailable> {
        let lanes = letters.lanes();
        // Made before any is polled: a closure that a stream calls is not general enough for whoever spawns this.
        let mut sums = Vec::new();
        for listing in self.listings() {
            for lane in &lanes {
                sums.push(self.lane_sum(letters, (listing, *lane), page, add));
            }
        }
        stream::iter(sums).buffered(AT_ONCE).try_collect().await
    }

    async fn lane_sum<L: Letters, S: Default + Send>(
        &self,
        letters: &L,
        (listing, lane): (Listing<'_>, Cursor),
        page: usize,
        add: impl Fn(&mut S, Candidate) + Copy + Send + Sync,
    ) -> Result<S, Unavailable> {
        let mut sum = S::default();
        let keep = |found| {
            if self.fits(&found) {
                add(&mut sum, found);
            }
        };
        letters.scan_all(listing, lane, page, keep).await?;
        Ok(sum)
    }
}

/// No letter stands where it was looked for, of a cause or a code that was named.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no letter that fits is {standing} with the {kind} {name}: `redrive causes` names the causes that are there")]
pub struct NoneOfCause {
    standing: String,
    kind: &'static str,
    name: String,
}

/// Number of letters that are looked at in one call, and of calls at once.
const LOOK: usize = 100;
const LOOKS_AT_ONCE: usize = 8;

/// Looks at letters in the table itself, because an index may be late. One answer for each id, in order.
///
/// # Errors
///
/// The table's.
pub async fn look<L: Letters>(letters: &L, ids: &[LetterId]) -> Result<Vec<Option<Look>>, Unavailable> {
    // Made before any is polled, as above.
    let mut looks = Vec::new();
    for few in ids.chunks(LOOK) {
        looks.push(letters.look(few));
    }
    let looks = stream::iter(looks).buffered(LOOKS_AT_ONCE);
    looks.try_collect::<Vec<_>>().await.map(|pages| pages.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use redrive_core::letters::letter::{Letter, LetterWrite};
    use redrive_core::letters::listing::Page;
    use redrive_core::ports::WriteError;
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples::{self, letters};

    fn wanted(filter: Filter, statuses: &[Status]) -> Wanted {
        Wanted { filter, statuses: statuses.to_vec() }
    }

    async fn found(store: &ModelLetters, wanted: &Wanted) -> usize {
        let counts: Vec<usize> = wanted.sums_by(store, FIRST, |sum: &mut usize, _| *sum += 1).await.unwrap();
        let mut walked = 0;
        let each = async |page: Vec<Candidate>| {
            walked += page.len();
            Ok::<_, Unavailable>(ControlFlow::Continue(()))
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
        assert!(least > Some(FIRST), "every lane has a second page");
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

    /// A store that notes how many letters each scan asked for.
    struct Noted(ModelLetters, Mutex<Vec<usize>>);

    impl Letters for Noted {
        async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
            self.0.read(ids).await
        }

        async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
            self.0.write(writes).await
        }

        async fn scan(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
            self.1.lock().unwrap().push(limit);
            self.0.scan(listing, from, limit).await
        }

        fn lanes(&self) -> Vec<Cursor> {
            self.0.lanes()
        }
    }

    #[tokio::test]
    async fn the_first_page_is_small_and_all_others_are_as_large_as_the_table_hands_out() {
        let store = ModelLetters::new();
        samples::many(3_000).for_each(|letter| store.force(letter));
        let noted = Noted(store, Mutex::default());
        let mut met = 0;
        let each = async |page: Vec<Candidate>| {
            met += page.len();
            Ok::<_, Unavailable>(ControlFlow::Continue(()))
        };
        wanted(Filter::default(), &[Status::Pending]).each(&noted, each).await.unwrap();
        let asked = noted.1.into_inner().unwrap();
        assert_eq!((met, asked[0]), (3_000, FIRST));
        assert!(asked[1..].iter().all(|limit| *limit == PAGE) && asked.len() == noted.0.lanes().len() + 1, "{asked:?}");
    }
}
