"""The bridge's event and its reading of answers, held to what Lambda does. Run by `make test-stage`."""

from __future__ import annotations

import json
import unittest

from infra.dev.sqs_event import BadAnswerError, event, failures
from infra.stack.settings import ROOT

ARN = "arn:aws:sqs:eu-central-1:123456789012:orders"
RECEIVED = {
    "MessageId": "m-1",
    "ReceiptHandle": "r-1",
    "Body": "{}",
    "MD5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
    "MD5OfMessageAttributes": "0",
    "Attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1", "MessageGroupId": "g"},
    "MessageAttributes": {
        "type": {"StringValue": "charge", "DataType": "String"},
        "trace": {"BinaryValue": b"\x00\xff", "DataType": "Binary.id"},
    },
}


class TheEvent(unittest.TestCase):
    def test_a_message_becomes_a_record_with_all_that_it_carries(self) -> None:
        (record,) = event([RECEIVED], ARN)["Records"]
        self.assertEqual(record["messageAttributes"]["type"]["stringValue"], "charge")
        self.assertEqual(record["messageAttributes"]["trace"]["binaryValue"], "AP8=")
        self.assertEqual(record["messageAttributes"]["trace"]["dataType"], "Binary.id")
        self.assertEqual(record["attributes"], RECEIVED["Attributes"])
        self.assertEqual((record["eventSourceARN"], record["awsRegion"]), (ARN, "eu-central-1"))
        json.dumps(record)

    def test_its_records_have_the_fields_of_the_recorded_event(self) -> None:
        recorded = json.loads((ROOT / "tests/events/sqs.json").read_text())["Records"]
        (record,) = event([RECEIVED], ARN)["Records"]
        for one in recorded:
            self.assertLessEqual(set(one), set(record))
            for attribute in one["messageAttributes"].values():
                self.assertLessEqual(set(attribute), {"stringValue", "binaryValue", *record["messageAttributes"]["type"]})

    def test_what_a_message_does_not_carry_is_empty_or_left_out(self) -> None:
        bare = {name: RECEIVED[name] for name in ("MessageId", "ReceiptHandle", "Body", "MD5OfBody")}
        (record,) = event([bare], ARN)["Records"]
        self.assertEqual((record["attributes"], record["messageAttributes"]), ({}, {}))
        self.assertNotIn("md5OfMessageAttributes", record)


class TheAnswer(unittest.TestCase):
    def test_nothing_null_and_an_empty_list_mean_that_all_succeeded(self) -> None:
        for answer in (b"", b"null", b"{}", b'{"batchItemFailures":null}', b'{"batchItemFailures":[]}'):
            self.assertEqual(failures(answer, ["a", "b"]), set(), answer)

    def test_the_named_messages_failed_and_no_others(self) -> None:
        answer = b'{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}'
        self.assertEqual(failures(answer, ["a", "b"]), {"b"})

    def test_a_bad_identifier_or_a_bad_shape_fails_the_whole_batch(self) -> None:
        items = ['{"itemIdentifier":""}', '{"itemIdentifier":null}', '{"itemIdentifier":"c"}', '{"id":"a"}', '"a"']
        answers = [f'{{"batchItemFailures":[{item}]}}'.encode() for item in items]
        for answer in [*answers, b"not json", b"[]", b'"done"', b'{"batchItemFailures":"a"}']:
            with self.assertRaises(BadAnswerError, msg=answer):
                failures(answer, ["a", "b"])


if __name__ == "__main__":
    unittest.main()
