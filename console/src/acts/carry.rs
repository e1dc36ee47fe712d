//! Carrying out of what was confirmed, and what became of it.

use std::collections::BTreeMap;

use askama::Template;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::{IntoResponse, Redirect};
use redrive_core::ids::{JobId, LetterId};
use redrive_core::replay::job::IDS;
use redrive_core::replay::{LetterList, Selection, Shown};
use redrive_operator::conflicts::{self, Conflict};
use redrive_operator::job_list::{fifo_place, list_parts};
use redrive_operator::request::add_selection;
use redrive_operator::text::{count, words};
use serde_json::{Value, json};

use super::kind::ActKind;
use super::pinned::Pinned;
use super::{Cannot, failed, preview};
use crate::fields::Fields;
use crate::installation::{AskError, InstallationPort};
use crate::page::{self, PageFrame, Tab};
use crate::shown_text::ShownText;
use crate::snapshot_reading;
use crate::state::Console;

/// Number of letters for which the function is asked at once.
const PAGE: usize = 500;
/// Limit of questions about one page or filter: the function's time runs out, and what is left is asked for again.
const TIMES: usize = 200;
/// Counts that say what was done.
const DONE: [(&str, &str); 3] = [("discarded", "discarded"), ("restored", "restored"), ("noted", "noted")];

/// A letter that was left alone, its state now, and who made it so.
pub(crate) struct ConflictRow {
    id: LetterId,
    key: ShownText,
    state: ShownText,
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    frame: PageFrame<'a>,
    heading: String,
    is_whole: bool,
    left: Vec<String>,
    problem: Option<ShownText>,
    conflicts: Vec<ConflictRow>,
    /// Ids of what was discarded, to take it back; empty if there are too many to name.
    undo: String,
    undo_at: Option<String>,
    command: ShownText,
}

/// Asks for exactly what was shown, and answers with what was done.
pub(crate) async fn out<I: InstallationPort>(console: &Console<I>, pinned: &Pinned, fields: &Fields) -> Response<Body> {
    let here = &console.installation;
    let request = match pinned.request(fields, &here.place().by) {
        Ok(request) => request,
        Err(why) => return page::problem(console, StatusCode::BAD_REQUEST, "Nothing was done", &why),
    };
    if pinned.kind().sends() {
        return job(console, pinned, request, fields).await;
    }
    let mut counts = BTreeMap::new();
    let mut problem = None;
    for part in parts(&pinned.selection) {
        let mut request = request.clone();
        add_selection(&mut request, &part);
        if let Err(why) = all_of(here, &request, &mut counts).await {
            problem = Some(failed(console, &why));
            break;
        }
    }
    snapshot_reading::forget(console);
    let conflicts = conflicts(here, pinned).await.unwrap_or_default();
    page::answer(&done(console, pinned, fields, (counts, problem, conflicts)))
}

/// Creates the job, and leads to it.
async fn job<I: InstallationPort>(
    console: &Console<I>,
    pinned: &Pinned,
    mut request: Value,
    fields: &Fields,
) -> Response<Body> {
    let here = &console.installation;
    let list = match long_list(here, &pinned.selection).await {
        Ok(list) => list,
        Err(why) => return why.answer(console),
    };
    match &list {
        Some(list) => request["listed"] = json!(list.selection),
        None => add_selection(&mut request, &pinned.selection),
    }
    let answer = match here.ask(&request).await {
        Ok(report) if report.get("refused").is_none_or(Value::is_null) => match &list {
            Some(list) => hand_over(here, (pinned.job, &request), list).await,
            None => Ok(report),
        },
        answer => answer,
    };
    let problem = match answer {
        Ok(report) => match report.get("refused").and_then(Value::as_str) {
            Some(why) => format!("No job was made: {why}."),
            None => {
                // The schedule would begin a little later.
                here.wake().await;
                snapshot_reading::forget(console);
                return Redirect::to(&format!("/jobs/{}", pinned.job)).into_response();
            }
        },
        Err(why) => failed(console, &why),
    };
    match preview::again(console, pinned.clone(), fields, problem).await {
        Ok(gathered) => preview::answer(console, gathered, StatusCode::CONFLICT),
        Err(why) => why.answer(console),
    }
}

/// Letters of a job that are too many for its request, in the order in which they are sent.
struct LongJob {
    selection: LetterList,
    letters: Vec<(LetterId, u64)>,
}

/// The list of a job that has more letters than its request takes.
async fn long_list<I: InstallationPort>(here: &I, selection: &Selection) -> Result<Option<LongJob>, Cannot> {
    let Selection::Shown(shown) = selection else { return Ok(None) };
    if shown.letters.len() <= IDS {
        return Ok(None);
    }
    let ids: Vec<_> = shown.letters.keys().copied().collect();
    let mut found = preview::looks(here.letters(), &ids).await?;
    found.sort_by_key(|look| (fifo_place(&look.candidate), look.candidate.id));
    let Some(source_topic) = found.first().map(|look| look.candidate.source.clone()) else {
        return Err(Cannot::BadRequest("None of the letters is there any more. Nothing was done.".to_owned()));
    };
    if found.iter().any(|look| look.candidate.source != source_topic) {
        return Err(Cannot::BadRequest("A job is of one queue, and these letters are of several.".to_owned()));
    }
    let letters: Vec<_> =
        found.iter().filter_map(|look| Some((look.candidate.id, *shown.letters.get(&look.candidate.id)?))).collect();
    let count = u32::try_from(letters.len()).unwrap_or(u32::MAX);
    Ok(Some(LongJob { selection: LetterList { source_topic, letters: count, named: shown.named }, letters }))
}

