"""Orders through a Kafka topic: see infra/brokers/story.py for what is told, and infra/kafka/poller.py for what stands for Lambda's."""

from __future__ import annotations

import argparse
import sys

from infra.brokers import story
from infra.kafka.settling import Reading
from infra.kafka.topic import Topic
from infra.stack import stage
from infra.stack.settings import Settings


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses the orders, and the moments of the kills")
    parser.add_argument("--reading", type=Reading, default=Reading.ONLY_FAILED, help="which records come again (default: %(default)s)")
    parser.add_argument("--order", choices=("partition", "key", "none"), default="partition", help="KAFKA_ORDER of the function")
    parser.add_argument("--kills", type=int, default=6, help="number of kill -9, of function and poller by turns (default: %(default)s)")
    given = parser.parse_args()
    stage.end_on_signal()
    settings = Settings.read()
    settings.isolate()
    topic = Topic(settings.folder, given.reading, given.order)
    return story.show(settings, topic, given.seed, given.kills, f"Records come again: {given.reading.value}.")


if __name__ == "__main__":
    sys.exit(main())
