#!/usr/bin/env bash
# moto 5.2.5 (PyPI): a PartiQL INSERT of a key that is there replaces the item and reports success.
#
# On DynamoDB a PartiQL INSERT never replaces: ExecuteStatement fails with DuplicateItemException,
# and BatchExecuteStatement answers DuplicateItem for that statement.
# moto writes the second item over the first, in both calls, and answers no error.
#
# Why it matters: an INSERT is the natural way to claim a message's key exactly once.
# On moto two consumers both get the claim, so a test of "the second one is turned away" can only be red,
# and a test that looks at nothing but errors is green for a consumer that charges twice.
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
        TableName="claims", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )

    def insert(owner):
        return f"""INSERT INTO "claims" VALUE {{'id': 'message-1', 'owner': '{owner}'}}"""

    def owner():
        return db.get_item(TableName="claims", Key={"id": {"S": "message-1"}})["Item"]["owner"]["S"]

    db.execute_statement(Statement=insert("first"))
    single = db.execute_statement(Statement=insert("second"))["ResponseMetadata"]["HTTPStatusCode"]
    after_single = owner()
    print("ExecuteStatement, same key again: status", single, "and the owner is now", after_single)
    batch = db.batch_execute_statement(Statements=[{"Statement": insert("third")}])["Responses"]
    after_batch = owner()
    print("BatchExecuteStatement, same key again:", batch, "and the owner is now", after_batch)

    # The same claim by PutItem with a condition is refused, as on AWS.
    try:
        db.put_item(TableName="claims", Item={"id": {"S": "message-1"}}, ConditionExpression="attribute_not_exists(id)")
        refused = False
    except db.exceptions.ConditionalCheckFailedException:
        refused = True
    print("PutItem with attribute_not_exists(id): refused =", refused)

assert (single, after_single) == (200, "second"), "ExecuteStatement no longer overwrites"
assert "Error" not in batch[0] and after_batch == "third", "BatchExecuteStatement no longer overwrites"
assert refused, "the conditional PutItem was not refused"
PYTHON
