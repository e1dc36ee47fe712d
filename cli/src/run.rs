//! Dispatch of commands to what they do over a stack.

use std::time::Duration;

use redrive_core::ids::JobId;
use redrive_core::letters::letter::Status;
use redrive_core::replay::job::JobState;
use redrive_core::time::Timestamp;
use serde_json::json;

use crate::act::{self, Doing};
use crate::args::{CliArgs, Command, CountArgs, CountedCauses, Export, Filters, List, Ordered, Steer};
use crate::clock::now;
use crate::completion::{Completion, Error};
use crate::deployed::FunctionHost;
use crate::filters::filter;
use crate::jobs::JobOverview;
use crate::out::{self, Out};
use crate::replay_function::Report;
use crate::so_far::SoFar;
use crate::stack_port::StackPort;
use crate::text::{hanging, indented, shown};
use crate::{
    causes, deploy_function, drain, eject, export, find, fixture, import, job_letters, jobs, list, replay, show,
    status, watch, who,
};
use redrive_operator::waiting::{self, WaitingLook};
use redrive_operator::walk::Wanted;
use redrive_operator::{board, letter_view};

/// Text for an interruption of a command before it has done anything of which it keeps count.
pub(crate) fn interruption(command: &Command) -> String {
    match command {
        Command::Console(_) => "the console has ended; jobs go on by themselves: redrive jobs".to_owned(),
        Command::Pause(Steer { job, .. }) | Command::Resume(Steer { job, .. }) | Command::Cancel(Steer { job, .. }) => {
            format!("interrupted; how the job stands: redrive watch {job}")
        }
        Command::Drain => "interrupted; the indexer goes on by itself: redrive status".to_owned(),
        Command::Import { .. } => {
            "interrupted; what was written stays, and the same command goes on from there".to_owned()
        }
        Command::DeployFunction(_) => "interrupted; the function may have its new code: redrive doctor".to_owned(),
        Command::Undeploy(_) => "interrupted; the same command goes on from there".to_owned(),
        _ => "interrupted; nothing was changed".to_owned(),
    }
}

/// Carries out a command over a stack.
pub(crate) async fn at<S: StackPort + FunctionHost>(
    access: &S,
    line: &CliArgs,
    stated: Option<&str>,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let by = async || who::named(access.caller().await.as_deref(), stated, who::user_at_host);
    match &line.command {
        Command::Causes(CountedCauses { count, filters }) => {
            let wanted = wanted(access, filters, vec![Status::Pending], now).await?;
            causes_of(access, &wanted, *count, (now, out)).await
        }
        Command::List(Ordered { job: Some(job), list, .. }) => {
            job_letters::list((&access.letters()?, &access.ledger()), *job, list.limit, (now, out)).await
        }
        Command::List(Ordered { list: List { filters, status, limit }, oldest, job: None }) => {
            let wanted = wanted(access, filters, status.statuses(), now).await?;
            let letters = access.letters()?;
            match oldest {
                true => list::oldest((&letters, &access.ledger()), &wanted, *limit, (now, out)).await,
                false => list::run((&letters, &access.ledger()), &wanted, *limit, (now, out)).await,
            }
        }
        Command::Export(Export { list: List { filters, status, limit }, output }) => {
            let wanted = wanted(access, filters, status.statuses(), now).await?;
            export::run(&access.letters()?, &wanted, *limit, (output.as_deref(), out)).await
        }
        Command::Find { text, all } => {
            let letters = access.letters()?;
            find::run((&letters, &access.ledger()), text, (&access.sources().await, *all), (now, out)).await
        }
        Command::Show { id } => one_letter(access, id, (now, out)).await,
        Command::Fixture(args) => fixture::run(args, access, (now, out)).await,
        Command::Status(count) => {
            let so_far = SoFar::new(out);
            let progress = |letters, cause: &str| so_far.add(letters, cause);
            let look = WaitingLook { now, exact: count.exact, progress: &progress };
            let board = status::gather(access, look).await?;
            so_far.clear();
            out.either(|| board::document(&board), |width| status::render(&board, now, width))?;
            Ok(Completion::Done)
        }
        Command::Jobs { closed } => {
            let table = access.letters()?;
            let found =
                if *closed { jobs::gather(&table, false).await? } else { jobs::gather_recent(&table, now).await? };
            out.either(|| jobs::documents(&found), |width| jobs::render(&found, now, width))?;
            Ok(Completion::Done)
        }
        Command::Watch { job, every } => {
            watch::run((&access.letters()?, &access.ledger()), *job, Duration::from_secs(*every), out).await
        }
        Command::Replay(args) => replay::run(args, access, &by().await?, (now, out)).await,
        Command::Eject(args) => eject::run(args, access, &by().await?, (now, out)).await,
        Command::Drain => drain::run(access, out).await,
        Command::Import { file, yes } => {
            let listed = access.queues().await;
            import::run(&access.letters()?, file, listed.as_deref(), *yes, (now, out)).await
        }
        Command::Pause(args) => steer("pause", args, access, &by().await?, out).await,
        Command::Resume(args) => steer("resume", args, access, &by().await?, out).await,
        Command::Cancel(args) => steer("cancel", args, access, &by().await?, out).await,
        Command::Discard(remark) => act::run(Doing::Discard, remark, access, &by().await?, (now, out)).await,
        Command::Restore(remark) => act::run(Doing::Restore, remark, access, &by().await?, (now, out)).await,
        Command::Note(remark) => act::run(Doing::Note, remark, access, &by().await?, (now, out)).await,
        Command::Erase(remark) => act::run(Doing::Erase, remark, access, &by().await?, (now, out)).await,
        Command::Free(remark) => act::run(Doing::Free, remark, access, &by().await?, (now, out)).await,
        Command::DeployFunction(args) => deploy_function::run(args, access, out).await,
        Command::Completions { .. }
        | Command::Console(_)
        | Command::Doctor(_)
        | Command::New(_)
        | Command::Undeploy(_) => Ok(Completion::Done),
    }
}

