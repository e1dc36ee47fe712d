"""Permissions that requests need, held to IAM's reference. Run by `make test-stage`."""

from __future__ import annotations

import json
import unittest

from infra.stack.calls import Call, NotUnderstoodError, calls

SIGNED = "AWS4-HMAC-SHA256 Credential=123456789012/20261128/eu-central-1/{}/aws4_request, SignedHeaders=host, Signature=0"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/t"


def needed(service: str, target: str, body: object, path: str = "/") -> set[tuple[str, str]]:
    headers = {"authorization": SIGNED.format(service), "x-amz-target": target}
    return {(call.action, call.resource) for call in calls(path, headers, json.dumps(body).encode())}


def dynamodb(operation: str, body: object) -> set[tuple[str, str]]:
    return needed("dynamodb", f"DynamoDB_20120810.{operation}", body)


class Calls(unittest.TestCase):
    def test_a_batch_on_a_queue_needs_what_the_single_call_needs(self) -> None:
        queue = "http://127.0.0.1:4566/000000000000/main"
        arn = "arn:aws:sqs:eu-central-1:000000000000:main"
        for batch, single in (("SendMessageBatch", "SendMessage"), ("DeleteMessageBatch", "DeleteMessage")):
            self.assertEqual(needed("sqs", f"AmazonSQS.{batch}", {"QueueUrl": queue}), {(f"sqs:{single}", arn)})

    def test_a_transaction_needs_what_its_parts_need(self) -> None:
        items = [{"Put": {"TableName": "t"}}, {"Update": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "t"}}]
        actions = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"}
        self.assertEqual(dynamodb("TransactWriteItems", {"TransactItems": items}), {(action, TABLE) for action in actions})

    def test_an_event_needs_the_bus_that_it_names(self) -> None:
        bus = "arn:aws:events:eu-central-1:123456789012:event-bus/operations"
        for name, arn in ((bus, bus), ("default", bus.replace("operations", "default"))):
            body = {"Entries": [{"EventBusName": name, "Source": "redrive"}]}
            self.assertEqual(needed("events", "AWSEvents.PutEvents", body), {("events:PutEvents", arn)})

    def test_a_statement_needs_what_its_verb_needs(self) -> None:
        statements = [{"Statement": "INSERT INTO \"t\" VALUE {'pk':?}"}, {"Statement": 'UPDATE "t" SET "a"=? WHERE "pk"=?'}]
        expected = {("dynamodb:PartiQLInsert", TABLE), ("dynamodb:PartiQLUpdate", TABLE)}
        self.assertEqual(dynamodb("BatchExecuteStatement", {"Statements": statements}), expected)
        selected = {("dynamodb:PartiQLSelect", f"{TABLE}/index/by-status")}
        self.assertEqual(dynamodb("ExecuteStatement", {"Statement": 'SELECT "a" FROM "t"."by-status" WHERE "b"=?'}), selected)

    def test_a_statement_that_writes_names_its_attributes_and_those_of_its_condition(self) -> None:
        statements = [
            {"Statement": "INSERT INTO \"t\" VALUE {'pk':?,'lives':?}"},
            {"Statement": 'UPDATE "t" SET "a"=?,"b"=? REMOVE "c" WHERE "pk"=? AND "owner"=?'},
        ]
        headers = {"authorization": SIGNED.format("dynamodb"), "x-amz-target": "D.BatchExecuteStatement"}
        found = calls("/", headers, json.dumps({"Statements": statements}).encode())
        self.assertEqual({call.attributes for call in found}, {("lives", "pk"), ("a", "b", "c", "owner", "pk")})

    def test_a_query_of_an_index_needs_the_index_and_a_table_may_be_named_by_its_arn(self) -> None:
        self.assertEqual(dynamodb("Query", {"TableName": TABLE, "IndexName": "i"}), {("dynamodb:Query", f"{TABLE}/index/i")})
        self.assertEqual(dynamodb("BatchGetItem", {"RequestItems": {"t": {}}}), {("dynamodb:BatchGetItem", TABLE)})

    def test_cloudwatch_is_understood_by_its_path_because_its_body_is_cbor(self) -> None:
        path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms"
        found = calls(path, {"authorization": SIGNED.format("monitoring")}, b"\xbf\xff")
        self.assertEqual(found, {Call("cloudwatch:DescribeAlarms", "*")})

    def test_what_is_not_understood_does_not_pass_for_nothing(self) -> None:
        bad = [
            ({"authorization": "none"}, b"{}"),
            ({"authorization": SIGNED.format("kms"), "x-amz-target": "TrentService.Decrypt"}, b"{}"),
            ({"authorization": SIGNED.format("dynamodb"), "x-amz-target": "D.GetItem"}, b"not json"),
            ({"authorization": SIGNED.format("dynamodb"), "x-amz-target": "D.ExecuteStatement"}, b'{"Statement": "GRANT"}'),
            ({"authorization": SIGNED.format("sqs")}, b"{}"),
        ]
        for headers, body in bad:
            with self.subTest(body=body), self.assertRaises(NotUnderstoodError):
                calls("/", headers, body)


if __name__ == "__main__":
    unittest.main()
