"""Tests of the account: what is lost, charged twice, or no letter, is counted."""

from __future__ import annotations

import unittest

from infra.demo.orders import Kind, Order
from infra.kafka.account import Account, Letter, Sent
from infra.kafka.settling import Record

ORDER = Order("o-1", Kind.GOOD, '{"order_id": "o-1"}', '{"order_id": "o-1"}')


def dead(partition: int, offset: int) -> Record:
    """Makes a dead record of this origin."""
    headers = (
        ("original-partition", str(partition).encode()),
        ("original-offset", str(offset).encode()),
        ("failure-reason", b"PERMANENT currency: CHF"),
    )
    return Record("orders.dead", 0, 0, 0, "CREATE_TIME", b"o-1", ORDER.body.encode(), headers)


def letter(partition: str, offset: str, status: str = "PENDING") -> Letter:
    """Makes the letter of an origin."""
    return Letter(partition, offset, status, "PERMANENT currency")


class Accounts(unittest.TestCase):
    def test_each_dead_record_is_one_letter_however_often_it_stands_there(self) -> None:
        whole = Account([Sent(ORDER, ORDER.body)], {}, [dead(0, 5), dead(0, 5), dead(1, 5)], [letter("0", "5"), letter("1", "5")])
        self.assertEqual((whole.letterless, whole.letters_again, whole.written_again), ([], 0, 1))
        self.assertEqual(whole.states, {"PENDING: PERMANENT currency": 2})

    def test_a_record_without_a_letter_and_a_letter_too_many_are_told(self) -> None:
        lacking = Account([], {}, [dead(0, 5), dead(1, 7)], [letter("0", "5")])
        self.assertEqual((lacking.letterless, lacking.letters_again), ([("1", "7")], -1))
        unproven = Account([], {}, [dead(0, 5)], [letter("0", "5"), letter("", "")])
        self.assertEqual((unproven.letterless, unproven.letters_again), ([], 1))


if __name__ == "__main__":
    unittest.main()
