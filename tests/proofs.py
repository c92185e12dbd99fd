"""How much of the random proofs is run: a share that shows a fault of the day in `make test`, and
`PROOFS` times as much in `make proofs`."""

import os

PROOFS = int(os.environ.get("PROOFS", "1"))


def share(count: int) -> int:
    """Of seeds, examples or requests."""
    return count * PROOFS
