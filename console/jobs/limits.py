"""What a run's process may use."""

import os
import resource

TIME_LIMIT_S = 300
MEMORY_BYTES_MAX = 3_000_000_000
NICENESS = 10


def limit_this_process() -> None:
    _limit(resource.RLIMIT_AS, MEMORY_BYTES_MAX)
    _limit(resource.RLIMIT_CPU, TIME_LIMIT_S)
    os.nice(NICENESS)


def _limit(what: int, wanted: int) -> None:
    """Or less, where the process may not have as much."""
    _, hard = resource.getrlimit(what)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(what, (allowed, hard))
