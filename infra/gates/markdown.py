"""Parts of a page in Markdown: paragraphs, tables, code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

WIDTH = 130


def prose(text: str) -> str:
    """A paragraph, broken as the pages that people write are."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def items(*texts: str) -> str:
    """Renders texts as a list."""
    return "\n".join(
        textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for text in texts
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a bar or a line's end in a cell does not end the cell."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def code(value: Any) -> str:
    """A value as code; nothing where there is none."""
    return "" if value in (None, "") else f"`{value}`"


def number(value: float) -> str:
    """A number with its thousands parted, and without a point that says nothing."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"
