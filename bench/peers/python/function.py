"""Powertools for AWS Lambda (Python): partial batches and idempotency, with a handler that does nothing."""

from __future__ import annotations

import json
import os
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function

source = EventType(os.environ["EVENT_SOURCE"])
processor = BatchProcessor(event_type=source, raise_on_entire_batch_failure=False)
config = IdempotencyConfig(event_key_jmespath="order_id")
store = DynamoDBPersistenceLayer(table_name=os.environ["TABLE_NAME"])


def charge_once(*, order: dict[str, Any]) -> dict[str, Any]:
    """Does nothing, or fails if the message says so."""
    if order["fail"]:
        raise RuntimeError("not yet")
    return {}


charge = idempotent_function(charge_once, data_keyword_argument="order", config=config, persistence_store=store)


def handle(record: Any) -> None:
    """Takes one message of SQS, or one record of Kafka."""
    charge(order=record.json_value if source is EventType.Kafka else json.loads(record.body))


def handler(event: dict[str, Any], context: Any) -> Any:
    """Takes a batch."""
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
