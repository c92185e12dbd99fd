"""Durations and counts as an operator reads them at a glance."""

from console.health.streams import COUNT_CAP


def seconds(duration_ms: int) -> str:
    if duration_ms < 1_000:
        return f"{duration_ms} ms"
    if duration_ms < 120_000:
        return f"{duration_ms / 1_000:.1f} s"
    if duration_ms < 7_200_000:
        return f"{duration_ms // 60_000} min"
    return f"{duration_ms // 3_600_000} h"


def capped(count: int) -> str:
    return f"{COUNT_CAP:,}+" if count >= COUNT_CAP else f"{count:,}"


def entries(count: int) -> str:
    return f"{capped(count)} {'entry' if count == 1 else 'entries'}"
