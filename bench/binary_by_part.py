"""What a function's binary is made of: prints a table of its parts, by the symbols of a build that is not stripped.

Called by `make bench-sizes`. A generic function counts for the crate whose name its symbol begins with. Tables without a symbol, such as
those for unwinding, and what two crates share count for nobody: so the parts are less than the file.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

# Name of a part, and the crates that belong to it: those that begin so.
PARTS = {
    "AWS SDK: DynamoDB, SQS, STS, configuration, runtime": r"aws_(?!lc)",
    "standard library": r"core$|alloc$|std$|hashbrown$|gimli$|addr2line$|miniz_oxide$|rustc_demangle$|object$",
    "TLS: rustls, and aws-lc with its tables": (
        r"rustls|aws_lc|webpki|curve25519|edwards25519|x25519|p256|p384|ec_|EC_|bn_|sha|SHA|RSA|rsa_|EVP|AES|aes_|ml_|MLKEM|kObjects"
    ),
    "HTTP: hyper, h2, http": r"h2$|hyper|http$|http_body|httparse$|tower",
    "Redrive itself": r"redrive",
    "tokio and futures": r"tokio|futures|mio$",
    "serde": r"serde",
    "tracing": r"tracing|matchers$",
    "Lambda's runtime": r"lambda",
}
LINE = re.compile(r"^\S+ (\S+) \w (?:<|&|mut |dyn |\*const |\*mut |\[|\()*(\w+)", re.MULTILINE)


def parts(binary: Path) -> Counter[str]:
    """Counts the bytes of the symbols of each part."""
    symbols = subprocess.run(["nm", "--demangle", "--print-size", binary], check=True, capture_output=True, text=True, errors="replace")
    sizes: Counter[str] = Counter()
    for size, crate in LINE.findall(symbols.stdout):
        part = next((name for name, crates in PARTS.items() if re.match(crates, crate)), "all else")
        sizes[part] += int(size, 16)
    return sizes


def stripped(binary: Path) -> tuple[int, int]:
    """Returns the bytes of a binary as it is shipped, and of its archive."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["strip", "-o", file.name, binary], check=True)
        content = Path(file.name).read_bytes()
    return len(content), len(gzip.compress(content, 9))


def main(binaries: list[Path]) -> None:
    names = [binary.name for binary in binaries]
    counted = [parts(binary) for binary in binaries]
    print(f"| MB | {' | '.join(f'`{name}`' for name in names)} |")
    print(f"|---|{'---|' * len(names)}")
    rows = [(part, [one[part] for one in counted]) for part in [*PARTS, "all else"]]
    sizes = [stripped(binary) for binary in binaries]
    rows += [("**the binary**", [size for size, _ in sizes]), ("its zip", [size for _, size in sizes])]
    for name, values in rows:
        print(f"| {name} | {' | '.join(f'{value / 1e6:.2f}' if value else '-' for value in values)} |")


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
