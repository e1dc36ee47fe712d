//! Event source mappings and their functions.

use super::judging::{Judgement, look, wrong};
use super::wording::{count, time};
use crate::Mend;
use crate::deployment::{Alarms, Consumer, ExaminedPair, Fact, Function};
use crate::processor::ProcessorSettings;
use redrive_core::processing::ledger::LEASE_MARGIN;
use redrive_core::settings::{
    HANDLER_ENDS_FIRST, LEASE_ENDS_FIRST, RECEIVES_FOR_ATTEMPTS, RETENTION_MARGIN, SIX_TIMEOUTS,
};

const DAY: u64 = 24 * 3_600;

fn timeouts(consumer: &Consumer, pair: &ExaminedPair) -> Fact<(u64, u64)> {
    Ok((look(&pair.source.attributes)?.visibility, look(&consumer.function.settings)?.timeout))
}

/// The processor, if it is ours.
fn ours(consumer: &Consumer) -> Fact<Option<&ProcessorSettings>> {
    Ok(look(&look(&consumer.function.settings)?.processor)?.as_ref())
}

fn longer(pair: &ExaminedPair, seconds: u64) -> Mend {
    Mend::attribute(&pair.source, &format!("VisibilityTimeout={seconds}"), format!("VisibilityTimeout: {seconds}"))
}

pub(super) fn below_timeout(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    let (visibility, timeout) = timeouts(consumer, pair)?;
    wrong(
        visibility < timeout,
        || {
            let queue = pair.source.name();
            format!(
                "it may work for {}, and {queue} gives its messages to others after {}",
                time(timeout),
                time(visibility)
            )
        },
        || longer(pair, SIX_TIMEOUTS.least(timeout) + consumer.window),
    )
}

pub(super) fn below_six(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    let (visibility, timeout) = timeouts(consumer, pair)?;
    let advised = SIX_TIMEOUTS.least(timeout) + consumer.window;
    wrong(
        visibility >= timeout && visibility < advised,
        || {
            let queue = pair.source.name();
            format!(
                "its timeout is {}, and the visibility timeout of {queue} {} instead of {}",
                time(timeout),
                time(visibility),
                time(advised)
            )
        },
        || longer(pair, advised),
    )
}

pub(super) fn whole_batches(consumer: &Consumer, _: &ExaminedPair) -> Judgement {
    let foreign = ours(consumer)?.is_none();
    wrong(
        foreign && !consumer.partial_responses && consumer.batch_size > 1,
        || format!("one failure makes a whole batch of up to {} run again", consumer.batch_size),
        || partial(consumer),
    )
}

pub(super) fn answers_ignored(consumer: &Consumer, _: &ExaminedPair) -> Judgement {
    let is_ours = ours(consumer)?.is_some();
    wrong(
        is_ours && !consumer.partial_responses,
        || "Lambda ignores which messages it returns, and deletes them".to_owned(),
        || partial(consumer),
    )
}

fn partial(consumer: &Consumer) -> Mend {
    Mend::mapping(
        consumer,
        &["--function-response-types", "ReportBatchItemFailures"],
        "FunctionResponseTypes: [ReportBatchItemFailures], and a function that answers so",
    )
}

pub(super) fn unlimited(consumer: &Consumer, _: &ExaminedPair) -> Judgement {
    wrong(
        consumer.maximum_concurrency.is_none() && consumer.pollers.is_none(),
        || "its mapping has no maximum concurrency".to_owned(),
        || {
            Mend::mapping(
                consumer,
                &["--scaling-config", "MaximumConcurrency=10"],
                "ScalingConfig: {MaximumConcurrency: 10}",
            )
        },
    )
}

/// Batches that a provisioned poller hands over at a time, at most.
const BATCHES_A_POLLER: u32 = 10;
/// Executions that indexer, replay and other functions need beside it.
const OTHERS: u32 = 5;

/// Returns the limit of executions that the mapping starts at once, if there is one.
fn at_once(consumer: &Consumer) -> Option<u32> {
    consumer.maximum_concurrency.or_else(|| Some(consumer.pollers?.saturating_mul(BATCHES_A_POLLER)))
}

pub(super) fn crowded_account(consumer: &Consumer, _: &ExaminedPair) -> Judgement {
    let account = *look(&consumer.account_concurrency)?;
    let Some(maximum) = at_once(consumer) else { return Ok(None) };
    wrong(
        account < maximum.saturating_add(OTHERS),
        || format!("its mapping may start {maximum} at once, and the whole account has {account} executions"),
        || Mend::words("a higher quota \"Concurrent executions\" of the account, or a lower MaximumConcurrency"),
    )
}

pub(super) fn under_reserved(consumer: &Consumer, _: &ExaminedPair) -> Judgement {
    let Some(reserved) = look(&consumer.function.reserved)?.filter(|reserved| *reserved > 0) else { return Ok(None) };
    let Some(maximum) = at_once(consumer) else { return Ok(None) };
    wrong(
        reserved < maximum,
        || {
            format!(
                "its mapping may start {maximum} at once, and only {reserved} are reserved: the others are throttled"
            )
        },
        || Mend::words("ReservedConcurrentExecutions of at least the MaximumConcurrency of all its mappings, or none"),
    )
}

