"""Tests of the list of packages: what it does not have the hash of is no part of the broker."""

from __future__ import annotations

import unittest

from infra.rabbitmq.packages import Package, PackagesError, parse, strange
from infra.rabbitmq.release import RELEASES, chosen

WANTED = [Package("erlang-base:amd64=1:25", "aa"), Package("rabbitmq-server=3.10.8", "bb")]


class Packages(unittest.TestCase):
    def test_each_list_pins_version_and_hash_of_its_packages(self) -> None:
        for number, release in RELEASES.items():
            packages = parse(release.packages.name, release.packages.read_text().splitlines())
            (server,) = [one.name for one in packages if one.name.startswith("rabbitmq-server=")]
            self.assertTrue(server.startswith(f"rabbitmq-server={number}."), server)
            self.assertEqual([one for one in packages if len(bytes.fromhex(one.sha256)) != 32], [])

    def test_a_release_is_chosen_by_its_number_and_another_one_refused(self) -> None:
        self.assertEqual([chosen({}).number, chosen({"RABBITMQ_RELEASE": "4"}).number], ["3", "4"])
        with self.assertRaises(SystemExit):
            chosen({"RABBITMQ_RELEASE": "5"})

    def test_a_line_without_version_or_hash_is_refused(self) -> None:
        for line in ("erlang-base --hash=sha256:aa", "erlang-base=1", "erlang-base=1 --hash=md5:aa"):
            with self.assertRaises(PackagesError, msg=line):
                parse("list", ["# a comment", line])

    def test_another_file_and_a_missing_one_are_told(self) -> None:
        self.assertEqual(strange(WANTED, [("base.deb", "aa"), ("server.deb", "bb")]), [])
        self.assertEqual(strange(WANTED, [("base.deb", "aa"), ("server.deb", "cc")]), ["rabbitmq-server=3.10.8", "server.deb"])


if __name__ == "__main__":
    unittest.main()
