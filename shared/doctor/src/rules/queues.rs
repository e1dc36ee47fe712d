//! Queues and their pairs.

use super::judging::{Judgement, look, wrong};
use super::wording::{DAY, count, time};
use crate::Mend;
use crate::deployment::{Allow, Encryption, ExaminedPair, Fact, Queue, QueueAttributes, Unread, name_of};
use redrive_core::processing::backoff::is_crowded;

/// Lambda's advice for a receive limit.
const FEWEST_RECEIVES: u32 = 5;
/// Actions that bring or take a message.
const SEND: &str = "sqs:SendMessage";
const RECEIVE: &str = "sqs:ReceiveMessage";

/// Source and dead-letter queue, with what SQS says of both; `None` where there is no dead-letter queue to judge.
fn both(pair: &ExaminedPair) -> Fact<Option<(&QueueAttributes, &Queue, &QueueAttributes)>> {
    let source = look(&pair.source.attributes)?;
    match &pair.dead {
        // Another rule tells of it.
        None => Ok(None),
        Some(dead) => Ok(Some((source, dead, look(&dead.attributes)?))),
    }
}

pub(super) fn tls(queue: &Queue) -> Judgement {
    let denies = match &look(&queue.attributes)?.policy {
        None => false,
        Some(policy) => {
            let policy = look(policy)?;
            policy.denies_plain_http(SEND) && policy.denies_plain_http(RECEIVE)
        }
    };
    wrong(
        !denies,
        || "its policy does not deny requests without TLS".to_owned(),
        || {
            Mend::words(
                "AWS::SQS::QueuePolicy: Effect: Deny, Principal: '*', Action: sqs:*, \
                 Condition: {Bool: {aws:SecureTransport: 'false'}}",
            )
        },
    )
}

pub(super) fn encryption(queue: &Queue) -> Judgement {
    let encryption = &look(&queue.attributes)?.encryption;
    wrong(
        *encryption == Encryption::None,
        || "its messages are not encrypted at rest".to_owned(),
        || Mend::attribute(queue, "SqsManagedSseEnabled=true", "SqsManagedSseEnabled: true, or KmsMasterKeyId"),
    )
}

pub(super) fn in_flight(queue: &Queue) -> Judgement {
    let in_flight = look(&queue.attributes)?.in_flight;
    wrong(
        is_crowded(in_flight),
        || format!("{in_flight} messages are in flight, of 120000 that may be"),
        || Mend::words("raise the consumer's concurrency, or shorten the delays of retries: delayed messages count"),
    )
}

pub(super) fn no_dead_letters(pair: &ExaminedPair) -> Judgement {
    let redrive = &look(&pair.source.attributes)?.redrive;
    wrong(
        redrive.is_none(),
        || "it has no redrive policy: what fails is received again until it expires".to_owned(),
        || Mend::words("RedrivePolicy: {deadLetterTargetArn: ..., maxReceiveCount: 11}, with a queue of the same kind"),
    )
}

pub(super) fn dead_letters_missing(pair: &ExaminedPair) -> Judgement {
    look(&pair.source.attributes)?;
    let Some(dead) = &pair.dead else { return Ok(None) };
    match &dead.attributes {
        Err(Unread::Because(why)) => Err(Unread::Because(why.clone())),
        read => wrong(
            read.is_err(),
            || format!("its redrive policy names {}, which does not exist", dead.name()),
            || {
                Mend::command(
                    &["aws", "sqs", "create-queue", "--queue-name", dead.name()],
                    "deadLetterTargetArn of RedrivePolicy",
                )
            },
        ),
    }
}

pub(super) fn kinds(pair: &ExaminedPair) -> Judgement {
    look(&pair.source.attributes)?;
    let Some(dead) = &pair.dead else { return Ok(None) };
    let word = |queue: &Queue| if queue.is_fifo() { "a FIFO queue" } else { "a standard queue" };
    wrong(
        pair.source.is_fifo() != dead.is_fifo(),
        || format!("it is {}, and its dead-letter queue {} is {}", word(&pair.source), dead.name(), word(dead)),
        || {
            Mend::words(
                "deadLetterTargetArn of RedrivePolicy: a queue of the source's kind (FifoQueue: true on both, or neither)",
            )
        },
    )
}

