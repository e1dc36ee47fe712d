#!/usr/bin/env bash
# aws-lambda-powertools 3.37.0 (PyPI): where an idempotency key has two parts and one is missing,
# raise_on_no_idempotency_key says nothing. The other part alone is the key, and the next message is swallowed.
#
# The setting only fails when every part of the key is missing. With one part there, a null stands for the other.
# Two messages of one customer, both without a request id, are one and the same to it:
# the second is answered with the result of the first and is never run.
#
# Why it matters: "a key is required" is switched on so that a malformed message becomes a dead letter.
# Instead it is acknowledged as a duplicate, and its content is lost.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-lambda-powertools==3.37.0 jmespath==1.0.1 'boto3==1.43.117' 'moto[dynamodb]==5.2.5'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 "$dir/venv/bin/python" -W ignore - <<'PYTHON'
import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyKeyError
from moto import mock_aws

with mock_aws():
    db = boto3.client("dynamodb")
    db.create_table(
        TableName="keys", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    store = DynamoDBPersistenceLayer(table_name="keys", boto3_client=db)
    required = IdempotencyConfig(event_key_jmespath="[customer, request_id]", raise_on_no_idempotency_key=True)
    charged = []

    @idempotent_function(data_keyword_argument="order", persistence_store=store, config=required)
    def charge(order):
        charged.append(order["amount"])
        return order["amount"]

    answers = [charge(order={"customer": "c-1", "amount": amount}) for amount in (10, 99)]
    try:
        charge(order={"amount": 5})
        nothing = "accepted"
    except IdempotencyKeyError:
        nothing = "refused"

print("orders of 10 and 99 without a request id, charged:", charged, "answered:", answers)
print("an order with neither part of the key:", nothing)
assert charged == [10] and answers == [10, 10], "half a key no longer makes two messages one"
assert nothing == "refused"
PYTHON
