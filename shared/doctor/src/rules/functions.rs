//! Functions, and our indexer and replay.

use super::judging::{Judgement, look, wrong};
use super::wording::{count, time};
use crate::Mend;
use crate::deployment::{ExaminedPair, Function, Installation, Unread};
use redrive_core::message::source::LONGEST_LOOK;

/// Age in seconds after which a message counts as one that the indexer cannot take.
const STUCK: u64 = 900;

pub(super) fn inactive(function: &Function) -> Judgement {
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

pub(super) fn stopped(function: &Function) -> Judgement {
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

pub(super) fn errors(function: &Function) -> Judgement {
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

pub(super) fn dropped(function: &Function) -> Judgement {
    let dropped = *look(&function.dropped)?;
    wrong(
        dropped > 0,
        || format!("{} in the last hour, because their messages go round", count(dropped, "dropped invocation")),
        || {
            let arguments = ["aws", "lambda", "get-function-recursion-config", "--function-name", &function.name];
            Mend::command(&arguments, "a handler that does not send to the queue that feeds it")
        },
    )
}

pub(super) fn throttles(function: &Function) -> Judgement {
    let throttles = *look(&function.throttles)?;
    wrong(
        throttles > 0,
        || format!("{} in the last hour", count(throttles, "throttled invocation")),
        || Mend::words("a lower MaximumConcurrency of its mappings, or more concurrency for it or its account"),
    )
}

pub(super) fn denied(function: &Function) -> Judgement {
    let permissions = look(&function.permissions)?;
    let denied: Vec<_> = permissions.iter().filter(|one| one.allowed == Ok(false)).collect();
    if denied.is_empty()
        && let Some(why) = permissions.iter().find_map(|one| one.allowed.as_ref().err())
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

pub(super) fn no_destination(function: &Function) -> Judgement {
    wrong(
        look(&function.failure_destination)?.is_none(),
        || "what fails for good when it is woken leaves no trace".to_owned(),
        || Mend::words("EventInvokeConfig: DestinationConfig: OnFailure: {Type: SQS, Destination: ...}"),
    )
}

pub(super) fn failed_invocations(ours: &Installation) -> Judgement {
    let Some((queue, waiting)) = &ours.failed_invocations else { return Ok(None) };
    let waiting = *look(waiting)?;
    wrong(
        waiting > 0,
        || format!("{} of indexer, replay or schedule in {queue}", count(waiting, "failed invocation")),
        || Mend::words("read what they say, mend it, and delete them; the next sweep does the work"),
    )
}

pub(super) fn short_visibility(pair: &ExaminedPair, ours: &Installation) -> Judgement {
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

pub(super) fn not_drained(pair: &ExaminedPair, _: &Installation) -> Judgement {
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

pub(super) fn moved_away(pair: &ExaminedPair, _: &Installation) -> Judgement {
    let Some(dead) = pair.dead.as_ref().filter(|_| pair.custody) else { return Ok(None) };
    let Some(task) = look(&pair.moves)?.first() else { return Ok(None) };
    let to = task.to.as_deref().map_or("where they came from", super::name);
    wrong(
        true,
        || format!("a task moves its messages to {to} ({} by now), and the indexer takes them, too", task.moved),
        || {
            let arguments = ["aws", "sqs", "cancel-message-move-task", "--task-handle", &task.handle];
            Mend::command(&arguments, format!("one of them: cancel the task, or set Custody: off for {}", dead.name()))
        },
    )
}

pub(super) fn may_not_ring(ours: &Installation) -> Judgement {
    let Some(doorbell) = &ours.doorbell else { return Ok(None) };
    let lets = match &doorbell.policy {
        Ok(policy) => super::alarms::judged(policy.lets_topic("lambda:InvokeFunction", &doorbell.topic))?,
        Err(Unread::Absent) => false,
        Err(why) => return Err(why.clone()),
    };
    wrong(
        !lets,
        || format!("its policy does not let {} invoke it: an alarm wakes nobody", super::name(&doorbell.topic)),
        || {
            let start = ["aws", "lambda", "add-permission", "--function-name", &ours.indexer.name];
            let rest =
                ["--statement-id", "doorbell", "--action", "lambda:InvokeFunction", "--principal", "sns.amazonaws.com"];
            let source = ["--source-arn", &doorbell.topic];
            Mend::command(
                &[&start[..], &rest, &source].concat(),
                "deploy the stack again: its AWS::Lambda::Permission was removed",
            )
        },
    )
}

pub(super) fn two_takers(pair: &ExaminedPair, _: &Installation) -> Judgement {
    let Some(dead) = pair.dead.as_ref().filter(|_| pair.custody) else { return Ok(None) };
    let others = look(&pair.dead_consumers)?;
    wrong(
        !others.is_empty(),
        || format!("{} and the indexer both empty {}", others.join(", "), dead.name()),
        || Mend::words("one of them: delete the other's event source mapping, or set Custody: off"),
    )
}
