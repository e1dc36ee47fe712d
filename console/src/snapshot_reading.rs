//! Reading of a snapshot, anew and behind the pages that show the last one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redrive_core::letters::letter::Status;
use redrive_core::ports::{LedgerReader, Unavailable};
use redrive_core::processing::ledger::EntryState;
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;
use redrive_operator::causes::{self, CauseRow, CauseRows};
use redrive_operator::policies::Policies;
use redrive_operator::walk::Wanted;

use crate::holder::{HOLDERS, Holder};
use crate::installation::InstallationPort;
use crate::snapshot::{CauseSum, ShownSnapshot, Snapshot, Snapshots};
use crate::spread::FailureSpread;
use crate::state::Console;

/// Age from which a snapshot is read anew behind the page that shows it.
const FRESH: Duration = Duration::from_secs(2);
/// Limit of sent letters that the ledger is asked about.
const JOINED: usize = 2_000;
/// Number of keys of one call to the ledger.
const CALL: usize = 100;

/// Returns the latest snapshot, and has it read anew if it is not fresh.
pub(crate) async fn latest<I: InstallationPort>(console: &Arc<Console<I>>) -> ShownSnapshot {
    let Snapshots { latest, met } = &console.snapshots;
    let now = console.installation.now();
    let known = latest.peek();
    let is_fresh = matches!(&known, Some(Ok(taken)) if now.since(taken.taken_at) < FRESH);
    let known = if is_fresh { known } else { latest.read(|| begin(console)).await };
    match known {
        Some(Ok(taken)) => ShownSnapshot::Taken(taken),
        Some(Err(why)) => ShownSnapshot::Failed(why),
        None => ShownSnapshot::Reading(met.load(Ordering::Relaxed)),
    }
}

fn begin<I: InstallationPort>(console: &Arc<Console<I>>) {
    let console = Arc::clone(console);
    console.snapshots.met.store(0, Ordering::Relaxed);
    tokio::spawn(async move { console.snapshots.latest.put(take(&console).await.map(Arc::new)) });
}

/// Has the next page read everything anew: something was changed from here.
pub(crate) fn forget<I: InstallationPort>(console: &Console<I>) {
    console.snapshots.latest.forget();
}

#[derive(Default)]
struct Sum {
    rows: CauseRows,
    beside: BTreeMap<String, ([u64; HOLDERS], FailureSpread)>,
    next_due: Option<Timestamp>,
    /// Sent letters, of which the ledger may know better.
    sent: Vec<Candidate>,
}

impl Sum {
    fn add(&mut self, found: Candidate, policies: &Policies, done: bool) {
        let holder = Holder::of(&found, policies, done);
        let (holders, spread) = self.beside.entry(found.fingerprint.clone()).or_default();
        holders[holder as usize] += 1;
        spread.add(found.last_failed_at);
        if holder == Holder::Itself {
            self.next_due = Some(self.next_due.map_or(found.due, |due| due.min(found.due)));
        }
        causes::join(&mut self.rows, found, policies);
    }

    fn meet(&mut self, found: Candidate, policies: &Policies) {
        if found.status == Status::Replayed && self.sent.len() < JOINED {
            self.sent.push(found);
            return;
        }
        self.add(found, policies, false);
    }
}

async fn take<I: InstallationPort>(console: &Console<I>) -> Result<Snapshot, Unavailable> {
    let (here, met) = (&console.installation, &console.snapshots.met);
    let policies = here.policies();
    let wanted =
        Wanted { filter: Filter::default(), statuses: vec![Status::Pending, Status::Replaying, Status::Replayed] };
    let taken_at = here.now();
    let sums = wanted
        .sums(here.letters(), move |sum: &mut Sum, found| {
            met.fetch_add(1, Ordering::Relaxed);
            sum.meet(found, policies);
        })
        .await?;
    let mut all = Sum::default();
    let mut rows = Vec::new();
    for mut sum in sums {
        for found in std::mem::take(&mut sum.sent) {
            all.sent.push(found);
        }
        for (name, (holders, spread)) in sum.beside {
            let (sum, whole) = all.beside.entry(name).or_default();
            sum.iter_mut().zip(holders).for_each(|(all, n)| *all += n);
            whole.join(spread);
        }
        all.next_due = [all.next_due, sum.next_due].into_iter().flatten().min();
        rows.push(sum.rows);
    }
    for (found, done) in joined_with_ledger(here.ledger(), std::mem::take(&mut all.sent), taken_at).await? {
        all.add(found, here.policies(), done);
    }
    rows.push(std::mem::take(&mut all.rows));
    let mut rows = causes::merged(rows);
    causes::mark_new(here.letters(), &mut rows).await?;
    Ok(joined(all, rows, taken_at))
}

fn joined(mut all: Sum, rows: Vec<CauseRow>, taken_at: Timestamp) -> Snapshot {
    let mut snapshot = Snapshot {
        taken_at,
        causes: Vec::new(),
        holders: [0; HOLDERS],
        next_due: all.next_due,
        spread: FailureSpread::default(),
        first: None,
    };
    for row in rows {
        let (holders, spread) = all.beside.remove(&row.fingerprint).unwrap_or_default();
        snapshot.holders.iter_mut().zip(holders).for_each(|(all, n)| *all += n);
        snapshot.spread.join(spread.clone());
        snapshot.first = [snapshot.first, Some(row.first)].into_iter().flatten().min();
        snapshot.causes.push(CauseSum { row, holders, spread });
    }
    snapshot
}

/// Asks the ledger which of the sent letters are done: a letter is noted as RESOLVED up to a minute later.
async fn joined_with_ledger<R: LedgerReader>(
    ledger: &R,
    sent: Vec<Candidate>,
    now: Timestamp,
) -> Result<Vec<(Candidate, bool)>, Unavailable> {
    let mut known = Vec::with_capacity(sent.len());
    if !ledger.is_kept() {
        return Ok(sent.into_iter().map(|found| (found, false)).collect());
    }
    for few in sent.chunks(CALL) {
        let key = |found: &Candidate| {
            let key = found.key.as_ref()?;
            Some(redrive_core::message::key::LedgerKey::owned(&found.scope, key))
        };
        let keys: Vec<_> = few.iter().filter_map(key).collect();
        let mut entries = ledger.read_eventually(&keys).await?.into_iter();
        for found in few {
            let entry = if found.key.is_some() { entries.next().flatten() } else { None };
            let done = entry.is_some_and(|entry| entry.state == EntryState::Completed && !entry.expired(now));
            known.push((found.clone(), done));
        }
    }
    Ok(known)
}
