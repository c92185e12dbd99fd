"""The order book on the workload of a public benchmark of matching engines.

``python -m benchmarks.workload FILE…``: each file is what the generator of
github.com/flash1-dev/matching-engine-benchmark writes (orders_<scenario>_s<seed>_n<count>.bin).
Prints, for both builds, messages a second and the SHA-256 of all reports, in that benchmark's form.
With ``--expected correctness_hash.txt`` (its published hashes) a difference is an error.
"""

import argparse
import re
import sys
from pathlib import Path

import msgspec

from benchmarks.book import builds, child
from benchmarks.workload_child import Replayed

SOURCES = ("matching/core/book/book.py", "benchmarks/book_loop.py", "benchmarks/reported_book.py")
_NAME = re.compile(r"orders_(?P<scenario>.+)_s(?P<seed>\d+)_n(?P<count>\d+)\.bin")


def expected_digest(hashes: str, workload: str) -> str | None:
    """Of the file of this name, from lines ``<hash>  <scenario>_seed…_count…_reports.txt``."""
    named = _NAME.fullmatch(workload)
    if named is None:
        return None
    tag = "{scenario}_seed{seed}_count{count}_reports.txt".format(**named.groupdict())
    digests = (line.split() for line in hashes.splitlines())
    return next((words[0] for words in digests if words[1:] == [tag]), None)


def _replay(path: Path, rounds: int, folder: str) -> Replayed:
    printed = child("benchmarks.workload_child", path, rounds, folder)
    return msgspec.json.decode(printed, type=Replayed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--expected", type=Path, help="the published hashes")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    try:
        hashes = asked.expected.read_text() if asked.expected else ""
    except OSError as error:
        sys.exit(f"error: {error}")
    differs = False
    for path in asked.files:
        expected = expected_digest(hashes, path.name)
        for build, folder in builds(SOURCES).items():
            found = _replay(path, asked.rounds, folder)
            differs |= expected not in (None, found.digest)
            verdict = "as published" if found.digest == expected else f"expected: {expected}"
            rate = 1e9 / found.ns_per_message if found.messages else 0
            print(
                f"{path.name}  {build:8}  {found.messages:,} messages  {found.trades:,} trades"
                f"  {rate:,.0f}/s  {found.digest}  {verdict if asked.expected else ''}".rstrip()
            )
    sys.exit(differs)


if __name__ == "__main__":
    main()
