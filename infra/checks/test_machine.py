"""Machines of users, and what they bring with them: Pythons, proxies, endpoints, a path with a blank, JSON on a command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from botocore.utils import get_environ_proxies
from samcli.cli.types import CfnParameterOverridesType

from infra.dev import newest_python
from infra.stack.settings import INFRA, ROOT, Settings, clear_of_aws
from infra.stack.variants import override

LOOPBACK = "http://127.0.0.1:4566"


class ThePythonOfLocalStack(unittest.TestCase):
    def test_the_newest_that_fits_is_taken_and_not_the_last_that_is_met(self) -> None:
        known = [(Path("/a"), (3, 13)), (Path("/b"), (3, 14)), (Path("/c"), (3, 13)), (Path("/d"), None), (Path("/e"), (3, 9))]
        self.assertEqual(newest_python.newest(known, (3, 13)), Path("/b"))
        self.assertEqual(newest_python.newest(known[2:], (3, 13)), Path("/c"))
        self.assertIsNone(newest_python.newest(known, (3, 15)))

    def test_a_python_is_asked_what_it_is_and_one_that_does_not_run_is_none(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in [("python3.99", "#!/bin/sh\nexit 1\n"), ("python3.13", "#!/bin/sh\necho 3 13\n"), ("python3-config", "")]:
                (Path(folder) / name).write_text(text)
                (Path(folder) / name).chmod(0o755)
            found = newest_python.candidates({"PATH": f"{folder}{os.pathsep}/nowhere", "HOME": folder})
            self.assertEqual([(one.name, newest_python.version(one)) for one in found], [("python3.13", (3, 13)), ("python3.99", None)])

    def test_makefile_docs_and_requirements_ask_for_the_same_version(self) -> None:
        asked = re.search(r"newest_python (3\.\d+)", (ROOT / "Makefile").read_text())
        assert asked
        for file, words in [
            (ROOT / "Makefile", f"needs Python {asked[1]}"),
            (ROOT / "docs" / "proof.md", f"Python {asked[1]} or newer"),
            (INFRA / "requirements" / "localstack.txt", f"Python {asked[1]} or newer"),
        ]:
            self.assertIn(words, file.read_text(), file.name)


class TheEnvironmentOfTheStage(unittest.TestCase):
    def test_a_proxy_is_not_asked_for_what_is_on_this_machine(self) -> None:
        mine = {"HTTP_PROXY": "http://proxy:3128", "http_proxy": "http://proxy:3128", "NO_PROXY": "intranet"}
        with mock.patch.dict(os.environ, mine, clear=True):
            self.assertTrue(get_environ_proxies(LOOPBACK))
            Settings.read().isolate()
            self.assertEqual(get_environ_proxies(LOOPBACK), {})
            self.assertTrue(get_environ_proxies("http://example.com"), "the rest goes as it went")
            self.assertIn("intranet", os.environ["NO_PROXY"])
            again = dict(os.environ)
            Settings.read().isolate()
            self.assertEqual(dict(os.environ), again)

    def test_an_endpoint_of_one_service_never_takes_the_stage_elsewhere(self) -> None:
        mine = {
            "AWS_ENDPOINT_URL_SQS": "https://sqs.example.com",
            "AWS_ENDPOINT_URL_DYNAMODB": "https://x",
            "AWS_PROFILE": "work",
            "HOME": "/h",
        }
        with mock.patch.dict(os.environ, mine, clear=True):
            settings = Settings.read()
            settings.isolate()
            self.assertFalse([name for name in os.environ if name.startswith("AWS_")])
        with self.assertRaisesRegex(SystemExit, r"^AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SQS .*unset them"):
            Settings.read({**mine, "AWS_ENDPOINT_URL": LOOPBACK})
        Settings.read({**mine, "AWS_ENDPOINT_URL": LOOPBACK, "AWS_ENDPOINT_URL_SQS": LOOPBACK, "AWS_ENDPOINT_URL_DYNAMODB": f"{LOOPBACK}/"})

    def test_a_shell_that_reads_the_stages_file_has_nothing_else_of_aws(self) -> None:
        self.assertEqual(
            clear_of_aws({"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_SQS": "x", "PATH": "/bin"}), "unset AWS_ENDPOINT_URL_SQS AWS_PROFILE"
        )
        self.assertEqual(clear_of_aws({"PATH": "/bin"}), ":")


class TheFolder(unittest.TestCase):
    def make(self, folder: Path, goal: str) -> subprocess.CompletedProcess[str]:
        shutil.copy(ROOT / "Makefile", folder)
        return subprocess.run(["make", "-n", goal], cwd=folder, capture_output=True, text=True, check=False)

    def test_a_path_with_a_blank_is_refused_in_the_first_line_with_the_mend(self) -> None:
        with tempfile.TemporaryDirectory(prefix="a b") as folder:
            for goal in ("stage", "test", "deploy", "demo"):
                done = self.make(Path(folder), goal)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr.splitlines()[0], r"has a blank.*clone it into a folder without one", goal)
            for goal in ("help", "check", "sim", "test-here"):
                self.assertEqual(self.make(Path(folder), goal).returncode, 0, f"{goal} needs nothing but Cargo")

    def test_what_is_made_and_installed_is_removed_and_every_stage_is_ended_first(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            made = (
                *("target/debug/redrive", "target/stage/ministack.pid", "target/stage-test/ministack.pid", ".venv/sam/.ready"),
                *("infra/.aws-sam/build.toml", "infra/__pycache__/a.pyc", "infra/cdk/node_modules/a.js", "infra/cdk/dist/a.js"),
                *("infra/cdk/cdk.out/a.json", "infra/cdk/lib/functions-settings.json", "console/tests/browser/node_modules/a.js"),
                *("bench/peers/typescript/node_modules/a.js", "infra/gates/__pycache__/a.pyc"),
            )
            for path in (*made, "infra/cdk/package.json"):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).touch()
            shutil.copy(ROOT / ".gitignore", folder)
            python = folder / ".venv/sam/bin/python"
            python.parent.mkdir()
            python.write_text('#!/bin/sh\necho "$STAGE_DIR $@" >> ended\n')
            python.chmod(0o755)
            shutil.copy(ROOT / "Makefile", folder)
            for _ in range(2):
                subprocess.run(["make", "clean"], cwd=folder, check=True, capture_output=True)
            ended = (folder / "ended").read_text().splitlines()
            self.assertEqual(sorted(ended), [f"target/{stage}/ -m infra.stack.stage down" for stage in ("stage-test", "stage")])
            subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
            status = ["git", "status", "--porcelain", "--ignored=matching", "--untracked-files=all"]
            left = subprocess.run(status, cwd=folder, check=True, capture_output=True, text=True).stdout
            self.assertNotIn("!!", left)
            self.assertIn("?? infra/cdk/package.json", left)

    def test_an_old_python_and_a_missing_npm_are_named_in_the_first_line_with_the_mend(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shutil.copy(ROOT / "Makefile", folder)
            for path in ("infra/requirements/build.txt", "infra/cdk/package-lock.json"):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).touch()
            old = folder / "python3.9"
            old.write_text("#!/bin/sh\nexit 1\n")
            old.chmod(0o755)
            tools = folder / "tools"
            tools.mkdir()
            for tool in ("make", "bash", "echo"):
                (tools / tool).symlink_to(str(shutil.which(tool)))
            for goal, variable, says in [
                (".venv/sam/.compiler", "PYTHON=./python3.9", r"python3\.9 is not here, or older.*PYTHON=python3\.12"),
                (".venv/sam/.compiler", "PYTHON=nowhere", r"nowhere is not here"),
                ("infra/cdk/node_modules/.package-lock.json", "PYTHON=python3", r"npm is not here: install Node"),
            ]:
                command = ["make", "--no-print-directory", goal, variable]
                done = subprocess.run(command, cwd=folder, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr.splitlines()[0], says)
                self.assertEqual(done.stdout, "", "nothing is begun")

    def test_a_stack_name_that_makes_too_long_a_queue_name_is_refused_before_anything_is_built(self) -> None:
        for name, code in [("s" * 70, 0), ("s" * 71, 2)]:
            done = subprocess.run(["make", "-s", "known-stack", f"STACK={name}"], cwd=ROOT, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr.splitlines()[0], "71 characters.*at most 70")


class JsonOnACommandLine(unittest.TestCase):
    """Against the parser of the SAM CLI that is installed."""

    POLICY = '[{"match":{"error_code":"a b"},"replay":"never"}]'

    def read(self, *words: str) -> dict[str, str]:
        read: dict[str, str] = CfnParameterOverridesType().convert(words, None, None)
        return read

    def test_what_the_stage_hands_over_is_what_sam_reads(self) -> None:
        values = {
            "ReplayPolicy": self.POLICY,
            "ErrorMasks": "/a,/b",
            "QueuePairs": '{"pairs":[{"scope":null,"x":"it\'s \\u0022 \\d"}]}',
            "Empty": "",
        }
        self.assertEqual(self.read(*override(values)), values)

    def test_what_sam_would_change_is_refused_with_the_mend(self) -> None:
        for value in ('{"x":"\\"q\\""}', "a\\", "a\\ b", '{"x":"\\\\"}'):
            with self.assertRaisesRegex(ValueError, "u0022", msg=value):
                override({"QueuePairs": value})

    def test_bare_json_is_cut_by_sam_and_refused_by_the_template_which_says_how_it_is_written(self) -> None:
        cut = self.read(f"ReplayPolicy={self.POLICY}")["ReplayPolicy"]
        self.assertNotEqual(cut, self.POLICY)
        for template, name in [("template.yaml", "ReplayPolicy"), ("attach.yaml", "ReplayPolicy"), ("attach.yaml", "QueuePairs")]:
            text = (INFRA / template).read_text()
            parameter = text[text.index(f"\n  {name}:\n") :]
            pattern = re.search(r"AllowedPattern: (\S+)", parameter)
            says = re.search(r"ConstraintDescription: (.+)", parameter)
            assert pattern and says
            self.assertIsNone(re.fullmatch(pattern[1], cut), name)
            self.assertIn("single quotes", says[1], name)

    def test_the_line_in_the_docs_is_read_as_it_is_meant(self) -> None:
        line = re.search(r"""--parameter-overrides "(ReplayPolicy=.*)"$""", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE)
        assert line
        words = line[1].replace('\\"', '"')
        self.assertRegex(self.read(words)["ReplayPolicy"], r'^\[\{"match":.*\}\]$')


if __name__ == "__main__":
    unittest.main()
