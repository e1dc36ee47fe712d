"""Tests of the account: what is lost, charged twice, or no letter, is counted."""

from __future__ import annotations

import unittest

from infra.brokers.account import Account, Dead, Letter, Sent
from infra.demo.orders import Kind, Order

ORDER = Order("o-1", Kind.GOOD, '{"order_id": "o-1"}', '{"order_id": "o-1"}')


def dead(*origin: str, body: str = ORDER.body, order_id: str = "o-1", kept: bool = True) -> Dead:
    """Makes a dead record of this origin."""
    return Dead(body.encode(), order_id, origin, "PERMANENT currency: CHF", kept)


def letter(*origin: str, status: str = "PENDING") -> Letter:
    """Makes the letter of an origin."""
    return Letter(origin, status, "PERMANENT currency")


class Accounts(unittest.TestCase):
    def test_each_dead_record_is_one_letter_however_often_it_stands_there(self) -> None:
        whole = Account(
            [Sent(ORDER, ORDER.body)], {}, [dead("0", "5"), dead("0", "5"), dead("1", "5")], [letter("0", "5"), letter("1", "5")]
        )
        self.assertEqual((whole.letterless, whole.letters_again, whole.written_again), ([], 0, 1))
        self.assertEqual(whole.states, {"PENDING: PERMANENT currency": 2})

    def test_a_record_without_a_letter_and_a_letter_too_many_are_told(self) -> None:
        lacking = Account([], {}, [dead("0", "5"), dead("1", "7")], [letter("0", "5")])
        self.assertEqual((lacking.letterless, lacking.letters_again), ([("1", "7")], -1))
        unproven = Account([], {}, [dead("0", "5")], [letter("0", "5"), letter("", "")])
        self.assertEqual((unproven.letterless, unproven.letters_again), ([], 1))

    def test_an_order_that_is_neither_charged_nor_dead_is_lost(self) -> None:
        sent = [Sent(ORDER, ORDER.body), Sent(ORDER, "{}")]
        self.assertEqual(Account(sent, {"o-1": 0}, []).lost, sent)
        self.assertEqual(Account(sent, {"o-1": 2}, []).lost, sent[1:])
        self.assertEqual(Account(sent, {"o-1": 2}, []).charged_twice, ["o-1"])
        self.assertEqual(Account(sent, {}, [dead("0"), dead("1", body="{}")]).lost, [])

    def test_a_dead_record_with_another_body_order_or_header_is_changed(self) -> None:
        records = [dead("0"), dead("1", body="{}"), dead("2", order_id="o-2"), dead("3", kept=False)]
        self.assertEqual(Account([Sent(ORDER, ORDER.body)], {}, records).changed, records[1:])


if __name__ == "__main__":
    unittest.main()
