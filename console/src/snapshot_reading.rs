//! Reading of a snapshot, anew and behind the pages that show the last one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::try_join;
use redrive_core::letters::letter::Status;
use redrive_core::ports::Unavailable;
use redrive_core::replay::Filter;
use redrive_operator::causes;
use redrive_operator::waiting::{self, WaitingLook};
use redrive_operator::walk::Wanted;

use crate::installation::InstallationPort;
use crate::snapshot::{ShownSnapshot, Snapshot, Snapshots};
use crate::state::Console;

/// Age from which a snapshot is read anew behind the page that shows it.
const FRESH: Duration = Duration::from_secs(2);

/// Returns the latest snapshot, and has it read anew if it is not fresh.
pub(crate) async fn latest<I: InstallationPort>(console: &Arc<Console<I>>) -> ShownSnapshot {
    let Snapshots { latest, met } = &console.snapshots;
    let now = console.installation.now();
    let known = latest.peek();
    let is_fresh = matches!(&known, Some(Ok(taken)) if now.since(taken.read_at) < FRESH);
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

/// Counts what waits, from the schedule's summary where that is kept, and what is under way.
async fn take<I: InstallationPort>(console: &Console<I>) -> Result<Snapshot, Unavailable> {
    let (here, met) = (&console.installation, &console.snapshots.met);
    let (policies, read_at) = (here.policies(), here.now());
    let tables = (here.letters(), here.ledger());
    let progress = |letters, _: &str| met.store(letters, Ordering::Relaxed);
    let look = WaitingLook { now: read_at, exact: false, progress: &progress };
    let all = waiting::all();
    let sent = Wanted { filter: Filter::default(), statuses: vec![Status::Replaying, Status::Replayed] };
    let (waiting, sent) = try_join(
        waiting::count(tables, &all, policies, look),
        waiting::count(tables, &sent, policies, WaitingLook::exact(read_at)),
    )
    .await?;
    let mut count = waiting.and_causes_of(sent, policies);
    causes::mark_new(here.letters(), &mut count.causes).await?;
    Ok(Snapshot::of(count, read_at))
}
