//! Sending letters back: as a guarded job, or at once.

use std::time::Duration;

use redrive_core::ids::JobId;
use redrive_core::job::Guard;
use redrive_core::letter::Status;
use redrive_core::replay::{Edit, Selection};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::act::{Preview, Report, confirm, confirmable, request, selection, whole};
use crate::args::Replay;
use crate::aws::Desk;
use crate::edit;
use crate::ended::{Ended, Error};
use crate::jobs;
use crate::out::{self, Out};
use crate::watch;

/// How often a job is looked at that is followed.
const LOOK: Duration = Duration::from_secs(2);

/// The guard that the options ask for.
pub(crate) fn guard(asked: &Replay) -> Result<Guard, Error> {
    let usual = Guard::default();
    let guard = Guard {
        canary: asked.canary.unwrap_or(usual.canary),
        rate: asked.rate.unwrap_or(usual.rate),
        max_failed_percent: asked.max_failed.unwrap_or(usual.max_failed_percent),
        alarm: asked.alarm.clone(),
        forgotten_ok: asked.forgotten_ok,
        as_new: asked.as_new,
        ..usual
    };
    match guard.wrong() {
        Some((field, allowed)) => Err(Error::Usage(format!("{field} is out of its range ({allowed})"))),
        None => Ok(guard),
    }
}

/// What the job will do, in a line.
pub(crate) fn plan(guard: &Guard) -> String {
    let alarm =
        guard.alarm.as_ref().map_or(String::new(), |name| format!(" or {} is in ALARM", crate::text::shown(name)));
    format!(
        "As a job: {} first, then up to {} a second; it stops at over {} % failures{alarm}.",
        guard.canary, guard.rate, guard.max_failed_percent
    )
}

/// The request for a guarded job of that id, so that asking twice makes one job.
pub(crate) fn job(
    (selection, edit): (&Selection, Option<&Edit>),
    guard: &Guard,
    id: JobId,
    by: &str,
    why: Option<&str>,
) -> Value {
    let mut asked = request("job", selection, by);
    asked["job"] = json!(id);
    for (name, value) in [
        ("why", json!(why)),
        ("canary", json!(guard.canary)),
        ("rate", json!(guard.rate)),
        ("max_failed_percent", json!(guard.max_failed_percent)),
        ("alarm", json!(guard.alarm)),
        ("forgotten_ok", json!(guard.forgotten_ok)),
        ("as_new", json!(guard.as_new)),
    ] {
        if !value.is_null() {
            asked[name] = value;
        }
    }
    edit::add(&mut asked, edit);
    asked
}

/// The request that sends at once, or only tells what would be sent.
pub(crate) fn at_once(
    (selection, edit): (&Selection, Option<&Edit>),
    asked: &Replay,
    by: &str,
    dry_run: bool,
) -> Value {
    let mut request = request("replay", selection, by);
    request["forgotten_ok"] = json!(asked.forgotten_ok);
    request["as_new"] = json!(asked.as_new);
    request["dry_run"] = json!(dry_run);
    edit::add(&mut request, edit);
    request
}

/// Carries it out.
pub(crate) async fn run(asked: &Replay, desk: &Desk, by: &str, (now, out): (Timestamp, Out)) -> Result<Ended, Error> {
    let (selection, guard) = (selection(&asked.chosen, desk, now)?, guard(asked)?);
    let edit = edit::read(asked)?;
    let meant = (&selection, edit.as_ref());
    if !asked.dry_run {
        confirmable(asked.yes)?;
    }
    let preview = Preview::of(&desk.letters()?, &selection, vec![Status::Pending]).await?;
    let edits = match &edit {
        Some(edit) => edit::gather(&desk.letters()?, &selection, edit).await?,
        None => Vec::new(),
    };
    let dry = whole(desk, &at_once(meant, asked, by, true)).await?;
    let differences = if edit.is_some() { edit::render(&edits, preview.letters(), out.width) } else { String::new() };
    let waiting = preview.render("waiting", now, out.width);
    let shown = format!("{waiting}{differences}{}", dry.render(out.width));
    if asked.dry_run {
        let document = || {
            let mut all = crate::causes::document(&preview.causes);
            all["dry_run"] = dry.json();
            if edit.is_some() {
                all["edits"] = edits.iter().map(edit::Seen::json).collect();
            }
            all
        };
        out.either(document, |_| shown)?;
        return Ok(dry.ended());
    }
    out::say(shown.trim_end());
    if dry.of("would_send") == 0 && !dry.more {
        out.either(|| dry.json(), |_| "Nothing to send.\n".to_owned())?;
        return Ok(dry.ended());
    }
    let plan = if asked.now { "At once, and without a guard.".to_owned() } else { plan(&guard) };
    confirm(asked.yes, &format!("{plan} Go on?"))?;
    if asked.now {
        let report = whole(desk, &at_once(meant, asked, by, false)).await?;
        out.either(|| report.json(), |width| report.render(width))?;
        return Ok(report.ended());
    }
    create(meant, &guard, asked, (desk, by), out).await
}