pub(super) fn disabled(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    wrong(
        matches!(consumer.state.as_str(), "Disabled" | "Disabling"),
        || {
            format!(
                "its mapping is {}: nothing takes the messages of {}",
                consumer.state.to_lowercase(),
                pair.source.name()
            )
        },
        || Mend::mapping(consumer, &["--enabled"], "Enabled: true"),
    )
}

pub(super) fn failing(consumer: &Consumer, _: &ExaminedPair) -> Judgement {
    wrong(
        consumer.last_result.starts_with("PROBLEM"),
        || format!("Lambda says of its mapping: {}", consumer.last_result),
        || Mend::words("what the text says: mostly a permission of the function's role, or of the queue's key"),
    )
}

pub(super) fn too_few_receives(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    let Some(redrive) = &look(&pair.source.attributes)?.redrive else { return Ok(None) };
    let Some(processor) = ours(consumer)? else { return Ok(None) };
    let least = RECEIVES_FOR_ATTEMPTS.least(processor.attempts.into());
    wrong(
        u64::from(redrive.receives) < least,
        || {
            format!(
                "its schedule has {}, and a message is dead after {}",
                count(processor.attempts, "attempt"),
                count(redrive.receives, "receive")
            )
        },
        || {
            Mend::words(format!(
                "MaxReceiveCount: {least} (maxReceiveCount of RedrivePolicy), or a shorter RetrySchedule"
            ))
        },
    )
}

pub(super) fn long_lease(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    let visibility = look(&pair.source.attributes)?.visibility;
    let Some(processor) = ours(consumer)? else { return Ok(None) };
    let lease = processor.handler_timeout + LEASE_MARGIN.as_secs();
    wrong(
        !LEASE_ENDS_FIRST.holds(visibility, processor.handler_timeout)
            && visibility >= look(&consumer.function.settings)?.timeout,
        || format!("its lease lasts {}, and the visibility timeout {}", time(lease), time(visibility)),
        || {
            longer(
                pair,
                look(&consumer.function.settings).map_or(lease + 1, |settings| SIX_TIMEOUTS.least(settings.timeout)),
            )
        },
    )
}

pub(super) fn long_handler(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    let (visibility, timeout) = timeouts(consumer, pair)?;
    let Some(processor) = ours(consumer)? else { return Ok(None) };
    wrong(
        // A lease that outlasts the visibility timeout has a rule of its own.
        !HANDLER_ENDS_FIRST.holds(timeout, processor.handler_timeout)
            && LEASE_ENDS_FIRST.holds(visibility, processor.handler_timeout),
        || {
            let handler = time(processor.handler_timeout);
            format!("its handler may work for {handler}, and Lambda ends the function after {}", time(timeout))
        },
        || Mend::words(format!("HandlerTimeoutSeconds below {timeout}, or a longer ProcessorTimeoutSeconds")),
    )
}

pub(super) fn drifted(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    let queue = look(&pair.source.attributes)?;
    let Some(processor) = ours(consumer)? else { return Ok(None) };
    let mut other = Vec::new();
    if processor.visibility != queue.visibility {
        other.push(format!(
            "a visibility timeout of {}, which is {}",
            time(processor.visibility),
            time(queue.visibility)
        ));
    }
    if let Some(redrive) = queue.redrive.as_ref().filter(|redrive| redrive.receives != processor.receives) {
        other.push(format!("a receive limit of {}, which is {}", processor.receives, redrive.receives));
    }
    let timeout = look(&consumer.function.settings)?.timeout;
    if let Some(configured) = processor.function_timeout.filter(|configured| *configured != timeout) {
        other.push(format!("a timeout of its function of {}, which is {}", time(configured), time(timeout)));
    }
    wrong(
        !other.is_empty(),
        || format!("its settings say {}", other.join(", and ")),
        || Mend::words("deploy the stack again: its parameters set both the queue and the function"),
    )
}

pub(super) fn forgets(consumer: &Consumer, pair: &ExaminedPair) -> Judgement {
    let source = look(&pair.source.attributes)?.retention;
    let Some(processor) = ours(consumer)? else { return Ok(None) };
    let Some(dead) = &pair.dead else { return Ok(None) };
    let kept = source + look(&dead.attributes)?.retention;
    let least = kept.div_ceil(DAY) + RETENTION_MARGIN;
    wrong(
        processor.ledger_days < least,
        || {
            format!(
                "its ledger remembers {}, and both queues keep a message for {}",
                time(processor.ledger_days * DAY),
                time(kept)
            )
        },
        || Mend::words(format!("LedgerRetentionDays: {least}")),
    )
}

pub(super) fn unguarded(function: &Function, alarms: &Alarms) -> Judgement {
    let is_guarded = alarms.metric.iter().any(|alarm| {
        alarm.metrics.iter().any(|metric| {
            // One version or alias of it may be named beside it.
            let is_of = metric.dimensions.iter().any(|(name, value)| name == "FunctionName" && *value == function.name);
            metric.namespace == "AWS/Lambda" && metric.name == "Errors" && is_of
        })
    });
    wrong(
        !is_guarded,
        || "no alarm looks at its errors".to_owned(),
        || {
            let dimensions = "Dimensions: [{Name: FunctionName, Value: !Ref ...}]";
            Mend::words(format!("AWS::CloudWatch::Alarm: Namespace: AWS/Lambda, MetricName: Errors, {dimensions}"))
        },
    )
}