pub(super) fn retention(pair: &ExaminedPair) -> Judgement {
    let Some((source, dead_queue, dead)) = both(pair)? else { return Ok(None) };
    wrong(
        dead.retention <= source.retention,
        || {
            let (ours, theirs) = (time(source.retention), time(dead.retention));
            format!("it keeps messages for {ours}, and its dead-letter queue for {theirs} only")
        },
        || {
            Mend::attribute(
                dead_queue,
                "MessageRetentionPeriod=1209600",
                "MessageRetentionPeriod: 1209600 of the dead-letter queue",
            )
        },
    )
}

pub(super) fn sizes(pair: &ExaminedPair) -> Judgement {
    let Some((source, dead_queue, dead)) = both(pair)? else { return Ok(None) };
    let (Some(ours), Some(theirs)) = (source.largest, dead.largest) else { return Ok(None) };
    wrong(
        theirs < ours,
        || format!("it takes messages of {ours} bytes, and its dead-letter queue of {theirs} only"),
        || {
            Mend::attribute(
                dead_queue,
                &format!("MaximumMessageSize={ours}"),
                format!("MaximumMessageSize: {ours} of the dead-letter queue"),
            )
        },
    )
}

pub(super) fn open_to_all(pair: &ExaminedPair) -> Judgement {
    let Some((_, dead_queue, dead)) = both(pair)? else { return Ok(None) };
    wrong(
        dead.allow == Allow::All,
        || format!("any queue of the account may use {} as its dead-letter queue", dead_queue.name()),
        || allowing(pair),
    )
}

/// Makes the remedy in words. A command would be JSON within JSON, which nobody reads. Of several sources in custody
/// each must be named.
fn allowing(pair: &ExaminedPair) -> Mend {
    let listed = pair.dead_sources.iter().flatten().filter(|source| source.custody).map(|source| source.arn.as_str());
    let mut sources: Vec<_> = listed.chain([pair.source.arn.as_str()]).collect();
    sources.sort_unstable();
    sources.dedup();
    let sources = sources.join(", ");
    Mend::words(format!("RedriveAllowPolicy: {{redrivePermission: byQueue, sourceQueueArns: [{sources}]}}"))
}

pub(super) fn shared_by_unlisted(pair: &ExaminedPair) -> Judgement {
    let Some(dead) = pair.dead.as_ref().filter(|_| pair.custody) else { return Ok(None) };
    let unlisted: Vec<_> =
        look(&pair.dead_sources)?.iter().filter(|source| !source.custody).map(|source| name_of(&source.arn)).collect();
    wrong(
        !unlisted.is_empty(),
        || format!("{} also gets the dead of {}, which the indexer leaves there", dead.name(), unlisted.join(", ")),
        || {
            Mend::words(
                "a dead-letter queue of their own for these queues, or list them in QUEUE_PAIRS with custody and this dead_letter_url",
            )
        },
    )
}

pub(super) fn refused(pair: &ExaminedPair) -> Judgement {
    let Some((_, dead_queue, dead)) = both(pair)? else { return Ok(None) };
    let refuses = match &dead.allow {
        Allow::All => false,
        Allow::Nobody => true,
        Allow::Queues(arns) => !arns.contains(&pair.source.arn),
    };
    wrong(
        refuses,
        || format!("{} does not allow this queue to use it as its dead-letter queue", dead_queue.name()),
        || allowing(pair),
    )
}

pub(super) fn few_receives(pair: &ExaminedPair) -> Judgement {
    let Some(redrive) = &look(&pair.source.attributes)?.redrive else { return Ok(None) };
    for consumer in look(&pair.consumers)? {
        // A processor of ours has a rule of its own.
        if look(&look(&consumer.function.settings)?.processor)?.is_some() {
            return Ok(None);
        }
    }
    wrong(
        redrive.receives < FEWEST_RECEIVES,
        || format!("a message is dead after {}", count(redrive.receives, "receive")),
        || Mend::words("maxReceiveCount of RedrivePolicy: 5 or more"),
    )
}

