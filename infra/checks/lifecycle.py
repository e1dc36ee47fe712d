"""The life of a stack, on the stage that is up: `redeploy` deploys it anew while messages are in flight, `delete` deletes the one
beside it. Ends with 1 if anything was lost or charged twice, or a table of data went with its stack.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from infra.demo.books import Balance, Books, Sent
from infra.demo.demo import Operator, Shop
from infra.demo.orders import KNOWN_CURRENCIES, NEW_CURRENCY, Kind, Order, Plan, plan
from infra.stack import deployment, stage
from infra.stack.deployment import DeploymentError, Outputs, client
from infra.stack.settings import COMMAND, Settings, without_aws
from infra.stack.variants import VARIANTS

PATIENCE_SECONDS = 150.0
LOOK_SECONDS = 0.3
# What a redeployment may find under way; sent while it works.
PIECE = 10
# The command's exit code.
NOT_CONFIRMED = 4


class LifeError(RuntimeError):
    """Promise of the stack that was not kept."""


def deleted(settings: Settings, endpoint: str) -> None:
    """Deletes the stack with FIFO queues, in which letters wait: refused until confirmed, and its tables are kept."""
    stack = VARIANTS["fifo"].stack
    outputs: Outputs = json.loads(settings.outputs_of("fifo").read_text())
    waiting = _pending(settings, endpoint)
    _expect(bool(waiting), f"letters wait in {stack}")
    code, said = _undeploy(settings, endpoint, stack)
    _expect(code == NOT_CONFIRMED, f"it waits for a yes: {code} {said}")
    _expect(f"{len(waiting)} letter{'s are' if len(waiting) > 1 else ' is'} PENDING" in said, f"it warns: {said}")
    _expect(not _gone(settings, endpoint, outputs) and _pending(settings, endpoint) == waiting, "nothing was touched")
    code, said = _undeploy(settings, endpoint, stack, "--yes")
    _expect(code == 0, f"the stack is deleted: {said}")
    _expect(_gone(settings, endpoint, outputs), "its queues and functions are gone")
    _expect(_pending(settings, endpoint) == waiting, "its letters are in the table that was kept")
    tables = client("dynamodb", settings, endpoint)
    for name in (outputs["LedgerTableName"], outputs["DeadLetterTableName"]):
        tables.describe_table(TableName=name)
        _expect(name in said, f"table {name} is named: {said}")
    stage.say(f"{stack} deleted; {len(waiting)} letters in {outputs['DeadLetterTableName']} are kept")


def redeployed(settings: Settings, outputs: Outputs) -> Balance:
    """Sends orders all the while that a changed parameter and another package of the processor are deployed."""
    endpoint = outputs["endpoint"]
    operator, shop = Operator(settings, outputs, Console()), Shop(settings, outputs)
    books = Books(settings, outputs, operator.scope())
    chosen = plan(f"l{int(time.time()):x}", 1)
    shop.write_rows(order for order in chosen.orders if order.has_row and order.kind is not Kind.LATE)
    before = _code(settings, outputs)
    release = settings.build() / "ProcessorFunction" / "release"
    release.write_text(f"{time.time()}\n")
    sent = _while_deploying(settings, endpoint, shop, chosen, books)
    _expect(_code(settings, outputs) != before, "the processor's code is another one")
    late = [one.order for one in sent if one.order.kind is Kind.LATE]
    shop.write_rows(late)
    sent += shop.send(_after(chosen), lambda _: None)
    _wait(lambda: not books.balance(sent).unaccounted and not any(vars(books.depths()).values()), "everything is at rest")
    balance = books.balance(sent)
    _expect(not balance.lost, f"{balance.lost} are lost")
    _expect(not balance.charged_twice, f"charged twice: {balance.charged_twice}")
    new = {order.order_id for order, _ in _after(chosen)}
    _expect(new <= balance.charged, f"the changed parameter is in force: {NEW_CURRENCY} is charged")
    return balance


def _while_deploying(settings: Settings, endpoint: str, shop: Shop, chosen: Plan, books: Books) -> list[Sent]:
    """The messages that SQS took, from before the deployment began until after it ended."""
    failed: list[BaseException] = []

    def deploy() -> None:
        try:
            deployment.deploy(settings, endpoint, {"SupportedCurrencies": ",".join((*KNOWN_CURRENCIES, NEW_CURRENCY))})
        except BaseException as error:
            failed.append(error)

    pending = [(order, body) for order, body in chosen.first if order.kind is not Kind.UNKNOWN_CURRENCY]
    sent = shop.send(pending[:PIECE], lambda _: None)
    working = threading.Thread(target=deploy)
    working.start()
    met = 0
    pending = pending[PIECE:]
    while working.is_alive():
        if pending:
            sent += shop.send(pending[:PIECE], lambda _: None)
            pending = pending[PIECE:]
        met += books.depths().main > 0
        working.join(LOOK_SECONDS)
    if failed:
        raise failed[0]
    _expect(met > 0, "messages were in flight while it was deployed")
    stage.say(f"deployed anew while {len(sent)} messages were sent; {met} looks found some in flight")
    return sent + shop.send(pending, lambda _: None)


def _after(chosen: Plan) -> list[tuple[Order, str]]:
    """The orders in the new currency: sent when the parameter has changed."""
    return [(order, body) for order, body in chosen.first if order.kind is Kind.UNKNOWN_CURRENCY]


def _code(settings: Settings, outputs: Outputs) -> str:
    functions = client("lambda", settings, outputs["endpoint"])
    return str(functions.get_function_configuration(FunctionName=outputs["ProcessorFunctionName"])["CodeSha256"])


def _run(settings: Settings, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, which finds the endpoint in the outputs of the stack beside."""
    command = [str(COMMAND), "--outputs", str(settings.outputs_of("fifo")), *arguments]
    environment = {**without_aws(), **settings.client_environment(endpoint)}
    environment = {name: value for name, value in environment.items() if not name.startswith("REDRIVE_")}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _undeploy(settings: Settings, endpoint: str, *arguments: str) -> tuple[int, str]:
    """The exit code, and all that was said."""
    done = _run(settings, endpoint, "undeploy", *arguments)
    return done.returncode, done.stdout + done.stderr


