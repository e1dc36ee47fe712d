"""Pages that are made of `infra/settings.json`, `infra/metrics.json` and the templates. `make pages` writes them."""

from __future__ import annotations

from pathlib import Path

from infra.gates import metrics_page, settings_page
from infra.gates.settings import INFRA

DOCS = INFRA.parent / "docs"
ANEW = "make pages"
HEADS = {
    "configure.md": ("Configure", "shared/core/src/settings and the templates"),
    "metrics.md": ("Metrics and alarms", "shared/redrive/src/meter/descriptions.rs and the templates"),
}


def made() -> dict[str, str]:
    """The pages by name, as they would be written now."""
    parts = {"configure.md": settings_page.page(), "metrics.md": metrics_page.page()}
    texts = {}
    for name, (title, sources) in HEADS.items():
        head = [f"# {title}", f"<!-- Generated from {sources}: change those, then `{ANEW}`. -->"]
        texts[name] = "\n\n".join([*head, *parts[name]]) + "\n"
    return texts


def stale(folder: Path = DOCS) -> list[str]:
    """The pages that would be written otherwise now."""
    return [f"docs/{name} is stale: {ANEW}" for name, text in made().items() if _there(folder / name) != text]


def _there(page: Path) -> str | None:
    return page.read_text() if page.exists() else None


if __name__ == "__main__":
    for page, text in made().items():
        (DOCS / page).write_text(text)
