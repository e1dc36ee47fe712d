"""Docstrings name their subject: a noun, or a verb in the third person. The Rust comments are held by tests/tests/tidy."""

from __future__ import annotations

import ast
import unittest
from typing import TYPE_CHECKING

from infra.stack.settings import INFRA

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST_WORDS = 4
PRONOUNS = (
    "he here how it it's its one ones she that their theirs them there these they this those what whatever when whenever where "
    "wherever whether which whichever who whoever whom whose why"
)


def summaries(code: str) -> Iterator[tuple[int, str]]:
    """Yields the first paragraph of each docstring with its line, those of a class's attributes included."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        # Of a function only the first statement is one; of a class those that stand behind its attributes, too.
        places = node.body if isinstance(node, ast.ClassDef) else node.body[:1]
        for place in places:
            if isinstance(place, ast.Expr) and isinstance(place.value, ast.Constant) and isinstance(place.value.value, str):
                yield place.lineno, " ".join(place.value.value.split("\n\n", maxsplit=1)[0].split())


def fault(summary: str) -> str | None:
    """Returns what is wrong with the first paragraph of a docstring, if anything is."""
    words = summary.split()
    if not words or words[0].strip("`'\"(,.:;").lower() in PRONOUNS.split():
        return "opens with a pronoun or a question word: name the subject"
    return f"has fewer than {FEWEST_WORDS} words" if len(words) < FEWEST_WORDS else None


class Docstrings(unittest.TestCase):
    def test_a_docstring_names_its_subject(self) -> None:
        wrong, count = [], 0
        for file in sorted([*INFRA.glob("*.py"), *INFRA.glob("*/*.py"), *INFRA.glob("cdk/*/*.py")]):
            for line, summary in summaries(file.read_text()):
                count += 1
                if found := fault(summary):
                    wrong.append(f"{file.relative_to(INFRA.parent)}:{line}: {summary!r} {found}")
        self.assertGreater(count, 300, "the docstrings must be found")
        self.assertEqual(wrong, [])

    def test_a_docstring_is_judged_by_its_first_word_and_its_length(self) -> None:
        code = '"""Which it is."""\ndef a():\n    """The line."""\nclass B:\n    """Line of a bill."""\n    c: int\n    """Its sum."""\n'
        self.assertEqual([fault(summary) is None for _, summary in summaries(code)], [False, False, True, False])


if __name__ == "__main__":
    unittest.main()