def _pending(settings: Settings, endpoint: str) -> set[str]:
    """The letters that wait in the table of the stack beside, which outlives its stack."""
    done = _run(settings, endpoint, "list", "--json")
    _expect(done.returncode == 0, f"the letters are listed: {done.stderr}")
    return {json.loads(line)["dlq_message_id"] for line in done.stdout.splitlines()}


def _gone(settings: Settings, endpoint: str, outputs: Outputs) -> bool:
    functions, queues = client("lambda", settings, endpoint), client("sqs", settings, endpoint)
    asks: list[Callable[[], Any]] = [
        lambda: functions.get_function(FunctionName=outputs["ProcessorFunctionName"]),
        lambda: queues.get_queue_attributes(QueueUrl=outputs["MainQueueUrl"], AttributeNames=["All"]),
    ]
    return all(_refused(ask) for ask in asks)


def _refused(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except ClientError:
        return True
    return False


def _wait(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        _expect(time.monotonic() < deadline, f"not after {PATIENCE_SECONDS:.0f} s: {what}")
        time.sleep(LOOK_SECONDS)


def _expect(true: bool, what: str) -> None:
    if not true:
        raise LifeError(what)


def main() -> int:
    """Runs a chapter on the stage that is up; `delete` needs its FIFO variant beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapter", choices=("redeploy", "delete"))
    arguments = parser.parse_args()
    settings = Settings.read()
    settings.isolate()
    outputs = deployment.read_outputs(settings)
    if outputs is None:
        sys.stderr.write(f"lifecycle: nothing is up in {settings.folder}\n")
        return 1
    try:
        if arguments.chapter == "delete":
            deleted(settings, outputs["endpoint"])
            return 0
        balance = redeployed(settings, outputs)
    except (LifeError, DeploymentError) as error:
        sys.stderr.write(f"lifecycle: {error}\n")
        return 1
    sent = len(balance.sent)
    stage.say(f"{sent} messages: {len(balance.charged)} orders charged, {len(balance.letters)} letters, 0 lost, 0 charged twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
