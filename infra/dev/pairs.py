"""Parameters of attach.yaml for a file of queue pairs, or why they do not hold it: CloudFormation, Lambda and IAM take less of a
list than the functions do. Found out here, before anything is deployed.

    python -m infra.dev.pairs FILE [--at /opt/pairs.json] [NAME=VALUE ...]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.gates import sizes
from infra.gates.template import Template, load
from infra.stack.settings import INFRA

# What the parameter QueuePairs takes; the rest of a function's variables needs some room, too.
INLINE_CHARACTERS = 3_072
MEND = "Use the CDK (infra/cdk), whose roles get managed policies for long lists, or several installations with a part of the pairs each."


class PairsError(ValueError):
    """The file is no list of pairs."""


def parameters(text: str, at: str | None) -> dict[str, str]:
    """Parameters for the list in a file's text; `at` is where the functions find the file, if the list is not told inline.

    Raises PairsError for what is no list of pairs.
    """
    try:
        pairs: list[dict[str, Any]] = json.loads(text)["pairs"]
        found = {
            "SourceQueueArns": ",".join(pair["source_arn"] for pair in pairs),
            "DeadLetterQueueArns": ",".join(dict.fromkeys(_dead_arn(pair) for pair in pairs)),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PairsError(f"no list of pairs as infra/pairs.example.json has it: {type(error).__name__}: {error}") from error
    others = dict.fromkeys(queue for pair in pairs for queue in pair.get("destinations", []))
    if others:
        found["ReplayDestinations"] = ",".join(others)
    return {**found, **({"QueuePairsFile": at} if at else {"QueuePairs": json.dumps({"pairs": pairs}, separators=(",", ":"))})}


def _dead_arn(pair: Mapping[str, str]) -> str:
    partition_and_region = ":".join(pair["source_arn"].split(":")[:4])
    account, name = pair["dead_letter_url"].split("/")[-2:]
    return f"{partition_and_region}:{account}:{name}"


def refusals(told: Mapping[str, str]) -> Iterator[str]:
    """Reasons why attach.yaml with these parameters is too small for the list."""
    inline = len(told.get("QueuePairs", ""))
    if inline > INLINE_CHARACTERS:
        yield f"QueuePairs would have {inline} characters, and takes {INLINE_CHARACTERS}: put the file into a layer, and say --at /opt/FILE"
    template = Template(load(INFRA / "attach.yaml"), told)
    for rule in (sizes.parameters, sizes.policies, sizes.variables):
        yield from rule(template)


def main(arguments: list[str] | None = None) -> int:
    """Reads the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--at", help="where the functions find the file: a path in their package, or in a layer under /opt")
    parser.add_argument("others", nargs="*", metavar="NAME=VALUE", help="other parameters of attach.yaml")
    asked = parser.parse_args(arguments)
    others = dict(one.split("=", 1) for one in asked.others if "=" in one)
    try:
        told = {**parameters(asked.file.read_text(), asked.at), **others}
        problems = list(refusals(told))
    except (OSError, PairsError) as error:
        sys.stderr.write(f"pairs: {asked.file}: {error}\n")
        return 2
    for problem in problems:
        sys.stderr.write(f"pairs: {problem}\n")
    if problems:
        sys.stderr.write(f"pairs: {MEND}\n")
        return 1
    for name, value in told.items():
        sys.stdout.write(f"{name}={value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
