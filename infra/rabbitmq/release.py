"""Releases of RabbitMQ that can be run here: that of Debian 12, and that of Debian 13 in a root of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.stack.settings import INFRA, ROOT

ERLANG = Path("usr/lib/erlang")
RABBITMQ = Path("usr/lib/rabbitmq/lib")
VARIABLE = "RABBITMQ_RELEASE"
# What a broker in a root of its own sees of its folder.
DATA_INSIDE = Path("/data")
# In a namespace that ends with the process: whoever is not root is so in there alone, and no mount is left.
ENTER = """\
set -e
mount --rbind /dev "$0/dev"
mount --rbind /proc "$0/proc"
mount --bind "$1" "$0/data"
exec "$(PATH=/usr/sbin:/sbin:$PATH command -v chroot)" "$0" /usr/bin/env "$2"
"""


@dataclass(frozen=True)
class Release:
    """Release of RabbitMQ, with the list of its packages and the folder that they are unpacked into."""

    number: str
    packages: Path
    folder: Path
    suite: str | None
    """Suite of Debian whose packages they are; `None`, where those of this machine's own apt fit."""
    without_limit: Mapping[str, int]
    """Arguments of a quorum queue that gives no message up, however often its batch has failed."""

    def command(self, data: Path) -> list[str]:
        """Returns the command of a broker whose folder this is."""
        scripts = next((self.folder.resolve() / RABBITMQ).glob("rabbitmq_server-*/sbin")) / "rabbitmq-server"
        if self.suite is None:
            return [str(scripts)]
        root = self.folder.resolve()
        enter = ["unshare", "--map-root-user", "--mount", "/bin/sh", "-c", ENTER]
        return [*enter, str(root), str(data), str(Path("/") / scripts.relative_to(root))]

    def inside(self, data: Path) -> Path:
        """Returns the broker's folder as the broker sees it."""
        return data if self.suite is None else DATA_INSIDE

    def path(self) -> str:
        """Returns the search path of the broker."""
        if self.suite is not None:
            return f"/{ERLANG}/bin:/usr/bin"
        return f"{self.folder.resolve() / ERLANG}/bin:{os.environ.get('PATH', os.defpath)}"


# RabbitMQ 4 gives a message up at its 21st delivery, unless it is told not to; RabbitMQ 3 does so at the first if it is told that.
RELEASES = {
    "3": Release("3", INFRA / "requirements" / "rabbitmq-debs.txt", ROOT / ".venv" / "rabbitmq-server", None, {}),
    "4": Release(
        "4", INFRA / "requirements" / "rabbitmq4-debs.txt", ROOT / ".venv" / "rabbitmq4-server", "trixie", {"x-delivery-limit": -1}
    ),
}
# Its programs ask brokers of any release.
OLDEST = RELEASES["3"]


def chosen(environment: Mapping[str, str] = os.environ) -> Release:
    """Returns the release that RABBITMQ_RELEASE names, 3 without it. Ends the program at any other number."""
    number = environment.get(VARIABLE) or OLDEST.number
    if number not in RELEASES:
        raise SystemExit(f"{VARIABLE} must be {' or '.join(RELEASES)}")
    return RELEASES[number]
