"""Tests of infra/kafka.yaml: settings that would lose records are refused, and its mapping and role are no more than is asked for."""

from __future__ import annotations

import re
import unittest
from collections.abc import Iterator
from typing import Any

from infra.gates.template import Template, load
from infra.stack.settings import INFRA, ROOT

SOURCE = load(INFRA / "kafka.yaml")
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:AmazonMSK_shop"  # noqa: S105 (the name of one)
BASE = {
    "BootstrapServers": "b-1.example.com:9096,b-2.example.com:9096",
    "ClusterName": "shop",
    "Topic": "orders",
    "DeadLetterTopic": "orders.dead",
    "SecretArn": SECRET,
}
NETWORK = {"FirstSubnetId": "subnet-0123abcd", "SecondSubnetId": "subnet-4567abcd", "SecurityGroupId": "sg-0123abcd"}
MSK = {"MskClusterArn": "arn:aws:kafka:eu-central-1:111122223333:cluster/shop/0a1b-2"}
POLLERS = {"MinimumPollers": "1", "MaximumPollers": "5"}
PUBLIC = {"Security": "tls", "SecretArn": ""}
CASES: dict[str, dict[str, str]] = {
    "self-managed, public, with a login": {},
    "self-managed in a network": NETWORK,
    "self-managed, public, without a login": PUBLIC,
    "MSK": {**MSK, **NETWORK, "SecretKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1-2"},
    "MSK that lets everybody in": {**MSK, **NETWORK, **PUBLIC},
    "named answers": {**POLLERS, "Answer": "partial"},
    "a group of its own": {"ConsumerGroupId": "charging", "Example": "false"},
}
# What AWS gives no resource for.
EVERYWHERE = {"StandInTheNetwork", "Trace"}


def made(**settings: str) -> Template:
    """Makes the template with these settings beside the base."""
    return Template(SOURCE, {**BASE, **settings})


def mapping(template: Template) -> dict[str, Any]:
    """Returns the properties of the event source mapping."""
    return template.resources["Mapping"].properties


def statements(template: Template) -> Iterator[dict[str, Any]]:
    """Yields the statements of the function's role."""
    for policy in template.resources["ProcessorRole"].properties["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


class KafkaTemplate(unittest.TestCase):
    def test_settings_that_fit_are_taken(self) -> None:
        for case, settings in CASES.items():
            self.assertEqual(made(**settings).refused(), [], case)

    def test_settings_that_do_not_fit_are_refused(self) -> None:
        wrong: list[dict[str, str]] = [
            {"DeadLetterTopic": "orders"},
            {"SecretArn": ""},
            {"Security": "tls"},
            {"Answer": "partial"},
            {"MinimumPollers": "1"},
            {"FirstSubnetId": "subnet-0123abcd"},
        ]
        for settings in wrong:
            self.assertEqual(len(made(**settings).refused()), 1, settings)

    def test_a_mapping_that_reads_no_names_is_given_none(self) -> None:
        for case, settings in CASES.items():
            template = made(**settings)
            answer = template.resources["ProcessorFunction"].get("Environment.Variables.KAFKA_ANSWER")
            names = mapping(template).get("FunctionResponseTypes") == ["ReportBatchItemFailures"]
            self.assertEqual(answer == "partial", names, case)

    def test_nothing_that_only_waits_is_given_up(self) -> None:
        for case, settings in CASES.items():
            limits = {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "DestinationConfig"} & set(mapping(made(**settings)))
            self.assertEqual(limits, set(), case)

    def test_a_mapping_is_of_one_kind_of_cluster_and_knows_its_login_and_network(self) -> None:
        seen = {}
        for case, settings in CASES.items():
            own = mapping(made(**settings))
            self.assertNotEqual("EventSourceArn" in own, "SelfManagedEventSource" in own, case)
            seen[case] = [access["Type"] for access in own.get("SourceAccessConfigurations", [])]
        inside = ["VPC_SUBNET", "VPC_SUBNET", "VPC_SECURITY_GROUP"]
        self.assertEqual(seen["self-managed in a network"], ["SASL_SCRAM_512_AUTH", *inside])
        self.assertEqual((seen["MSK"], seen["MSK that lets everybody in"]), (["SASL_SCRAM_512_AUTH"], []))

    def test_the_role_may_do_nothing_everywhere_but_what_has_no_resource(self) -> None:
        for case, settings in CASES.items():
            for statement in statements(made(**settings)):
                wide = statement["Resource"] == "*"
                self.assertEqual(wide, statement["Sid"] in EVERYWHERE, (case, statement["Sid"]))
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                self.assertFalse([action for action in actions if "*" in action], (case, statement["Sid"]))

    def test_the_function_ends_before_lambda_gives_the_batch_up(self) -> None:
        parameter = SOURCE["Parameters"]["FunctionTimeoutSeconds"]
        self.assertEqual(parameter["MaxValue"], 14 * 60)

    def test_every_variable_is_one_that_the_page_explains(self) -> None:
        page = (ROOT / "docs" / "sources.md").read_text()
        variables = made().resources["ProcessorFunction"].properties["Environment"]["Variables"]
        known = {*re.findall(r"`([A-Z_]+)`", page), "RUST_LOG", "ORDERS_TABLE_NAME"}
        self.assertEqual(set(variables) - known, set())


if __name__ == "__main__":
    unittest.main()
