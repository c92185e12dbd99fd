"""Which versions the exchange's parts run in, as the status page says it."""

from collections.abc import Sequence

import redis

from common.sharing.versions import VersionedPart, objection, parts_present


def versions_finding(client: redis.Redis) -> tuple[bool, str]:
    """Whether all is as it should be, and in words. Raises redis.RedisError."""
    parts = parts_present(client)
    if not parts:
        return True, "no part says which it runs"
    objections = (objection(part, parts) for part in reversed(parts))  # of whoever came too early
    if why := next(filter(None, objections), ""):
        return False, why
    groups: dict[str, list[VersionedPart]] = {}
    for part in parts:
        groups.setdefault(part.version, []).append(part)
    if len(groups) == 1:
        return True, f"all run {parts[0].version}"
    return False, "mixed: " + "; ".join(f"{v}: {_named(g)}" for v, g in groups.items())


def _named(parts: Sequence[VersionedPart]) -> str:
    return ", ".join(f"{part.kind} {part.name}" for part in parts)
