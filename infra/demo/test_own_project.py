"""Tests of what the demo of a project of one's own reads: messages, items, and the template."""

from __future__ import annotations

import io
import tempfile
import unittest
from decimal import Decimal
from pathlib import Path
from unittest import mock

from rich.console import Console

from infra.demo.demo import DemoError
from infra.demo.own_project import Item, Message, Run, items, messages, own_template, tell
from infra.stack.settings import ROOT


class TheProject(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.project = Path(folder.name)
        (self.project / "demo").mkdir()

    def write(self, name: str, text: str) -> None:
        (self.project / "demo" / name).write_text(text)

    def test_a_body_is_a_document_or_a_text_as_it_is(self) -> None:
        self.write("messages.jsonl", '{"body": {"a": 1}, "becomes": "done"}\n\n{"body": "{", "becomes": "SCHEMA/not-json"}\n')
        self.assertEqual(messages(self.project), [Message('{"a": 1}', "done"), Message("{", "SCHEMA/not-json")])

    def test_a_line_that_lacks_something_is_named(self) -> None:
        for text, where in [
            ('{"body": {}, "becomes": "done"}\n{"body": {}}\n', "messages.jsonl:2"),
            ("{\n", "messages.jsonl:1"),
            ("[]\n", "messages.jsonl:1"),
            ("\n", "messages.jsonl"),
        ]:
            self.write("messages.jsonl", text)
            with self.assertRaisesRegex(DemoError, where):
                messages(self.project)

    def test_items_need_not_be_there_and_keep_their_numbers(self) -> None:
        self.assertEqual(items(self.project), [])
        self.write("items.jsonl", '{"table": "T", "item": {"id": "a", "price": 1.10}, "becomes": {"sold": 2}}\n')
        self.assertEqual(items(self.project), [Item("T", {"id": "a", "price": Decimal("1.10")}, {"sold": 2})])
        self.write("items.jsonl", '{"table": "T"}\n')
        with self.assertRaisesRegex(DemoError, r"items.jsonl:1"):
            items(self.project)

    def test_the_template_names_the_functions_where_they_are(self) -> None:
        template = "  CodeUri: .\n  CodeUri: functions/indexer.zip\n  CodeUri: functions/replay.zip\n"
        named = own_template(template, Path("/home/me/project"), Path("/home/me/stage/functions"))
        paths = ["/home/me/project", "/home/me/stage/functions/indexer.zip", "/home/me/stage/functions/replay.zip"]
        self.assertEqual(named, "".join(f"  CodeUri: {path}\n" for path in paths))

    def test_what_became_something_else_is_counted_and_shown(self) -> None:
        self.write("messages.jsonl", '{"body": "a", "becomes": "done"}\n{"body": "[b]", "becomes": "PERMANENT/currency"}\n')
        self.write("items.jsonl", '{"table": "T", "item": {"id": "a"}, "becomes": {"sold": 1}}\n')
        for became, sold, wrong in [
            (["done", "PERMANENT/currency"], 1, 0),
            (["done", "done"], 1, 1),
            (["SCHEMA/not-json", "TRANSIENT/-"], None, 3),
        ]:
            run = mock.Mock(spec=Run)
            run.send.return_value = ["m-1", "m-2"]
            run.became.side_effect = became
            run.stands.return_value = {"id": "a", "sold": sold}
            shown = Console(file=io.StringIO(), width=80)
            self.assertEqual(tell(run, self.project, shown), wrong)
            assert isinstance(shown.file, io.StringIO)
            text = shown.file.getvalue()
            self.assertIn("[b]", text)
            self.assertEqual(text.count(", not "), wrong)
            self.assertEqual([call[0] for call in run.method_calls][:3], ["write", "send", "settle"])

    def test_the_files_that_are_written_are_read(self) -> None:
        for name in ("messages.jsonl", "items.jsonl"):
            self.write(name, (ROOT / "cli" / "project" / name).read_text())
        self.assertEqual(len(messages(self.project)), 6)
        self.assertEqual([one.becomes for one in items(self.project)], [{"charges": 1}] * 2)


if __name__ == "__main__":
    unittest.main()
