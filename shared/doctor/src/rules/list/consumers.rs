//! Event source mappings and functions.

use super::super::judging::Check;
use super::super::{consumers, functions};
use crate::{Rule, Severity};

pub(super) static RULES: [Rule; 21] = [
    Rule {
        id: "visibility-below-timeout",
        severity: Severity::Error,
        says: "A message stays invisible for as long as its function may work",
        reason: "Otherwise it is given to a second worker while the first is still at it. Lambda refuses such a \
            mapping, but not a queue that is changed later.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
        mend: "Set VisibilityTimeout to six times the function's timeout.",
        check: Check::Consumer(consumers::below_timeout),
    },
    Rule {
        id: "visibility-below-six-timeouts",
        severity: Severity::Warning,
        says: "The visibility timeout is six function timeouts, and the batching window",
        reason: "Lambda tries a throttled batch again within it; with less, receives are used up and messages die \
            that nothing was wrong with.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
        mend: "Set VisibilityTimeout to six times the function's timeout.",
        check: Check::Consumer(consumers::below_six),
    },
    Rule {
        id: "no-partial-responses",
        severity: Severity::Warning,
        says: "A consumer of batches says which messages failed",
        reason: "Without ReportBatchItemFailures one failure makes every message of its batch run again.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
        mend: "Set FunctionResponseTypes, and let the function answer with the ids that failed.",
        check: Check::Consumer(consumers::whole_batches),
    },
    Rule {
        id: "partial-responses-ignored",
        severity: Severity::Error,
        says: "Lambda heeds which messages our processor returns",
        reason: "It answers with the messages that failed; where that is not asked for, the invocation counts as a \
            success, and Lambda deletes the whole batch.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
        mend: "Set FunctionResponseTypes: [ReportBatchItemFailures].",
        check: Check::Consumer(consumers::answers_ignored),
    },
    Rule {
        id: "no-maximum-concurrency",
        severity: Severity::Warning,
        says: "A mapping has a maximum concurrency",
        reason: "Without one Lambda takes more messages than the function may run, and each throttled one has used up \
            a receive.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
        mend: "Set ScalingConfig: MaximumConcurrency, 2 to 1000.",
        check: Check::Consumer(consumers::unlimited),
    },
    Rule {
        id: "reserved-concurrency-low",
        severity: Severity::Warning,
        says: "A function may run as often as its mapping starts it",
        reason: "A maximum concurrency above the reserved one is throttled, and uses up receives.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
        mend: "Reserve at least the maximum concurrency of all its mappings.",
        check: Check::Consumer(consumers::under_reserved),
    },
    Rule {
        id: "account-concurrency-low",
        severity: Severity::Warning,
        says: "The account may run what a mapping starts, and five more",
        reason: "New accounts have a reduced quota of concurrent executions: what is above it is throttled, which uses up \
            receives, and indexer and replay wait as well.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
        mend: "Ask for a higher quota, or lower the maximum concurrency.",
        check: Check::Consumer(consumers::crowded_account),
    },
    Rule {
        id: "mapping-disabled",
        severity: Severity::Error,
        says: "The event source mapping is enabled",
        reason: "While it is disabled messages gather, and expire.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
        mend: "Enable the mapping.",
        check: Check::Consumer(consumers::disabled),
    },
    Rule {
        id: "mapping-failing",
        severity: Severity::Error,
        says: "Lambda can poll the queue and invoke the function",
        reason: "Lambda reports failed polls in the mapping alone: neither the queue nor the function shows an \
            error.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
        mend: "Do what the text says: mostly a permission is missing.",
        check: Check::Consumer(consumers::failing),
    },
    Rule {
        id: "receive-limit-below-attempts",
        severity: Severity::Error,
        says: "The receive limit is at least our processor's attempts and five",
        reason: "Busy leases, throttles and outages use up receives without an attempt; without headroom a message \
            dies before its schedule is through.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Raise MaxReceiveCount, or shorten RetrySchedule.",
        check: Check::Consumer(consumers::too_few_receives),
    },
    Rule {
        id: "lease-not-below-visibility",
        severity: Severity::Error,
        says: "Our processor's lease ends before the message comes back",
        reason: "A lease that outlasts the visibility timeout keeps the message's own next receive out, and uses it \
            up.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Raise VisibilityTimeout, or lower HandlerTimeoutSeconds.",
        check: Check::Consumer(consumers::long_lease),
    },
    Rule {
        id: "handler-not-below-timeout",
        severity: Severity::Error,
        says: "Our processor's handler ends before its function does",
        reason: "Lambda ends a function at its timeout with every message of the batch: what a handler's own time would \
            have made one message's matter uses up a receive of all of them.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Lower HandlerTimeoutSeconds, or raise ProcessorTimeoutSeconds.",
        check: Check::Consumer(consumers::long_handler),
    },
    Rule {
        id: "settings-drifted",
        severity: Severity::Warning,
        says: "Our processor's settings agree with the queue and the function",
        reason: "It works with the visibility timeout, the receive limit and the function's timeout of its settings; a change by \
            hand makes these wrong.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Deploy the stack again, with the values that are wanted.",
        check: Check::Consumer(consumers::drifted),
    },
    Rule {
        id: "ledger-forgets",
        severity: Severity::Error,
        says: "The ledger remembers for longer than both queues keep a message",
        reason: "A redelivery after that is taken for a new message, and its effect happens twice.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Raise LedgerRetentionDays, or lower the retention of the queues.",
        check: Check::Consumer(consumers::forgets),
    },
    Rule {
        id: "no-error-alarm",
        severity: Severity::Warning,
        says: "An alarm looks at the errors of each consumer",
        reason: "A function that fails before it sees a message sends every message to the dead-letter queue, and \
            nothing else shows it.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
        mend: "An alarm on AWS/Lambda Errors with FunctionName.",
        check: Check::Guarded(consumers::unguarded),
    },
    Rule {
        id: "function-not-active",
        severity: Severity::Error,
        says: "A function can run",
        reason: "A function whose state or last update is Failed does not run, or runs old code.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html",
        mend: "Mend what StateReason says, and deploy again.",
        check: Check::Function(functions::inactive),
    },
    Rule {
        id: "function-stopped",
        severity: Severity::Error,
        says: "A function's reserved concurrency is not 0",
        reason: "That is how a function is switched off: every invocation is throttled.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",
        mend: "Delete the reserved concurrency, or raise it.",
        check: Check::Function(functions::stopped),
    },
    Rule {
        id: "function-errors",
        severity: Severity::Warning,
        says: "No invocation failed within the last hour",
        reason: "A failed invocation returns its whole batch; with partial responses these are crashes, timeouts and \
            outages.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
        mend: "Read the function's log.",
        check: Check::Function(functions::errors),
    },
    Rule {
        id: "invocations-dropped",
        severity: Severity::Error,
        says: "Lambda dropped no invocation for going round within the last hour",
        reason: "A handler that sends to the queue that feeds it makes a loop, which Lambda ends after some 16 rounds, and \
            not as an error. The message stays, and each drop is a receive: it ends in the dead-letter queue, and on a FIFO \
            queue its group waits until then (the latter is inferred).",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html",
        mend: "Send to another queue, or allow it with put-function-recursion-config.",
        check: Check::Function(functions::dropped),
    },
    Rule {
        id: "function-throttled",
        severity: Severity::Warning,
        says: "No invocation was throttled within the last hour",
        reason: "Each throttled batch has used up a receive of its messages.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
        mend: "Lower the mappings' maximum concurrency, or raise the function's.",
        check: Check::Function(functions::throttles),
    },
    Rule {
        id: "permission-missing",
        severity: Severity::Error,
        says: "A function's role may do with the queues what it must",
        reason: "The mapping polls with the function's role; AWSLambdaSQSQueueExecutionRole lacks \
            sqs:ChangeMessageVisibility, with which retries are delayed; a queue under a customer's key needs \
            kms:Decrypt.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html",
        mend: "Allow the named actions in the role.",
        check: Check::Function(functions::denied),
    },
];
