"""Whether any worker lives, and what keeps one that does from persisting."""

from collections.abc import Mapping

from console.health.words import seconds

BEAT_BAD_MS = 20_000


def workers_finding(ages_ms: Mapping[str, int], faults: Mapping[str, str]) -> tuple[bool, str]:
    """By how old the heartbeat of each is, and what each says it meets again and again."""
    alive = {name: age for name, age in ages_ms.items() if age < BEAT_BAD_MS}
    if not alive:
        return False, "none alive: nothing is persisted"
    stuck = [f"{name} persists nothing: {faults[name]}" for name in sorted(alive) if name in faults]
    if stuck:
        return False, "; ".join(stuck)
    names = ", ".join(f"{name} ({seconds(age)} ago)" for name, age in sorted(alive.items()))
    return True, f"{len(alive)} alive: {names}"
