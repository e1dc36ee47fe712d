//! Sending letters back: as a guarded job, or at once.

use std::time::Duration;

use redrive_core::ids::{JobId, QueueArn};
use redrive_core::letters::letter::Status;
use redrive_core::replay::job::{Guard, IDS};
use redrive_core::replay::{Edit, Selection};
use redrive_core::time::Timestamp;
use redrive_operator::job_holders::JobHolders;
use redrive_operator::job_rest::JobRest;
use serde_json::Value;
use uuid::Uuid;

use crate::act::{confirm, confirmable};
use crate::args::Replay;
use crate::choose::choose;
use crate::completion::{Completion, Error};
use crate::dry_run::dry_run;
use crate::edit;
use crate::filters::queue;
use crate::interrupt;
use crate::jobs;
use crate::long_list::LongList;
use crate::out::{self, Out};
use crate::preview::Preview;
use crate::replay_function::Report;
use crate::replay_request::{Way, at_once, job};
use crate::shown;
use crate::stack_port::StackPort;
use crate::text::{count, lines, shown as printable};
use crate::watch;

/// Interval between looks at a job that is followed.
const LOOK: Duration = Duration::from_secs(2);

/// The guard that the options ask for; what they leave open is as usual.
pub(crate) fn guard(args: &Replay, usual: Guard) -> Result<Guard, Error> {
    let guard = Guard {
        canary: args.canary.unwrap_or(usual.canary),
        rate: args.rate.unwrap_or(usual.rate),
        max_failed_percent: args.max_failed.unwrap_or(usual.max_failed_percent),
        alarm: args.alarm.clone().or(usual.alarm),
        forgotten_ok: args.forgotten_ok || usual.forgotten_ok,
        as_new: args.as_new || usual.as_new,
        after_replayed: args.after_replayed || usual.after_replayed,
        allow_key_change: args.allow_key_change || usual.allow_key_change,
        ..usual
    };
    match guard.wrong() {
        Some((field, allowed)) => Err(Error::Usage(format!("{field} is out of its range ({allowed})"))),
        None => Ok(guard),
    }
}

/// Describes what a job over so many letters will do.
pub(crate) fn plan(guard: &Guard, letters: u64) -> String {
    let first = match guard.canary {
        0 => String::new(),
        canary => format!("{} first, ", u64::from(canary).min(letters)),
    };
    let pace = match guard.is_small(letters) {
        _ if letters <= u64::from(guard.canary) => "no more".to_owned(),
        true => format!("then no more at once than have succeeded, up to {} a second", guard.rate),
        false => format!("then in steps of a minute 1, 5, 25 and 100 % of {} a second", guard.rate),
    };
    let alarm =
        guard.alarm.as_ref().map_or(String::new(), |name| format!(" or {} is in ALARM", crate::text::shown(name)));
    format!("As a job: {first}{pace}; it stops at over {} % failures{alarm}.", guard.max_failed_percent)
}

