"""World of a demo: broker, tables, functions and pollers on loopback, and a hand that kills them."""

from __future__ import annotations

import random
import threading

from infra.brokers import function
from infra.brokers.letters import LetterFunctions, program
from infra.brokers.source import Source
from infra.demo.orders import KNOWN_CURRENCIES, NEW_CURRENCY
from infra.stack import emulator
from infra.stack.deployment import client
from infra.stack.processes import Daemon
from infra.stack.settings import COMMAND, MODULES, Settings

SCOPE = "orders"
# Short, so that what waits is often not done when the invocation ends.
FUNCTION_SECONDS = 6


class World:
    """Everything that runs; ended as a whole."""

    def __init__(self, settings: Settings, source: Source, seed: int) -> None:
        self._settings, self._seed = settings, seed
        self.source, self.names = source, source.names
        self.kills = 0
        try:
            endpoint = emulator.start(settings)
            self.address = source.start()
            self.tables = client("dynamodb", settings, endpoint)
            self._make_tables()
        except BaseException:
            self._end_servers()
            raise
        self._variables = {**settings.client_environment(endpoint), **self._own_variables()}
        self.function = function.Function(program(self.names.processor), self._variables, settings.folder, FUNCTION_SECONDS)
        origin = self.names.origin_of_letter
        self.letters = None if origin is None else LetterFunctions(settings, endpoint, self.names, origin, self._own_variables())
        self._invoke = function.serve(self.function)

    def complaint(self) -> str:
        """Returns the last lines of the newest process of the function: what is in the way, as a rule."""
        return "\n".join(self.function.log().splitlines()[-5:])

    def end(self) -> int:
        """Ends everything, and returns the number of processes of broker, pollers and emulator."""
        self._invoke.shutdown()
        self.function.end()
        if self.letters is not None:
            self.letters.end()
        return self._poller(self.names.main).stop() + self._poller(self.names.dead).stop() + self._end_servers()

    def _end_servers(self) -> int:
        return self.source.stop() + emulator.end(self._settings)

    def poll(self, name: str, port: int) -> None:
        """Starts the poller of the main or the dead letter place, for the function that is invoked on a port."""
        self._poller(name).start(self.source.poller(name, port, self._seed + self.kills), MODULES, cwd=self._settings.folder)

    def poll_main(self) -> None:
        """Starts the poller of the main place."""
        self.poll(self.names.main, self._invoke.server_port)

    def kill_poller(self, name: str) -> None:
        """Kills a poller, and counts it."""
        self._poller(name).kill()
        self.kills += 1

    def cure(self) -> None:
        """Gives the processor a configuration with which orders in the new currency are charged."""
        self._variables["SUPPORTED_CURRENCIES"] = ",".join([*KNOWN_CURRENCIES, NEW_CURRENCY])
        self.function.configure(self._variables)

    def kill_now_and_then(self, times: int) -> threading.Thread:
        """Kills function and poller by turns, at moments that the seed chooses, and starts them again as Lambda would."""
        chance = random.Random(self._seed)  # noqa: S311 (moments of a test, the same for the same seed)

        def kill() -> None:
            for number in range(times):
                threading.Event().wait(chance.uniform(0.3, 3.0))
                if number % 2 == 0:
                    self.kills += self.function.kill_one()
                else:
                    self.kill_poller(self.names.main)
                    self.poll_main()

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        return thread

    def _poller(self, name: str) -> Daemon:
        return Daemon(f"poller-{name}", self._settings.folder)

    def _make_tables(self) -> None:
        for name, key in ((self.names.ledger, "pk"), (self.names.orders, "order_id")):
            self.tables.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

    def _own_variables(self) -> dict[str, str]:
        return {
            **self.source.variables(),
            "LEDGER_TABLE_NAME": self.names.ledger,
            "LEDGER_SCOPE": SCOPE,
            "IDEMPOTENCY_KEY_POINTER": "/order_id",
            "ORDERS_TABLE_NAME": self.names.orders,
            "SUPPORTED_CURRENCIES": ",".join(KNOWN_CURRENCIES),
            "RETRY_SCHEDULE": "1s,1s,2s,2s,4s,4s",
            "HANDLER_TIMEOUT_SECONDS": "2",
            "FUNCTION_TIMEOUT_SECONDS": str(FUNCTION_SECONDS),
        }


def are_compiled(source: Source) -> bool:
    """Returns true if functions and command were compiled."""
    names = source.names
    functions = [names.processor] if names.origin_of_letter is None else [names.processor, names.indexer, names.replay]
    return all(one.exists() for one in (COMMAND, *map(program, functions)))
