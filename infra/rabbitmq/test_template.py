"""Tests of infra/rabbitmq.yaml: settings that would lose messages are refused, and mappings and roles are no more than is asked for."""

from __future__ import annotations

import re
import unittest
from collections.abc import Iterator
from typing import Any

from infra.gates.template import Template, load
from infra.stack.settings import INFRA, ROOT

SOURCE = load(INFRA / "rabbitmq.yaml")
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/redrive"  # noqa: S105 (the name of one)
BROKER = "arn:aws:mq:eu-central-1:111122223333:broker:shop-broker:b-0a1b2c3d-1111-2222-3333-444455556666"
BASE = {
    "BrokerArn": BROKER,
    "BrokerName": "shop",
    "Endpoint": "amqps://b-0a1b2c3d.mq.eu-central-1.amazonaws.com:5671",
    "SecretArn": SECRET,
    "Queue": "orders",
    "DeadLetterQueue": "orders.dead",
}
NETWORK = {"FirstSubnetId": "subnet-0123abcd", "SecondSubnetId": "subnet-4567abcd", "SecurityGroupId": "sg-0123abcd"}
CASES: dict[str, dict[str, str]] = {
    "public": {},
    "in a network": NETWORK,
    "a secret with a key of its own": {"SecretKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1-2"},
    "another virtual host, ids demanded": {"VirtualHost": "shop", "WithoutId": "refuse", "Example": "false"},
}
# What AWS gives no resource for.
EVERYWHERE = {"StandInTheNetwork", "Trace", "WatchAlarms"}
ROLES = ("ProcessorRole", "IndexerRole", "ReplayRole", "SchedulerRole")
FUNCTIONS = ("ProcessorFunction", "IndexerFunction", "ReplayFunction")
# Each mapping, with its function and the queue that it reads.
MAPPINGS = {"Mapping": ("ProcessorFunction", "orders"), "IndexerMapping": ("IndexerFunction", "orders.dead")}


def made(**settings: str) -> Template:
    """Makes the template with these settings beside the base."""
    return Template(SOURCE, {**BASE, **settings})


def variables(template: Template, function: str) -> dict[str, Any]:
    """Returns the variables of a function."""
    return dict(template.resources[function].properties["Environment"]["Variables"])


def statements(template: Template, role: str) -> Iterator[dict[str, Any]]:
    """Yields the statements of a role."""
    for policy in template.resources[role].properties["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def actions(statement: dict[str, Any]) -> list[str]:
    """Returns the actions of a statement."""
    return statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]


