"""A canary for a real account: deploys a stack of its own, sends a hundred orders of every kind, replays, edits and discards, takes the
times that the documentation claims and the answers that only AWS can give, checks the account of every order, and deletes everything.

Without AWS_ENDPOINT_URL it runs in your account, says in which one, and asks first. With it, it is rehearsed at that endpoint, such as the
stage's: what that cannot tell is "not measured".
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from infra.checks import measures
from infra.checks.measures import Canary, SmokeError
from infra.stack import deployment, stage
from infra.stack.deployment import CONFIGURATION, DeploymentError, Outputs
from infra.stack.settings import INFRA, TOOLS, Settings, exclusive, without_aws

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,39}")
"""Queue names have 80 characters at the most, and the stack's name is a part of them."""
KEPT = ("LedgerTableName", "DeadLetterTableName")
"""What a stack's deletion leaves."""
ABSENT = "does not exist"


@dataclass(frozen=True)
class Place:
    """Place where the canary runs: an endpoint, or an account of the user's."""

    settings: Settings
    endpoint: str | None
    region: str

    @classmethod
    def read(cls) -> Place:
        """Reads the place from the environment, as every AWS tool does."""
        settings = Settings.read()
        if settings.endpoint:
            settings.isolate()
            return cls(settings, settings.endpoint, settings.region)
        region = boto3.Session().region_name
        if not region:
            raise SmokeError("no AWS region is configured: set AWS_REGION or AWS_PROFILE")
        return cls(replace(settings, credentials={}, region=region), None, region)

    def client(self, service: str) -> Any:
        """Makes a client of a service there."""
        return deployment.client(service, self.settings, self.endpoint)

    def environment(self) -> dict[str, str]:
        """Returns the environment that a program needs to work here."""
        if self.endpoint is None:
            return {**os.environ, "AWS_REGION": self.region}
        own = {} if self.settings.credentials else dict(os.environ)
        return {**without_aws(), **own, **self.settings.client_environment(self.endpoint)}

    def told(self) -> str:
        """Names the account or the endpoint."""
        if self.endpoint:
            return self.endpoint
        return f"account {self.client('sts').get_caller_identity()['Account']} in {self.region}"