pub(super) fn chained(pair: &ExaminedPair) -> Judgement {
    let Some((_, dead_queue, dead)) = both(pair)? else { return Ok(None) };
    wrong(
        dead.redrive.is_some(),
        || {
            let redrive = dead.redrive.as_ref().map_or(0, |redrive| redrive.receives);
            format!(
                "its dead-letter queue has a redrive policy itself: {} move a dead letter on",
                count(redrive, "receive")
            )
        },
        || Mend::attribute(dead_queue, r#"{"RedrivePolicy":""}"#, "no RedrivePolicy on a dead-letter queue"),
    )
}

/// Returns the age margin, in seconds, that a message should keep before its retention ends.
fn margin(retention: u64) -> u64 {
    DAY.min(retention / 4)
}

pub(super) fn source_expires(pair: &ExaminedPair) -> Judgement {
    let retention = look(&pair.source.attributes)?.retention;
    let Some(age) = *look(&pair.source.oldest)? else { return Ok(None) };
    let left = retention.saturating_sub(age);
    wrong(
        left < margin(retention),
        || format!("its oldest message is deleted in {}, unprocessed", time(left)),
        || Mend::words("let the consumer catch up; meanwhile raise MessageRetentionPeriod (1209600 is the most)"),
    )
}

/// Between what the age metric shows and the worst that it can hide: on a standard queue the clock runs since the first send.
fn left(pair: &ExaminedPair) -> Fact<Option<(u64, u64)>> {
    let Some((source, dead_queue, dead)) = both(pair)? else { return Ok(None) };
    let Some(age) = *look(&dead_queue.oldest)? else { return Ok(None) };
    if dead.visible == 0 {
        return Ok(None);
    }
    let hidden = if pair.source.is_fifo() { 0 } else { source.retention };
    let most = dead.retention.saturating_sub(age);
    Ok(Some((most, most.saturating_sub(hidden))))
}

fn rescue(pair: &ExaminedPair) -> Mend {
    match &pair.dead {
        Some(dead) if !pair.custody => Mend::command(
            &["aws", "sqs", "start-message-move-task", "--source-arn", &dead.arn],
            "or take the queue into custody: letters that wait never expire",
        ),
        _ => Mend::words("see why the indexer does not take them: its log, and the failed invocations"),
    }
}

pub(super) fn dead_expire(pair: &ExaminedPair) -> Judgement {
    let Some((most, _)) = left(pair)? else { return Ok(None) };
    wrong(most < DAY, || format!("its oldest dead letter is deleted within {}", time(most)), || rescue(pair))
}

pub(super) fn dead_may_expire(pair: &ExaminedPair) -> Judgement {
    let Some((most, least)) = left(pair)? else { return Ok(None) };
    wrong(
        most >= DAY && least < DAY,
        || format!("its oldest dead letter is deleted in {} at the latest, and perhaps within a day", time(most)),
        || rescue(pair),
    )
}

pub(super) fn dead_wait(pair: &ExaminedPair) -> Judgement {
    let Some((_, dead_queue, dead)) = both(pair)? else { return Ok(None) };
    wrong(
        !pair.custody && dead.visible > 0,
        || format!("{} in {}", count(dead.visible, "message") + " wait", dead_queue.name()),
        || Mend::words("see why they died; with custody, `redrive causes` says it"),
    )
}

pub(super) fn unconsumed(pair: &ExaminedPair) -> Judgement {
    wrong(
        look(&pair.consumers)?.is_empty(),
        || "no event source mapping consumes it: what else does was not looked at".to_owned(),
        || {
            Mend::words(
                "none if another consumer receives from it; else an event source mapping (SAM: an SQS event of a function)",
            )
        },
    )
}
