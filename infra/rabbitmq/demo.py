"""Orders through a RabbitMQ queue. infra/brokers/story.py tells it, and infra/rabbitmq/poller.py stands for Lambda's poller."""

from __future__ import annotations

import argparse
import sys

from infra.brokers import story
from infra.rabbitmq.queues import Queues
from infra.rabbitmq.settling import Reading
from infra.stack import stage
from infra.stack.settings import Settings


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses the orders, and the moments of the kills")
    parser.add_argument("--reading", type=Reading, default=Reading.NACK, help="how a failed batch goes back (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=6, help="number of kill -9, of function and poller by turns (default: %(default)s)")
    given = parser.parse_args()
    stage.end_on_signal()
    settings = Settings.read()
    settings.isolate()
    queues = Queues(settings.folder, given.reading, "hash")
    return story.show(settings, queues, given.seed, given.kills, f"A failed batch goes back by {given.reading.value}.")


if __name__ == "__main__":
    sys.exit(main())