/// Counts the causes of letters.
async fn causes_of<S: StackPort>(
    access: &S,
    wanted: &Wanted,
    count: CountArgs,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let so_far = SoFar::new(out);
    let progress = |letters, cause: &str| so_far.add(letters, cause);
    let look = WaitingLook { now, exact: count.exact, progress: &progress };
    let tables = (&access.letters()?, &access.ledger());
    let found = waiting::gather(tables, wanted, &access.policies().await, look).await?;
    so_far.clear();
    // Of a cause that is not there the error says all.
    wanted.met(found.letters())?;
    out.either(|| found.json(), |width| causes::render(&found, now, width))?;
    Ok(Completion::Done)
}

/// Shows the one letter that a text names.
async fn one_letter<S: StackPort>(access: &S, name: &str, (now, out): (Timestamp, Out)) -> Result<Completion, Error> {
    let letters = access.letters()?;
    let Some(id) = find::one(&letters, name, access, (now, out)).await? else { return Ok(Completion::NotAsAsked) };
    let Some(view) = letter_view::gather(&letters, &access.ledger(), id).await? else {
        out::say(&format!("there is no letter {id}"));
        return Ok(Completion::NotAsAsked);
    };
    let policies = access.policies().await;
    let policy = policies.of(&view.letter.source);
    out.either(|| letter_view::document(&view, now), |width| show::render(&view, policy, now, width))?;
    Ok(Completion::Done)
}

async fn wanted<S: StackPort>(
    access: &S,
    filters: &Filters,
    statuses: Vec<Status>,
    now: Timestamp,
) -> Result<Wanted, Error> {
    Ok(Wanted { filter: filter(filters, access, now).await?, statuses })
}

/// Tells how a job stands after somebody steered it, who did that, and what can be done with one that has ended.
pub(crate) fn steered(id: JobId, overview: Option<&JobOverview>, now: Timestamp, width: usize) -> String {
    let Some(JobOverview { job, .. }) = overview else { return format!("Job {id} is not there\n") };
    let mut text = hanging(&format!("Job {id} is {}", job.state.as_str()), 2, width);
    text.push_str(&hanging(&format!("  {}", shown(&jobs::latest_event(job, now))), 2, width));
    if matches!(job.state, JobState::Stopped { .. } | JobState::Cancelled) {
        text.push_str(&hanging("It has ended. A new job sends what it never sent:", 2, width));
        text.push_str(&indented(&format!("redrive replay --job {id} --rest"), 2, width));
    }
    text
}

/// Pauses, resumes or ends a job.
async fn steer<S: StackPort>(action: &str, args: &Steer, access: &S, by: &str, out: Out) -> Result<Completion, Error> {
    let mut request = json!({"action": action, "job": args.job, "by": by});
    if let Some(why) = &args.why {
        request["why"] = json!(why);
    }
    let report = Report::read(access.ask(&request).await?)?;
    let overview = report.jobs.first().and_then(jobs::overview);
    // What was resumed goes on now, and what was cancelled is closed as soon as nothing of it is unknown.
    if report.refused.is_none()
        && let Err(error) = access.wake().await
    {
        out::say(&format!("{error}; the job goes on with the function's next run"));
    }
    let document = || {
        let mut all = overview.as_ref().map_or_else(|| report.json(), jobs::document);
        all["refused"] = json!(report.refused);
        all
    };
    let text = |width| {
        let refused = if report.refused.is_some() { report.render(width) } else { String::new() };
        format!("{refused}{}", steered(args.job, overview.as_ref(), now(), width))
    };
    out.either(document, text)?;
    Ok(report.ended())
}
