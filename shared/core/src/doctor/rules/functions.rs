//! Functions, and our indexer and replay.

use super::judging::{Answer, look, wrong};
use super::queues::{count, time};
use crate::doctor::Mend;
use crate::doctor::deployment::{Function, Installation, Pair};
use crate::source::LONGEST_LOOK;

/// What the indexer has not taken by then, it cannot take.
const STUCK: u64 = 900;

pub(super) fn inactive(function: &Function) -> Answer {
    let settings = look(&function.settings)?;
    let (failed, update) = (settings.state == "Failed", settings.last_update == "Failed");
    wrong(
        failed || update,
        || if failed { "its state is Failed: it cannot run".to_owned() } else { "its last update failed".to_owned() },
        || {
            Mend::command(
                &["aws", "lambda", "get-function-configuration", "--function-name", &function.name],
                "what StateReason or LastUpdateStatusReason says, then deploy again",
            )
        },
    )
}

pub(super) fn stopped(function: &Function) -> Answer {
    wrong(
        *look(&function.reserved)? == Some(0),
        || "its reserved concurrency is 0: every invocation is throttled".to_owned(),
        || {
            Mend::command(
                &["aws", "lambda", "delete-function-concurrency", "--function-name", &function.name],
                "no ReservedConcurrentExecutions, or more than 0",
            )
        },
    )
}

pub(super) fn errors(function: &Function) -> Answer {
    let errors = *look(&function.errors)?;
    wrong(
        errors > 0,
        || format!("{} in the last hour", count(errors, "failed invocation")),
        || {
            Mend::command(
                &["aws", "logs", "tail", &format!("/aws/lambda/{}", function.name), "--since", "1h"],
                "what its log says",
            )
        },
    )
}

pub(super) fn throttles(function: &Function) -> Answer {
    let throttles = *look(&function.throttles)?;
    wrong(
        throttles > 0,
        || format!("{} in the last hour", count(throttles, "throttled invocation")),
        || Mend::words("a lower MaximumConcurrency of its mappings, or more concurrency for it or its account"),
    )
}

pub(super) fn denied(function: &Function) -> Answer {
    let asked = look(&function.permissions)?;
    let denied: Vec<_> = asked.iter().filter(|one| one.allowed == Ok(false)).collect();
    if denied.is_empty()
        && let Some(why) = asked.iter().find_map(|one| one.allowed.as_ref().err())
    {
        return Err(why.clone());
    }
    wrong(
        !denied.is_empty(),
        || {
            let each = denied.iter().map(|one| format!("{} on {}", one.action, super::name(&one.resource)));
            format!("its role may not {}", each.collect::<Vec<_>>().join(", "))
        },
        || {
            let actions: Vec<_> = denied.iter().map(|one| one.action.as_str()).collect();
            Mend::words(format!("a statement of its role: Effect: Allow, Action: [{}]", actions.join(", ")))
        },
    )
}

pub(super) fn no_destination(function: &Function) -> Answer {
    wrong(
        look(&function.failure_destination)?.is_none(),
        || "what fails for good when it is woken leaves no trace".to_owned(),
        || Mend::words("EventInvokeConfig: DestinationConfig: OnFailure: {Type: SQS, Destination: ...}"),
    )
}

pub(super) fn failed_invocations(ours: &Installation) -> Answer {
    let Some((queue, waiting)) = &ours.failed_invocations else { return Ok(None) };
    let waiting = *look(waiting)?;
    wrong(
        waiting > 0,
        || format!("{} of indexer, replay or schedule in {queue}", count(waiting, "failed invocation")),
        || Mend::words("read what they say, mend it, and delete them; the next sweep does the work"),
    )
}

pub(super) fn short_visibility(pair: &Pair, ours: &Installation) -> Answer {
    let Some(dead) = pair.dead.as_ref().filter(|_| pair.custody) else { return Ok(None) };
    let visibility = look(&dead.attributes)?.visibility;
    // It looks again and again within a run.
    let timeout = look(&ours.indexer.settings)?.timeout.min(LONGEST_LOOK.as_secs());
    wrong(
        visibility < timeout,
        || {
            let (timeout, visibility) = (time(timeout), time(visibility));
            format!(
                "the indexer works on what it received for {timeout}, and {} gives it out again after {visibility}",
                dead.name()
            )
        },
        || {
            Mend::attribute(
                dead,
                &format!("VisibilityTimeout={timeout}"),
                format!("VisibilityTimeout: {timeout} of the dead-letter queue"),
            )
        },
    )
}

pub(super) fn not_drained(pair: &Pair, _: &Installation) -> Answer {
    let Some(dead) = pair.dead.as_ref().filter(|_| pair.custody) else { return Ok(None) };
    if look(&dead.attributes)?.visible == 0 {
        return Ok(None);
    }
    let age = look(&dead.oldest)?.unwrap_or(0);
    wrong(
        age > STUCK,
        || format!("a message waits in {} for {}, and the indexer does not take it", dead.name(), time(age)),
        || {
            Mend::words(
                "see the indexer's log and its schedule: a message that it cannot index stays, and is counted there",
            )
        },
    )
}

pub(super) fn two_takers(pair: &Pair, _: &Installation) -> Answer {
    let Some(dead) = pair.dead.as_ref().filter(|_| pair.custody) else { return Ok(None) };
    let others = look(&pair.dead_consumers)?;
    wrong(
        !others.is_empty(),
        || format!("{} and the indexer both empty {}", others.join(", "), dead.name()),
        || Mend::words("one of them: delete the other's event source mapping, or set Custody: off"),
    )
}
