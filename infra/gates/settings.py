"""The settings with which the templates are held to the rules: the defaults, the stage's, every choice once."""

from __future__ import annotations

import tomllib
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1]
ARN = "arn:aws:sqs:eu-central-1:111122223333"
URL = "https://sqs.eu-central-1.amazonaws.com/111122223333"
PAIR = {
    "SourceQueueArns": f"{ARN}:orders",
    "SourceQueueUrl": f"{URL}/orders",
    "DeadLetterQueueArns": f"{ARN}:orders-dead",
    "DeadLetterQueueUrl": f"{URL}/orders-dead",
}
OTHERS_LEDGER = "arn:aws:dynamodb:eu-central-1:999999999999:table/ledger"
LEDGER = "arn:aws:dynamodb:eu-central-1:111122223333:table/ledger"

Settings = dict[str, str]


def pairs(count: int) -> Settings:
    """A list of so many pairs, with ARNs of 68 and 72 characters, in everything that a role may be given."""
    names = [f"department-orders-service-{n:04}" for n in range(count)]
    return {
        "SourceQueueArns": ",".join(f"{ARN}:{name}" for name in names),
        "DeadLetterQueueArns": ",".join(f"{ARN}:{name}-dlq" for name in names),
        "QueuePairsFile": "/opt/pairs.json",
        "LedgerTableArn": LEDGER,
        "Encryption": "customer-managed",
        "Tracing": "Active",
        "AllowEject": "true",
    }


BUS = "arn:aws:events:eu-central-1:111122223333:event-bus/operations"
LAYER = "arn:aws:lambda:eu-central-1:111122223333:layer:tracer:3"


def configured(environment: str) -> Settings:
    """Returns the parameters that samconfig.toml sets."""
    with (INFRA / "samconfig.toml").open("rb") as file:
        overrides = tomllib.load(file)[environment]["deploy"]["parameters"]["parameter_overrides"]
    return dict(override.split("=", 1) for override in overrides)


def cases() -> dict[str, dict[str, Settings]]:
    """Returns the settings by template and by name."""
    return {
        "template.yaml": {
            "the defaults": {},
            "the stage": configured("stage"),
            "the stage's FIFO variant": configured("stage-fifo"),
            "an own key, traced, a topic in front": {
                "Encryption": "customer-managed",
                "Tracing": "Active",
                "BodyWrapping": "sns",
                "ProducerArn": "arn:aws:sns:eu-central-1:111122223333:orders",
            },
            "ejecting": {"Custody": "off", "AllowEject": "true", "Example": "false"},
            "FIFO by redrive, an own key": {"QueueType": "fifo", "OnDead": "redrive", "Encryption": "customer-managed"},
            "direct": {"OnDead": "direct"},
            "other destinations": {"ReplayDestinations": f"{ARN}:refunds,{ARN}:mail"},
            "pollers of its own": {"MinimumPollers": "2", "MaximumPollers": "50"},
            "in a layer": {"Layers": LAYER},
            "after Powertools": {"PowertoolsTableName": "idempotency", "PowertoolsKeyPrefixes": "orders,orders.app.charge"},
            "a bus": {"EventBusArn": BUS},
            "exponential": {"RetrySchedule": "exponential", "MaxReceiveCount": "15"},
        },
        "attach.yaml": {
            "one pair": PAIR,
            "one pair in custody, with a ledger": {
                **PAIR,
                "Custody": "on",
                "Scope": "orders",
                "LedgerTableArn": LEDGER,
            },
            "another account's ledger": {**PAIR, "Scope": "orders", "LedgerTableArn": OTHERS_LEDGER, "LedgerElsewhere": "true"},
            "a list, an own key, traced": {
                "SourceQueueArns": f"{ARN}:orders,{ARN}:mail",
                "DeadLetterQueueArns": f"{ARN}:orders-dead,{ARN}:mail-dead",
                "QueuePairsFile": "pairs.json",
                "Encryption": "customer-managed",
                "Tracing": "Active",
                "AllowEject": "true",
            },
            "forty-five pairs": {**pairs(45), "Layers": LAYER},
            "each alarm by itself": {**PAIR, "Paging": "each"},
            "a bus": {**PAIR, "EventBusArn": BUS},
            "other destinations": {**PAIR, "ReplayDestinations": f"{ARN}:refunds"},
        },
    }


# What the Rules section refuses.
REFUSED: dict[str, list[Settings]] = {
    "template.yaml": [
        {"QueueType": "fifo", "BatchSize": "11", "BatchingWindowSeconds": "1"},
        {"QueueType": "fifo", "BatchingWindowSeconds": "1"},
        {"BatchSize": "100"},
        {"MaxReceiveCount": "10"},
        {"RetrySchedule": "exponential", "MaxReceiveCount": "14"},
        {"HandlerTimeoutSeconds": "30"},
        {"ProcessorTimeoutSeconds": "19"},
        {"HandlerTimeoutSeconds": "45", "ProcessorTimeoutSeconds": "45", "QueueVisibilityTimeoutSeconds": "270"},
        {"ProcessorTimeoutSeconds": "31"},
        {"QueueVisibilityTimeoutSeconds": "179"},
        {"QueueVisibilityTimeoutSeconds": "12"},
        {"MinimumPollers": "2"},
        {"MaximumPollers": "2"},
        {"MinimumPollers": "1", "MaximumPollers": "2"},
        {"MessageTypes": "charge,refund"},
        {"PowertoolsTableName": "idempotency"},
        {"PowertoolsKey": "body"},
        {"MessageTypeAt": "attribute:type"},
    ],
    "attach.yaml": [
        {**PAIR, "QueuePairs": "{}", "QueuePairsFile": "pairs.json"},
        {**PAIR, "SourceQueueUrl": ""},
        {**PAIR, "DeadLetterQueueUrl": ""},
        {**PAIR, "Scope": "orders"},
        {**PAIR, "LedgerElsewhere": "true"},
    ],
}
