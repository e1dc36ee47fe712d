"""Runs a command beside LocalStack's core, as a process on loopback without Docker, and ends it again.

`localstack_sqs.py --outputs FILE -- COMMAND`: the file gets what tests read of a stage (endpoint and region), STAGE_OUTPUTS names
it. Only SQS is asked for: DynamoDB and Lambda need downloads or containers there. Run by the Python that has localstack-core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from infra.stack.loopback import free_port, healthy
from infra.stack.processes import Daemon
from infra.stack.settings import without_aws, without_proxy

START_SECONDS = 60.0
REGION = "us-east-1"


class LocalStackError(RuntimeError):
    """LocalStack did not come up, or not only where it should."""


def start(daemon: Daemon, port: int) -> str:
    """Starts it, and returns its endpoint once it is healthy and listens on loopback only."""
    listen = f"127.0.0.1:{port}"
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(daemon.folder),  # its cache of entry points, and what else it writes
        "FILESYSTEM_ROOT": str(daemon.folder / "root"),
        "GATEWAY_LISTEN": listen,
        "LOCALSTACK_HOST": listen,
        "SERVICES": "sqs",
        "STRICT_SERVICE_LOADING": "1",
        "SQS_ENDPOINT_STRATEGY": "path",
        # It calls nobody.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
    }
    daemon.start([sys.executable, str(Path(__file__).with_name("localstack_loopback.py"))], environment, cwd=daemon.folder)
    deadline = time.monotonic() + START_SECONDS
    while not healthy(f"http://{listen}", "/_localstack/health"):
        if time.monotonic() > deadline or not daemon.alive():
            raise LocalStackError(f"LocalStack did not become healthy on {listen}:\n{daemon.tail()}")
        time.sleep(0.2)
    if others := [address for address in daemon.listens() if not address.startswith("127.")]:
        raise LocalStackError(f"LocalStack listens on {', '.join(others)}, and not on loopback only")
    return f"http://{listen}"


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    outputs: Path = arguments.outputs.absolute()
    daemon = Daemon("localstack", outputs.parent)
    daemon.stop()
    try:
        endpoint = start(daemon, free_port())
        outputs.write_text(json.dumps({"endpoint": endpoint, "region": REGION}) + "\n")
        sys.stdout.write(f"LocalStack's core listens on {', '.join(daemon.listens())}\n")
        sys.stdout.flush()
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
        return subprocess.run(
            arguments.command, env={**without_aws(), **without_proxy(os.environ), **keys, "STAGE_OUTPUTS": str(outputs)}, check=False
        ).returncode
    except LocalStackError as error:
        sys.stderr.write(f"localstack: {error}\n")
        return 1
    finally:
        daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
