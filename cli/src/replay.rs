//! Sending letters back: as a guarded job, or at once.

use std::time::Duration;

use redrive_core::ids::{JobId, QueueArn};
use redrive_core::letters::letter::Status;
use redrive_core::replay::job::Guard;
use redrive_core::replay::{Edit, Selection};
use redrive_core::time::Timestamp;
use redrive_operator::request::add_edit;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::act::{confirm, confirmable, request, selection};
use crate::args::Replay;
use crate::aws::StackAccess;
use crate::completion::{Completion, Error};
use crate::edit;
use crate::jobs;
use crate::out::{self, Out};
use crate::preview::Preview;
use crate::replay_function::Report;
use crate::shown;
use crate::text::{lines, shown as printable};
use crate::watch;
use redrive_operator::written::queue;

/// Interval between looks at a job that is followed.
const LOOK: Duration = Duration::from_secs(2);

/// The guard that the options ask for.
pub(crate) fn guard(args: &Replay) -> Result<Guard, Error> {
    let usual = Guard::default();
    let guard = Guard {
        canary: args.canary.unwrap_or(usual.canary),
        rate: args.rate.unwrap_or(usual.rate),
        max_failed_percent: args.max_failed.unwrap_or(usual.max_failed_percent),
        alarm: args.alarm.clone(),
        forgotten_ok: args.forgotten_ok,
        as_new: args.as_new,
        after_replayed: args.after_replayed,
        allow_key_change: args.allow_key_change,
        ..usual
    };
    match guard.wrong() {
        Some((field, allowed)) => Err(Error::Usage(format!("{field} is out of its range ({allowed})"))),
        None => Ok(guard),
    }
}

/// Describes in a line what the job will do.
pub(crate) fn plan(guard: &Guard) -> String {
    let alarm =
        guard.alarm.as_ref().map_or(String::new(), |name| format!(" or {} is in ALARM", crate::text::shown(name)));
    format!(
        "As a job: {} first, then up to {} a second; it stops at over {} % failures{alarm}.",
        guard.canary, guard.rate, guard.max_failed_percent
    )
}

/// Warns about another queue before letters go there.
pub(crate) fn destination(to: &QueueArn, width: usize) -> String {
    let told = format!(
        "They go to {to} and not to their own queue. Redrive does not learn the outcome there: a letter \
         that was sent counts as a success, and only a person sends it again."
    );
    lines(&printable(&told), width).iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Letters of a replay, their destination and edit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) selection: &'a Selection,
    /// Destination, if it is not the letters' own queue.
    pub(crate) to: Option<&'a QueueArn>,
    /// Edit of the bodies that are sent, if there is one.
    pub(crate) edit: Option<&'a Edit>,
}

/// The request for a guarded job of that id, so that asking twice makes one job.
pub(crate) fn job(way: Way<'_>, guard: &Guard, id: JobId, by: &str, why: Option<&str>) -> Value {
    let mut request = request("job", way.selection, by);
    request["job"] = json!(id);
    for (name, value) in [
        ("to", json!(way.to)),
        ("why", json!(why)),
        ("canary", json!(guard.canary)),
        ("rate", json!(guard.rate)),
        ("max_failed_percent", json!(guard.max_failed_percent)),
        ("alarm", json!(guard.alarm)),
        ("forgotten_ok", json!(guard.forgotten_ok)),
        ("as_new", json!(guard.as_new)),
        ("after_replayed", json!(guard.after_replayed)),
        ("allow_key_change", json!(guard.allow_key_change)),
    ] {
        if !value.is_null() {
            request[name] = value;
        }
    }
    add_edit(&mut request, way.edit);
    request
}

