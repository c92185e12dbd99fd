"""Each block of code in the documents is run by a test, or it is said here why not."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "clients").glob("*/README.md")),
]
BLOCK = re.compile(r"^ *```(?:python|py|ts|typescript|js|bash|sh|shell|console)\n(.+)$", re.M)

# By document and the block's first line.
RUN = {
    "README.md": {
        "EXCHANGE=${EXCHANGE:-": "tests/flow/test_readme.py",
        "CHAIN=${CHAIN:-": "tests/platform/test_runexchange.py",
    },
    "docs/api.md": {
        "import hashlib": "tests/docs/test_signing.py",
        'curl -sSO "$SITE/downloads': "tests/flow/test_api_document.py",
    },
    "docs/bots.md": {
        "# first order": "tests/flow/test_bots_document.py",
        "# ccxt": "tests/flow/test_bots_document.py",
        "# ccxt.pro": "tests/flow/test_bots_document.py",
        "# python-binance": "tests/flow/test_bots_document.py",
        "# sdk": "tests/flow/test_bots_document.py",
    },
    "clients/python/README.md": {
        "from decimal import Decimal": "tests/flow/test_client_document.py",
        'client.set_leverage("BTC-PERP", 5)': "tests/flow/test_client_document.py",
        "algo = client.start_algo(": "tests/flow/test_client_document.py",
        "client.withdraw(": "tests/flow/test_client_document.py",
        "from exchange_client.feeds.events": "tests/flow/test_client_document.py",
    },
    "clients/typescript/README.md": {
        "import { Feeds, KeyCredentials": "tests/flow/test_typescript_client.py",
        "const body = {": "tests/flow/test_typescript_client.py",
    },
}
NOT_RUN = {
    "clients/python/README.md": {
        "pip install ./clients/python": "asks an index of packages, which a test must not need",
        "pip install -e './clients/python[test]'": "the same, and runs these very tests",
    },
}


def _blocks() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for first in BLOCK.findall(document.read_text()):
            yield str(document.relative_to(ROOT)), first


def _told_of(document: str) -> list[str]:
    return sorted([*RUN.get(document, {}), *NOT_RUN.get(document, {})])


def test_every_block_is_run_or_it_is_said_why_not() -> None:
    found: dict[str, list[str]] = {}
    for document, first in _blocks():
        # The longest, as one may begin another.
        known = [begin for begin in _told_of(document) if first.startswith(begin)]
        assert known, f"{document}: no test runs the block that begins with {first!r}"
        found.setdefault(document, []).append(max(known, key=len))
    for document in {**RUN, **NOT_RUN}:
        assert sorted(found.get(document, [])) == _told_of(document), document


def test_what_runs_them_is_there_and_reads_the_document() -> None:
    for document, blocks in RUN.items():
        for test in blocks.values():
            source = (ROOT / test).read_text()
            named = [part in source for part in Path(document).parts]
            assert all(named), f"{test} reads no {document}"
