"""Tests of the generated pages: what makes one stale, and what a row is made of."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from infra.gates import functions_settings, pages
from infra.gates.settings import INFRA
from infra.gates.template import load
from infra.gates.watching import emitted


class Pages(unittest.TestCase):
    """The pages in docs, and copies of them."""

    def test_the_pages_are_those_that_would_be_written_now(self) -> None:
        """Holds the pages to settings, metrics and alarms: whoever changes one writes them anew."""
        self.assertEqual(pages.stale(), [])

    def test_a_changed_page_and_a_missing_one_are_stale(self) -> None:
        """A default that is changed by hand is found."""
        with tempfile.TemporaryDirectory() as folder:
            configure = (pages.DOCS / "configure.md").read_text()
            (Path(folder) / "configure.md").write_text(configure.replace("`180`", "`181`"))
            self.assertEqual(len(pages.stale(Path(folder))), len(pages.HEADS))

    def test_every_parameter_variable_and_metric_has_a_row(self) -> None:
        """Nothing that can be set or is emitted is left out."""
        configure, metrics = pages.made()["configure.md"], pages.made()["metrics.md"]
        parameters = {name for template in ("template.yaml", "attach.yaml") for name in load(INFRA / template)["Parameters"]}
        for name in parameters | set(functions_settings.VARIABLES):
            self.assertIn(f"\n| `{name}` |", configure)
        for group in emitted()["emitted"]:
            for name in group["metrics"]:
                self.assertIn(f"\n| `{name}` |", metrics)

    def test_every_alarm_of_the_templates_has_a_row(self) -> None:
        """Composite alarms are told of in the text, the others in the table."""
        metrics = pages.made()["metrics.md"]
        for template in ("template.yaml", "attach.yaml"):
            for name, resource in load(INFRA / template)["Resources"].items():
                if resource["Type"] == "AWS::CloudWatch::Alarm":
                    self.assertIn(f"\n| `{name.removesuffix('Alarm')}`", metrics)


if __name__ == "__main__":
    unittest.main()
