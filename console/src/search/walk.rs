//! Walk to the next page of letters: bounded, and resumed from the address.

use std::fmt;
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::listing::{self, Cursor, Listing};
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use tokio::time::Instant;

use crate::wanted::Wished;

/// Number of letters of a page.
const ROWS: usize = 50;
/// Number of letters that are read in one call.
const CALL: usize = 250;
/// Limit of letters that are looked at for one page: the rest is a link away.
const LOOKED_AT: usize = 5_000;
/// Time after which no further call is made for one page: somebody waits for it, and the rest is a link away.
const PATIENCE: Duration = Duration::from_millis(600);

/// Place in the walk: which of the listings, which lane of it, and behind which letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WalkPlace {
    listing: usize,
    lane: u8,
    after: Option<listing::Place>,
}

impl WalkPlace {
    /// Reads a place as [`fmt::Display`] wrote it; what cannot be read is the beginning.
    pub(crate) fn read(text: &str) -> Self {
        let read = || {
            let mut parts = text.split('.');
            let (listing, lane) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let after = match (parts.next(), parts.next()) {
                (Some(due), Some(id)) => {
                    Some(listing::Place { due: Timestamp::from_millis(due.parse().ok()?), id: LetterId::parse(id)? })
                }
                _ => None,
            };
            Some(Self { listing, lane, after })
        };
        read().unwrap_or_default()
    }
}

impl fmt::Display for WalkPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.listing, self.lane)?;
        match self.after {
            Some(after) => write!(f, ".{}.{}", after.due.as_millis(), after.id),
            None => Ok(()),
        }
    }
}

/// Letters of a page, and where the next begins.
pub(crate) struct FoundLetters {
    pub(crate) rows: Vec<Candidate>,
    pub(crate) looked_at: usize,
    pub(crate) next: Option<WalkPlace>,
}

impl FoundLetters {
    /// Puts letters before the others, each once.
    pub(crate) fn lead(&mut self, first: impl Iterator<Item = Candidate>) {
        let first: Vec<_> = first.collect();
        self.rows.retain(|found| first.iter().all(|one| one.id != found.id));
        self.rows.splice(0..0, first);
    }
}

fn listings(wished: &Wished) -> Vec<Listing<'_>> {
    match wished.filter.one_cause() {
        Some(fingerprint) => vec![Listing::Cause { fingerprint, status: None }],
        None => wished.statuses.iter().copied().map(Listing::all).collect(),
    }
}

fn contains(found: &Candidate, q: &str) -> bool {
    let key = found.key.as_ref().is_some_and(|key| key.as_str().contains(q));
    let text = || found.error_message.to_lowercase().contains(&q.to_lowercase());
    q.is_empty() || key || text() || found.fingerprint == q || found.id.to_string() == q
}

/// Reads the next page from a place on.
pub(crate) async fn page<L: Letters>(
    letters: &L,
    wished: &Wished,
    q: &str,
    from: WalkPlace,
) -> Result<FoundLetters, Unavailable> {
    let fits =
        |found: &Candidate| wished.statuses.contains(&found.status) && wished.filter.fits(found) && contains(found, q);
    let listings = listings(wished);
    let mut found = FoundLetters { rows: Vec::new(), looked_at: 0, next: None };
    let mut begin = Some((from.lane, from.after));
    let end = Instant::now() + PATIENCE;
    for (place, listing) in listings.iter().enumerate().skip(from.listing) {
        let (lane, after) = begin.take().unwrap_or_default();
        let mut next = Some(Cursor::resumed(lane, after));
        while let Some(cursor) = next {
            let read = letters.scan(*listing, cursor, CALL).await?;
            for one in read.candidates {
                if found.rows.len() == ROWS {
                    return Ok(found);
                }
                found.looked_at += 1;
                // Where a page would go on if this letter were its last.
                found.next = Some(WalkPlace { listing: place, lane: cursor.lane(), after: Some(listing.place(&one)) });
                if fits(&one) {
                    found.rows.push(one);
                }
            }
            next = read.next;
            if let Some(next) = next.filter(|_| found.looked_at >= LOOKED_AT || Instant::now() >= end) {
                found.next = Some(WalkPlace { listing: place, lane: next.lane(), after: next.after() });
                return Ok(found);
            }
        }
        if place + 1 < listings.len() && Instant::now() >= end {
            found.next = Some(WalkPlace { listing: place + 1, ..WalkPlace::default() });
            return Ok(found);
        }
    }
    found.next = None;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nonsense_is_the_beginning() {
        let id = LetterId::parse("4f288ddb-bee5-5761-b732-cb895e5547b3").unwrap();
        let after = Some(listing::Place { due: Timestamp::from_millis(17), id });
        for place in [WalkPlace::default(), WalkPlace { listing: 2, lane: 7, after }] {
            assert_eq!(WalkPlace::read(&place.to_string()), place);
        }
        for nonsense in ["", "x", "1", "1.2.x.y", "-1.0"] {
            assert_eq!(WalkPlace::read(nonsense), WalkPlace::default(), "{nonsense}");
        }
    }
}
