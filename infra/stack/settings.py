"""Settings of the stage: folders, port, endpoint and credentials, read once from the environment."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
TOOLS = ROOT / ".venv" / "sam" / "bin"
# Modules run by name (`python -m infra...`): make does so in ROOT, and a process in another folder needs this.
MODULES = {"PYTHONPATH": str(ROOT)}
MINISTACK = ROOT / ".venv" / "ministack" / "bin" / "ministack"

STACK = "redrive"
LOOPBACK = ("127.0.0.1", "localhost")
ARTIFACTS = "redrive-stage-artifacts"  # the bucket that samconfig.toml names
FUNCTIONS = ("processor", "indexer", "replay")

# The operator's command, as Cargo builds it for the tests, too.
COMMAND = ROOT / "target" / "debug" / "redrive"

# How the stage's functions are compiled: quickly. Release settings are for `make deploy`. Cargo's folder is
# their own, because cargo-lambda's target triple shares nothing with `cargo build`.
COMPILED = ROOT / "target" / "functions"
BUILD_ENVIRONMENT = {
    "CARGO_TARGET_DIR": str(COMPILED),
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "AWS_LC_SYS_NO_JITTER_ENTROPY": "1",
}


@dataclass(frozen=True)
class Settings:
    """Settings of one stage: its folder, and where its AWS is."""

    folder: Path
    port: int
    """The port that MiniStack gets; 0 lets the system choose one."""
    endpoint: str | None
    """An endpoint that the user brought: then no MiniStack is started."""
    region: str
    credentials: Mapping[str, str]
    """Dummy credentials; empty if the user brought their own for their endpoint."""
    recorded: bool = False
    """True if the functions' calls are written down on their way to MiniStack."""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Reads STAGE_DIR, STAGE_PORT, STAGE_RECORD and AWS_ENDPOINT_URL.

        Ends the program if a service has an endpoint of its own beside that one: a part of the stage would be elsewhere.
        """
        folder = Path(environment.get("STAGE_DIR") or "target/stage")
        endpoint = environment.get("AWS_ENDPOINT_URL") or None
        others = sorted(
            name
            for name, value in environment.items()
            if endpoint and name.startswith("AWS_ENDPOINT_URL_") and value.rstrip("/") != endpoint.rstrip("/")
        )
        if others:
            raise SystemExit(f"{', '.join(others)} would take a part of the stage elsewhere than AWS_ENDPOINT_URL: unset them")
        own = endpoint and ("AWS_ACCESS_KEY_ID" in environment or "AWS_PROFILE" in environment)
        return cls(
            folder=folder if folder.is_absolute() else ROOT / folder,
            port=int(environment.get("STAGE_PORT") or 4566),
            endpoint=endpoint.rstrip("/") if endpoint else None,
            region=(environment.get("AWS_REGION") if endpoint else None) or "us-east-1",
            credentials={} if own else {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
            recorded=not endpoint and bool(environment.get("STAGE_RECORD")),
        )

    @property
    def outputs(self) -> Path:
        """The stack's outputs and the endpoint, for tests and the demo."""
        return self.folder / "outputs.json"

    def outputs_of(self, variant: str) -> Path:
        """The same of a variant's stack."""
        return self.folder / f"outputs-{variant}.json"

    @property
    def calls(self) -> Path:
        """Returns the file of requests that the functions have made, if they are recorded: one JSON document a line."""
        return self.folder / "calls.jsonl"

    def build(self, template: str = "template.yaml") -> Path:
        """Returns the folder where `sam build` puts what `sam deploy` takes."""
        return self.folder / ("build" if template == "template.yaml" else f"build-{Path(template).stem}")

    def isolate(self) -> None:
        """Drops the user's AWS settings from this process, unless they belong to the endpoint that they brought.

        What is on this machine is never asked of a proxy.
        """
        os.environ.update(without_proxy(os.environ))
        if self.credentials:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                del os.environ[name]

    def client_environment(self, endpoint: str) -> dict[str, str]:
        """Returns the environment that an AWS client needs to talk to this stage."""
        return {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            **without_proxy({}),
            **self.credentials,
        }


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lets one command at a time work in the folder; the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which no client asks a proxy for what is on this machine, in both spellings."""
    known = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host for host in known.split(",") if host and host not in LOOPBACK]
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join([*LOOPBACK, *hosts]))


def clear_of_aws(environment: Mapping[str, str]) -> str:
    """The shell's line that forgets the user's AWS settings."""
    names = sorted(name for name in environment if name.startswith("AWS_"))
    return f"unset {' '.join(names)}" if names else ":"


def without_aws(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without the user's AWS settings: nothing of the stage may reach an account."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


if __name__ == "__main__":
    print(clear_of_aws(os.environ))
