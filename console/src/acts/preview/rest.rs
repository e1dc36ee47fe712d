//! Letters that a job which has ended never sent, and the terms on which they go.

use redrive_core::ids::JobId;
use redrive_operator::job_rest::{JobRest, NoRest};
use redrive_operator::text::count;

use super::{ChosenLetters, PINNED, looks};
use crate::acts::Cannot;
use crate::installation::InstallationPort;

/// Most letters that a page takes: each is named in its form.
const MOST: usize = 20_000;

/// Finds what a job never sent, and still waits as it was.
pub(super) async fn of<I: InstallationPort>(here: &I, id: JobId) -> Result<JobRest, Cannot> {
    let rest = JobRest::of(here.letters(), id).await.map_err(|why| match why {
        NoRest::Unavailable(error) => Cannot::Unavailable(error),
        NoRest::NotFound(_) | NoRest::GoesOn(..) | NoRest::Nothing(_) => Cannot::BadRequest(sentence(&why.to_string())),
    })?;
    let instead = format!("use `redrive replay --job {id} --rest`");
    if rest.letters.len() > MOST {
        return Err(Cannot::BadRequest(format!(
            "{} letters are more than a page takes: {instead}.",
            rest.letters.len()
        )));
    }
    match &rest.job.to {
        Some(to) => Err(Cannot::BadRequest(format!("Its letters go to {}, and not back: {instead}.", to.name()))),
        None => Ok(rest),
    }
}

fn sentence(text: &str) -> String {
    let first = text.chars().next().map_or(0, char::len_utf8);
    format!("{}{}.", text[..first].to_uppercase(), &text[first..])
}

/// Looks at the letters of a rest.
pub(super) async fn chosen<I: InstallationPort>(here: &I, rest: &JobRest) -> Result<ChosenLetters, Cannot> {
    let ids: Vec<_> = rest.letters.keys().copied().collect();
    let mut looks = looks(here.letters(), &ids).await?;
    // What changed a moment ago is none of it any more.
    looks.retain(|look| rest.letters.get(&look.candidate.id) == Some(&look.version));
    let (count, others) = (looks.len() as u64, (ids.len() - looks.len()) as u64);
    Ok(ChosenLetters { selection: rest.selection(), count, others, looks })
}

/// Sentences about the terms on which a rest goes.
pub(super) fn terms(rest: &JobRest) -> Vec<String> {
    let (id, guard) = (rest.job.id, &rest.job.guard);
    let alarm = guard.alarm.as_ref().map_or(String::new(), |alarm| format!(", its alarm {alarm}"));
    let edit = if rest.job.edit.is_some() { ", its edit" } else { "" };
    let mut terms = vec![format!("They go as a new job on the terms of job {id}: its limits{alarm}{edit}.")];
    if rest.undecided > 0 {
        let letters = count(rest.undecided as u64, "letter", "letters");
        terms.push(format!("{letters} that job {id} had planned are not among them: look again once it is closed."));
    }
    if rest.letters.len() > PINNED {
        terms.push(format!("The function was asked before about the first {PINNED} of them."));
    }
    terms
}
