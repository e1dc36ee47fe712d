"""A Celery application, for the stage's tests: somebody else's consumer, which knows nothing of Redrive.

`python tasks.py send ID` sends a task and says its id; `python -m celery -A tasks worker --pool solo` is its worker. It refuses every
task until the file that TASKS_MENDED names is there, and then writes the task's ID into the file that TASKS_DONE names. A refused task
is not acknowledged, so SQS's redrive policy moves it. Run by the Python that has Celery.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from celery import Celery  # type: ignore[import-not-found,unused-ignore]

QUEUE_URL = os.environ["TASKS_QUEUE_URL"]
NAME = QUEUE_URL.rsplit("/", 1)[-1]

app = Celery("shop", broker=f"sqs://test:test@{urlsplit(os.environ['TASKS_ENDPOINT']).netloc}")
app.conf.update(
    task_default_queue=NAME,
    broker_transport_options={
        "region": os.environ["TASKS_REGION"],
        "is_secure": False,
        "predefined_queues": {NAME: {"url": QUEUE_URL}},
        "wait_time_seconds": 1,
        "polling_interval": 0.2,
    },
    # What fails stays in the queue, and comes again until its receives are used up.
    task_acks_late=True,
    task_acks_on_failure_or_timeout=False,
    worker_prefetch_multiplier=1,
    # Both would make queues of their own.
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="shop.charge")  # type: ignore[untyped-decorator,unused-ignore]
def charge(order_id: str) -> None:
    """Charges an order, once its owner has mended this worker."""
    if not Path(os.environ["TASKS_MENDED"]).exists():
        raise ValueError("this worker is not mended yet")
    with Path(os.environ["TASKS_DONE"]).open("a") as done:
        done.write(f"{order_id}\n")


if __name__ == "__main__":
    sys.stdout.write(charge.apply_async((sys.argv[2],)).id)
