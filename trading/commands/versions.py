"""A market's rules as a value: kept with every change, compared, and taken up again.

Canonical JSON has its keys in order, no spaces, and nothing but ASCII; whole numbers are numbers,
steps (tick and lot) are plain decimal text. So equal rules are equal bytes, and have one hash.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractUser

from approvals.models import Proposal
from common import decimals
from markets.models import LeverageTier, Market
from trading.models import MarketVersion

Rules = Mapping[str, Any]

_NO_RULES = ("id", "config_version", "created_at", "updated_at")
_RULE_FIELDS = {
    field.attname: field for field in Market._meta.concrete_fields if field.attname not in _NO_RULES
}
RULE_COLUMNS = tuple(_RULE_FIELDS)


@dataclass(frozen=True)
class Why:
    """Of a change of rules: in words, by which proposal, and which version it takes up again."""

    reason: str = ""
    proposal: Proposal | None = None
    restores: int | None = None


def rules_of(market: Market, tiers: Sequence[LeverageTier]) -> dict[str, Any]:
    values = {name: getattr(market, name) for name in RULE_COLUMNS}
    rules = {
        name: decimals.text(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
    by_floor = sorted(tiers, key=lambda tier: tier.floor_units)
    rules["tiers"] = [
        [tier.floor_units, tier.max_leverage, tier.maintenance_ppm] for tier in by_floor
    ]
    return rules


def hash_of(rules: Rules) -> str:
    text = json.dumps(rules, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tiers_of(rules: Rules) -> list[LeverageTier]:
    """The rows, not saved and of no market yet."""
    return [
        LeverageTier(floor_units=floor, max_leverage=leverage, maintenance_ppm=ppm)
        for floor, leverage, ppm in rules["tiers"]
    ]


def take_up(market: Market, rules: Rules) -> None:
    """Sets the market's columns, unsaved. A rule that came to be later stays as it is."""
    for name in RULE_COLUMNS:
        if name in rules:
            setattr(market, name, _RULE_FIELDS[name].to_python(rules[name]))


def keep_version(
    market: Market,
    tiers: Sequence[LeverageTier],
    command_id: int,
    by: AbstractUser | None,
    why: Why,
) -> MarketVersion:
    """In the transaction of the change. Of one that two people made ``by`` approved it."""
    rules, proposal = rules_of(market, tiers), why.proposal
    by_id = by.pk if by else None
    return MarketVersion.objects.create(
        market=market,
        version=market.config_version,
        rules=rules,
        rules_hash=hash_of(rules),
        author_id=proposal.author_id if proposal else by_id,
        approved_by_id=by_id if proposal else None,
        proposal=proposal,
        reason=why.reason,
        restores=why.restores,
        command_id=command_id,
    )
