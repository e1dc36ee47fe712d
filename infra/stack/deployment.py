"""The real template on the stage: a stock `sam build` and `sam deploy`, and what they leave behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.stack.settings import (
    ARTIFACTS,
    BUILD_ENVIRONMENT,
    COMPILED,
    FUNCTIONS,
    INFRA,
    STACK,
    TOOLS,
    Settings,
    exclusive,
    without_aws,
)
from infra.stack.variants import VARIANTS, Variant, override

Outputs = dict[str, str]
CONFIGURATION = ("--config-file", str(INFRA / "samconfig.toml"))


class DeploymentError(RuntimeError):
    """Deployment that SAM refused to make."""


def client(service: str, settings: Settings, endpoint: str | None) -> Any:
    """A client of the stage, of which nothing of the user's own AWS settings can be a part; or, without an endpoint and without
    credentials of the stage's, of the user's account."""
    session: Any = boto3.Session()
    return session.client(
        service,
        endpoint_url=endpoint or None,
        region_name=settings.region,
        config=Config(retries={"mode": "standard", "max_attempts": 5}, read_timeout=90),
        **{name.lower(): value for name, value in settings.credentials.items()},
    )


def build(settings: Settings, template: str = "template.yaml") -> None:
    """Compiles the functions of a template; Cargo sees what has changed.

    Cargo's own lock ends before cargo-lambda and sam copy the binaries, so two stages would take half of each other's.
    """
    options = ("--template-file", str(INFRA / template), "--build-dir", str(settings.build(template)))
    with exclusive(COMPILED):
        _sam(settings, "build", *options, environment={**without_aws(), **BUILD_ENVIRONMENT})


def deploy(
    settings: Settings,
    endpoint: str,
    parameters: Mapping[str, str] | None = None,
    template: str = "template.yaml",
) -> Outputs:
    """Creates or updates the stack from what was built of the template; returns its outputs, and the endpoint among them.

    `parameters` change those of the stage's configuration.
    """
    make_bucket(settings, endpoint)
    changed = {**_configured("stage"), **parameters} if parameters else {}
    _deploy(settings, endpoint, "stage", settings.build(template) / "template.yaml", changed)
    outputs = _outputs(settings, endpoint, STACK)
    if settings.endpoint is None:
        mend_mapping(settings, outputs)
    _write_files(settings, endpoint, outputs)
    return outputs


def deploy_variant(settings: Settings, endpoint: str, name: str) -> Outputs:
    """The same for a stack beside it, and first for what that one needs."""
    variant = VARIANTS[name]
    needed = deploy_variant(settings, endpoint, variant.needs) if variant.needs else {}
    if variant.after:
        needed = json.loads(settings.outputs_of(variant.after).read_text())
    elif variant.built and variant.template != "template.yaml":
        build(settings, variant.template)
    shared = _shared(settings)
    own = variant.parameters({**needed, **shared})
    configured = {**_configured(f"stage-{name}"), **own} if own else {}
    _deploy(settings, endpoint, f"stage-{name}", _template(settings, variant), configured)
    # Whoever is attached has the stage's ledger, and neither its queue nor its table of orders.
    ledger = {name: shared[name] for name in ("LedgerTableName",) if needed and name in shared}
    outputs = {**needed, **ledger, **_outputs(settings, endpoint, variant.stack)}
    if settings.endpoint is None and "ProcessorMappingId" in outputs:
        mend_mapping(settings, outputs)
    settings.outputs_of(name).write_text(json.dumps(outputs, indent=2) + "\n")
    return outputs


def _shared(settings: Settings) -> Outputs:
    """Returns the outputs of the stage's own stack that another may use: its ledger, its table of orders, and its main queue."""
    own = read_outputs(settings) or {}
    return {name: own[name] for name in ("LedgerTableName", "OrdersTableName", "MainQueueArn") if name in own}


def _template(settings: Settings, variant: Variant) -> Path:
    return settings.build(variant.template) / "template.yaml" if variant.built else INFRA / variant.template


