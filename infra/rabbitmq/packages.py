"""RabbitMQ from Debian's packages, unpacked into a folder of this project: nothing is installed, and nobody is root.

A machine without these packages goes without the broker: that is said, and is no failure. A file that is not the one of its hash is.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.rabbitmq.release import DATA_INSIDE, ERLANG, Release, chosen

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What a broker's scripts call, all of it busybox in a root of its own.
APPLETS = "awk basename cat cut df dirname env expr grep head hostname id kill ls mkdir mount ps readlink sed sh tr uname".split()  # noqa: SIM905
DEBIANS_FOLDER = "ROOTDIR=/usr/lib/erlang\n"


class PackagesError(RuntimeError):
    """List of packages that cannot be read, or a file that is not what the list says."""


class NotToBeHadError(RuntimeError):
    """Machine that has no apt, or whose apt has no such packages."""


@dataclass(frozen=True)
class Package:
    """Package of one version, and the hash of its file."""

    name: str
    """As apt takes it: with its architecture, if it has one, and its version."""
    sha256: str


def parse(name: str, lines: Iterable[str]) -> list[Package]:
    """Reads a list of this name: a package and its hash a line."""
    packages = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or "=" not in words[0] or not words[1].startswith("--hash=sha256:"):
            raise PackagesError(f"{name}, line {number}: want NAME=VERSION --hash=sha256:HASH")
        packages.append(Package(words[0], words[1].removeprefix("--hash=sha256:")))
    return packages


def strange(packages: Sequence[Package], files: Iterable[tuple[str, str]]) -> list[str]:
    """Returns what does not fit: files by name and hash that the list does not have, and packages of the list without a file."""
    wanted, found = {one.sha256: one.name for one in packages}, {sha256: name for name, sha256 in files}
    return sorted([found[one] for one in found.keys() - wanted.keys()] + [wanted[one] for one in wanted.keys() - found.keys()])


def install(release: Release) -> None:
    """Downloads, checks and unpacks the packages; the folder is there only once all of it is."""
    packages, server = parse(release.packages.name, release.packages.read_text().splitlines()), release.folder
    # One of another list is no broker of this one, whatever comes of the rest.
    shutil.rmtree(server, ignore_errors=True)
    server.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=server.parent.resolve(), prefix="rabbitmq-server-") as folder:
        debs, whole = Path(folder) / "debs", Path(folder) / "whole"
        debs.mkdir()
        _download(packages, debs, [] if release.suite is None else _apt_of(release.suite, Path(folder) / "apt"))
        files = sorted(debs.iterdir())
        if wrong := strange(packages, [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]):
            raise PackagesError(f"these are not what {release.packages.name} has the hashes of: {', '.join(wrong)}")
        for file in files:
            subprocess.run(["dpkg-deb", "--extract", str(file), str(whole)], check=True)
        if release.suite is None:
            _let_move(whole)
        else:
            _make_root(whole)
        # As new as its files are old: make compares it with the list.
        whole.touch()
        whole.rename(server)


def _apt_of(suite: str, folder: Path) -> list[str]:
    """Returns the options of an apt that knows one suite alone, from where this machine's own takes its packages."""
    targets = _said(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split()
    if not targets:
        raise NotToBeHadError("apt knows no place of packages here")
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYS}] {targets[0]} {suite} main\n")
    places = {
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::State::lists": "lists",
        "Dir::State::status": "status",
        "Dir::Cache": "cache",
    }
    return ["-o", "Dir::Etc::sourceparts=-", *(word for name, place in places.items() for word in ("-o", f"{name}={folder / place}"))]


def _download(packages: Sequence[Package], folder: Path, options: Sequence[str]) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NotToBeHadError("there is no apt here")
    command = ["apt-get", *options, "-qq", "download", *(one.name for one in packages)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # What apt knows of may be old; whoever is not root cannot change that.
        subprocess.run(["apt-get", *options, "-qq", "update"], capture_output=True, check=False)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotToBeHadError((done.stderr.strip().splitlines() or ["apt-get has failed"])[-1])


def _said(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotToBeHadError(str(error)) from error


def _make_root(whole: Path) -> None:
    """Makes a root of what was unpacked: nothing of it has been installed, so what an installation makes is missing."""
    for applet in APPLETS:
        (whole / "usr/bin" / applet).symlink_to("busybox")
    for name, target in (("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")):
        (whole / name).symlink_to(target)
    for name in ("dev", "proc", "tmp", str(DATA_INSIDE).lstrip("/")):
        (whole / name).mkdir()
    (whole / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (whole / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")


def _let_move(whole: Path) -> None:
    """Has `erl` find its folder by ERL_ROOTDIR, which Debian's does not read."""
    erl = whole / ERLANG / "bin" / "erl"
    text = erl.read_text()
    if DEBIANS_FOLDER not in text:
        raise PackagesError("the script erl of this Erlang does not name its folder as expected")
    erl.write_text(text.replace(DEBIANS_FOLDER, "ROOTDIR=$ERL_ROOTDIR\n"))


def main() -> int:
    """Unpacks the packages, or says why not."""
    try:
        install(chosen())
    except NotToBeHadError as error:
        print(f"RabbitMQ is not to be had by apt here, and is left out: {error}", file=sys.stderr)
    except PackagesError as error:
        print(f"rabbitmq: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
