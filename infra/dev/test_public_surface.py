"""Breaks of the public surface, on documents as small as rustdoc's can be."""

from __future__ import annotations

import unittest
from typing import Any

from infra.dev.public_surface import Crates, Node, breaks, surface


def item(name: str | None, inner: Node, visibility: str = "public", attrs: list[str] | None = None) -> Node:
    return {"name": name, "visibility": visibility, "attrs": attrs or [], "inner": inner}


def function(output: str | None = None, has_body: bool = True) -> Node:
    return {"function": {"sig": {"inputs": [], "output": output}, "has_body": has_body}}


def inherent(method: str) -> Node:
    return {"impl": {"trait": None, "items": [method], "blanket_impl": None, "is_negative": False}}


def crates(changed: dict[str, Node | None] | None = None, members: dict[str, list[str]] | None = None) -> Crates:
    """A facade that renames one type of another crate and has a function, an enum and a trait. `members`: more of what is in these."""
    more = members or {}
    facade: dict[str, Any] = {
        "0": item("redrive", {"module": {"items": ["1", "2", "3", "5"]}}),
        "1": item(None, {"use": {"source": "redrive_core::Context", "name": "Attempt", "id": "9", "is_glob": False}}),
        "2": item("run", function()),
        "3": item("Class", {"enum": {"variants": ["4", *more.get("3", [])], "impls": []}}),
        "4": item("Timeout", {"variant": {"kind": "plain"}}, "default"),
        "5": item("Handler", {"trait": {"items": ["6", *more.get("5", [])]}}),
        "6": item("handle", function(has_body=False), "default"),
        "7": item("inner", function(), "crate"),
    }
    core: dict[str, Any] = {
        "20": item("Context", {"struct": {"kind": {"plain": {"fields": ["21"]}}, "impls": ["22", "24"]}}),
        "21": item("key", {"struct_field": {"primitive": "str"}}),
        "22": item(None, inherent("23")),
        "23": item("link", function()),
        "24": item(None, {"impl": {"trait": {"path": "Send", "args": None}, "blanket_impl": None, "is_negative": False}}),
    }
    for at, new in (changed or {}).items():
        of = core if len(at) > 1 else facade
        if new is None:
            del of[at]
        else:
            of[at] = new
    path = {"path": ["redrive_core", "Context"]}
    return Crates(
        {
            "redrive": {"root": "0", "index": facade, "paths": {"9": {**path, "crate_id": 7}}},
            "redrive_core": {"root": "19", "index": core, "paths": {"20": {**path, "crate_id": 0}}},
        }
    )


def broken(changed: dict[str, Node | None], members: dict[str, list[str]] | None = None) -> list[str]:
    return breaks(surface(crates()), surface(crates(changed, members)))


class SurfaceTest(unittest.TestCase):
    def test_what_a_user_can_name_is_found_under_the_facades_names_wherever_it_is_defined(self) -> None:
        names = {
            "Attempt",
            "Attempt: Send",
            "Attempt::key",
            "Attempt::link",
            "Class",
            "Class::Timeout",
            "Handler",
            "Handler::handle",
            "run",
        }
        self.assertEqual(set(surface(crates())), names)

    def test_the_same_breaks_nothing_and_neither_does_another_id(self) -> None:
        self.assertEqual(broken({}), [])
        renamed = item(None, {"use": {"source": "redrive_core::other::Context", "name": "Attempt", "id": "9", "is_glob": False}})
        self.assertEqual(broken({"1": renamed}), [])

    def test_what_is_removed_or_no_longer_public_is_a_break(self) -> None:
        self.assertEqual(broken({"23": None}), ["removed  Attempt::link"])
        self.assertEqual(broken({"2": item("run", function(), "crate")}), ["removed  run"])
        self.assertEqual(broken({"24": None}), ["removed  Attempt: Send"])
        self.assertEqual(broken({"2": item("start", function())}), ["removed  run"], "a new name is no break")

    def test_another_signature_or_type_is_a_break(self) -> None:
        self.assertEqual(broken({"23": item("link", function("u8"))}), ["changed  Attempt::link"])
        self.assertEqual(broken({"21": item("key", {"struct_field": {"primitive": "u8"}})}), ["changed  Attempt::key"])

    def test_a_new_variant_and_a_new_required_item_are_breaks_and_a_provided_one_is_none(self) -> None:
        variant = item("Panic", {"variant": {"kind": "plain"}}, "default")
        self.assertEqual(broken({"8": variant}, {"3": ["8"]}), ["new variant of an exhaustive enum  Class::Panic"])
        required = item("redact", function(has_body=False), "default")
        self.assertEqual(broken({"8": required}, {"5": ["8"]}), ["new item that a trait requires  Handler::redact"])
        self.assertEqual(broken({"8": item("redact", function(), "default")}, {"5": ["8"]}), [])


if __name__ == "__main__":
    unittest.main()
