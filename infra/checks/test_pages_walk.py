"""Promises of a walk through a page: its marked blocks, in their order, all of them, and each failure told."""

from __future__ import annotations

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from infra.checks.pages_walk import MARKED, Walk, WalkError, filled, steps
from infra.checks.walks import WALKED
from infra.stack.settings import ROOT, Settings

PAGE = "a\n<!-- walk: one -->\n```sh\necho $NAME\n```\nb\n```sh\nexit 9\n```\n<!-- walk: two -->\n```sh\nfalse\necho more\n```\n"


class AWalk(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        page = self.folder / "page.md"
        page.write_text(PAGE)
        settings = replace(Settings.read({}), folder=self.folder)
        self.walk = Walk(settings, {"endpoint": "http://127.0.0.1:1"}, page, self.folder / "outputs.json")

    def test_a_marked_block_is_run_with_what_the_reader_knows(self) -> None:
        self.assertEqual(self.walk.step("one", NAME="orders"), "orders\n")
        self.assertIn("# page.md: one\necho $NAME\norders\n[0]", (self.folder / "walks.log").read_text())

    def test_a_step_that_fails_at_any_line_ends_the_walk_and_says_where(self) -> None:
        self.walk.step("one", NAME="orders")
        with self.assertRaisesRegex(WalkError, "page.md: two ended with 1"):
            self.walk.step("two")

    def test_no_step_is_left_out_or_taken_before_its_turn(self) -> None:
        with self.assertRaisesRegex(WalkError, "the next step is one, not two"):
            self.walk.step("two")
        with self.assertRaisesRegex(WalkError, "nobody has walked one, two"):
            self.walk.end()

    def test_a_variable_that_the_reader_does_not_know_ends_the_walk(self) -> None:
        with self.assertRaisesRegex(WalkError, "NAME: unbound variable"):
            self.walk.step("one")

    def test_words_that_stand_for_something_are_replaced_whole(self) -> None:
        block = 'redrive show ID # IDS, o-3\nredrive find "CHF is not" o-3\n'
        meant = {"ID": "l-1", "o-3": "o-77", "CHF is not": "a currency"}
        self.assertEqual(filled(block, meant), 'redrive show l-1 # IDS, o-77\nredrive find "a currency" o-77\n')

    def test_two_blocks_of_one_name_are_noticed(self) -> None:
        with self.assertRaisesRegex(WalkError, "the same name"):
            steps(PAGE + PAGE)


class ThePages(unittest.TestCase):
    def test_every_page_with_steps_is_walked(self) -> None:
        pages = {page.name for page in (ROOT / "docs").glob("*.md") if MARKED.search(page.read_text())}
        self.assertEqual(pages, set(WALKED))


if __name__ == "__main__":
    unittest.main()
