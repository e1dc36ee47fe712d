"""Powertools for Python, as a consumer has it: writes items to its idempotency table, and prints their ids, one a line.

Reads a JSON object a line: `payload` (JSON as text) and `state` (COMPLETED, INPROGRESS, or TOLD: only the id is printed).
"""

import json
import os
import sys

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function

PREFIX = "orders"
CONFIG = IdempotencyConfig(expires_after_seconds=3600)


def layer() -> DynamoDBPersistenceLayer:
    """Makes the layer of one function."""
    made = DynamoDBPersistenceLayer(table_name=os.environ["POWERTOOLS_TABLE"])
    made.configure(CONFIG, key_prefix=PREFIX)
    return made


@idempotent_function(data_keyword_argument="order", persistence_store=layer(), config=CONFIG, key_prefix=PREFIX)
def charge(order: object) -> dict[str, bool]:  # noqa: ARG001 (Powertools reads it by its name)
    """Handles an order."""
    return {"charged": True}


for line in sys.stdin:
    one = json.loads(line)
    payload = json.loads(one["payload"])
    if one["state"] == "COMPLETED":
        charge(order=payload)
    elif one["state"] == "INPROGRESS":
        layer().save_inprogress(payload, remaining_time_in_millis=600_000)
    print(layer()._get_hashed_idempotency_key(payload))
