"""The versions of a market, newest first, each beside the one before it."""

from dataclasses import dataclass

from approvals.services import Change
from markets.models import Market
from trading.admin.catalogue.rules import all_changes
from trading.models import MarketVersion

PAGE_MAX = 20


@dataclass(frozen=True)
class VersionLine:
    """``changes`` None: of the first that is kept. ``is_newest``: the rules as they are."""

    row: MarketVersion
    changes: list[Change] | None
    is_newest: bool
    answer: str
    tone: str


def version_lines(market: Market, before: int | None) -> tuple[list[VersionLine], int | None]:
    """A page of them, and where the next one begins, if there are more. ``before``: a number."""
    rows = MarketVersion.objects.filter(market=market).order_by("-version")
    rows = rows.select_related("author", "approved_by", "proposal", "command")
    if before is not None:
        rows = rows.filter(version__lt=before)
    found = list(rows[: PAGE_MAX + 1])
    shown = found[:PAGE_MAX]
    lines = [
        _line(market, row, found[at + 1] if at + 1 < len(found) else None)
        for at, row in enumerate(shown)
    ]
    return lines, shown[-1].version if len(found) > PAGE_MAX else None


def _line(market: Market, row: MarketVersion, earlier: MarketVersion | None) -> VersionLine:
    changes = all_changes(market, earlier.rules, row.rules) if earlier else None
    is_newest = row.version == market.config_version
    return VersionLine(row, changes, is_newest, *_answer(market, row, is_newest))


def _answer(market: Market, row: MarketVersion, is_newest: bool) -> tuple[str, str]:
    """What its engine made of it. Of the newest also that it refused it: of those before it the
    entry tells."""
    if row.command is None:
        return "not kept", "plain"
    if row.command.applied_seq is None:
        return "waiting for its engine", "warn"
    if is_newest and market.status.applied_config_version < row.version:
        return f"refused at {row.command.applied_seq}", "bad"
    return f"applied at {row.command.applied_seq}", "ok"


def kept_version(market: Market, number: int | None) -> MarketVersion | None:
    return MarketVersion.objects.filter(market=market, version=number).first() if number else None


def now_to(market: Market, kept: MarketVersion) -> list[Change]:
    """What rolling back to it would change."""
    newest = MarketVersion.objects.get(market=market, version=market.config_version)
    return all_changes(market, newest.rules, kept.rules)


def in_full(market: Market, kept: MarketVersion) -> list[Change]:
    """Each of its rules, with nothing before it."""
    return all_changes(market, {"tiers": []}, kept.rules)
