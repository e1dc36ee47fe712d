#!/usr/bin/env bash
# moto 5.2.5 (PyPI): TransactWriteItems ignores ClientRequestToken and applies a repeated transaction again.
#
# DynamoDB remembers the token for ten minutes: the same request with the same token succeeds and changes nothing.
# The same token with another request fails with IdempotentParameterMismatchException.
# moto applies both.
#
# Why it matters: the token is what makes it safe to send a completion again after a lost answer.
# On moto a resend counts twice, so a correct consumer looks broken, and a mixed-up token is never noticed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'moto[dynamodb]==5.2.5' 'boto3==1.43.117'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 "$dir/venv/bin/python" - <<'PYTHON'
import boto3
from moto import mock_aws

with mock_aws():
    db = boto3.client("dynamodb")
    db.create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )

    def add(amount):
        update = {
            "TableName": "orders", "Key": {"id": {"S": "order-7"}},
            "UpdateExpression": "ADD charges :n", "ExpressionAttributeValues": {":n": {"N": str(amount)}},
        }
        db.transact_write_items(ClientRequestToken="message-1", TransactItems=[{"Update": update}])
        return db.get_item(TableName="orders", Key={"id": {"S": "order-7"}})["Item"]["charges"]["N"]

    first = add(1)
    resent = add(1)
    other = add(10)
    print("charges after the transaction:", first)
    print("charges after the same transaction with the same token:", resent, "(DynamoDB: 1)")
    print("charges after another transaction with that token:", other, "(DynamoDB: refused)")

assert first == "1"
assert resent == "2", "moto now honours ClientRequestToken"
assert other == "12", "moto now compares the requests under one token"
PYTHON
