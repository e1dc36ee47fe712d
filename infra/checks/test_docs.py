"""Tests of what the pages say of aws, sam and the demo: botocore's models, SAM CLI's options, the demo's plan.."""

from __future__ import annotations

import io
import re
import shlex
import unittest
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from botocore import xform_name
from botocore.session import get_session
from rich.console import Console

from infra.demo import report
from infra.demo.books import Balance, Depths, Sent
from infra.demo.orders import Kind, plan
from infra.stack.settings import ROOT

# Options of the AWS command line itself.
EVERYWHERE = {"--cli-read-timeout", "--cli-connect-timeout", "--cli-binary-format", "--endpoint-url", "--output", "--query", "--region"}
# Operations whose answer goes to a file that is named.
WITH_A_FILE = {("lambda", "invoke")}
DIES_OF = {
    Kind.MALFORMED: ("SCHEMA", "not-json"),
    Kind.REFUSED: ("PERMANENT", "amount"),
    Kind.UNKNOWN_CURRENCY: ("PERMANENT", "currency"),
}


def lines(tool: str) -> Iterator[tuple[str, list[str]]]:
    """Yields each command line of a page that calls the tool: page, and words without assignments before them."""
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text()
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        found = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        found += re.findall(rf"`({tool} [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        for line in found:
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words and words[0] == tool:
                yield page.name, words[1:]


def aws_problem(words: list[str]) -> str | None:
    """Returns the fault of the words after `aws`, if they have one."""
    service, operation = words[0], words[1]
    model = get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return f"{service} has no operation {operation}"
    shape = model.operation_model(names[operation]).input_shape
    members, required = (shape.members, shape.required_members) if shape else ({}, [])
    # A member that is true or false is an option without a value, and another one that says no.
    flags = {f"--{no}{xform_name(member, '-')}" for member, of in members.items() if of.type_name == "boolean" for no in ("", "no-")}
    known = {f"--{xform_name(member, '-')}" for member in members} | EVERYWHERE | flags
    given = [word for word in words[2:] if word.startswith("--")]
    unknown = sorted(set(given) - known)
    if unknown:
        return f"{service} {operation} takes no {', '.join(unknown)}"
    missing = {f"--{xform_name(member, '-')}" for member in required} - set(given)
    if missing:
        return f"{service} {operation} needs {', '.join(sorted(missing))}"
    values = len(words) - 2 - len(given)
    expected = len(set(given) - flags) + ((service, operation) in WITH_A_FILE)
    return None if values == expected else f"{service} {operation} has {values} values for {expected}"


def sam_problem(words: list[str]) -> str | None:
    """Returns the fault of the words after `sam`, if they have one."""
    try:
        command: Any = import_module(f"samcli.commands.{words[0]}.command").cli
    except ModuleNotFoundError:
        return f"sam has no command {words[0]}"
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words[1:] if word.startswith("-") and word not in known]
    return f"sam {words[0]} takes no {', '.join(unknown)}" if unknown else None


def account(seed: int) -> str:
    """Renders the account at the end of the demo, if each order goes where it belongs."""
    chosen = plan("o", seed)
    sent = [Sent(str(number), order, body) for number, (order, body) in enumerate([*chosen.first, *chosen.afterwards])]
    cut = next(one for one in sent if one.order.kind is Kind.MALFORMED)
    letters: dict[str, dict[str, Any]] = {}
    charged = {one.order.order_id for one in sent if one.order.kind not in DIES_OF}
    for one in sent:
        reused = one.body != one.order.body and one.order.kind is Kind.REUSED
        if one.order.kind not in DIES_OF and not reused:
            continue
        error_type, code = ("PERMANENT", "key_reused") if reused else DIES_OF[one.order.kind]
        letter: dict[str, Any] = {"error_type": error_type, "error_code": code, "status": "PENDING"}
        if one is cut or one.order.kind is Kind.UNKNOWN_CURRENCY:
            letter |= {"status": "RESOLVED", "number": 1}
            charged.add(one.order.order_id)
        elif one.order.kind is Kind.MALFORMED:
            letter["status"] = "DISCARDED"
        letters[one.message_id] = letter
    late = {one.order.order_id for one in sent if one.order.kind is Kind.LATE}
    balance = Balance(
        sent=sent,
        orders={order_id: {"charges": 1} for order_id in charged},
        letters=letters,
        ledger={order_id: {"state": "COMPLETED", "history": [{}]} for order_id in late},
        depths=Depths(0, 0),
    )
    printed = Console(file=io.StringIO(), width=80, no_color=True)
    printed.print(report.summary(balance))
    assert isinstance(printed.file, io.StringIO)
    return printed.file.getvalue()


class ThePages(unittest.TestCase):
    def test_a_line_of_aws_is_an_operation_with_its_options(self) -> None:
        found = list(lines("aws"))
        self.assertTrue(found, "the lines must be found")
        for page, words in found:
            self.assertIsNone(aws_problem(words), f"{page}: aws {shlex.join(words)}")

    def test_a_wrong_line_of_aws_is_noticed(self) -> None:
        for line, why in [
            ("lambda summon --function-name f out", "lambda has no operation summon"),
            ("lambda invoke --function f out", "lambda invoke takes no --function"),
            ("lambda invoke out", "lambda invoke needs --function-name"),
            ("lambda invoke --function-name f", "lambda invoke has 1 values for 2"),
        ]:
            self.assertEqual(aws_problem(line.split()), why)

    def test_a_line_of_sam_is_a_command_with_its_options(self) -> None:
        found = list(lines("sam"))
        self.assertGreater(len(found), 3, "the lines must be found")
        for page, words in found:
            self.assertIsNone(sam_problem(words), f"{page}: sam {shlex.join(words)}")
        self.assertEqual(sam_problem(["deploy", "--guide"]), "sam deploy takes no --guide")
        self.assertEqual(sam_problem(["ship"]), "sam has no command ship")

    def test_the_account_in_the_readme_is_the_demo_s(self) -> None:
        shown = re.search(r"<!-- demo -->\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        assert shown
        printed = "\n".join(line.rstrip() for line in account(seed=1).splitlines())
        self.assertIn(shown[1], printed + "\n")


if __name__ == "__main__":
    unittest.main()