class Stack:
    """The canary's own stack: made here, and deleted here."""

    def __init__(self, place: Place, name: str) -> None:
        if not NAME.fullmatch(name):
            raise SmokeError(f"{name!r} is no name for the stack: letters, digits and hyphens, at most 40")
        self.name = name
        self._place = place

    def exists(self) -> bool:
        """Returns true if a stack of this name exists: then it is somebody's, and is left alone."""
        try:
            stacks = self._place.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if ABSENT in str(error):
                return False
            raise
        return any(stack["StackStatus"] != "DELETE_COMPLETE" for stack in stacks)

    def deploy(self) -> Outputs:
        """Deploys by a stock `sam build` and `sam deploy`, at the template's defaults: in an account with release settings."""
        place, settings = self._place, self._place.settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        if place.endpoint:
            deployment.build(settings)
            deployment.make_bucket(settings, place.endpoint)
            configured, built = "stage", settings.build()
        else:
            configured, built = "default", settings.folder / "smoke-build"
            with exclusive(settings.folder):
                self._sam("build", "--config-env", configured, "--build-dir", str(built))
        said = ["--template-file", str(built / "template.yaml"), "--stack-name", self.name, "--no-confirm-changeset"]
        self._sam("deploy", "--config-env", configured, *said)
        outputs = self.outputs()
        if place.endpoint and "ProcessorMappingId" in outputs:
            deployment.mend_mapping(settings, outputs)
        return outputs

    def outputs(self) -> Outputs:
        """Returns the stack's outputs, and where it is."""
        stack = self._place.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        return {**outputs, "endpoint": self._place.endpoint or "", "region": self._place.region}

    def delete(self, outputs: Outputs) -> list[str]:
        """Deletes everything of it, the tables too that a stack's deletion leaves; returns what could not be deleted."""
        left: list[str] = []
        self._place.client("cloudformation").delete_stack(StackName=self.name)
        self._place.client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=self.name)
        tables = self._place.client("dynamodb")
        for table in (outputs[name] for name in KEPT if name in outputs):
            # CloudFormation names them after their stack: another's is never touched.
            if not table.startswith(f"{self.name}-"):
                left.append(f"table {table} (its name is not the stack's)")
                continue
            # Not protected, or not known here: the deletion tells.
            with contextlib.suppress(BotoCoreError, ClientError):
                tables.update_table(TableName=table, DeletionProtectionEnabled=False)
            try:
                tables.delete_table(TableName=table)
            except (BotoCoreError, ClientError) as error:
                left.append(f"table {table} ({error})")
        return left

    def _sam(self, command: str, *arguments: str) -> None:
        place = self._place
        environment = place.environment()
        path = f"{TOOLS}{os.pathsep}{environment.get('PATH', os.defpath)}"
        environment |= {"PATH": path, "SAM_CLI_TELEMETRY": "0", "AWS_LC_SYS_NO_JITTER_ENTROPY": "1"}
        log = place.settings.folder / f"smoke-sam-{command}.log"
        with log.open("wb") as output:
            line = [str(TOOLS / "sam"), command, *CONFIGURATION, *arguments]
            done = subprocess.run(
                line, cwd=INFRA, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise SmokeError(f"sam {command} failed (all of it in {log}):\n{tail}")


@contextlib.contextmanager
def deployed(stack: Stack, *, keep: bool) -> Iterator[Outputs]:
    """The stack for as long as it is needed: deleted however this ends, unless it is to be kept."""
    outputs: Outputs = {}
    try:
        outputs = stack.deploy()
        yield outputs
    finally:
        if keep:
            stage.say(f"{stack.name} is kept; make undeploy STACK={stack.name} deletes it, but for its tables")
        elif outputs or stack.exists():
            left = stack.delete(outputs)
            stage.say(f"{stack.name} is deleted" + (f", but for: {', '.join(left)}" if left else ", its tables too"))


def confirmed(place: Place, name: str, *, yes: bool) -> bool:
    """Asks if the person wants it, and knows where and what for."""
    stage.say(f"This deploys stack {name} into {place.told()}, works in it for some 45 minutes, and deletes it with its tables.")
    stage.say("It costs some cents: metrics and alarms are charged by the hour, and a key, if you choose one, by the month.")
    if yes or place.endpoint:
        return True
    return sys.stdin.isatty() and input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="the name of the stack that is made for this")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep", action="store_true", help="leave the stack there, to look at it")
    parser.add_argument("--freezes", type=int, default=10, help="how often a send follows a time of rest")
    parser.add_argument("--rest", type=float, default=120.0, help="seconds of rest before each of these sends")
    parser.add_argument("--outage", type=float, default=180.0, help="seconds without a ledger, for the brake; 0 leaves it out")
    parser.add_argument("--out", type=Path, help="the measures as JSON, into this file")
    asked = parser.parse_args()
    stage.end_on_signal()
    console = Console(highlight=False)
    try:
        place = Place.read()
        stack = Stack(place, asked.stack)
        if stack.exists():
            raise SmokeError(f"stack {stack.name} is there already: name one that is not, it would be deleted at the end")
        if not confirmed(place, stack.name, yes=asked.yes):
            sys.stderr.write("smoke: nothing was done; say yes, or YES=1\n")
            return 4
        with deployed(stack, keep=asked.keep) as outputs:
            canary = Canary(place.settings, outputs, place.environment(), console)
            measured = canary.run(freezes=asked.freezes, rest=asked.rest, outage=asked.outage)
    except (SmokeError, DeploymentError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"smoke: {error}\n")
        return 1
    console.print(measures.table(measured))
    if asked.out:
        asked.out.write_text(measures.document(measured))
    return 1 if any(one.wrong for one in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
