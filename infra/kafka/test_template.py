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
EVERYWHERE = {"StandInTheNetwork", "Trace", "WatchAlarms"}
ROLES = ("ProcessorRole", "IndexerRole", "ReplayRole", "SchedulerRole")
FUNCTIONS = ("ProcessorFunction", "IndexerFunction", "ReplayFunction")
# Each mapping, with its function and the topic that it reads.
MAPPINGS = {"Mapping": ("ProcessorFunction", "orders"), "IndexerMapping": ("IndexerFunction", "orders.dead")}


def made(**settings: str) -> Template:
    """Makes the template with these settings beside the base."""
    return Template(SOURCE, {**BASE, **settings})


def mapping(template: Template, name: str = "Mapping") -> dict[str, Any]:
    """Returns the properties of an event source mapping."""
    return template.resources[name].properties


def statements(template: Template, role: str) -> Iterator[dict[str, Any]]:
    """Yields the statements of a role."""
    for policy in template.resources[role].properties["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def actions(statement: dict[str, Any]) -> list[str]:
    """Returns the actions of a statement."""
    return statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]


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
            for name, (function, _) in MAPPINGS.items():
                answer = template.resources[function].get("Environment.Variables.KAFKA_ANSWER")
                names = mapping(template, name).get("FunctionResponseTypes") == ["ReportBatchItemFailures"]
                self.assertEqual(answer == "partial", names, (case, name))

    def test_each_mapping_feeds_its_function_from_its_topic_and_shares_no_group(self) -> None:
        template = made(ConsumerGroupId="charging")
        for name, (function, topic) in MAPPINGS.items():
            own = mapping(template, name)
            self.assertEqual((own["FunctionName"], own["Topics"]), (f"${{{function}}}", [topic]), name)
        self.assertNotIn("charging", str(mapping(template, "IndexerMapping")))

    def test_nothing_that_only_waits_is_given_up(self) -> None:
        for case, settings in CASES.items():
            for name in MAPPINGS:
                limits = {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "DestinationConfig"} & set(mapping(made(**settings), name))
                self.assertEqual(limits, set(), (case, name))

    def test_a_mapping_is_of_one_kind_of_cluster_and_knows_its_login_and_network(self) -> None:
        seen = {}
        for case, settings in CASES.items():
            own, other = (mapping(made(**settings), name) for name in MAPPINGS)
            self.assertNotEqual("EventSourceArn" in own, "SelfManagedEventSource" in own, case)
            for shared in ("EventSourceArn", "SelfManagedEventSource", "SourceAccessConfigurations"):
                self.assertEqual(own.get(shared), other.get(shared), case)
            seen[case] = [access["Type"] for access in own.get("SourceAccessConfigurations", [])]
        inside = ["VPC_SUBNET", "VPC_SUBNET", "VPC_SECURITY_GROUP"]
        self.assertEqual(seen["self-managed in a network"], ["SASL_SCRAM_512_AUTH", *inside])
        self.assertEqual((seen["MSK"], seen["MSK that lets everybody in"]), (["SASL_SCRAM_512_AUTH"], []))

    def test_no_role_may_do_anything_everywhere_but_what_has_no_resource(self) -> None:
        for case, settings in CASES.items():
            template = made(**settings)
            for role in ROLES:
                for statement in statements(template, role):
                    wide = statement["Resource"] == "*"
                    self.assertEqual(wide, statement["Sid"] in EVERYWHERE, (case, role, statement["Sid"]))
                    self.assertFalse([action for action in actions(statement) if "*" in action], (case, role, statement["Sid"]))

    def test_each_role_may_do_what_its_function_does_and_no_more(self) -> None:
        template = made()
        may = {role: {action for one in statements(template, role) for action in actions(one)} for role in ROLES}
        # The indexer deletes nothing, and only reads the ledger; the replay has no mapping, and so no secret.
        of_ledger = {
            role: {action for one in statements(template, role) if "Ledger" in str(one["Resource"]) for action in actions(one)}
            for role in ROLES
        }
        self.assertEqual(of_ledger["IndexerRole"], {"dynamodb:BatchGetItem"})
        self.assertEqual(of_ledger["ReplayRole"], {"dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"})
        self.assertNotIn("dynamodb:DeleteItem", may["IndexerRole"])
        self.assertNotIn("secretsmanager:GetSecretValue", may["ReplayRole"])
        self.assertEqual(may["SchedulerRole"], {"lambda:InvokeFunction"})
        marks = [one for one in statements(template, "ReplayRole") if one["Sid"] in {"LeaveTombstones", "WithdrawCopies"}]
        self.assertTrue(all("dynamodb:Attributes" in str(one["Condition"]) for one in marks) and len(marks) == 2)

    def test_letters_go_back_to_the_configured_topic_and_are_read_as_the_processor_reads_records(self) -> None:
        template = made(IdempotencyKeyPointer="/order_id", NullKey="original")
        variables = {name: template.resources[name].properties["Environment"]["Variables"] for name in FUNCTIONS}
        for shared in ("KAFKA_TOPICS", "KAFKA_CLUSTER", "LEDGER_SCOPE", "LEDGER_TABLE_NAME", "IDEMPOTENCY_KEY_POINTER"):
            self.assertEqual(len({str(own[shared]) for own in variables.values()}), 1, shared)
        self.assertEqual(variables["ReplayFunction"]["KAFKA_NULL_KEY"], "original")
        self.assertNotIn("KAFKA_PASSWORD", variables["IndexerFunction"], "it speaks to no broker")
        self.assertEqual(SOURCE["Outputs"]["MainQueueArn"]["Value"], {"Fn::Sub": "kafka://${ClusterName}/${Topic}"})

    def test_the_table_of_letters_is_that_of_queues(self) -> None:
        kept = load(INFRA / "template.yaml")["Resources"]["DeadLetters"]["Properties"]
        own = SOURCE["Resources"]["DeadLetters"]["Properties"]
        self.assertEqual(own, {name: value for name, value in kept.items() if name != "SSESpecification"})

    def test_the_function_ends_before_lambda_gives_the_batch_up(self) -> None:
        parameter = SOURCE["Parameters"]["FunctionTimeoutSeconds"]
        self.assertEqual(parameter["MaxValue"], 14 * 60)

    def test_every_variable_is_one_that_the_page_explains(self) -> None:
        page = (ROOT / "docs" / "sources.md").read_text()
        of_policy = {"REPLAY_MAX_DEATHS", "REPLAY_POLICY", "RESOLVED_RETENTION_DAYS"}
        known = {*re.findall(r"`([A-Z_]+)`", page), *of_policy, "RUST_LOG", "ORDERS_TABLE_NAME"}
        for function in FUNCTIONS:
            variables = made().resources[function].properties["Environment"]["Variables"]
            self.assertEqual(set(variables) - known, set(), function)


if __name__ == "__main__":
    unittest.main()