/// The request that sends at once, or only tells what would be sent.
pub(crate) fn at_once(way: Way<'_>, args: &Replay, by: &str, dry_run: bool) -> Value {
    let mut request = request("replay", way.selection, by);
    if let Some(to) = way.to {
        request["to"] = json!(to);
    }
    request["forgotten_ok"] = json!(args.forgotten_ok);
    request["as_new"] = json!(args.as_new);
    request["after_replayed"] = json!(args.after_replayed);
    request["allow_key_change"] = json!(args.allow_key_change);
    request["dry_run"] = json!(dry_run);
    add_edit(&mut request, way.edit);
    request
}

/// Reads how the bodies of each queue are wrapped: only a patch needs to know.
async fn wrappings(access: &StackAccess, edit: &Edit) -> edit::Wrappings {
    if matches!(edit, Edit::Body(_)) {
        return edit::Wrappings::default();
    }
    let read = access.replay_environment().await.as_ref().and_then(edit::Wrappings::read);
    read.unwrap_or_else(|| {
        out::say("How bodies are wrapped could not be read (lambda:GetFunctionConfiguration); differences are shown as if they are not.");
        edit::Wrappings::default()
    })
}

/// Carries out the command: shows, asks, and replays.
pub(crate) async fn run(
    args: &Replay,
    access: &StackAccess,
    by: &str,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let (selection, guard) = (selection(&args.chosen, access, now)?, guard(args)?);
    let edit = edit::read(args)?;
    if !args.dry_run {
        confirmable(args.yes)?;
    }
    let to = args.to.as_deref().map(|name| queue("--to", name, access.stack.main_queue().as_ref())).transpose()?;
    let way = Way { selection: &selection, to: to.as_ref(), edit: edit.as_ref() };
    // The function says as of which instant, by AWS's clock, it has looked: what is shown after that is no less.
    let dry = Report::read(access.ask(&at_once(way, args, by, true)).await?)?;
    dry.as_of().and_then(|aws| shown::clock(now, aws)).iter().for_each(|told| out::say(told));
    let letters = access.letters()?;
    let preview = Preview::of(&letters, &selection, vec![Status::Pending]).await?;
    preview.met(&selection)?;
    let edits = match &edit {
        Some(edit) => edit::gather(&letters, &selection, edit, &wrappings(access, edit).await).await?,
        None => Vec::new(),
    };
    let differences = if edit.is_some() { edit::render(&edits, preview.letters(), out.width) } else { String::new() };
    let waiting = preview.render("waiting", now, out.width);
    let goes = to.as_ref().map_or(String::new(), |to| destination(to, out.width));
    let screen = format!("{waiting}{differences}{}{goes}", dry.render(out.width));
    if args.dry_run {
        let document = || {
            let mut all = redrive_operator::causes::document(&preview.causes);
            all["dry_run"] = dry.json();
            if edit.is_some() {
                all["edits"] = edits.iter().map(edit::EditPreview::json).collect();
            }
            all
        };
        out.either(document, |_| screen)?;
        return Ok(dry.ended());
    }
    out::say(screen.trim_end());
    if dry.of("would_send") == 0 && !dry.more {
        out.either(|| dry.json(), |_| "Nothing to send.\n".to_owned())?;
        return Ok(dry.ended());
    }
    let (fixed, left_out) = preview.fixed(&selection, dry.as_of());
    if left_out > 0 && !args.now {
        out::say(&format!(
            "{left_out} of them changed less than five minutes ago, and are left out of the job: replay what is left after it."
        ));
    }
    let plan = if args.now { "At once, and without a guard.".to_owned() } else { plan(&guard) };
    confirm(args.yes, &format!("{plan} Go on?"))?;
    if args.now {
        let report = preview.carry_out((access, &letters), &selection, at_once(way, args, by, false)).await?;
        out.either(|| report.json(), |width| report.render(width))?;
        return Ok(report.ended());
    }
    create(Way { selection: &fixed, ..way }, &guard, args, (access, by), out).await
}

