//! Letters that a job which has ended never sent.

use std::collections::{BTreeSet, HashSet};

use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::Status;
use redrive_core::ports::Jobs;
use redrive_core::replay::job::{Disposition, JobState};
use redrive_core::replay::{Candidate, Filter, Selection};
use redrive_operator::walk::Wanted;

use super::PINNED;
use crate::acts::Cannot;
use crate::installation::InstallationPort;

/// Finds what a job never sent, and still waits; of very many the first.
pub(super) async fn of<I: InstallationPort>(here: &I, id: JobId) -> Result<Vec<LetterId>, Cannot> {
    let table = here.letters();
    let Some(job) = table.job(id).await? else { return Err(Cannot::BadRequest(format!("There is no job {id}."))) };
    if !matches!(job.state, JobState::Stopped { .. } | JobState::Cancelled | JobState::Done) {
        let state = job.state.as_str();
        return Err(Cannot::BadRequest(format!(
            "Job {id} is {state}: it sends the rest itself, unless you cancel it first."
        )));
    }
    let batches = table.batches(id, 0).await?.into_iter().filter(|batch| batch.n < job.batches);
    let lines: Vec<_> = batches.flat_map(|batch| batch.lines).collect();
    let met: HashSet<_> = lines.iter().map(|line| line.letter).collect();
    let never = lines.iter().filter(|line| matches!(line.disposition, Disposition::NotReached | Disposition::HeldUp));
    let mut rest: BTreeSet<_> = never.map(|line| line.letter).collect();
    match &job.selection {
        Selection::Filter(filter) => {
            let filter = Filter { as_of: None, asked_at: None, recent: Default::default(), ..filter.clone() };
            let wanted = Wanted { filter, statuses: vec![Status::Pending] };
            let until = job.created_at;
            let keep = |ids: &mut Vec<LetterId>, found: Candidate| {
                // What died after the job was asked for is none of it.
                if ids.len() < PINNED && found.last_failed_at <= until {
                    ids.push(found.id);
                }
            };
            let sums = wanted.sums(table, keep).await?;
            rest.extend(sums.into_iter().flatten().filter(|id| !met.contains(id)));
        }
        Selection::Listed(listed) => {
            for n in 0..listed.parts() {
                let Some(part) = table.list_part(id, n).await? else { break };
                rest.extend(part.letters.into_iter().map(|(id, _)| id).filter(|id| !met.contains(id)));
            }
        }
        named => rest.extend(named.ids().unwrap_or_default().into_iter().filter(|id| !met.contains(id))),
    }
    if rest.is_empty() {
        return Err(Cannot::BadRequest(format!(
            "Job {id} has come to all of its letters; what failed again is listed on its page."
        )));
    }
    Ok(rest.into_iter().take(PINNED).collect())
}
