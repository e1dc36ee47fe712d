//! Queues and their pairs.

use super::super::judging::Check;
use super::super::queues;
use crate::{Rule, Severity};

pub(super) static RULES: [Rule; 18] = [
    Rule {
        id: "no-dead-letter-queue",
        severity: Severity::Error,
        says: "A source has a dead-letter queue",
        reason: "Without a redrive policy a message that fails is received again and again until it expires, and then \
            it is gone.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "Give the source a RedrivePolicy with the ARN of a queue of its own kind.",
        check: Check::ExaminedPair(queues::no_dead_letters),
    },
    Rule {
        id: "dead-letter-queue-missing",
        severity: Severity::Error,
        says: "The dead-letter queue exists",
        reason: "A redrive policy may name a queue that was deleted: SQS then cannot move what is dead.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "Create the queue again under that name, or name another in the RedrivePolicy.",
        check: Check::ExaminedPair(queues::dead_letters_missing),
    },
    Rule {
        id: "fifo-mismatch",
        severity: Severity::Error,
        says: "A FIFO queue's dead go to a FIFO queue, a standard queue's to a standard one",
        reason: "SQS moves messages between queues of one kind only; from FIFO into standard, order and deduplication \
            would be lost.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "Name a dead-letter queue of the source's kind in the RedrivePolicy.",
        check: Check::ExaminedPair(queues::kinds),
    },
    Rule {
        id: "dead-letter-retention-short",
        severity: Severity::Error,
        says: "A dead-letter queue keeps messages for longer than its source",
        reason: "On a standard queue the clock runs since the first send and goes on after the move, so a dead letter \
            may be deleted soon after it came, unseen.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "Set MessageRetentionPeriod of the dead-letter queue to 1209600, 14 days.",
        check: Check::ExaminedPair(queues::retention),
    },
    Rule {
        id: "dead-letter-queue-takes-less",
        severity: Severity::Warning,
        says: "A dead-letter queue takes messages as large as its source does",
        reason: "MaximumMessageSize is each queue's own, from 1 KiB to 1 MiB. What is larger than the dead-letter queue's \
            cannot be sent there: not by the processor, which adds an attribute to it, and not by eject.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html",
        mend: "Set MaximumMessageSize of the dead-letter queue to that of the source, or more.",
        check: Check::ExaminedPair(queues::sizes),
    },
    Rule {
        id: "redrive-allow-policy-open",
        severity: Severity::Warning,
        says: "A dead-letter queue names its sources",
        reason: "Without a RedriveAllowPolicy any queue of the account may send its dead here, where they are read as \
            this source's.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html",
        mend: "Set RedriveAllowPolicy to byQueue with the source's ARN.",
        check: Check::ExaminedPair(queues::open_to_all),
    },
    Rule {
        id: "dead-letter-queue-shared",
        severity: Severity::Error,
        says: "Only listed queues share a dead-letter queue that is in custody",
        reason: "The indexer leaves what SQS moved from a queue that is not listed: it expires there, and the depth alarm \
            rings on and so never anew for the listed ones.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html",
        mend: "Give the other queues a dead-letter queue of their own, or list them as pairs in custody.",
        check: Check::ExaminedPair(queues::shared_by_unlisted),
    },
    Rule {
        id: "redrive-allow-policy-refuses",
        severity: Severity::Error,
        says: "A dead-letter queue allows its source",
        reason: "A RedriveAllowPolicy that does not name the source keeps SQS from moving its dead.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html",
        mend: "Add the source's ARN to RedriveAllowPolicy.",
        check: Check::ExaminedPair(queues::refused),
    },
    Rule {
        id: "receive-limit-below-five",
        severity: Severity::Warning,
        says: "A message is received at least five times before it is dead",
        reason: "Throttles and a crash of a neighbour in the batch use up receives, too; Lambda's guide advises at \
            least 5.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
        mend: "Set maxReceiveCount of the RedrivePolicy to 5 or more.",
        check: Check::ExaminedPair(queues::few_receives),
    },
    Rule {
        id: "dead-letter-queue-redrives",
        severity: Severity::Warning,
        says: "A dead-letter queue has no redrive policy itself",
        reason: "Every look into the queue is a receive; a few looks would move the dead letters on, or away from who \
            should see them.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "Remove the RedrivePolicy of the dead-letter queue.",
        check: Check::ExaminedPair(queues::chained),
    },
    Rule {
        id: "messages-will-expire",
        severity: Severity::Error,
        says: "Messages are consumed well before they expire",
        reason: "What stays in a queue for its retention period is deleted without having been processed, and goes to \
            no dead-letter queue.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
        mend: "Let the consumer catch up, or raise MessageRetentionPeriod meanwhile.",
        check: Check::ExaminedPair(queues::source_expires),
    },
    Rule {
        id: "dead-letters-will-expire",
        severity: Severity::Error,
        says: "No dead letter has less than a day to live",
        reason: "A dead letter that expires is lost.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "Move them back with start-message-move-task, or take the queue into custody.",
        check: Check::ExaminedPair(queues::dead_expire),
    },
    Rule {
        id: "dead-letters-may-expire",
        severity: Severity::Warning,
        says: "No dead letter may have less than a day to live",
        reason: "The age metric of a dead-letter queue counts from the move, and the expiry of a standard queue from \
            the first send: up to the source's retention is hidden.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "Move them back with start-message-move-task, or take the queue into custody.",
        check: Check::ExaminedPair(queues::dead_may_expire),
    },
    Rule {
        id: "dead-letters-wait",
        severity: Severity::Notice,
        says: "Nothing waits in a dead-letter queue that nobody empties",
        reason: "Each of them is work that was not done.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        mend: "See why they died, mend it, and replay them.",
        check: Check::ExaminedPair(queues::dead_wait),
    },
    Rule {
        id: "no-consumer",
        severity: Severity::Notice,
        says: "Somebody consumes the source",
        reason: "An event source mapping that was deleted leaves a queue that only grows. Other consumers than Lambda \
            cannot be seen from here.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html",
        mend: "Create the mapping, unless another consumer receives from it.",
        check: Check::ExaminedPair(queues::unconsumed),
    },
    Rule {
        id: "tls-not-required",
        severity: Severity::Warning,
        says: "A queue denies requests without TLS",
        reason: "Nothing else keeps a client from sending messages in clear text.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html",
        mend: "Deny sqs:* to everybody where aws:SecureTransport is false.",
        check: Check::Queue(queues::tls),
    },
    Rule {
        id: "not-encrypted",
        severity: Severity::Error,
        says: "Messages are encrypted at rest",
        reason: "Bodies of messages stand on disks of SQS for days, those of dead letters longest.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
        mend: "Set SqsManagedSseEnabled, or KmsMasterKeyId.",
        check: Check::Queue(queues::encryption),
    },
    Rule {
        id: "in-flight-near-limit",
        severity: Severity::Warning,
        says: "A queue is far from its limit of messages in flight",
        reason: "At 120,000 in flight SQS gives out no more; delayed retries count as in flight.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html",
        mend: "Raise the consumer's concurrency, or shorten the delays.",
        check: Check::Queue(queues::in_flight),
    },
];
