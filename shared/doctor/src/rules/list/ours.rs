//! Our indexer and replay.

use super::super::functions;
use super::super::judging::Check;
use crate::{Rule, Severity};

pub(super) static RULES: [Rule; 7] = [
    Rule {
        id: "dead-letter-visibility-short",
        severity: Severity::Error,
        says: "A dead letter stays invisible for as long as our indexer may look into the queue at once",
        reason: "Otherwise it comes back inside a look of at most 25 s, and is worked on twice.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Set VisibilityTimeout of the dead-letter queue to the indexer's timeout, or to 25 s at least.",
        check: Check::Ours(functions::short_visibility),
    },
    Rule {
        id: "indexer-stuck",
        severity: Severity::Error,
        says: "Our indexer empties the dead-letter queue",
        reason: "It is a matter of seconds; what waits for a quarter of an hour is a message that it cannot take, or \
            the indexer does not run.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Read the indexer's log, and see whether its schedule runs.",
        check: Check::Ours(functions::not_drained),
    },
    Rule {
        id: "two-dead-letter-consumers",
        severity: Severity::Error,
        says: "Only our indexer empties a dead-letter queue that it has in custody",
        reason: "What another function takes from it becomes no letter.",
        source: "Redrive, docs/protocol.md and infra/template.yaml",
        mend: "Delete the other mapping, or give up custody.",
        check: Check::Ours(functions::two_takers),
    },
    Rule {
        id: "move-task-in-custody",
        severity: Severity::Error,
        says: "Nothing else empties a dead-letter queue that our indexer has in custody",
        reason: "A task of StartMessageMoveTask and the indexer take messages from each other: some are sent back before \
            anybody saw why they died.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html",
        mend: "Cancel the task, or give up custody first.",
        check: Check::Ours(functions::moved_away),
    },
    Rule {
        id: "doorbell-refused",
        severity: Severity::Error,
        says: "The wake-up topic (doorbell) may invoke our indexer",
        reason: "A function's policy can be replaced as a whole: then SNS may not invoke it, and only the sweep is left.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html",
        mend: "Allow lambda:InvokeFunction to sns.amazonaws.com for the doorbell topic.",
        check: Check::Rung(functions::may_not_ring),
    },
    Rule {
        id: "no-failure-destination",
        severity: Severity::Warning,
        says: "Invocations of indexer and replay that fail for good are kept",
        reason: "They are asynchronous: after two more tries Lambda drops the event.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
        mend: "Set an OnFailure destination.",
        check: Check::Woken(functions::no_destination),
    },
    Rule {
        id: "failed-invocations",
        severity: Severity::Error,
        says: "No failed invocation waits",
        reason: "Indexer, replay or a schedule failed for good.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
        mend: "Read them, mend the cause, and delete them.",
        check: Check::Installation(functions::failed_invocations),
    },
];
