import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's tmp_path: every pytest that starts closes the folder above it to other users."""
    path = Path(tempfile.mkdtemp(prefix="exchange-tests-"))
    yield path
    shutil.rmtree(path)