def _deploy(settings: Settings, endpoint: str, configured: str, template: Path, parameters: Mapping[str, str]) -> None:
    own = {} if settings.credentials else dict(os.environ)
    environment = {
        **without_aws(),
        **own,
        **settings.client_environment(endpoint),
        "SAM_CLI_POLL_DELAY": "0.2",
    }
    options = ["--template-file", str(template)]
    if parameters:
        options += ["--parameter-overrides", *override(parameters)]
    _sam(settings, "deploy", *options, environment=environment, configured=configured)


def _configured(name: str) -> dict[str, str]:
    """The parameters of a configuration: SAM takes those of the command line instead of them, not beside them."""
    configuration = tomllib.loads((INFRA / "samconfig.toml").read_text())
    pairs = configuration[name]["deploy"]["parameters"].get("parameter_overrides", [])
    return dict(pair.split("=", 1) for pair in pairs)


def read_outputs(settings: Settings) -> Outputs | None:
    """The outputs that the last deployment left, if there was one."""
    try:
        outputs: Outputs = json.loads(settings.outputs.read_text())
    except FileNotFoundError:
        return None
    return outputs


def _sam(
    settings: Settings,
    command: str,
    *arguments: str,
    environment: Mapping[str, str],
    configured: str = "stage",
) -> None:
    """Runs sam in infra/, where its template and samconfig.toml are; its account of itself goes into a log."""
    log = settings.folder / f"sam-{command}-{configured}.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [str(TOOLS / "sam"), command, *CONFIGURATION, "--config-env", configured, *arguments],
            cwd=INFRA,
            env={
                **environment,
                # cargo-lambda looks for zig in the first python3 on the path.
                "PATH": f"{TOOLS}{os.pathsep}{environment.get('PATH', os.defpath)}",
                "SAM_CLI_TELEMETRY": "0",
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
        raise DeploymentError(f"sam {command} failed (all of it in {log}):\n{tail}")


def make_bucket(settings: Settings, endpoint: str) -> None:
    s3 = client("s3", settings, endpoint)
    known = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    if ARTIFACTS not in known:
        s3.create_bucket(Bucket=ARTIFACTS)


def _outputs(settings: Settings, endpoint: str, stack_name: str) -> Outputs:
    stack = client("cloudformation", settings, endpoint).describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return {**outputs, "endpoint": endpoint, "region": settings.region}


def mend_mapping(settings: Settings, outputs: Outputs) -> None:
    """Sets the mapping's numbers once more, through the API.

    MiniStack keeps a number that comes through a template's parameter as text, and its poller then refuses to
    compare it. The values are the deployed ones; only their type changes.
    """
    mappings = client("lambda", settings, outputs["endpoint"])
    deployed = mappings.get_event_source_mapping(UUID=outputs["ProcessorMappingId"])
    window = int(deployed.get("MaximumBatchingWindowInSeconds") or 0)
    mappings.update_event_source_mapping(
        UUID=outputs["ProcessorMappingId"],
        BatchSize=int(deployed["BatchSize"]),
        **({"MaximumBatchingWindowInSeconds": window} if window else {}),
        ScalingConfig={"MaximumConcurrency": int(deployed["ScalingConfig"]["MaximumConcurrency"])},
    )


def _write_files(settings: Settings, endpoint: str, outputs: Outputs) -> None:
    """outputs.json for programs, stage.env for shells, and each function's environment for `make watch`."""
    settings.outputs.write_text(json.dumps(outputs, indent=2) + "\n")
    clients = settings.client_environment(endpoint)
    named = {_shout(key): value for key, value in outputs.items() if key[0].isupper()}
    write_environment(settings.folder / "stage.env", {"STAGE_ENDPOINT": endpoint, **clients, **named})
    functions = client("lambda", settings, endpoint)
    for function in FUNCTIONS:
        name = outputs[f"{function.capitalize()}FunctionName"]
        configuration = functions.get_function_configuration(FunctionName=name)
        variables = configuration.get("Environment", {}).get("Variables", {})
        write_environment(settings.folder / f"{function}.env", {**variables, **clients})


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))


def _shout(key: str) -> str:
    """Turns `MainQueueUrl` into `MAIN_QUEUE_URL`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).upper()