/// Hands over all parts of a list, and returns the last answer, or the first that refuses.
async fn hand_over<I: InstallationPort>(
    here: &I,
    (job, made): (JobId, &Value),
    list: &LongJob,
) -> Result<Value, AskError> {
    let mut last = Value::Null;
    for request in list_parts((job, made), &list.letters, &here.place().by) {
        last = here.ask(&request).await?;
        if last.get("refused").is_some_and(|why| !why.is_null()) {
            break;
        }
    }
    Ok(last)
}

fn parts(selection: &Selection) -> Vec<Selection> {
    let Selection::Shown(shown) = selection else { return vec![selection.clone()] };
    let letters: Vec<_> = shown.letters.iter().map(|(id, version)| (*id, *version)).collect();
    let part = |few: &[(LetterId, u64)]| {
        Selection::Shown(Shown { letters: few.iter().copied().collect(), named: shown.named })
    };
    letters.chunks(PAGE).map(part).collect()
}

/// Asks again while the function's time runs out and it gets on.
async fn all_of<I: InstallationPort>(
    here: &I,
    request: &Value,
    counts: &mut BTreeMap<String, u64>,
) -> Result<(), AskError> {
    let mut left = BTreeMap::new();
    for _ in 0..TIMES {
        let report = here.ask(request).await?;
        if let Some(why) = report.get("refused").and_then(Value::as_str) {
            return Err(AskError::Refused(why.to_owned()));
        }
        let counted = report.as_object().into_iter().flatten();
        let counted: Vec<_> =
            counted.filter_map(|(name, n)| Some((name.clone(), n.as_u64().filter(|n| *n > 0)?))).collect();
        let is_done = |name: &str| DONE.iter().any(|(done, _)| *done == name);
        let done: u64 = counted.iter().filter(|(name, _)| is_done(name)).map(|(_, n)| n).sum();
        // What was done adds up; all else is as it is now.
        left = counted.iter().filter(|(name, _)| !is_done(name) && name != "considered").cloned().collect();
        counted
            .into_iter()
            .filter(|(name, _)| is_done(name))
            .for_each(|(name, n)| *counts.entry(name).or_default() += n);
        if report.get("more").and_then(Value::as_bool) != Some(true) || done == 0 {
            break;
        }
    }
    left.into_iter().for_each(|(name, n)| *counts.entry(name).or_default() += n);
    Ok(())
}

/// Finds the letters that were shown and that somebody else changed first.
async fn conflicts<I: InstallationPort>(
    here: &I,
    pinned: &Pinned,
) -> Result<Vec<ConflictRow>, redrive_core::ports::Unavailable> {
    let Selection::Shown(shown) = &pinned.selection else { return Ok(Vec::new()) };
    let found = conflicts::conflicts(here.letters(), shown, (pinned.kind().from(), &here.place().by)).await?;
    Ok(found.iter().map(ConflictRow::of).collect())
}

impl ConflictRow {
    fn of(conflict: &Conflict) -> Self {
        Self {
            id: conflict.letter,
            key: ShownText::of(conflict.key.as_ref().map_or("no key", |key| key.as_str())),
            state: ShownText::of(&conflict.state()),
        }
    }
}

fn done<'a, I: InstallationPort>(
    console: &'a Console<I>,
    pinned: &Pinned,
    fields: &Fields,
    (counts, problem, conflicts): (BTreeMap<String, u64>, Option<String>, Vec<ConflictRow>),
) -> DonePage<'a> {
    let of = |name: &str| counts.get(name).copied().unwrap_or(0);
    let change = DONE.iter().find(|(name, _)| of(name) > 0);
    let heading = change.map_or("Nothing was changed".to_owned(), |(name, word)| {
        format!("{} {word}", count(of(name), "letter", "letters"))
    });
    let left = counts.iter().filter(|(name, _)| DONE.iter().all(|(done, _)| done != name));
    let left: Vec<_> = left.map(|(name, n)| format!("{}: {}", words(name), count(*n, "letter", "letters"))).collect();
    let is_discard = pinned.kind() == ActKind::Discard && of("discarded") > 0;
    let named = match &pinned.selection {
        Selection::Filter(_) => None,
        named => named.ids(),
    };
    let undo = named.as_ref().filter(|_| is_discard).map_or(String::new(), |ids| {
        let gone = |id: &&LetterId| conflicts.iter().all(|conflict| conflict.id != **id);
        ids.iter().filter(gone).map(ToString::to_string).collect::<Vec<_>>().join(",")
    });
    DonePage {
        frame: PageFrame::new(console, heading.clone(), Tab::None),
        is_whole: problem.is_none() && left.is_empty() && change.is_some(),
        heading,
        left,
        problem: problem.as_deref().map(ShownText::of),
        undo_at: (is_discard && named.is_none()).then(|| "/search?status=discarded".to_owned()),
        undo,
        conflicts,
        command: ShownText::of(&pinned.command(fields.get("why").unwrap_or_default())),
    }
}