class RabbitTemplate(unittest.TestCase):
    def test_settings_that_fit_are_taken(self) -> None:
        for case, settings in CASES.items():
            self.assertEqual(made(**settings).refused(), [], case)

    def test_settings_that_do_not_fit_are_refused(self) -> None:
        for settings in ({"DeadLetterQueue": "orders"}, {"FirstSubnetId": "subnet-0123abcd"}):
            self.assertEqual(len(made(**settings).refused()), 1, settings)

    def test_what_is_no_name_or_address_is_refused(self) -> None:
        wrong = {
            "Endpoint": ["amqp://b-1.example.com:5671", "amqps://b-1.example.com", "amqps://guest:guest@b-1.example.com:5671"],
            "Queue": ["", "amq.orders", "orders dead", "o" * 236],
            "DeadLetterQueue": ["", "amq.dead"],
            "SecretArn": ["", "shop/redrive"],
            "BrokerArn": ["", "arn:aws:kafka:eu-central-1:111122223333:cluster/shop/0a1b-2"],
        }
        for name, texts in wrong.items():
            pattern = SOURCE["Parameters"][name]["AllowedPattern"]
            self.assertRegex(BASE[name], pattern)
            for text in texts:
                self.assertNotRegex(text, pattern, name)

    def test_each_mapping_feeds_its_function_from_its_queue_with_login_and_virtual_host(self) -> None:
        template = made(VirtualHost="shop")
        for name, (function, queue) in MAPPINGS.items():
            own = template.resources[name].properties
            self.assertEqual((own["FunctionName"], own["EventSourceArn"], own["Queues"]), (f"${{{function}}}", BROKER, [queue]), name)
            access = [{"Type": "BASIC_AUTH", "URI": SECRET}, {"Type": "VIRTUAL_HOST", "URI": "shop"}]
            self.assertEqual(own["SourceAccessConfigurations"], access, name)

    def test_a_mapping_asks_for_nothing_that_lambda_does_not_know_of_a_broker(self) -> None:
        known = {
            "FunctionName",
            "EventSourceArn",
            "Queues",
            "BatchSize",
            "MaximumBatchingWindowInSeconds",
            "SourceAccessConfigurations",
            "Tags",
        }
        for name in MAPPINGS:
            self.assertEqual(set(made().resources[name].properties), known, name)

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
        of_ledger = {
            role: {action for one in statements(template, role) if "Ledger" in str(one["Resource"]) for action in actions(one)}
            for role in ROLES
        }
        self.assertEqual(of_ledger["IndexerRole"], {"dynamodb:BatchGetItem"})
        self.assertEqual(of_ledger["ReplayRole"], {"dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"})
        self.assertNotIn("dynamodb:DeleteItem", may["IndexerRole"])
        # The replay has no mapping: it neither looks for the broker nor reads the secret.
        of_a_mapping = {"mq:DescribeBroker", "secretsmanager:GetSecretValue"}
        self.assertEqual([of_a_mapping & may[role] for role in ROLES], [of_a_mapping, of_a_mapping, set(), set()])
        self.assertEqual(may["SchedulerRole"], {"lambda:InvokeFunction"})
        marks = [one for one in statements(template, "ReplayRole") if one["Sid"] in {"LeaveTombstones", "WithdrawCopies"}]
        self.assertTrue(all("dynamodb:Attributes" in str(one["Condition"]) for one in marks) and len(marks) == 2)

    def test_a_key_is_used_only_where_the_secret_has_one(self) -> None:
        for case, settings in CASES.items():
            for role in ("ProcessorRole", "IndexerRole"):
                keys = [one["Resource"] for one in statements(made(**settings), role) if one["Sid"] == "ReadTheSecret"]
                self.assertEqual(keys, [settings["SecretKeyArn"]] if "SecretKeyArn" in settings else [], (case, role))

    def test_functions_that_publish_stand_in_the_network_and_know_the_login_and_the_indexer_does_not(self) -> None:
        template = made(**NETWORK)
        for function in FUNCTIONS:
            publishes = function != "IndexerFunction"
            self.assertEqual("VpcConfig" in template.resources[function].properties, publishes, function)
            known = {"RABBITMQ_ENDPOINT", "RABBITMQ_USER", "RABBITMQ_PASSWORD"} & set(variables(template, function))
            self.assertEqual(len(known), 3 if publishes else 0, function)

    def test_letters_go_back_to_the_configured_queue_and_are_read_as_the_processor_reads_messages(self) -> None:
        template = made(IdempotencyKeyPointer="/order_id", VirtualHost="shop", WithoutId="refuse")
        shared = (
            "RABBITMQ_QUEUE",
            "RABBITMQ_VIRTUAL_HOST",
            "RABBITMQ_BROKER",
            "LEDGER_SCOPE",
            "LEDGER_TABLE_NAME",
            "IDEMPOTENCY_KEY_POINTER",
        )
        for name in shared:
            self.assertEqual(len({str(variables(template, function)[name]) for function in FUNCTIONS}), 1, name)
        for function in ("ProcessorFunction", "IndexerFunction"):
            of_the_dead = {name: variables(template, function)[name] for name in ("RABBITMQ_DEAD_LETTER_QUEUE", "RABBITMQ_WITHOUT_ID")}
            self.assertEqual(of_the_dead, {"RABBITMQ_DEAD_LETTER_QUEUE": "orders.dead", "RABBITMQ_WITHOUT_ID": "refuse"}, function)
        self.assertEqual(SOURCE["Outputs"]["MainQueueArn"]["Value"], {"Fn::Sub": "rabbitmq://${BrokerName}/${Queue}"})

    def test_the_table_of_letters_is_that_of_queues(self) -> None:
        kept = load(INFRA / "template.yaml")["Resources"]["DeadLetters"]["Properties"]
        own = SOURCE["Resources"]["DeadLetters"]["Properties"]
        self.assertEqual(own, {name: value for name, value in kept.items() if name != "SSESpecification"})

    def test_the_function_ends_before_lambda_gives_the_batch_up(self) -> None:
        self.assertEqual(SOURCE["Parameters"]["FunctionTimeoutSeconds"]["MaxValue"], 14 * 60)

    def test_the_depth_alarm_watches_the_broker_of_the_mapping(self) -> None:
        alarm = SOURCE["Resources"]["MessageCountAlarm"]["Properties"]
        self.assertEqual(
            alarm["Dimensions"], [{"Name": "Broker", "Value": {"Fn::Select": [6, {"Fn::Split": [":", {"Ref": "BrokerArn"}]}]}}]
        )
        self.assertEqual(BROKER.split(":")[6], "shop-broker")

    def test_every_variable_is_one_that_the_page_explains(self) -> None:
        page = (ROOT / "docs" / "sources.md").read_text()
        of_policy = {"REPLAY_MAX_DEATHS", "REPLAY_POLICY", "RESOLVED_RETENTION_DAYS"}
        known = {*re.findall(r"`([A-Z_]+)`", page), *of_policy, "RUST_LOG", "ORDERS_TABLE_NAME"}
        for function in FUNCTIONS:
            self.assertEqual(set(variables(made(), function)) - known, set(), function)


if __name__ == "__main__":
    unittest.main()