/// Warns about another queue before letters go there.
pub(crate) fn destination(to: &QueueArn, width: usize) -> String {
    let warning = format!(
        "They go to {to} and not to their own queue. Redrive does not learn the outcome there: a letter \
         that was sent counts as a success, and only a person sends it again."
    );
    lines(&printable(&warning), width).iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Reads how the bodies of each queue are wrapped: only a patch needs to know.
async fn wrappings<S: StackPort>(access: &S, edit: &Edit) -> edit::Wrappings {
    if matches!(edit, Edit::Body(_)) {
        return edit::Wrappings::default();
    }
    let read = access.replay_environment().await.as_ref().and_then(edit::Wrappings::read);
    read.unwrap_or_else(|| {
        out::say("How bodies are wrapped could not be read (lambda:GetFunctionConfiguration); differences are shown as if they are not.");
        edit::Wrappings::default()
    })
}

/// Letters that are replayed, and the terms, as the command line says or the job whose rest they are.
struct ReplayTerms {
    selection: Selection,
    guard: Guard,
    edit: Option<Edit>,
    to: Option<QueueArn>,
    why: Option<String>,
}

impl ReplayTerms {
    async fn read<S: StackPort>(args: &Replay, access: &S, now: Timestamp) -> Result<Self, Error> {
        let to = match args.to.as_deref() {
            Some(name) => Some(queue("--to", name, access).await?),
            None => None,
        };
        if let Some(job) = args.job {
            let rest = JobRest::of(&access.letters()?, job).await?;
            if rest.undecided > 0 {
                out::say(&undecided(&rest));
            }
            let why = args.why.clone().unwrap_or_else(|| rest.why());
            let (selection, guard) = (rest.selection(), guard(args, rest.job.guard)?);
            return Ok(Self { selection, guard, edit: rest.job.edit, to: to.or(rest.job.to), why: Some(why) });
        }
        let (guard, edit) = (guard(args, Guard::default())?, edit::read(args)?);
        let selection = choose(&args.chosen, access, &[Status::Pending], now).await?;
        Ok(Self { selection, guard, edit, to, why: args.why.clone() })
    }
}

/// Remark on what the rest of a job does not have yet.
pub(crate) fn undecided(rest: &JobRest) -> String {
    let letters = count(rest.undecided as u64, "letter", "letters");
    format!("{letters} that job {} had planned are not among them: ask again once it is closed.", rest.job.id)
}

/// Carries out the command: shows, asks, and replays.
pub(crate) async fn run<S: StackPort>(
    args: &Replay,
    access: &S,
    by: &str,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    if !args.dry_run {
        confirmable(args.yes)?;
    }
    let ReplayTerms { selection, guard, edit, to, why } = ReplayTerms::read(args, access, now).await?;
    let way = Way { selection: &selection, to: to.as_ref(), edit: edit.as_ref() };
    let letters = access.letters()?;
    let look = async {
        // The function says as of which instant, by AWS's clock, it has looked: what is shown after that is no less.
        let dry = dry_run((access, &letters), way, &guard, by).await?;
        let holders = JobHolders::read(&letters).await?;
        let preview = Preview::of(&letters, &selection, vec![Status::Pending], &holders).await?;
        Ok::<_, Error>((dry, holders, preview))
    };
    let (dry, holders, preview) = out::patiently(look).await?;
    dry.as_of().and_then(|aws| shown::clock(now, aws)).iter().for_each(|warning| out::say(warning));
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
    preview.warn(&holders);
    if dry.of("would_send") == 0 && !dry.more {
        out.either(|| dry.json(), |_| "Nothing to send.\n".to_owned())?;
        return Ok(dry.ended());
    }
    let fixed = preview.fixed(&selection, dry.as_of());
    let plan = if args.now { "At once, and without a guard.".to_owned() } else { plan(&guard, preview.letters()) };
    confirm(args.yes, &format!("{plan} Go on?"))?;
    if args.now {
        let report = preview.carry_out((access, &letters), &selection, at_once(way, &guard, by, false)).await?;
        out.either(|| report.json(), |width| report.render(width))?;
        return Ok(report.ended());
    }
    let list = long_list(&fixed, &preview)?;
    let selection = list.as_ref().map_or(fixed, |list| Selection::Listed(list.listed.clone()));
    let id = JobId::from_random(Uuid::new_v4().as_u128());
    let request = job(Way { selection: &selection, ..way }, &guard, id, by, why.as_deref());
    create(id, (&request, list.as_ref()), args.watch, (access, by), out).await
}

/// The list of a job that has more letters than fit its request.
fn long_list(fixed: &Selection, preview: &Preview) -> Result<Option<LongList>, Error> {
    let Selection::Shown(shown) = fixed else { return Ok(None) };
    if shown.letters.len() <= IDS {
        return Ok(None);
    }
    let mut sources = preview.sources.iter();
    match (sources.next(), sources.next()) {
        (Some(source), None) => Ok(Some(LongList::new(source.clone(), preview.in_order(), shown.named))),
        _ => Err(Error::Usage("a job is of one queue, and these letters are of several: make one for each".to_owned())),
    }
}

async fn create<S: StackPort>(
    id: JobId,
    (request, list): (&Value, Option<&LongList>),
    followed: bool,
    (access, by): (&S, &str),
    out: Out,
) -> Result<Completion, Error> {
    interrupt::explain(format!("interrupted while the job was made; whether it is there: redrive watch {id}"));
    let mut report = Report::read(access.ask(request).await?)?;
    if let Some(list) = list.filter(|_| report.refused.is_none()) {
        report = list.hand_over(access, (id, request), by).await?;
    }
    if report.refused.is_none()
        && let Err(error) = access.wake().await
    {
        out::say(&format!("{error}; the job begins with the function's next run"));
    }
    if followed && report.refused.is_none() {
        out::say(&format!("Job {id}; who stops to follow it stops nothing."));
        return watch::run((&access.letters()?, &access.ledger()), id, LOOK, out).await;
    }
    let overview = report.jobs.first().and_then(jobs::overview);
    let document = || overview.as_ref().map_or_else(|| report.json(), jobs::document);
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
        let guard = guard(&args, Guard::default()).unwrap();
        let Request::Job(understood) = Request::parse(&job(way, &guard, id, "ann", Some("fixed"))).unwrap() else {
            panic!("no job")
        };
        assert_eq!((&understood.selection, &understood.guard, understood.id), (&selection, &guard, Some(id)));
        assert_eq!((understood.by.as_str(), understood.why.as_deref()), ("ann", Some("fixed")));
        assert_eq!((guard.canary, guard.rate, guard.max_failed_percent, guard.as_new), (3, 9, 1, true));
        assert!(guard.after_replayed && guard.allow_key_change && understood.to.is_none());
        let plain = job(way, &Guard::default(), id, "ann", None);
        assert!(matches!(Request::parse(&plain).unwrap(), Request::Job(job) if job.guard == Guard::default()));
        let args = super::guard(&replay(&["--now", "--forgotten-ok"]), Guard::default()).unwrap();
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
    fn the_rest_of_a_job_goes_on_its_terms_but_for_what_is_given_anew() {
        let alarm = Some("a".to_owned());
        let before = Guard {
            rate: 7,
            canary: 2,
            as_new: true,
            alarm,
            max_backlog: None,
            outcome_seconds: 60,
            ..Guard::default()
        };
        let id = "4f288ddb-bee5-5761-b732-cb895e5547b3";
        let args = replay(&["--job", id, "--rest", "--rate", "9"]);
        let terms = guard(&args, before.clone()).unwrap();
        assert_eq!(terms, Guard { rate: 9, ..before });
        let selection = Selection::Ids(vec![samples::letters()[0].id]);
        let way = Way { selection: &selection, to: None, edit: None };
        let request = job(way, &terms, JobId::from_random(7), "ann", None);
        assert!(matches!(Request::parse(&request).unwrap(), Request::Job(new) if new.guard == terms), "{request}");
        for wrong in
            [&["--job", id][..], &["--rest"], &["--job", id, "--rest", "--cause", "c"], &["--job", id, "--rest", id]]
        {
            let line = ["redrive", "replay"].iter().chain(wrong);
            assert!(CliArgs::try_parse_from(line).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_guard_out_of_its_range_is_refused_before_anything_is_asked() {
        assert!(
            matches!(guard(&replay(&["--rate", "0"]), Guard::default()), Err(Error::Usage(why)) if why.contains("rate"))
        );
        assert!(matches!(guard(&replay(&["--max-failed", "101"]), Guard::default()), Err(Error::Usage(_))));
        assert!(CliArgs::try_parse_from(["redrive", "replay", "--now", "--canary", "3"]).is_err());
    }
}
