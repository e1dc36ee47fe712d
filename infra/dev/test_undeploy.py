"""What a person is told before a stack goes. Run by `make test-stage`; the deletion itself is `infra.checks.lifecycle delete`."""

from __future__ import annotations

import unittest

from infra.dev.undeploy import Waiting


class BeforeAStackGoes(unittest.TestCase):
    def test_a_stack_in_which_nothing_waits_has_nothing_to_tell(self) -> None:
        self.assertEqual(Waiting({"PENDING": 0, "REPLAYING": 0}, {"main": 0}).told("app", "letters"), [])

    def test_letters_are_counted_by_status_with_the_table_that_keeps_them_and_every_way_out(self) -> None:
        told = Waiting({"PENDING": 3, "REPLAYING": 1}, {"main": 0}).told("app", "letters")
        self.assertEqual(told[:2], ["3 letters are PENDING", "1 letters are REPLAYING"])
        text = "\n".join(told)
        for words in ("stay in table letters", "causes --stack app", "discard --note", "eject --stack app", "export --stack app"):
            self.assertIn(words, text)

    def test_messages_that_go_with_their_queue_are_told_even_if_no_letter_waits(self) -> None:
        told = Waiting({"PENDING": 0, "REPLAYING": 0}, {"main": 0, "dead": 7}).told("app", "letters")
        self.assertEqual(told, ["7 messages are in dead, and are deleted with it"])


if __name__ == "__main__":
    unittest.main()