async fn create(
    way: Way<'_>,
    guard: &Guard,
    args: &Replay,
    (access, by): (&StackAccess, &str),
    out: Out,
) -> Result<Completion, Error> {
    let id = JobId::from_random(Uuid::new_v4().as_u128());
    let report = Report::read(access.ask(&job(way, guard, id, by, args.why.as_deref())).await?)?;
    if report.refused.is_none()
        && let Err(error) = access.wake().await
    {
        out::say(&format!("{error}; the job begins with the function's next run"));
    }
    if args.watch && report.refused.is_none() {
        out::say(&format!("Job {id}; who stops to follow it stops nothing."));
        return watch::run((&access.letters()?, &access.ledger()), id, LOOK, out).await;
    }
    let told = report.jobs.first().and_then(jobs::overview);
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
    use crate::args::{CliArgs, Command};
    use redrive_operator::samples;

    pub(crate) fn replay(arguments: &[&str]) -> Replay {
        let line = CliArgs::try_parse_from(["redrive", "replay"].iter().chain(arguments)).unwrap();
        let Command::Replay(replay) = line.command else { panic!("{:?}", line.command) };
        replay
    }

    #[test]
    fn what_is_asked_for_is_what_the_function_understands() {
        let selection = Selection::Ids(vec![samples::letters()[0].id]);
        let way = Way { selection: &selection, to: None, edit: None };
        let id = JobId::from_random(7);
        let args = replay(&[
            "--canary",
            "3",
            "--rate",
            "9",
            "--max-failed",
            "1",
            "--alarm",
            "a",
            "--as-new",
            "--after-replayed",
            "--allow-key-change",
        ]);
        let guard = guard(&args).unwrap();
        let Request::Job(understood) = Request::parse(&job(way, &guard, id, "ann", Some("fixed"))).unwrap() else {
            panic!("no job")
        };
        assert_eq!((&understood.selection, &understood.guard, understood.id), (&selection, &guard, Some(id)));
        assert_eq!((understood.by.as_str(), understood.why.as_deref()), ("ann", Some("fixed")));
        assert_eq!((guard.canary, guard.rate, guard.max_failed_percent, guard.as_new), (3, 9, 1, true));
        assert!(guard.after_replayed && guard.allow_key_change && understood.to.is_none());
        let plain = job(way, &Guard::default(), id, "ann", None);
        assert!(matches!(Request::parse(&plain).unwrap(), Request::Job(job) if job.guard == Guard::default()));
        let args = replay(&["--now", "--forgotten-ok"]);
        assert!(matches!(
            Request::parse(&at_once(way, &args, "ann", false)).unwrap(),
            Request::Replay { options, .. } if options.forgotten_ok && !options.as_new
        ));
        assert!(matches!(Request::parse(&at_once(way, &args, "ann", true)).unwrap(), Request::DryRun { .. }));
        let to = QueueArn::parse("arn:aws:sqs:eu-west-1:1:refunds").unwrap();
        let way = Way { to: Some(&to), ..way };
        let destination = Request::parse(&job(way, &Guard::default(), id, "ann", None)).unwrap();
        assert!(matches!(destination, Request::Job(job) if job.to.as_ref() == Some(&to)));
        for dry in [true, false] {
            let said = match Request::parse(&at_once(way, &args, "ann", dry)).unwrap() {
                Request::Replay { options, .. } | Request::DryRun { options, .. } => options,
                other => panic!("{other:?}"),
            };
            assert_eq!(said.to.as_ref(), Some(&to), "{dry}");
        }
    }

    #[test]
    fn a_guard_out_of_its_range_is_refused_before_anything_is_asked() {
        assert!(matches!(guard(&replay(&["--rate", "0"])), Err(Error::Usage(why)) if why.contains("rate")));
        assert!(matches!(guard(&replay(&["--max-failed", "101"])), Err(Error::Usage(_))));
        assert!(CliArgs::try_parse_from(["redrive", "replay", "--now", "--canary", "3"]).is_err());
    }
}