async fn create(
    meant: (&Selection, Option<&Edit>),
    guard: &Guard,
    asked: &Replay,
    (desk, by): (&Desk, &str),
    out: Out,
) -> Result<Ended, Error> {
    let id = JobId::from_random(Uuid::new_v4().as_u128());
    let report = Report::read(desk.ask(&job(meant, guard, id, by, asked.why.as_deref())).await?)?;
    if report.refused.is_none()
        && let Err(error) = desk.wake().await
    {
        out::say(&format!("{error}; the job begins with the function's next run"));
    }
    if asked.watch && report.refused.is_none() {
        out::say(&format!("Job {id}; who stops to follow it stops nothing."));
        return watch::run(&desk.letters()?, id, LOOK, out).await;
    }
    let told = report.jobs.first().and_then(jobs::told);
    let document = || told.as_ref().map_or_else(|| report.json(), jobs::document);
    let text = |width| match &report.refused {
        Some(_) => report.render(width),
        None => format!("Job {id}\nFollow it: redrive watch {id}\n"),
    };
    out.either(document, text)?;
    Ok(report.ended())
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;
    use redrive_core::replay::Request;

    use super::*;
    use crate::args::{Command, Line};
    use crate::samples;

    pub(crate) fn replay(arguments: &[&str]) -> Replay {
        let line = Line::try_parse_from(["redrive", "replay"].iter().chain(arguments)).unwrap();
        let Command::Replay(replay) = line.command else { panic!("{:?}", line.command) };
        replay
    }

    #[test]
    fn what_is_asked_for_is_what_the_function_understands() {
        let selection = Selection::Ids(vec![samples::letters()[0].id]);
        let id = JobId::from_random(7);
        let asked = replay(&["--canary", "3", "--rate", "9", "--max-failed", "1", "--alarm", "a", "--as-new"]);
        let guard = guard(&asked).unwrap();
        let Request::Job(understood) =
            Request::parse(&job((&selection, None), &guard, id, "ann", Some("fixed"))).unwrap()
        else {
            panic!("no job")
        };
        assert_eq!((&understood.selection, &understood.guard, understood.id), (&selection, &guard, Some(id)));
        assert_eq!((understood.by.as_str(), understood.why.as_deref()), ("ann", Some("fixed")));
        assert_eq!((guard.canary, guard.rate, guard.max_failed_percent, guard.as_new), (3, 9, 1, true));
        let plain = job((&selection, None), &Guard::default(), id, "ann", None);
        assert!(matches!(Request::parse(&plain).unwrap(), Request::Job(job) if job.guard == Guard::default()));
        let asked = replay(&["--now", "--forgotten-ok"]);
        assert!(matches!(
            Request::parse(&at_once((&selection, None), &asked, "ann", false)).unwrap(),
            Request::Replay { said, .. } if said.forgotten_ok && !said.as_new
        ));
        assert!(matches!(
            Request::parse(&at_once((&selection, None), &asked, "ann", true)).unwrap(),
            Request::DryRun { .. }
        ));
    }

    #[test]
    fn a_guard_out_of_its_range_is_refused_before_anything_is_asked() {
        assert!(matches!(guard(&replay(&["--rate", "0"])), Err(Error::Usage(why)) if why.contains("rate")));
        assert!(matches!(guard(&replay(&["--max-failed", "101"])), Err(Error::Usage(_))));
        assert!(Line::try_parse_from(["redrive", "replay", "--now", "--canary", "3"]).is_err());
    }
}
