"""What a message's instructions are spent on: prints a table of the parts, from two counts by callgrind.

Called by `make bench-parts`. The work is that of `make bench-check`: batches of ten in the build of the tests. Few batches and more of
them are counted, and the difference is what those batches take. A part includes all that it calls, so parts overlap.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SIZE, FEW, MORE = 10, 2, 12

# Name of a part, and what its function's name ends with.
PARTS = {
    "all": "PROGRAM TOTALS",
    "calls by the SDK, one to claim and one to settle": "aws_smithy_runtime::client::orchestrator::invoke_with_stop_point::{{closure}}",
    "of these: signing": "aws_smithy_runtime::client::orchestrator::auth::sign_request",
    "of these: serialising": (
        "<aws_smithy_runtime_api::client::ser_de::SharedRequestSerializer "
        "as aws_smithy_runtime_api::client::ser_de::SerializeRequest>::serialize_input"
    ),
    "body: parsed, keyed and hashed": "redrive_core::message::decode::Inspected::new",
    "of it: canonical form and hash": "redrive_core::message::hashing::payload_hash::PayloadHash::of_json",
    "body: decoded to the handler's type": "redrive_core::message::decode::typed::typed",
    "statements: items and texts": "redrive_aws::ledger::statements::statement",
}


def counted(valgrind: str, binary: str, batches: int, folder: Path) -> dict[str, int]:
    """Counts instructions by function, with all that each calls."""
    out = folder / f"callgrind.{batches}"
    test = ["--exact", "instructions::counted_work", "--ignored", "--test-threads=1"]
    subprocess.run(
        [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", binary, *test],
        env={**os.environ, "COUNTED_WORK": f"{SIZE},{batches}"},
        check=True,
        capture_output=True,
    )
    options = ["--inclusive=yes", "--threshold=100", "--auto=no", "--show-percs=no"]
    told = subprocess.run(["callgrind_annotate", *options, str(out)], check=True, capture_output=True, text=True).stdout
    counts: dict[str, int] = {}
    for count, name in re.findall(r"^ *([\d,]+) +(.+?)(?: \[[^]]*\])?$", told, re.MULTILINE):
        function = name.split(":", 1)[-1]
        counts[function] = max(counts.get(function, 0), int(count.replace(",", "")))
    return counts


def main(valgrind: str, binary: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        few, more = (counted(valgrind, binary, batches, Path(folder)) for batches in (FEW, MORE))
    print("| part of a message, batch of ten | instructions |")
    print("|---|---|")
    for part, function in PARTS.items():
        if function not in more:
            sys.exit(f"no function is named {function}: name the part's function anew in {__file__}")
        a_message = (more[function] - few.get(function, 0)) / (SIZE * (MORE - FEW))
        print(f"| {part} | {round(a_message, -3):,.0f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
