"""Rules for how people are told: once an incident, of what is urgent whatever else rings, and not by a stack that is new."""

from __future__ import annotations

from collections.abc import Iterator

from infra.gates.access import permits, role_of
from infra.gates.queues import redriven, whole
from infra.gates.rules import function, rule
from infra.gates.template import Resource, Template, statements
from infra.gates.watching import ALARM, COMPOSITE, attached_sources, is_list, of_alarms

# What an alarm on a metric tells of. Loss: messages may be lost, or are not seen any more. Work: something waits for a person, who
# may take days. Both: loss, for which somebody may need days.
LOSS = {
    "ApproximateAgeOfOldestMessage",
    "ApproximateNumberOfMessagesNotVisible",
    "Errors",
    "Invocations",
    "MainQueueOldestAge",
    "MainQueuesUnread",
    "RecursiveInvocationsDropped",
    "TimeToExpiry",
}
WORK = {
    "ApproximateNumberOfMessagesVisible",
    "LettersForAPerson",
    "LettersPending",
    "NewFingerprints",
    "OldestPendingAge",
}
BOTH = {"Unindexable"}
# SQS's shortest retention that a pair may have, in seconds.
SHORTEST_RETENTION = 86_400


def doorbells(template: Template) -> set[str]:
    """Returns the topics that wake a function."""
    return {one.get("TopicArn") for one in template.of_type("AWS::SNS::Subscription")}


def behind(template: Template) -> dict[str, list[Resource]]:
    """Returns the composite alarms, each with the alarms that it looks at."""
    alarms = template.of_type(ALARM)
    return {
        page.name: [alarm for alarm in alarms if f'ALARM("{alarm.ref}")' in page.get("AlarmRule")] for page in template.of_type(COMPOSITE)
    }


@rule("one-incident-is-one-page")
def one_page(template: Template) -> Iterator[str]:
    """People are told by one composite alarm, of everything but the doorbell's, or by the alarm itself."""
    topics, composites = doorbells(template), behind(template)
    for alarm in template.of_type(ALARM):
        actions = set(alarm.get("AlarmActions", []))
        pages = [page for page, members in composites.items() if alarm in members]
        if actions & topics:
            if pages or actions - topics:
                yield f"{alarm.name} comes and goes with every drain, and tells people"
        elif len(pages) + bool(actions) > 1:
            yield f"{alarm.name} pages twice: {[*pages, *actions]}"
        elif not pages and not actions:
            yield f"{alarm.name} tells nobody"
    for page in template.of_type(COMPOSITE):
        if not page.get("AlarmActions"):
            yield f"{page.name} tells nobody"


@rule("nothing-urgent-is-muted")
def muted(template: Template) -> Iterator[str]:
    """A composite alarm acts when it begins to ring only: none that is about loss stands behind one that may ring for days."""
    kinds = {metric.at: metric.name for metric in of_alarms(template)}
    for alarm, metric in kinds.items():
        if metric not in LOSS | WORK | BOTH:
            yield f"{alarm}: nobody has said whether {metric} is about loss or about work"
    for page, members in behind(template).items():
        told = {alarm.name: kinds[alarm.name] for alarm in members}
        losses = [name for name, metric in told.items() if metric in LOSS]
        days = [name for name, metric in told.items() if metric in WORK]
        if losses and days:
            yield f"{page}: {', '.join(losses)} would not be heard while {', '.join(days)} rings"
        for name in (name for name, metric in told.items() if metric in BOTH and len(told) > 1):
            yield f"{page}: {name} is about loss and may ring for days, and is not alone"


@rule("new-stacks-are-quiet")
def quiet(template: Template) -> Iterator[str]:
    """An alarm that rings for missing data waits, in a new stack, until there could be some."""
    for alarm in template.of_type(ALARM):
        if alarm.get("TreatMissingData") != "breaching":
            continue
        window = whole(alarm, "EvaluationPeriods", 1) * whole(alarm, "Period", 60)
        warm = 60 * whole(alarm, "WarmUpConfiguration.WarmUpPeriodDurationInMinutes", 0)
        if warm < window:
            yield f"{alarm.name} looks at {window} s, and a new stack has a warm-up of {warm}"


@rule("main-queues-are-watched")
def ages(template: Template) -> Iterator[str]:
    """The age of a main queue's oldest message is watched, and told of before half of the retention is over."""
    kept = {name: whole(source, "MessageRetentionPeriod", 345_600) for source, _ in redriven(template) for name in source.names()}
    kept |= {name: 86_400 * int(template.values["MainRetentionDays"]) for name in attached_sources(template)}
    watched = set()
    for alarm in template.of_type(ALARM):
        name = next((one["Value"] for one in alarm.get("Dimensions", []) if one["Name"] == "QueueName"), None)
        if alarm.get("MetricName") != "ApproximateAgeOfOldestMessage" or name not in kept:
            continue
        watched.add(name)
        if 2 * float(alarm.get("Threshold")) > kept[name]:
            yield f"{alarm.name} rings after {alarm.get('Threshold')} s of {kept[name]}"
        if float(template.source.get("Parameters", {}).get("MainQueueAgeLimitSeconds", {}).get("MaxValue", 0)) > 43_200:
            yield "MainQueueAgeLimitSeconds may be above half of the shortest retention, a day"
    wanted = [source.names() for source, _ in redriven(template)] + [{name} for name in attached_sources(template)]
    yield from (f"no alarm watches the age of the messages in {min(names)}" for names in wanted if not names & watched)


@rule("lists-of-queues-are-watched")
def listed_ages(template: Template) -> Iterator[str]:
    """Of a list the replay reads the ages, and may; alarms look at the highest, and at what could not be read."""
    replay = function(template, "replay") if is_list(template) else None
    if replay is None:
        return
    if replay.get("Environment.Variables.MAIN_QUEUE_AGES") != "on":
        yield "the replay reads no ages of the queues of a list"
    role = role_of(template, replay)
    if role is None or not any(permits(one, "cloudwatch:GetMetricData") for one in statements(template, role)):
        yield "the replay may not read the ages of the queues of a list"
    alarms = {alarm.get("MetricName"): alarm for alarm in template.of_type(ALARM)}
    for metric, highest in (("MainQueueOldestAge", SHORTEST_RETENTION / 2), ("MainQueuesUnread", 0)):
        alarm = alarms.get(metric)
        if alarm is None or not replay.is_meant_by(_function_of(alarm)):
            yield f"no alarm looks at {metric} of the replay"
        elif float(alarm.get("Threshold")) > highest:
            yield f"{alarm.name} rings above {alarm.get('Threshold')} only"


def _function_of(alarm: Resource) -> str | None:
    return next((one["Value"] for one in alarm.get("Dimensions", []) if one["Name"] == "Function"), None)
