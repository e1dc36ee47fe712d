"""One function's code into a stack that is there: `cargo lambda build` and `cargo lambda deploy`, seconds instead of a whole `sam deploy`.

With AWS_ENDPOINT_URL it goes to that endpoint, such as the stage's; without, to your account. Only the code changes; CloudFormation does
not hear of it, and the next `sam deploy` puts its own code there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.stack import deployment
from infra.stack.settings import BUILD_ENVIRONMENT, COMPILED, FUNCTIONS, ROOT, STACK, TOOLS, Settings, exclusive, without_aws

ARCHITECTURES = {"x86_64": "--x86-64", "arm64": "--arm64"}


def deploy(settings: Settings, stack: str, function: str) -> int:
    """Builds for the architecture that the deployed function has, and replaces its code."""

    def service(name: str) -> Any:
        if settings.endpoint:
            return deployment.client(name, settings, settings.endpoint)
        account: Any = boto3.Session()
        return account.client(name)

    outputs = service("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    name = next(one["OutputValue"] for one in outputs if one["OutputKey"] == f"{function.capitalize()}FunctionName")
    configuration = service("lambda").get_function_configuration(FunctionName=name)
    architecture = configuration.get("Architectures", ["x86_64"])[0]
    path = {"PATH": f"{TOOLS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    # Cargo's folder and settings are the stage's for an endpoint, and release's own for an account.
    folder = COMPILED if settings.endpoint else ROOT / "target"
    own = BUILD_ENVIRONMENT if settings.endpoint else {"AWS_LC_SYS_NO_JITTER_ENTROPY": "1"}
    build = ["cargo", "lambda", "build", "--release", "--locked", ARCHITECTURES[architecture], "-p", function, "--bin", function]
    with exclusive(folder):
        done = subprocess.run(build, cwd=ROOT, env={**without_aws(), **own, **path}, check=False)
        if done.returncode != 0:
            return done.returncode
        # --merge-env: without it the deployed variables go. Everything else that is not named stays as it is.
        upload = ["cargo", "lambda", "deploy", "--merge-env", "--binary-name", function, "--lambda-dir", str(folder / "lambda")]
        if settings.endpoint:
            upload += ["--endpoint-url", settings.endpoint]
        target = settings.client_environment(settings.endpoint) if settings.endpoint else {}
        return subprocess.run([*upload, name], cwd=ROOT, env={**os.environ, **target, **path}, check=False).returncode


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", choices=FUNCTIONS)
    parser.add_argument("--stack", default=STACK)
    arguments = parser.parse_args()
    settings = Settings.read()
    if settings.endpoint:
        settings.isolate()
    try:
        return deploy(settings, arguments.stack, arguments.function)
    except (BotoCoreError, ClientError, StopIteration) as error:
        sys.stderr.write(f"deploy-function: stack {arguments.stack} has no such function: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
