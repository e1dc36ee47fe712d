"""Breaks of the facade's public surface: `public_surface REVISION` compares this folder with a revision of it.

Both are read from rustdoc's JSON, so what counts is what a user's function can name: items of the crate `redrive`, wherever they are
defined, with their fields, variants, methods and traits. rustdoc writes JSON for nightly only, hence RUSTC_BOOTSTRAP, for rustdoc alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FACADE = "redrive"
Node = dict[str, Any]
# What is said of an item beside its name: `Surface["Context::link"]`.
Surface = dict[str, str]
# Ids differ with every run. What an item contains is compared by itself.
NOT_COMPARED = {"id", "impls", "implementations", "items", "fields", "variants", "has_stripped_fields"}
# Traits of the compiler, which no stable code can name.
UNSTABLE = {"Freeze", "UnsafeUnpin", "StructuralPartialEq"}


class Crates:
    """rustdoc's JSON of several crates, in which an item of one is found from another."""

    def __init__(self, documents: Mapping[str, Node]) -> None:
        self.documents = documents
        places: dict[str, dict[tuple[str, ...], str]] = {}
        for crate, document in documents.items():
            own = {tuple(path["path"]): at for at, path in document["paths"].items() if path["crate_id"] == 0}
            places[crate] = own
        self.places = places

    def item(self, crate: str, at: object) -> tuple[str, Node] | None:
        """The item of this id, and the crate that defines it. None if that is not one of these."""
        document = self.documents[crate]
        own: Node | None = document["index"].get(str(at))
        if own is not None:
            return crate, own
        path = tuple(document["paths"].get(str(at), {"path": []})["path"])
        if not path or path[0] not in self.documents:
            return None
        there = self.places[path[0]].get(path)
        return None if there is None else (path[0], self.documents[path[0]]["index"][there])


def said(inner: object) -> object:
    """An item's own words without ids and without what it contains."""
    if isinstance(inner, dict):
        return {name: said(value) for name, value in inner.items() if name not in NOT_COMPARED}
    return [said(one) for one in inner] if isinstance(inner, list) else inner


def contained(kind: str, inner: Node) -> Iterator[object]:
    """Ids of what a user names through an item: variants, fields, and the items of a module or a trait."""
    yield from inner.get("variants", [])
    shape = inner.get("kind")
    if kind in ("struct", "variant") and isinstance(shape, dict):
        plain = shape.get("plain") or shape.get("struct") or {}
        yield from plain.get("fields", [])
        yield from (at for at in shape.get("tuple", []) if at is not None)
    if kind in ("module", "trait"):
        yield from inner["items"]


class Walk:
    """A walk through everything that a user of a crate can name."""

    def __init__(self, crates: Crates) -> None:
        self.crates = crates
        self.found: Surface = {}

    def note(self, crate: str, item: Node, name: str, is_member: bool) -> None:
        """Notes an item under this name, with all that it contains. `is_member`: it is as public as what it is in."""
        kind, inner = next(iter(item["inner"].items()))
        if kind == "use":
            self.follow(crate, inner, name)
        elif item["visibility"] == "public" or is_member:
            self.found[name] = json.dumps([kind, said(inner), sorted(map(str, item["attrs"]))], sort_keys=True)
            parts: Node = inner if isinstance(inner, dict) else {}
            for at in contained(kind, parts):
                self.member(crate, at, name, kind in ("enum", "variant", "trait"))
            for at in parts.get("impls", []):
                self.implemented(crate, at, name)

    def member(self, crate: str, at: object, name: str, is_member: bool) -> None:
        """Notes what stands in the item of this name."""
        there = self.crates.item(crate, at)
        if there is not None:
            self.note(*there, "::".join(filter(None, [name, there[1]["name"]])), is_member)

    def follow(self, crate: str, use: Node, name: str) -> None:
        """Notes what is re-exported, where its definition is at hand, and else that it is."""
        there = self.crates.item(crate, use["id"])
        place = name if use["is_glob"] else "::".join(filter(None, [name, use["name"]]))
        if there is None:
            self.found[place] = f"use {use['source']}"
        else:
            self.note(*there, place, True)

    def implemented(self, crate: str, at: object, name: str) -> None:
        """Notes a type's own methods, and each trait that it has."""
        there = self.crates.item(crate, at)
        if there is None:
            return
        block = there[1]["inner"]["impl"]
        trait = block["trait"]
        if trait is None:
            for method in block["items"]:
                self.member(there[0], method, name, False)
        elif block["blanket_impl"] is None and not block["is_negative"] and trait["path"] not in UNSTABLE:
            self.found[f"{name}: {trait['path']}{json.dumps(said(trait['args'])) if trait['args'] else ''}"] = "impl"


def surface(crates: Crates, crate: str = FACADE) -> Surface:
    """Everything that a user of this crate can name, each with what is said of it."""
    walk = Walk(crates)
    root = crates.item(crate, crates.documents[crate]["root"])
    for at in root[1]["inner"]["module"]["items"] if root else []:
        walk.member(crate, at, "", False)
    return walk.found


def breaks(before: Surface, now: Surface) -> list[str]:
    """Lists what a function that compiled against the one may miss in the other, a line each."""
    lines = [f"removed  {name}" for name in before.keys() - now.keys()]
    lines += [f"changed  {name}" for name in before.keys() & now.keys() if before[name] != now[name]]
    for name in now.keys() - before.keys():
        whole = before.get(name.rpartition("::")[0], "")
        kind = json.loads(now[name])[0] if now[name].startswith("[") else ""
        # Whoever matches every variant, or implements a trait, does not know the new one.
        if kind == "variant" and "non_exhaustive" not in whole and whole:
            lines.append(f"new variant of an exhaustive enum  {name}")
        if whole.startswith('["trait"') and '"has_body": true' not in now[name]:
            lines.append(f"new item that a trait requires  {name}")
    return sorted(lines)


def documented(folder: Path, target: Path) -> Crates:
    """Has rustdoc read the workspace in `folder`, with dependencies as `target` has them compiled."""
    with tempfile.TemporaryDirectory() as scratch:
        rustdoc = Path(scratch) / "rustdoc"
        rustdoc.write_text('#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n')
        rustdoc.chmod(0o755)
        # Another word each time: what is there may be another revision's.
        flags = f"-Zunstable-options --output-format json --cfg surface_{time.time_ns()}"
        environment = os.environ | {"RUSTDOC": str(rustdoc), "RUSTDOCFLAGS": flags, "CARGO_TARGET_DIR": str(target)}
        command = ["cargo", "doc", "--workspace", "--lib", "--no-deps", "--locked", "--quiet"]
        subprocess.run(command, cwd=folder, env=environment, check=True)
    written = sorted((target / "doc").glob(f"{FACADE}*.json"))
    return Crates({path.stem: json.loads(path.read_text()) for path in written})


def main(revision: str) -> int:
    """Compares, and returns 1 if something breaks."""
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch) / "base"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(base), revision], check=True)
        try:
            # Cargo tells members by their place in the workspace, so what is compiled of one would be taken for the other's.
            before = surface(documented(base, root / "target" / "semver"))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(base)], check=True)
    now = surface(documented(root, root / "target"))
    found = breaks(before, now)
    print("\n".join(found))
    new = len(now.keys() - before.keys())
    print(f"{len(found)} findings that may break code; {len(before)} items at {revision}, and {new} new ones now")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
